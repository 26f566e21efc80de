# SPDX-License-Identifier: BSD-2-Clause
"""Disks: what the manifest and QEMU are told about them."""

import fcntl
import json
import os
import struct
from pathlib import Path

import libfdt
import pytest

from sandbox import Sandbox
from vessel.disks import FLOCK, NOT_SHARED, WRITTEN

VM = '[vm.a]\nkernel = "kernel"\n'


def qemu_words(sandbox: Sandbox) -> list[str]:
    """The command line that QEMU got."""
    return json.loads(Path(sandbox.env["FAKE_QEMU_LOG"]).read_text())


def values(words: list[str], option: str) -> list[str]:
    """What stands behind each `option`."""
    return [words[i + 1] for i, word in enumerate(words) if word == option]


def image(sandbox: Sandbox, name: str, start: bytes = b"") -> None:
    """A disk image of 4 KiB."""
    (sandbox.path / name).write_bytes(start.ljust(4096, b"\0"))


def manifest(sandbox: Sandbox) -> libfdt.Fdt:
    """The manifest of system.toml."""
    result = sandbox.call("pack", "system.toml", "-o", "out.pack")
    assert result.status == 0, result.stderr
    return libfdt.Fdt((sandbox.path / "out.pack").read_bytes())


def node(fdt: libfdt.Fdt, vm: int, disk: int) -> int:
    """The node of a VM's disk."""
    return fdt.path_offset(f"/vms/vm@{vm}/disk@{disk}")


def test_disks_of_several_vms(sandbox: Sandbox) -> None:
    image(sandbox, "one,two.img")
    image(sandbox, "new.qcow2", b"QFI\xfb")
    sandbox.write(
        VM + 'disk = [{ ram = "64K" }, { file = "new.qcow2" },'
        '{ file = "one,two.img", partition = "root" }]\n'
        '[vm.b]\nkernel = "kernel"\n'
        'disk = [{ file = "./one,two.img", partition = 3, readonly = true }]\n'
    )
    fdt = manifest(sandbox)
    assert fdt.getprop(node(fdt, 0, 0), "ram-size").as_uint64() == 65536
    assert fdt.getprop(node(fdt, 0, 1), "host-disk").as_uint32() == 0
    assert fdt.getprop(node(fdt, 0, 2), "host-disk").as_uint32() == 1
    assert fdt.getprop(node(fdt, 0, 2), "partition-name").as_str() == "root"
    assert fdt.getprop(node(fdt, 1, 0), "host-disk").as_uint32() == 1
    assert fdt.getprop(node(fdt, 1, 0), "partition").as_uint32() == 3
    assert len(fdt.getprop(node(fdt, 1, 0), "read-only")) == 0
    assert fdt.getprop(node(fdt, 0, 1), "read-only", libfdt.QUIET_NOTFOUND) < 0

    assert sandbox.vessel("run", "system.toml").status == 0
    words = qemu_words(sandbox)
    qcow2, raw = values(words, "-blockdev")
    assert qcow2.startswith("driver=qcow2,node-name=disk0,discard=unmap,")
    assert qcow2.endswith("/new.qcow2")
    assert raw.startswith("driver=raw,node-name=disk1,discard=unmap,")
    assert raw.endswith("/one,,two.img")
    devices = [word for word in values(words, "-device") if word.startswith("virtio-blk")]
    assert devices == [f"virtio-blk-device,drive=disk{n},serial=vessel-disk{n}" for n in (0, 1)]


def test_read_only_for_all_is_read_only_for_qemu(sandbox: Sandbox) -> None:
    image(sandbox, "disk.img")
    sandbox.write(VM + 'disk = [{ file = "disk.img", readonly = true }]\n')
    assert sandbox.vessel("run", "system.toml").status == 0
    (disk,) = values(qemu_words(sandbox), "-blockdev")
    assert ",read-only=on," in disk


