# SPDX-License-Identifier: BSD-2-Clause
"""The packed system's bytes, and what keeps an image out of it."""

import gzip
import io
import os
import resource
import shutil
import struct
import sys
from pathlib import Path

import libfdt
import pytest

from sandbox import Check, Sandbox
from vessel import images

VM = '[vm.debian]\nkernel = "kernel"\n'


def u64s(prop: libfdt.Property) -> tuple[int, ...]:
    """A property of u64 cells."""
    return struct.unpack(f">{len(prop) // 8}Q", bytes(prop))


def packed(sandbox: Sandbox, toml: str) -> bytes:
    """The pack of a description."""
    sandbox.write(toml)
    result = sandbox.call("pack", "system.toml", "-o", "out.pack")
    assert result.status == 0, result.stderr
    return (sandbox.path / "out.pack").read_bytes()


def vm_node(fdt: libfdt.Fdt, name: str) -> int:
    """A VM's node."""
    return fdt.path_offset(f"/vms/{name}")


def test_layout(sandbox: Sandbox) -> None:
    data = packed(
        sandbox,
        '[host]\nlog = "debug"\n' + VM + 'initrd = "initrd"\ncmdline = "console=ttyAMA0 ü"\n'
        'gic = 2\nmemory = [{ base = 0x40000000, size = "64M" }, '
        '{ base = 0x80000000, size = "2M"}]',
    )
    fdt = libfdt.Fdt(data)
    assert fdt.getprop(0, "compatible").as_str() == "vessel,manifest"
    assert fdt.getprop(0, "version").as_uint32() == 1
    assert fdt.getprop(0, "pack-size").as_uint64() == len(data)
    vms = fdt.path_offset("/vms")
    assert fdt.getprop(vms, "#address-cells").as_uint32() == 1
    assert fdt.getprop(vms, "#size-cells").as_uint32() == 0
    vm = vm_node(fdt, "vm@0")
    assert fdt.getprop(vm, "reg").as_uint32() == 0
    assert fdt.getprop(vm, "label").as_str() == "debian"
    assert fdt.getprop(vm, "machine").as_str() == "virt"
    assert fdt.getprop(vm, "cpus").as_uint32() == 1
    assert fdt.getprop(vm, "gic-version").as_uint32() == 2
    assert fdt.getprop(vm, "log-level").as_uint32() == 3
    assert fdt.getprop(vm, "priority").as_uint32() == 50
    assert fdt.getprop(vm, "autostart").as_uint32() == 1
    assert isinstance(fdt.getprop(vm, "no-uart", libfdt.QUIET_NOTFOUND), int)
    assert fdt.getprop(vm, "on-reboot").as_str() == "restart"
    assert fdt.getprop(vm, "bootargs").as_str() == "console=ttyAMA0 ü"
    assert u64s(fdt.getprop(vm, "ram")) == (0x4000_0000, 64 << 20, 0x8000_0000, 2 << 20)
    for key, content in (("kernel", b"k" * 5000), ("initrd", b"i" * 100)):
        offset, size = u64s(fdt.getprop(vm, key))
        assert offset % 4096 == 0
        assert offset >= fdt.totalsize()
        assert data[offset : offset + size] == content


def test_several_vms_keep_their_order(sandbox: Sandbox) -> None:
    toml = "".join(f'[vm.{name}]\nkernel = "kernel"\n' for name in ("zeta", "alpha", "m-1"))
    fdt = libfdt.Fdt(packed(sandbox, toml))
    labels = [fdt.getprop(vm_node(fdt, f"vm@{i}"), "label").as_str() for i in range(3)]
    assert labels == ["zeta", "alpha", "m-1"]
    assert fdt.getprop(vm_node(fdt, "vm@0"), "initrd", [libfdt.NOTFOUND]) == -libfdt.NOTFOUND


@pytest.mark.parametrize(
    ("keys", "bound"),
    [
        ("", None),
        ("budget = 2000", (2000, 10000)),
        ("period = 500", (500, 500)),
        ("budget = 300\nperiod = 400", (300, 400)),
    ],
)
def test_budget(sandbox: Sandbox, keys: str, bound: tuple[int, int] | None) -> None:
    fdt = libfdt.Fdt(packed(sandbox, VM + keys))
    found = [
        fdt.getprop(vm_node(fdt, "vm@0"), name, [libfdt.NOTFOUND]) for name in ("budget", "period")
    ]
    if bound is None:
        assert found == [-libfdt.NOTFOUND] * 2
    else:
        assert tuple(value.as_uint32() for value in found) == bound


