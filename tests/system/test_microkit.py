# SPDX-License-Identifier: BSD-2-Clause
"""What only real seL4 has, with the Microkit SDK that MICROKIT_SDK names; skipped without one. What
both hosts do is tested on both, in the other files.

The programs have to be there: `make microkit`.
"""

import hashlib
import os
import re
import shutil
import subprocess
import time
import urllib.request

import pytest

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif("MICROKIT_SDK" not in os.environ, reason="no MICROKIT_SDK"),
]

SLOW_S = 900  # For what needs several host CPUs, and may not have them.
ON_SEL4 = ("--host", "microkit", "--gic", 2)
PATH = {**os.environ, "PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"}


@pytest.mark.parametrize("options", [("debug",), ("release", "--plain")])
def test_shell_reboot_power_off(run, options):
    """Alone on the UART, and by way of the mux."""
    guest = run(*ON_SEL4, "--config", *options)
    guest.login()
    guest.check_debian("GIC-0")
    guest.shell("touch /tmp/gone")
    guest.sendline("reboot")
    guest.login()
    guest.sendline("poweroff")
    assert guest.ended() == 0


FOUR_CPUS = """
[vm.four]
cpus = 4
gic = 2
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/initrd.gz"
cmdline = "console=ttyAMA0 quiet"
"""


def check_cpus(guest, cpus: int) -> None:
    """Each has its timer and gets IPIs; the last one, which did not boot, powers off."""
    assert guest.shell("nproc").split() == [str(cpus)]
    for cpu in range(1, cpus):
        guest.shell(f"taskset {1 << cpu:x} true")
    interrupts = guest.shell("cat /proc/interrupts")
    timer = re.search(rf"((?: +\d+){{{cpus}}}) +GIC-0 +27 Level", interrupts)
    calls = re.search(rf"IPI0:((?: +\d+){{{cpus}}})", interrupts)
    assert all(int(count) > 0 for count in (timer[1] + calls[1]).split())
    guest.sendline(f"taskset {1 << (cpus - 1):x} poweroff -f")
    assert guest.ended() == 0


def test_debian_on_two_cores(run):
    guest = run(*ON_SEL4, "--config", "smp-release", "--cpus", 2)
    guest.login()
    check_cpus(guest, 2)


def test_debian_on_four_cores(run, build, tmp_path):
    system = tmp_path / "four.toml"
    system.write_text(FOUR_CPUS.format(build=build))
    guest = run(*ON_SEL4[:2], "--config", "smp-release", "--plain", "--timeout", SLOW_S, system)
    guest.timeout = SLOW_S
    guest.login()
    check_cpus(guest, 4)


def test_four_cores_at_once(run, payload, tmp_path):
    """SGIs between all, timers, exceptions, and CPUs 1 to 3 on and off a hundred times."""
    system = tmp_path / "four.toml"
    system.write_text(
        '[host]\nlog = "error"\n[vm.four]\ncpus = 4\ngic = 2\nmemory = "16M"\n'
        f'kernel = "{payload("cores.elf")}"\ncmdline = "cpus=4 lives=34"\n'
    )
    guest = run(*ON_SEL4[:2], "--config", "smp-release", "--plain", system)
    assert guest.ended() == 0
    assert re.findall(r"^ok (\w+)", guest.before, re.M) == ["SGIs", "timers", "aborts", "lives"]


VM = """
[vm.{name}]
gic = 2
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/initrd.gz"
cmdline = "console=ttyAMA0"
"""
ESCAPE = "\x01"  # Ctrl-A
PLAIN_ESCAPE = "\x1d"  # Ctrl-]


def count_up(guest) -> None:
    """Have the guest count for as long as it runs."""
    guest.sendline("(n=0; while :; do n=$((n+1)); echo $n >/tmp/m; mv /tmp/m /tmp/n; done) &")
    guest.sendline("while [ ! -e /tmp/n ]; do :; done")


def progress(guest) -> int:
    """How far it has counted."""
    guest.sendline("echo co''unt $(cat /tmp/n)")
    guest.expect(r"count (\d+)\r")
    return int(guest.match[1])