def test_disks_on_the_command_line(sandbox: Sandbox) -> None:
    image(sandbox, "a.img")
    image(sandbox, "b.img")
    result = sandbox.vessel(
        "run", "--firmware", "kernel", "--disk", "a.img", "--disk", str(sandbox.path / "b.img")
    )
    assert result.status == 0
    assert len(values(qemu_words(sandbox), "-blockdev")) == 2
    result = sandbox.call("run", "system.toml", "--disk", "none.img")
    assert result.errors == [
        "vessel: --disk: none.img: no such file; `truncate -s 1G FILE` makes an empty disk"
    ]
    result = sandbox.call("run", "system.toml", "--firmware", "kernel")
    assert result.errors == ["vessel: give either SYSTEM.toml or --firmware, not both"]


def test_a_partition_is_looked_for(sandbox: Sandbox) -> None:
    image(sandbox, "disk.img")
    sandbox.write(VM + 'disk = [{ file = "disk.img", partition = "root" }]\n')
    complaint = f"{sandbox.path}/disk.img: no partition table"
    result = sandbox.call("check", sandbox.path / "system.toml", FAKE_PROBE=complaint)
    assert result.status == 2
    assert result.errors == [
        "system.toml: vm.a.disk[0].partition: disk.img: no partition table",
    ]


@pytest.mark.parametrize("output", ["disk.img", "kernel"])
def test_an_input_is_not_overwritten(output: str, sandbox: Sandbox) -> None:
    image(sandbox, "disk.img")
    sandbox.write('[vm.a]\nfirmware = "kernel"\ndisk = [{ file = "disk.img" }]\n')
    result = sandbox.call("pack", "system.toml", "-o", output)
    assert result.errors == [f"vessel: -o: {output}: is an input of the same system"]


def test_microkit_has_no_driver(sandbox: Sandbox) -> None:
    sandbox.write(VM + "gic = 2\ndisk = [{ ram = 4096 }, { file = 'd' }]\n")
    result = sandbox.call("build", "system.toml", "--host", "microkit", "-o", "out")
    assert result.errors == [
        "system.toml: vm.a.disk[1]: this host has no driver for the disk that the file would be; "
        "--sddf has one, or ram = SIZE with it makes it one in memory"
    ]


def test_in_memory_from_a_file(sandbox: Sandbox) -> None:
    image(sandbox, "root.img", b"start")
    sandbox.write(VM + 'disk = [{ ram = "64K", file = "root.img" }]\n')
    fdt = manifest(sandbox)
    assert fdt.getprop(node(fdt, 0, 0), "ram-size").as_uint64() == 65536
    offset, size = struct.unpack(">QQ", bytes(fdt.getprop(node(fdt, 0, 0), "content")))
    packed = (sandbox.path / "out.pack").read_bytes()
    assert packed[offset : offset + size] == b"start".ljust(4096, b"\0")
    assert fdt.getprop(node(fdt, 0, 0), "host-disk", libfdt.QUIET_NOTFOUND) < 0


def test_file_is_larger_than_the_memory(sandbox: Sandbox) -> None:
    (sandbox.path / "root.img").write_bytes(bytes(4097))
    sandbox.write(VM + 'disk = [{ ram = "4K", file = "root.img" }]\n')
    result = sandbox.call("pack", "system.toml", "-o", "out.pack")
    assert result.status == 2
    assert "vm.a.disk[0].file: root.img: is larger than the disk; ram = 4 KiB" in result.errors[0]


@pytest.mark.parametrize(
    ("byte", "keys", "refused"),
    [
        (WRITTEN, "", True),
        (NOT_SHARED, "", True),
        (WRITTEN, ", readonly = true", True),
        (NOT_SHARED, ", readonly = true", False),
        (0, "", False),
    ],
)
def test_a_disk_of_another_run(sandbox: Sandbox, byte: int, keys: str, refused: bool) -> None:
    """QEMU's locks, held by this process."""
    image(sandbox, "disk.img")
    sandbox.write(VM + f'disk = [{{ file = "disk.img"{keys} }}]\n')
    with (sandbox.path / "disk.img").open("r+b") as held:
        lock = struct.pack(FLOCK, fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0)
        fcntl.fcntl(held, fcntl.F_OFD_SETLK, lock)
        assert sandbox.call("check", "system.toml").status == 0
        result = sandbox.vessel("run", "system.toml")
    line = (
        "system.toml: vm.a.disk[0].file: disk.img: another process has it in use; "
        "end that, give this VM a copy, or readonly = true in both"
    )
    assert (result.errors, result.status) == (([line], 2) if refused else ([], 0))