def test_gzip_kernel_is_unpacked_and_initrd_is_not(sandbox: Sandbox) -> None:
    packed_kernel = gzip.compress(b"K" * 9000)
    (sandbox.path / "kernel").write_bytes(packed_kernel)
    data = packed(sandbox, VM + 'initrd = "kernel"')
    fdt = libfdt.Fdt(data)
    vm = vm_node(fdt, "vm@0")
    offset, size = u64s(fdt.getprop(vm, "kernel"))
    assert data[offset : offset + size] == b"K" * 9000
    offset, size = u64s(fdt.getprop(vm, "initrd"))
    assert data[offset : offset + size] == packed_kernel


def test_paths_are_relative_to_the_description(sandbox: Sandbox) -> None:
    (sandbox.path / "sub").mkdir()
    sandbox.write('[vm.a]\nkernel = "../kernel"', "sub/system.toml")
    assert sandbox.call("check", "sub/system.toml").status == 0


GZ = gzip.compress(os.urandom(5000))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "the file is empty"),
        (GZ[:-700], "the gzip file is truncated; copy or build it again"),
        (GZ[:-8] + b"\0" * 8, "the gzip file is damaged: CRC check failed"),
        (GZ[:20] + b"\xff" * 200 + GZ[220:], "the gzip file is damaged: "),
        (gzip.compress(b""), "nothing is in the gzip file"),
        (
            gzip.compress(b"\0" * (5 << 20)),
            "unpacks to more than 4 MiB; give the VM more memory",
        ),
        (
            b"MZ\0\0zimg" + b"\0" * 100,
            "is a compressed EFI application (zboot); "
            "give the Image or Image.gz of the same kernel",
        ),
        (
            b"x" * (5 << 20),
            "5 MiB do not fit into 4 MiB of RAM; give the VM more memory",
        ),
    ],
)
def test_bad_kernels(content: bytes, line: str, sandbox: Sandbox) -> None:
    (sandbox.path / "kernel").write_bytes(content)
    sandbox.write(VM + 'memory = "4M"')
    result = sandbox.call("pack", "system.toml", "-o", "out.pack")
    assert len(result.errors) == 1
    assert result.errors[0].startswith(f"system.toml: vm.debian.kernel: kernel: {line}")
    assert result.status == 2
    assert not (sandbox.path / "out.pack").exists()


