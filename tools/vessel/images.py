# SPDX-License-Identifier: BSD-2-Clause
"""Guest images: opened, unpacked and copied, with an upper bound on what comes out."""

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from rich.console import Console
from rich.progress import wrap_file

from vessel import tree
from vessel.errors import Reason, os_reason
from vessel.schema import GIB, MIB, format_size

GZIP_MAGIC = b"\x1f\x8b"
GZIP_LIMIT = GIB
CHUNK = MIB
SHOWN_FROM = 64 * MIB  # Reading less takes no time worth a progress bar.


def _missing_hint(path: Path) -> str:
    inside = tree.build_dir() in path.resolve().parents
    return f"run `make` in {tree.ROOT} to get it" if inside else ""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open an image: a regular file that is not empty. Raises Reason.

    Reading a large one is shown on standard error if that is a terminal.
    """
    shown = tree.shown(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise Reason(f"{shown}: is a directory, not an image")
        if not stat.S_ISREG(mode):
            raise Reason(f"{shown}: is not a regular file")
        stream = path.open("rb")
    except FileNotFoundError:
        raise Reason(f"{shown}: no such file", _missing_hint(path)) from None
    except OSError as error:
        raise Reason(f"{shown}: {os_reason(error)}") from None
    with stream:
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            raise Reason(f"{shown}: the file is empty")
        console = Console(stderr=True)
        if size < SHOWN_FROM or not console.is_terminal:
            yield stream
            return
        with wrap_file(stream, size, description=path.name, console=console, transient=True) as bar:
            yield bar


def _copy(source: IO[bytes] | gzip.GzipFile, out: BinaryIO, limit: int, shown: str) -> int | None:
    """Copy all of `source`, return its size; None if that is more than `limit`."""
    total = 0
    while True:
        try:
            chunk = source.read(CHUNK)
        except EOFError:
            raise Reason(f"{shown}: the gzip file is truncated", "copy or build it again") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Reason(f"{shown}: the gzip file is damaged: {error}") from None
        except OSError as error:
            raise Reason(f"{shown}: {os_reason(error)}") from None
        if not chunk:
            return total
        total += len(chunk)
        if total > limit:
            return None
        out.write(chunk)


def _gunzip(source: BinaryIO, out: BinaryIO, ram: int, shown: str) -> int:
    limit = min(GZIP_LIMIT, ram)
    with gzip.GzipFile(fileobj=source) as unpacked:
        total = _copy(unpacked, out, limit, shown)
    if total is None:
        raise Reason(
            f"{shown}: unpacks to more than {format_size(limit)}",
            "give the VM more memory" if limit == ram else "a kernel is not that large",
        )
    if total == 0:
        raise Reason(f"{shown}: nothing is in the gzip file")
    return total


def _copy_raw(source: BinaryIO, out: BinaryIO, ram: int, shown: str) -> int:
    size = os.fstat(source.fileno()).st_size
    total = _copy(source, out, ram, shown) if size <= ram else None
    if total is None:
        raise Reason(
            f"{shown}: {format_size(size)} do not fit into {format_size(ram)} of RAM",
            "give the VM more memory",
        )
    return total


def copy_initrd(path: Path, out: BinaryIO, ram: int) -> int:
    """Append the file as it is; return its size. `ram` is what the VM has. Raises Reason."""
    with opened(path) as source:
        return _copy_raw(source, out, ram, tree.shown(path))


def copy_disk(path: Path, out: BinaryIO, size: int) -> int:
    """Append what a disk of `size` bytes in memory starts with; return its size. Raises Reason."""
    with opened(path) as source:
        total = _copy(source, out, size, tree.shown(path))
    if total is None:
        raise Reason(f"{tree.shown(path)}: is larger than the disk", f"ram = {format_size(size)}")
    return total


def copy_kernel(path: Path, out: BinaryIO, ram: int) -> int:
    """Append the kernel, unpacked if it is gzip; return its size. Raises Reason."""
    shown = tree.shown(path)
    with opened(path) as source:
        head = source.read(8)
        source.seek(0)
        if head.startswith(GZIP_MAGIC):
            return _gunzip(source, out, ram, shown)
        if head[:2] == b"MZ" and head[4:8] == b"zimg":
            raise Reason(
                f"{shown}: is a compressed EFI application (zboot)",
                "give the Image or Image.gz of the same kernel",
            )
        return _copy_raw(source, out, ram, shown)
