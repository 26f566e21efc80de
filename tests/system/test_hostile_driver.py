# SPDX-License-Identifier: BSD-2-Clause
"""A guest that attacks its own virtio device (tests/payload/virtio.c), by split and packed rings,
alone and beside a Debian that uses the same disk, network, sockets, randomness or serial line all
the while, and checks what it gets."""

import hashlib
import re
import subprocess
from pathlib import Path

import pexpect
import pytest

pytestmark = pytest.mark.system

MIB = 1 << 20
DATA = hashlib.shake_256(b"unharmed").digest(8 * MIB)
ROUNDS = 3
# Attacks of every device, and of each type's own.
ATTACKS = {"blk": 31, "net": 32, "console": 29, "rng": 29, "vsock": 36}

ROGUE = """
[vm.rogue]
memory = "8M"
kernel = "{build}/payload/virtio.elf"
on_poweroff = "restart"
"""
NEIGHBOUR = """
[host]
cpus = 1
log = "error"
[vm.neighbour]
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/initrd.gz"
"""
CMDLINE = """cmdline = 'console={tty} quiet vessel.run="{run}"'\n"""

# What the neighbour does, again and again; a round that goes wrong ends it.
ON_A_DISK = (
    "while dd if=/dev/urandom of=/tmp/a bs=64k count=32 2>/dev/null; cat /tmp/a >/dev/vda; "
    "sync; echo 3 >/proc/sys/vm/drop_caches; head -c 2097152 /dev/vda | cmp - /tmp/a; "
    "do echo unharmed; done; echo HARMED"
)
ON_A_NETWORK = (
    "until ip addr show eth0 | grep -q inet.10; do sleep 1; done; "
    "while wget -q -O - {url} | sha256sum | grep {hash}; do echo unharmed; done; echo HARMED"
)
# The host's echo, while others ask it for all of its connections; and random bytes, which differ.
ON_SOCKETS = (
    "socat VSOCK-LISTEN:7,fork EXEC:cat & head -c 100000 /dev/urandom >/tmp/out; "
    "back() { socat -t 300 - VSOCK-CONNECT:2:7$1 </tmp/out | cmp - /tmp/out; }; "
    "while back && back ,type=5 && "
    "head -c 64 /dev/hwrng >/tmp/a && ! cmp -s /tmp/a /tmp/b && mv /tmp/a /tmp/b; "
    "do echo unharmed; done; echo HARMED"
)
ON_A_CONSOLE = (
    "while seq 1 300 | md5sum | grep {hash}; do echo unharmed; sleep 0.2; done; echo HARMED"
)


def spaced(word: str) -> str:
    """A word of one VM, which output of the other may interrupt."""
    return r"(?:[\r\n]+(?:[^\n]*\[rogue\d?\][^\n]*\n)*[^\n]*\[neighbour\]\S* )?".join(word)


def rounds(guest: pexpect.spawn, *rogues: str) -> None:
    """All go on until each has done so many rounds, none of which went wrong."""
    patterns = {name: rf"\[{name}\][^\n]*survived" for name in rogues or ["rogue"]}
    patterns["unharmed"] = spaced("unharmed")
    done = dict.fromkeys(patterns, 0)
    patterns["wrong"] = "FAILED|HARMED"
    while min(done.values()) < ROUNDS:
        seen = list(patterns)[guest.expect(list(patterns.values()))]
        assert seen != "wrong", guest.before[-2000:]
        done[seen] += 1


def beside(path: Path, build: Path, rogue: str, neighbour: str, more: str = "") -> Path:
    text = NEIGHBOUR + neighbour + ROGUE + rogue + more
    path.write_text(text.replace("{build}", str(build)))
    return path


def test_disk_beside_a_hostile_driver(run, build, tmp_path):
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(8 * MIB)
    parts = "label: gpt\nsize=3M\nsize=3M\n"
    subprocess.run(["/sbin/sfdisk", "-q", image], input=parts, text=True, check=True)
    table = image.read_bytes()[:MIB]
    disk = 'disk = [{ file = "disk.img", partition = %d }]\n'
    run_it = CMDLINE.format(tty="ttyAMA0", run=ON_A_DISK)
    rogue = 'cmdline = "device=2"\n' + disk % 2
    guest = run(beside(tmp_path / "s.toml", build, rogue, disk % 1 + run_it))
    rounds(guest)
    assert image.read_bytes()[:MIB] == table


def test_network_beside_a_hostile_driver(run, build, tmp_path, serve):
    net = 'net = [{ network = "lan" }]\n'
    script = ON_A_NETWORK.format(url=serve(DATA), hash=hashlib.sha256(DATA).hexdigest())
    run_it = CMDLINE.format(tty="ttyAMA0", run=script)
    rogue = f'cmdline = "device=1"\ntransport = "pci"\n{net}'
    uplink = '[network.lan]\nuplink = "user"\n'
    guest = run(beside(tmp_path / "s.toml", build, rogue, net + run_it, uplink))
    rounds(guest)


def test_console_beside_a_hostile_driver(run, host, build, tmp_path):
    console = 'console = "virtio"\n'
    text = "".join(f"{n}\n" for n in range(1, 301))
    script = ON_A_CONSOLE.format(hash=hashlib.md5(text.encode()).hexdigest())
    run_it = CMDLINE.format(tty="hvc0", run=script)
    rogue = f'cmdline = "device=3"\n{console}'
    system = beside(tmp_path / "s.toml", build, rogue, console + run_it)
    guest = run(*host.options, system)
    rounds(guest)


def test_sockets_and_entropy_beside_hostile_drivers(run, host, build, tmp_path):
    """One rogue has sockets, over PCI, the other one the source of randomness, over MMIO."""
    own = "rng = true\nvsock = { cid = 4 }\n" + CMDLINE.format(tty="ttyAMA0", run=ON_SOCKETS)
    rogue = 'cmdline = "device=19"\ntransport = "pci"\nvsock = { cid = 3 }\n'
    other = ROGUE.replace("rogue", "rogue2") + 'cmdline = "device=4"\nrng = true\n'
    path = beside(tmp_path / "s.toml", build, rogue, own, other)
    path.write_text(path.read_text().replace("initrd.gz", "tools-initrd.gz"))
    rounds(run(*host.options, path), "rogue", "rogue2")


@pytest.mark.parametrize("transport", ["mmio", "pci"])
@pytest.mark.parametrize(
    ("kind", "device", "keys"),
    [
        ("blk", 2, 'disk = [{ ram = "1M" }]'),
        ("net", 1, 'net = [{ network = "lan" }]\n[network.lan]'),
        ("console", 3, 'console = "virtio"'),
        ("rng", 4, "rng = true"),
        ("vsock", 19, "vsock = { cid = 3 }"),
    ],
)
def test_survives(run, host, build, tmp_path, kind, device, keys, transport):
    path = tmp_path / "s.toml"
    rogue = ROGUE.replace("{build}", str(build)).replace('"restart"', '"stop"')
    text = f'[host]\nlog = "error"\n{rogue}cmdline = "device={device}"\n{keys}\n'
    path.write_text(text.replace("memory", f'transport = "{transport}"\nmemory'))
    guest = run(*host.options, path)
    guest.expect("survived")
    said = guest.before
    assert guest.ended() == 0
    assert "FAILED" not in said
    assert len(re.findall(r"ok [a-z ]+\r", said)) == ATTACKS[kind]
