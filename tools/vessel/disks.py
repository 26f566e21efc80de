# SPDX-License-Identifier: BSD-2-Clause
"""The files behind the VMs' disks: which there are, who uses which, and QEMU's options for them."""

import fcntl
import os
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from vessel import tree
from vessel.description import Description, Loc, format_key
from vessel.errors import InputError, Problem, Reason, os_reason
from vessel.schema import Disk

SECTOR = 512
QCOW2_MAGIC = b"QFI\xfb"
FLOCK = "hhqqi4x"  # struct flock of Linux on 64-bit machines.
# QEMU locks bytes of an image (block/file-posix.c): of one that it writes, and of one that nobody
# else may write.
WRITTEN, NOT_SHARED = 101, 201


@dataclass(frozen=True)
class Use:
    """One disk of one VM that is in a file."""

    loc: Loc
    disk: Disk
    path: Path


@dataclass(frozen=True)
class HostDisk:
    """A file that QEMU is given as a disk, and who uses it."""

    path: Path
    format: str
    uses: tuple[Use, ...]

    @property
    def readonly(self) -> bool:
        """Nobody writes."""
        return all(use.disk.readonly for use in self.uses)


def _check(path: Path, readonly: bool) -> str:
    """The format of a disk image. Raises Reason if it cannot be used."""
    shown = tree.shown(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            raise Reason(f"{shown}: is neither a regular file nor a block device")
        with path.open("rb" if readonly else "r+b") as stream:
            magic = stream.read(len(QCOW2_MAGIC))
            size = stream.seek(0, os.SEEK_END)
    except FileNotFoundError:
        raise Reason(
            f"{shown}: no such file", "`truncate -s 1G FILE` makes an empty disk"
        ) from None
    except OSError as error:
        hint = "" if readonly else "readonly = true does without writing"
        raise Reason(f"{shown}: {os_reason(error)}", hint) from None
    if magic == QCOW2_MAGIC:
        return "qcow2"
    if size < SECTOR:
        raise Reason(f"{shown}: is smaller than a sector")
    return "raw"


def _uses(description: Description) -> list[Use]:
    found = []
    for name, vm in description.system.vm.items():
        for i, disk in enumerate(vm.disk):
            if disk.file is not None and disk.ram is None:
                loc = ("vm", name, "disk", i)
                found.append(Use(loc, disk, description.origin.path((*loc, "file"), disk.file)))
    return found


def _conflict(one: Use, other: Use) -> bool:
    """Both have the same bytes, and one of them writes."""
    whole = one.disk.partition is None or other.disk.partition is None
    same = whole or one.disk.partition == other.disk.partition
    return same and not (one.disk.readonly and other.disk.readonly)


def _check_shared(description: Description, uses: list[Use]) -> None:
    for one, other in combinations(uses, 2):
        if _conflict(one, other):
            text = f"{tree.shown(other.path)}: is {format_key(one.loc)} as well"
            hint = "give each a partition of its own, or readonly = true"
            raise InputError([Problem(description.origin.where(other.loc), text, hint)])


def plan(description: Description) -> list[HostDisk]:
    """The files that the system needs as disks, each once. Raises InputError."""
    files: dict[tuple[int, int], list[Use]] = {}
    formats = {}
    for use in _uses(description):
        try:
            format_ = _check(use.path, use.disk.readonly)
        except Reason as reason:
            raise description.origin.error((*use.loc, "file"), reason) from None
        status = use.path.stat()
        key = (status.st_dev, status.st_ino)
        formats[key] = format_
        files.setdefault(key, []).append(use)
    for uses in files.values():
        _check_shared(description, uses)
    return [HostDisk(uses[0].path, formats[key], tuple(uses)) for key, uses in files.items()]


def _locked(path: Path, byte: int) -> bool:
    """Does another process hold this byte of the file?"""
    ours = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    with suppress(OSError), path.open("rb") as stream:
        kind, *_ = struct.unpack(FLOCK, fcntl.fcntl(stream, fcntl.F_OFD_GETLK, ours))
        return bool(kind != fcntl.F_UNLCK)
    return False


def check_unused(description: Description) -> None:
    """Does another run have one of the files, so that QEMU will refuse it? Raises InputError."""
    for disk in plan(description):
        bytes_ = (WRITTEN,) if disk.readonly else (WRITTEN, NOT_SHARED)
        if any(_locked(disk.path, byte) for byte in bytes_):
            text = f"{tree.shown(disk.path)}: another process has it in use"
            hint = "end that, give this VM a copy, or readonly = true in both"
            raise description.origin.error((*disk.uses[0].loc, "file"), Reason(text, hint))


def numbers(description: Description) -> dict[str, list[int]]:
    """For each VM, the numbers of the machine's disks that its disks are in; 0 for those in memory.

    Raises InputError.
    """
    found = {use.loc: n for n, disk in enumerate(plan(description)) for use in disk.uses}
    return {
        name: [found.get(("vm", name, "disk", i), 0) for i in range(len(vm.disk))]
        for name, vm in description.system.vm.items()
    }


def quote(path: Path) -> str:
    """A path inside one of QEMU's comma-separated options."""
    return str(path.absolute()).replace(",", ",,")


def qemu_arguments(disks: list[HostDisk], bus: str = "") -> list[str]:
    """QEMU's options for them: disk n is its n-th virtio-blk device.

    With `bus`, such as "virtio-mmio-bus.", it is in place n of that.
    """
    arguments = []
    for n, disk in enumerate(disks):
        access = "read-only=on" if disk.readonly else "discard=unmap"
        arguments += [
            "-blockdev",
            f"driver={disk.format},node-name=disk{n},{access},"
            f"file.driver=file,file.filename={quote(disk.path)}",
            "-device",
            f"virtio-blk-device,drive=disk{n},serial=vessel-disk{n}"
            + (f",bus={bus}{n}" if bus else ""),
        ]
    return arguments
