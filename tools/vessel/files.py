# SPDX-License-Identifier: BSD-2-Clause
"""Output files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vessel import tree
from vessel.errors import InputError, Problem, os_reason


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def directory(target: Path, option: str = "-o") -> Path:
    """`target`, made if it is not there. Raises InputError if that cannot be."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = Problem(("vessel", option), f"{tree.shown(target)}: {os_reason(error)}")
        raise InputError([problem]) from None
    return target


@contextmanager
def replacing(target: Path, option: str) -> Iterator[Path]:
    """A temporary file beside `target`, which it replaces when all went well.

    `option` is what the user named `target` with. Raises InputError if it cannot be written.
    """
    where = ("vessel", option)
    real = Path(os.path.realpath(target))
    if real.exists() and not real.is_file():
        raise InputError([Problem(where, f"{tree.shown(target)}: is not a regular file")])
    try:
        fd, name = tempfile.mkstemp(prefix=f".{real.name[:100]}.", suffix=".tmp", dir=real.parent)
        os.fchmod(fd, 0o666 & ~_umask())
        os.close(fd)
    except OSError as error:
        problem = Problem(where, f"{tree.shown(target)}: {os_reason(error)}")
        raise InputError([problem]) from None
    try:
        yield Path(name)
        os.replace(name, real)
    except OSError as error:
        problem = Problem(where, f"{tree.shown(target)}: {os_reason(error)}")
        raise InputError([problem]) from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
