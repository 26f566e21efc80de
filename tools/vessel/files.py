# SPDX-License-Identifier: BSD-2-Clause
"""Output files that are there whole or not at all, and a place for what is in the works."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vessel import tree
from vessel.errors import InputError, Problem, ToolError, os_reason


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _refused(option: str, target: Path, reason: str) -> InputError:
    return InputError([Problem(("vessel", option), f"{tree.shown(target)}: {reason}")])


@contextmanager
def workspace() -> Iterator[Path]:
    """A directory for as long as it is needed. Raises ToolError if there is no room."""
    try:
        with tempfile.TemporaryDirectory(prefix="vessel-") as work:
            yield Path(work)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        text = f"{tempfile.gettempdir()}: {os_reason(error)}"
        raise ToolError(text, "make room, or name another directory by $TMPDIR") from None


@contextmanager
def filling(target: Path, option: str) -> Iterator[Path]:
    """A temporary directory whose files go into the directory `target` when all went well.

    `option` is what the user named `target` with. Raises InputError if it cannot be written.
    """
    real = Path(os.path.realpath(target))
    try:
        if real.exists() and not real.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "is not a directory")
        near = next(path for path in (real, *real.parents) if path.exists())
        with tempfile.TemporaryDirectory(prefix=".vessel-", suffix=".tmp", dir=near) as work:
            yield Path(work)
            real.mkdir(parents=True, exist_ok=True)
            for file in Path(work).iterdir():
                os.replace(file, real / file.name)
    except OSError as error:
        raise _refused(option, target, os_reason(error)) from None


@contextmanager
def replacing(target: Path, option: str) -> Iterator[Path]:
    """A temporary file beside `target`, which it replaces when all went well.

    `option` is what the user named `target` with. Raises InputError if it cannot be written.
    """
    real = Path(os.path.realpath(target))
    if real.exists() and not real.is_file():
        raise _refused(option, target, "is not a regular file")
    try:
        fd, name = tempfile.mkstemp(prefix=f".{real.name[:100]}.", suffix=".tmp", dir=real.parent)
        os.fchmod(fd, 0o666 & ~_umask())
        os.close(fd)
    except OSError as error:
        raise _refused(option, target, os_reason(error)) from None
    try:
        yield Path(name)
        os.replace(name, real)
    except OSError as error:
        raise _refused(option, target, os_reason(error)) from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
