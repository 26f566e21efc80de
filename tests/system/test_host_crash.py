# SPDX-License-Identifier: BSD-2-Clause
"""Broken on purpose: the host, which says so and QEMU exits with an error; a packed system."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

pytestmark = pytest.mark.system

VM = '[vm.{name}]\nkernel = "{kernel}"\ncmdline = "count=1"\n'
TIMEOUT_S = 120

Boot = Callable[..., pexpect.spawn]


class Debugger:
    """As much of GDB's remote protocol as it takes to write physical memory."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.answer()  # That the machine has stopped.

    def send(self, text: str) -> None:
        self.connection.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())

    def answer(self) -> str:
        data = b""
        while b"#" not in data[:-2]:
            data += self.connection.recv(4096)
        self.connection.sendall(b"+")
        return data.decode().split("$")[1].split("#")[0]

    def ask(self, text: str) -> str:
        self.send(text)
        return self.answer()

    def write(self, address: int, data: bytes) -> None:
        assert self.ask("Qqemu.PhyMemMode:1") == "OK"
        assert self.ask(f"M{address:x},{len(data):x}:{data.hex()}") == "OK"


def symbol(elf, name: str) -> int:
    lines = subprocess.run(["llvm-nm", elf], capture_output=True, text=True, check=True).stdout
    return next(
        int(line.split()[0], 16) for line in lines.splitlines() if line.endswith(f" {name}")
    )


@pytest.fixture
def pack(top, payload, tmp_path) -> Callable[..., Path]:
    """Packs VMs, each named after its payload."""

    def make(*names: str) -> Path:
        description = tmp_path / "system.toml"
        description.write_text(
            "".join(VM.format(name=name, kernel=payload(f"{name}.elf")) for name in names)
        )
        path = tmp_path / "system.pack"
        subprocess.run(["./vessel", "pack", description, "-o", path], check=True, cwd=top)
        return path

    return make


@pytest.fixture
def boot(build) -> Iterator[Boot]:
    """Runs QEMU with a pack, without the tool, which would look at it first."""
    started = []

    def start(pack: Path, *more: str) -> pexpect.spawn:
        qemu = pexpect.spawn(
            "qemu-system-aarch64",
            ["-machine", "virt,virtualization=on,gic-version=3", "-cpu", "cortex-a53"]
            + ["-m", "1500M", "-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot"]
            + ["-action", "panic=exit-failure", "-device", "pvpanic-pci"]
            + ["-kernel", str(build / "aarch64/vessel-vmm.elf")]
            + ["-device", f"loader,file={pack},addr=0x44000000,force-raw=on", *more],
            encoding="utf-8",
            timeout=TIMEOUT_S,
        )
        started.append(qemu)
        return qemu

    yield start
    for qemu in started:
        qemu.close(force=True)


def ended(qemu: pexpect.spawn) -> int:
    qemu.expect(pexpect.EOF)
    qemu.close()
    return qemu.exitstatus


def test_crash_is_reported_and_stops_qemu(build, pack, boot, tmp_path):
    gdb = tmp_path / "gdb"
    qemu = boot(
        pack("exits"),
        *("-chardev", f"socket,id=gdb,path={gdb},server=on,wait=off", "-gdb", "chardev:gdb"),
    )
    qemu.expect("looping")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(gdb))
        debugger = Debugger(connection)
        debugger.write(symbol(build / "aarch64/vessel-vmm.elf", "bare_guest_exit"), bytes(4))  # UDF
        debugger.send("D")  # Detach: go on.
        qemu.expect("host crash")
        assert ended(qemu) == 1
    assert "PC 0x" in qemu.before and "x30" in qemu.before


def spoil_last_kernel(pack: Path) -> None:
    """Make it look like a compressed one, which the VMM does not take."""
    data = bytearray(pack.read_bytes())
    at = data.rindex(b"\x7fELF")
    data[at : at + 2] = b"\x1f\x8b"
    pack.write_bytes(data)


@pytest.mark.parametrize("names", [["exits"], ["count", "exits"]])
def test_vm_that_cannot_boot(pack, boot, names):
    """Its reason is told, no other VM minds, and it is not taken for a success."""
    system = pack(*names)
    spoil_last_kernel(system)
    qemu = boot(system)
    qemu.expect("exits: cannot boot: kernel: the file is compressed")
    for _ in names[:-1]:
        qemu.expect(r"count \d+")
    assert ended(qemu) == 1
