# SPDX-License-Identifier: BSD-2-Clause
"""PCI as guests see it: Debian's and U-Boot's own drivers, and one that misbehaves."""

import hashlib
import re

import pytest

U_BOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
PCI = ("--transport", "pci", "--console", "virtio", "--rng")
RNG = "0000:00:02.0"
DRIVER = "/sys/bus/pci/drivers/virtio-pci"
pytestmark = pytest.mark.system


def _interrupts(guest, controller: str) -> dict[str, int]:
    """Names and counts of the lines of /proc/interrupts that `controller` has."""
    lines = guest.shell(f"grep -E ' {controller} ' /proc/interrupts")
    rows = re.findall(r"^ *\d+: +(\d+) .* (\S+)\r*$", lines, re.M)
    return {name: int(count) for count, name in rows}


def _check_devices(guest) -> None:
    """Identities as virtio 1.2, 4.1.2 has them; the console is the terminal, random bytes come."""
    ids = guest.shell("cd /sys/bus/pci/devices; cat */vendor */device; cd /")
    assert ids.split() == ["0x1af4", "0x1af4", "0x1043", "0x1044"]
    assert guest.shell("tty").split() == ["/dev/hvc0"]
    assert guest.shell("seq 1 2000").split() == [str(n) for n in range(1, 2001)]
    assert guest.shell("head -c 4096 /dev/hwrng | wc -c").split() == ["4096"]


def test_messages(run, machine):
    guest = run(*machine.options, *PCI, "--gic", machine.gic)
    guest.login()
    _check_devices(guest)
    counts = _interrupts(guest, "ITS-MSI" if machine.gic == 3 else "MSI")
    assert counts["virtio0-output"] > 0
    assert counts["virtio1-input"] > 0
    # The driver leaves and comes back: MSI-X off and on, BARs decoded anew.
    rebind = f"echo {RNG} >{DRIVER}/unbind && echo {RNG} >{DRIVER}/bind"
    guest.shell(f"for i in $(seq 10); do {rebind} || exit; done")
    guest.shell(f"echo 1 >/sys/bus/pci/devices/{RNG}/remove && echo 1 >/sys/bus/pci/rescan")
    _check_devices(guest)
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_intx(run, host):
    guest = run(*host.options, *PCI, "--append", "pci=nomsi")
    guest.login()
    _check_devices(guest)
    counts = _interrupts(guest, host.controller)
    assert counts["virtio0"] > 0
    assert counts["virtio1"] > 0
    guest.sendline("reboot")
    guest.login()
    _check_devices(guest)
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_hostile_driver(run, payload, machine):
    more = ("--gic", machine.gic, "--kernel", payload("pci.elf"))
    guest = run(*machine.options, *PCI, *more)
    guest.expect("survived")
    said = guest.before
    assert len(re.findall(r"ok [a-z ]+\r", said)) == 11
    assert "FAILED" not in said
    assert guest.ended() == 0


def test_u_boot(run, host):
    guest = run(*host.options, *PCI, "--kernel", U_BOOT)
    guest.expect("Hit any key to stop autoboot")
    guest.sendline("")
    guest.expect("=> ")
    guest.sendline("pci enum; pci")
    guest.expect(r"00\.01\.00 +0x1af4 +0x1043 ")
    guest.expect(r"00\.02\.00 +0x1af4 +0x1044 ")
    guest.sendline("poweroff")
    assert guest.ended() == 0


NEIGHBOURS = """[host]
cpus = 1
[vm.neighbour]
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/initrd.gz"
cmdline = "console=ttyAMA0 quiet"
transport = "pci"
rng = true
[vm.rogue]
memory = "8M"
kernel = "{build}/payload/pci.elf"
transport = "pci"
rng = true
on_poweroff = "restart"
"""


# Where the output of one VM ends in the middle of a line, that of another may come.
BREAK = r"(?:\r*\n(?:[^\n]*\[rogue\][^\n]*\n)*[^\n]*\[neighbour\]\S* )?"


def test_neighbour_is_unharmed(run, host, tmp_path, build):
    """One does what it must not, again and again; the other one's device and results are right."""
    path = tmp_path / "system.toml"
    path.write_text(NEIGHBOURS.replace("{build}", str(build)))
    guest = run(*host.options, path)
    guest.expect("Welcome to Vessel")
    right = hashlib.md5("".join(f"{n}\n" for n in [4096, *range(1, 301)]).encode()).hexdigest()
    for _ in range(5):
        guest.expect(r"\[rogue\][^\n]*survived")
        assert "FAILED" not in guest.before
        guest.sendline("(head -c 4096 /dev/hwrng | wc -c; seq 1 300) | md5sum")
        guest.expect(BREAK.join(right))
    guest.close(force=True)


def test_network(run):
    """Nine vectors of one function: through the GICv2m frame's 64 SPIs."""
    guest = run("--transport", "pci", "--net", "user", "--gic", 2)
    guest.login()
    guest.shell("ip link set eth0 up")
    assert "lease of 10.0.2.15 obtained" in guest.shell("udhcpc -i eth0 -n -q 2>&1")
    counts = _interrupts(guest, "MSI")
    assert counts["virtio0-input.0"] > 0
    guest.sendline("poweroff")
    assert guest.ended() == 0