def test_two_vms_side_by_side(run, build, tmp_path):
    """One is restarted, paused and powered off at the mux's own prompt while the other computes."""
    system = tmp_path / "two.toml"
    system.write_text("".join(VM.format(name=name, build=build) for name in ("alpha", "beta")))
    guest = run(*ON_SEL4[:2], "--plain", system)

    def command(text: str) -> None:
        guest.send(f"{PLAIN_ESCAPE}c{text}\r")

    for _ in range(2):
        guest.expect("vessel:~# ")
    count_up(guest)
    before = progress(guest)
    command("restart beta")
    guest.expect(r"\[beta\].*Booting Linux")
    guest.expect(r"\[beta\].*vessel:~# ")
    assert progress(guest) > before
    command("stats beta")
    guest.expect(r"0 +(running|waiting) +0 +[1-9]\d* ")
    command("pause alpha")
    command("list")
    guest.expect("alpha paused")
    guest.send(f"{PLAIN_ESCAPE}1")
    guest.sendline("echo be''ta lives")
    guest.expect("beta lives")
    command("resume alpha")
    guest.send(f"{PLAIN_ESCAPE}0")
    before = progress(guest)
    while progress(guest) == before:
        pass
    guest.sendline("poweroff")
    guest.expect("alpha: stays off")
    guest.send(f"{PLAIN_ESCAPE}1")
    guest.sendline("poweroff")
    assert guest.ended() == 0


PINNED = """
[vm.rogue]
gic = 2
memory = "16M"
kernel = "{build}/payload/lost.elf"
cpu_pin = [3]
on_crash = "restart"
restart_limit = 5
"""


def test_vms_on_cores_of_their_own(run, build, tmp_path):
    """One computes, one is restarted, one crashes: each on a core, and the mux on another."""
    system = tmp_path / "pinned.toml"
    quiet = VM.replace("ttyAMA0", "ttyAMA0 quiet")
    vms = [quiet.format(name=name, build=build) for name in ("alpha", "beta")]
    pinned = [f"{vm}cpu_pin = [{core}]\n" for core, vm in enumerate(vms, 1)]
    system.write_text("".join(pinned) + PINNED.format(build=build))
    guest = run(*ON_SEL4[:2], "--config", "smp-release", "--plain", "--timeout", SLOW_S, system)
    guest.timeout = SLOW_S

    for _ in range(2):
        guest.expect("vessel:~# ")
    guest.send(f"{PLAIN_ESCAPE}0")
    count_up(guest)
    before = progress(guest)
    guest.send(f"{PLAIN_ESCAPE}crestart beta\r")
    guest.expect("beta.*Welcome")
    guest.expect(r"beta.*vessel:~# ")
    assert progress(guest) > before
    guest.send(f"{PLAIN_ESCAPE}crestart rogue\r")
    guest.expect("rogue: VM crashed")
    before = progress(guest)
    while progress(guest) == before:
        pass
    guest.sendline("poweroff -f")
    guest.expect("alpha: stays off")
    guest.send(f"{PLAIN_ESCAPE}1")
    guest.sendline("poweroff -f")
    assert guest.ended() == 3  # The third crashed.


def test_passed_through_device(run, build, tmp_path):
    """The board's clock is the guest's: its registers, and its interrupt after a reboot too."""
    system = tmp_path / "passed.toml"
    device = 'passthrough = ["/pl031@9010000"]\n'
    system.write_text(VM.format(name="one", build=build) + device)
    guest = run(*ON_SEL4[:2], system)
    alarm = (
        "R=$(ls -d /sys/bus/amba/devices/c000000.*/rtc/rtc*); echo +1 >$R/wakealarm; "
        'while [ -n "$(cat $R/wakealarm)" ]; do :; done; grep rtc /proc/interrupts'
    )
    for life in range(2):
        guest.login()
        for n in range(1, 3):
            assert re.search(rf" {n} +GIC-0 144 Level +rtc-pl031", guest.shell(alarm))
        assert abs(int(guest.shell("cat $R/since_epoch").split()[0]) - time.time()) < 120
        guest.sendline("reboot" if life == 0 else "poweroff")
    assert guest.ended() == 0


