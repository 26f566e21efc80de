# SPDX-License-Identifier: BSD-2-Clause
"""The host's own end: broken on purpose, it says so and QEMU exits with an error."""

import socket
import subprocess

import pexpect
import pytest

pytestmark = pytest.mark.system

SYSTEM = '[vm.loop]\nkernel = "{kernel}"\n'
TIMEOUT_S = 120


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


def test_crash_is_reported_and_stops_qemu(top, build, payload, tmp_path):
    elf = build / "aarch64/vessel-vmm.elf"
    description = tmp_path / "system.toml"
    description.write_text(SYSTEM.format(kernel=payload("exits.elf")))
    pack = tmp_path / "system.pack"
    subprocess.run(["./vessel", "pack", description, "-o", pack], check=True, cwd=top)
    gdb = tmp_path / "gdb"
    qemu = pexpect.spawn(
        "qemu-system-aarch64",
        ["-machine", "virt,virtualization=on,gic-version=3", "-cpu", "cortex-a53"]
        + ["-m", "700M", "-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot"]
        + ["-action", "panic=exit-failure", "-device", "pvpanic-pci", "-kernel", str(elf)]
        + ["-device", f"loader,file={pack},addr=0x44000000,force-raw=on"]
        + ["-chardev", f"socket,id=gdb,path={gdb},server=on,wait=off", "-gdb", "chardev:gdb"],
        encoding="utf-8",
        timeout=TIMEOUT_S,
    )
    qemu.expect("looping")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(gdb))
        debugger = Debugger(connection)
        debugger.write(symbol(elf, "bare_guest_exit"), bytes(4))  # UDF
        debugger.send("D")  # Detach: go on.
        qemu.expect("host crash")
        qemu.expect(pexpect.EOF)
    qemu.close()
    assert "PC 0x" in qemu.before and "x30" in qemu.before
    assert qemu.exitstatus == 1