def no_room() -> None:
    """What a full disk does to a process: it cannot write more than so much."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize(
    ("args", "status", "line"),
    [
        (["pack", "-o", "out.pack"], 2, "vessel: -o: out.pack: file too large"),
        (
            ["check"],
            1,
            "vessel: {tmp}: file too large; make room, or name another directory by $TMPDIR",
        ),
        (
            ["run"],
            1,
            "vessel: {tmp}: file too large; make room, or name another directory by $TMPDIR",
        ),
    ],
)
def test_no_room(args: list[str], status: int, line: str, sandbox: Sandbox) -> None:
    (sandbox.path / "kernel").write_bytes(b"k" * 100_000)
    quiet = {"PYTHONDONTWRITEBYTECODE": "1"}
    result = sandbox.vessel(*args, "system.toml", preexec=no_room, **quiet)
    assert (result.errors, result.status) == ([line.format(tmp=sandbox.path / "tmp")], status)
    assert not (sandbox.path / "out.pack").exists()


def test_gzip_has_a_limit_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "GZIP_LIMIT", 1 << 20)
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(b"\0" * (1 << 20) + b"\0"))
    with (tmp_path / "out").open("wb") as out, pytest.raises(images.Reason, match="1 MiB"):
        images.copy_kernel(bomb, out, 1 << 40)


def test_missing_directory_and_special_files(rejected: Check, sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "fifo")
    key = "system.toml: vm.debian.initrd"
    rejected(VM + 'initrd = "none"', f"{key}: none: no such file")
    rejected(VM + 'initrd = "tmp"', f"{key}: tmp: is a directory, not an image")
    rejected(VM + 'initrd = "fifo"', f"{key}: fifo: is not a regular file")
    rejected(VM + 'initrd = "kernel/x"', f"{key}: kernel/x: not a directory")


@pytest.fixture
def dtc(sandbox: Sandbox) -> None:
    """The sandbox has dtc."""
    program = shutil.which("dtc")
    assert program
    Path(sandbox.env["PATH"], "dtc").symlink_to(program)


OVERLAY = '/dts-v1/; /plugin/; &{/} { a = "b"; };'


@pytest.mark.usefixtures("dtc")
def test_overlays_are_compiled_or_taken_as_they_are(sandbox: Sandbox) -> None:
    (sandbox.path / "source").write_text(OVERLAY)
    pack = packed(sandbox, VM + 'overlay = "source"')
    fdt = libfdt.Fdt(pack)
    offset, size = u64s(fdt.getprop(vm_node(fdt, "vm@0"), "overlay"))
    blob = pack[offset : offset + size]
    assert libfdt.Fdt(blob).path_offset("/fragment@0/__overlay__") > 0
    (sandbox.path / "compiled").write_bytes(blob)
    again = packed(sandbox, VM + 'overlay = "compiled"')
    assert again[offset : offset + size] == blob


HINT = "begin it with /dts-v1/; /plugin/; and give its nodes as &{/PATH} { ... };"


@pytest.mark.usefixtures("dtc")
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"x", "Error: file:1.1-2 syntax error"),
        (b"/dts-v1/; / { };", f"file: is a device tree, but no overlay; {HINT}"),
        (b"\xd0\x0d\xfe\xed" + bytes(60), "file: is damaged: "),
        (b"\xd0\x0d\xfe\xed" + bytes(1 << 16), "file: is larger than 64 KiB"),
    ],
)
def test_bad_overlays(sandbox: Sandbox, content: bytes, problem: str) -> None:
    (sandbox.path / "file").write_bytes(content)
    sandbox.write(VM + 'overlay = "file"')
    result = sandbox.call("check", "system.toml")
    assert result.status == 2
    (line,) = result.errors
    assert line.startswith(f"system.toml: vm.debian.overlay: {problem}")


def test_no_dtc(rejected: Check, sandbox: Sandbox) -> None:
    (sandbox.path / "source").write_text(OVERLAY)
    rejected(
        VM + 'overlay = "source"',
        "system.toml: vm.debian.overlay: source: dtc is not there to compile it; install "
        "device-tree-compiler, or give a compiled overlay",
    )


def test_output_is_whole_or_untouched(sandbox: Sandbox) -> None:
    out = sandbox.path / "out.pack"
    out.write_bytes(b"old")
    sandbox.write(VM + 'initrd = "none"')
    assert sandbox.call("pack", "system.toml", "-o", "out.pack").status == 2
    assert out.read_bytes() == b"old"
    sandbox.write(VM)
    complaint = "vm debian: kernel: the file is for x86"
    assert sandbox.call("pack", "system.toml", "-o", out, FAKE_PROBE=complaint).status == 2
    assert out.read_bytes() == b"old"
    assert sandbox.call("pack", "system.toml", "-o", "out.pack").status == 0
    assert out.stat().st_mode & 0o777 == 0o666 & ~os.umask(os.umask(0o22))


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("tmp", "tmp: is not a regular file"),
        ("/dev/null", "/dev/null: is not a regular file"),
        ("none/out", "none/out: no such file or directory"),
        ("kernel", "kernel: is an input of the same system"),
        ("system.toml", "system.toml: is an input of the same system"),
    ],
)
def test_bad_outputs(target: str, text: str, sandbox: Sandbox) -> None:
    result = sandbox.call("pack", "system.toml", "-o", target)
    assert (result.errors, result.status) == ([f"vessel: -o: {text}"], 2)


@pytest.mark.parametrize(
    ("complaint", "line"),
    [
        (
            "vm debian: kernel: the ELF file is for x86-64",
            "system.toml: vm.debian.kernel: kernel: the ELF file is for x86-64",
        ),
        (
            "debian: initrd (0x10 bytes at 0x1) overlaps kernel",
            "system.toml: vm.debian.initrd: initrd: initrd (0x10 bytes at 0x1) overlaps kernel",
        ),
        (
            "debian: no room for initrd: it needs 0x10 bytes",
            "system.toml: vm.debian.memory: no room for initrd: it needs 0x10 bytes; "
            "the VM has 512 MiB",
        ),
        ("debian: what else", "system.toml: vm.debian: what else"),
    ],
)
def test_probe_is_translated(complaint: str, line: str, sandbox: Sandbox) -> None:
    for args in (["check"], ["pack", "-o", "out.pack"], ["run"], ["run", "--dump-dtb", "dtb"]):
        result = sandbox.call(*args, "system.toml", FAKE_PROBE=complaint)
        assert (result.errors, result.status) == ([line], 2)
    assert not (sandbox.path / "dtb").exists()


def test_probe_that_fails_itself(sandbox: Sandbox) -> None:
    result = sandbox.call("check", "system.toml", FAKE_PROBE="oops", FAKE_PROBE_STATUS="3")
    assert (len(result.errors), result.status) == (1, 1)


def test_check_says_what_the_host_cannot_run(sandbox: Sandbox) -> None:
    sandbox.write(VM + '[vm.b]\nkernel = "kernel"\ngic = 2')
    result = sandbox.call("check", "system.toml")
    assert result.status == 0
    assert result.errors == [
        "system.toml: vm.b.gic: warning: GICv2, but debian has a GICv3; "
        "all VMs have the GIC of the machine below them",
    ]


def node_names(fdt: libfdt.Fdt, node: int) -> list[str]:
    """The subnodes of a node."""
    names, node = [], fdt.first_subnode(node, libfdt.QUIET_NOTFOUND)
    while node >= 0:
        names.append(fdt.get_name(node))
        node = fdt.next_subnode(node, libfdt.QUIET_NOTFOUND)
    return names


def test_virtio_devices(sandbox: Sandbox) -> None:
    toml = VM + 'console = "virtio"\nrng = true\ncmdline = "quiet"\n'
    fdt = libfdt.Fdt(packed(sandbox, toml))
    vm = vm_node(fdt, "vm@0")
    assert node_names(fdt, vm) == ["console@0", "rng@0"]
    rng = vm_node(fdt, "vm@0/rng@0")
    assert fdt.getprop(rng, "transport").as_str() == "mmio"
    assert fdt.getprop(rng, "reg").as_uint32() == 0
    assert fdt.getprop(vm, "bootargs").as_str() == "earlycon console=hvc0 quiet"


def test_no_virtio_devices(sandbox: Sandbox) -> None:
    fdt = libfdt.Fdt(packed(sandbox, VM))
    assert node_names(fdt, vm_node(fdt, "vm@0")) == []


def test_terminal_of_the_users_choice(sandbox: Sandbox) -> None:
    toml = VM + 'console = "virtio"\ncmdline = "quiet console=ttyAMA0"\n'
    fdt = libfdt.Fdt(packed(sandbox, toml))
    assert fdt.getprop(vm_node(fdt, "vm@0"), "bootargs").as_str() == "quiet console=ttyAMA0"


def test_no_console(sandbox: Sandbox) -> None:
    fdt = libfdt.Fdt(packed(sandbox, VM + 'console = "none"\n'))
    assert bytes(fdt.getprop(vm_node(fdt, "vm@0"), "no-uart")) == b""
    assert node_names(fdt, vm_node(fdt, "vm@0")) == []


def test_networks(sandbox: Sandbox) -> None:
    data = packed(
        sandbox,
        '[network.lan]\n[network.out]\nuplink = "user"\n'
        + VM
        + 'net = [{ network = "out", mtu = 1400 }, { network = "lan", isolated = true,'
        + ' check_source = true, mac = "02:00:00:00:00:AA" }]\nvsock = { cid = 42 }\n',
    )
    fdt = libfdt.Fdt(data)
    lan = fdt.path_offset("/networks/network@0")
    out = fdt.path_offset("/networks/network@1")
    assert fdt.getprop(lan, "label").as_str() == "lan"
    assert fdt.getprop(out, "uplink").as_str() == "user"
    first = vm_node(fdt, "vm@0/net@0")
    assert fdt.getprop(first, "network").as_uint32() == 1
    assert fdt.getprop(first, "mtu").as_uint32() == 1400
    assert bytes(fdt.getprop(first, "mac")) == b"\x02vm\0\0\0"
    second = vm_node(fdt, "vm@0/net@1")
    assert fdt.getprop(second, "network").as_uint32() == 0
    assert bytes(fdt.getprop(second, "mac")) == b"\x02\0\0\0\0\xaa"
    assert bytes(fdt.getprop(second, "isolated")) == bytes(fdt.getprop(second, "check-source"))
    assert fdt.getprop(vm_node(fdt, "vm@0/vsock@0"), "cid").as_uint32() == 42
    for absent in ("isolated", "check-source"):
        with pytest.raises(libfdt.FdtException):
            fdt.getprop(first, absent)


class Stream(io.StringIO):
    """Standard error, a terminal or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("terminal", "spare", "shown"), [(True, 0, True), (True, -1, False), (False, 0, False)]
)
def test_progress_of_large_images_on_a_terminal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compressed: bool,
    terminal: bool,
    spare: int,
    shown: bool,
) -> None:
    data = os.urandom(images.MIB)
    path = tmp_path / "large"
    path.write_bytes(gzip.compress(data) if compressed else data)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(images, "SHOWN_FROM", path.stat().st_size - spare)
    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    out = io.BytesIO()
    assert images.copy_kernel(path, out, 2 * images.MIB) == len(data)
    assert out.getvalue() == data
    assert ("large" in stream.getvalue()) == shown