def test_uart_passed_through(run, build, tmp_path):
    """The board's UART is the guest's, both ways and after a reboot; the VMM's log is nowhere."""
    system = tmp_path / "uart.toml"
    system.write_text(
        VM.format(name="one", build=build).replace("ttyAMA0", "ttyAMA0 earlycon=pl011,0xc000000")
        + 'passthrough = ["/pl011@9000000"]\n'
    )
    guest = run(*ON_SEL4[:2], "--plain", system)
    for end in ("reboot", "poweroff"):
        guest.login()
        assert re.search(
            r" [1-9]\d* +GIC-0 144 Level +uart-pl011", guest.shell("cat /proc/interrupts")
        )
        assert re.findall(r"\w+\.\w+", guest.shell("ls /sys/bus/amba/drivers/uart-pl011")) == [
            "c000000.pl011"
        ]
        text = "x" * 900
        assert text in guest.shell(f"echo {text} | tr x x")
        guest.sendline(end)
    assert guest.ended() == 0
    assert "[one]" not in guest.before


def test_forwarded_smc(run, build, tmp_path):
    """QEMU's firmware answers PSCI_FEATURES, and not as we do: it knows no SMCCC_VERSION."""
    system = tmp_path / "smc.toml"
    system.write_text(VM.format(name="one", build=build) + "smc = [0x8400000a]\n")
    guest = run(*ON_SEL4[:2], system)
    guest.login()
    assert "psci: SMC Calling Convention v1.0" in guest.shell("dmesg | grep psci:")
    guest.sendline("poweroff")
    assert guest.ended() == 0


@pytest.mark.skipif("SDDF" not in os.environ, reason="no SDDF")
def test_sddf(run):
    """sDDF's timer and serial components below our mux, for one VM."""
    guest = run(*ON_SEL4, "--sddf")
    guest.login()
    guest.check_debian("GIC-0")
    guest.send(f"{ESCAPE}clist\r")
    guest.expect("0 debian running")
    guest.sendline("poweroff")
    assert guest.ended() == 0


@pytest.mark.skipif("SDDF" not in os.environ, reason="no SDDF")
def test_sddf_disk(run, build, tmp_path):
    """Partitions of a file through sDDF's driver and virtualiser; what is written is there."""
    disk = tmp_path / "disk.img"
    with disk.open("wb") as file:
        file.truncate(100 << 20)
        table = "label: dos\nstart=2048, size=70M\nsize=16M\n"
        subprocess.run(("sfdisk", "-q", disk), input=table, text=True, check=True, env=PATH)
        file.seek(1 << 20)
        file.write((build / "guest/root.img").read_bytes())
    system = tmp_path / "disk.toml"
    system.write_text(
        VM.format(name="one", build=build).replace("console=ttyAMA0", "root=/dev/vda")
        + 'console = "virtio"\n'
        'disk = [{ file = "disk.img", partition = 1 }, { file = "disk.img", partition = 2 }]\n'
    )
    guest = run(*ON_SEL4[:2], "--sddf", system)
    guest.login()
    assert "/dev/vda on / type ext4 (rw" in guest.shell("mount")
    guest.shell("dd if=/dev/urandom of=/root/kept bs=64k count=64; sync")
    # Sectors that share blocks with others.
    guest.shell(
        "dd if=/root/kept of=/dev/vdb bs=512 count=4101 oflag=direct;"
        " dd if=/root/kept of=/dev/vdb bs=512 skip=4101 seek=4101 oflag=direct"
    )
    before = guest.shell("sha256sum </root/kept")
    guest.sendline("reboot -f")
    guest.login()
    assert guest.shell("sha256sum </root/kept") == before
    assert guest.shell("head -c 4194304 /dev/vdb | sha256sum") == before
    guest.sendline("poweroff")
    assert guest.ended() == 0
    with disk.open("rb") as file:
        file.seek(71 << 20)
        assert hashlib.sha256(file.read(4 << 20)).hexdigest() in before
        file.seek(1 << 20)
        root = tmp_path / "root.img"
        root.write_bytes(file.read(64 << 20))
    check = subprocess.run(("e2fsck", "-fn", root), capture_output=True, text=True, env=PATH)
    assert check.returncode == 0, check.stdout


@pytest.mark.skipif("SDDF" not in os.environ, reason="no SDDF")
def test_firmware_boots_debian_from_its_disk(run, top, build, tmp_path):
    """examples/debian-disk: U-Boot, GRUB and Debian from a whole disk of sDDF's; DHCP."""
    disk = tmp_path / "debian.img"
    shutil.copy(build / "guest/debian.img", disk)
    guest = run(*ON_SEL4[:2], "--sddf", top / "examples/debian-disk/system.toml", "--disk", disk)
    guest.expect("Found EFI removable media binary efi/boot/bootaa64.efi")
    guest.login()
    assert "/dev/vda2 on / type ext4 (rw" in guest.shell("mount")
    assert "fw_platform_size" in guest.shell("ls /sys/firmware/efi")
    assert "0xFFFFFFFF" in guest.shell("devmem 0x4000000 32 0x98; devmem 0x4000000")
    guest.shell("until ip addr show eth0 | grep -q 'inet 10'; do sleep 1; done")
    guest.shell("echo here >/root/kept")
    guest.sendline("poweroff")
    assert guest.ended() == 0
    part = tmp_path / "root.img"
    part.write_bytes(disk.read_bytes()[101 << 20 : 165 << 20])
    read = subprocess.run(["debugfs", "-R", "cat /root/kept", part], capture_output=True, env=PATH)
    assert read.stdout == b"here\n"


@pytest.mark.skipif("SDDF" not in os.environ, reason="no SDDF")
def test_sddf_web_server(run, top, port):
    """examples/web-server, with its address by DHCP; its page and 8 MiB to the outside."""
    example = top / "examples/web-server/system.toml"
    guest = run(*ON_SEL4[:2], "--sddf", example, "--port-forward", f"{port}:80")
    guest.login()
    guest.shell("until ip addr show eth0 | grep -q 'inet 10'; do sleep 1; done")
    said = guest.shell("dd if=/dev/urandom of=/www/big bs=1M count=8; sha256sum /www/big")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=300) as page:
        assert page.read() == b"Hello from a guest\n"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/big", timeout=300) as page:
        assert hashlib.sha256(page.read()).hexdigest() in said
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_virtio_on_pci(run, build, tmp_path):
    """Console, entropy and disks; the root file system is in memory, and stays over a reboot."""
    system = tmp_path / "virtio.toml"
    system.write_text(
        VM.format(name="one", build=build).replace("console=ttyAMA0", "root=/dev/vda")
        + 'console = "virtio"\ntransport = "pci"\nrng = true\n'
        f'disk = [{{ ram = "64M", file = "{build}/guest/root.img" }}, {{ ram = "4M" }}]\n'
    )
    guest = run(*ON_SEL4[:2], system)
    guest.login()
    assert "hvc0" in guest.shell("cat /proc/consoles")
    assert "/dev/vda on / type ext4 (rw" in guest.shell("mount")
    assert "MSI" in guest.shell("grep virtio2 /proc/interrupts")
    draws = {guest.shell("head -c 4096 /dev/hwrng | sha256sum") for _ in range(2)}
    assert len(draws) == 2
    guest.shell("dd if=/dev/urandom of=/root/kept bs=64k count=32; cat /root/kept >/dev/vdb; sync")
    before = guest.shell("sha256sum </root/kept")
    guest.sendline("reboot -f")
    guest.login()
    assert guest.shell("sha256sum </root/kept") == before
    assert guest.shell("head -c 2097152 /dev/vdb | sha256sum") == before
    guest.sendline("poweroff")
    assert guest.ended() == 0


LAN = """
gic = 2
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/tools-initrd.gz"
net = [{{ network = "lan", check_source = true }}]
"""
SERVE = (
    "ip addr add 10.1.0.1/24 dev eth0; ip link set eth0 up; mkdir /www; "
    "dd if=/dev/urandom of=/www/big bs=1M count=16; httpd -h /www; "
    "socat VSOCK-LISTEN:7,fork EXEC:cat & socat VSOCK-LISTEN:8,type=5,fork EXEC:cat &"
)
FETCH = (
    "ip addr add 10.1.0.2/24 dev eth0; ip link set eth0 up; "
    "until wget -q -O /dev/null http://10.1.0.1/big; do sleep 1; done; "
    "wget -q -O - http://10.1.0.1/big | sha256sum"
)


@pytest.mark.parametrize("config", ["release", "smp-release"])
def test_networks_and_sockets(run, build, tmp_path, config):
    """Two VMs over the switch's protection domain, and its echo; one of them is restarted.

    On several cores each VM has one, and the switch another.
    """
    system = tmp_path / "lan.toml"
    vm = LAN.format(build=build)
    system.write_text(
        f"[network.lan]\n[vm.server]{vm}cpu_pin = [1]\nvsock = {{ cid = 3 }}\n"
        f"cmdline = 'console=ttyAMA0 quiet vessel.run=\"{SERVE}\"'\n"
        f"[vm.client]{vm}cpu_pin = [2]\nvsock = {{ cid = 4 }}\n"
        f"cmdline = 'console=ttyAMA0 quiet vessel.run=\"{FETCH}\"'\n"
    )
    guest = run(*ON_SEL4[:2], "--config", config, "--timeout", SLOW_S, system)
    guest.timeout = SLOW_S
    guest.expect(r"client.* ([0-9a-f]{64})  -")
    received = guest.match[1]
    guest.expect(r"client.*vessel:~# ")
    guest.sendline("sha256sum /www/big")
    guest.expect(rf"server.* {received}  /www/big")
    guest.send(f"{ESCAPE}1")
    for to in ("2:7", "2:7,type=5", "3:7", "3:8,type=5"):
        guest.sendline("head -c 300000 /dev/urandom >/tmp/out")
        guest.sendline(f"socat -t 300 - VSOCK-CONNECT:{to} </tmp/out | cmp - /tmp/out")
        guest.sendline(f"echo to {to} sta''tus $?")
        guest.expect(rf"to {to} status (\d+)")
        assert guest.match[1] == "0"
    for state, carrier in (("down", 0), ("up", 1)):
        guest.send(f"{ESCAPE}clink client 0 {state}\r")
        guest.sendline(f"until grep {carrier} /sys/class/net/eth0/carrier; do :; done")
        guest.sendline(f"echo link is no''w {state}")
        guest.expect(f"link is now {state}")
        guest.send(f"{ESCAPE}clist\r")
        guest.expect("client running" + ", link 0 down" * (1 - carrier) + r"\r?\n")
    guest.send(f"{ESCAPE}crestart server\r")
    guest.expect(r"server.*vessel:~# ")
    guest.sendline("wget -q -O - http://10.1.0.1/big | wc -c")
    guest.expect(str(16 << 20))
    for vm in (1, 0):
        guest.send(f"{ESCAPE}{vm}")
        guest.sendline("poweroff -f")
    assert guest.ended() == 0


def test_own_vmm(top, build, tmp_path, spawn, monkeypatch):
    """examples/own-vmm: a native component rings the bell of a device that is not Vessel's."""
    monkeypatch.setenv("VESSEL_BUILD", str(build))
    example = ("make", "-s", "-C", top / "examples/own-vmm", f"BUILD={tmp_path}")
    subprocess.run(example, check=True)
    guest = spawn("make", *map(str, example[1:]), "run")
    guest.login()
    assert "0x6C6C6562" in guest.shell("devmem 0xb000000")
    assert "0x00000001" in guest.shell("devmem 0xb000004")
    assert "0x00000000" in guest.shell("devmem 0xb000004 32 1; devmem 0xb000004")
    assert "bell@b000000" in guest.shell("ls /proc/device-tree")
