# SPDX-License-Identifier: BSD-2-Clause
"""Unix sockets of running systems: where they are, and how they are found."""

import errno
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from vessel import tree
from vessel.errors import InputError, Problem, ToolError, os_reason

SUFFIX = ".sock"
PROBE_TIMEOUT_S = 5


def _directory() -> Path:
    """Where sockets go that the user has not named: nobody else may put anything there."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "vessel"
    return Path(tempfile.gettempdir()) / f"vessel-{os.getuid()}"


def _is_ours(path: Path) -> bool:
    with suppress(OSError):
        status = path.lstat()
        return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return False


def _answers(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PROBE_TIMEOUT_S)
        try:
            sock.connect(str(path))
        except OSError:
            return False
    return True


@contextmanager
def _private() -> Iterator[None]:
    mask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(mask)


def _bind(path: Path) -> socket.socket | None:
    """A listening socket, in place of one that nobody listens to any more; None: it is in use."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        with _private():
            if path.is_socket() and not _answers(path):
                path.unlink(missing_ok=True)
            sock.bind(str(path))
        sock.listen()
    except OSError as error:
        sock.close()
        if path.is_socket():
            return None
        if error.errno == errno.EADDRINUSE:
            raise FileExistsError(error.errno, "a file that is no socket is there") from None
        raise
    return sock


def listen(path: Path, option: str) -> socket.socket:
    """A listening socket at a path that the user named with `option`. Raises InputError."""
    try:
        sock = _bind(path)
    except OSError as error:
        problem = Problem(("vessel", option), f"{tree.shown(path)}: {os_reason(error)}")
        raise InputError([problem]) from None
    if sock is None:
        problem = Problem(("vessel", option), f"{tree.shown(path)}: is in use")
        raise InputError([problem])
    return sock


def listen_as(name: str) -> tuple[socket.socket, Path] | None:
    """A listening socket for the system `name`, under a name not in use; None: there cannot be."""
    directory = _directory()
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(directory):
            return None
        for number in count(1):
            path = directory / f"{name}{f'-{number}' if number > 1 else ''}{SUFFIX}"
            sock = _bind(path)
            if sock is not None:
                return sock, path
    return None


def remove(path: Path) -> None:
    """The end of a socket, and of the directory if it was made for sockets and is empty."""
    path.unlink(missing_ok=True)
    if path.parent == _directory():
        with suppress(OSError):
            path.parent.rmdir()


def _name(path: Path) -> str:
    return path.name.removesuffix(SUFFIX)


def find(name: str | None) -> Path:
    """The control socket of a running system: by path, by name, or the only one there is."""
    if name is not None and ("/" in name or Path(name).is_socket()):
        return Path(name)
    directory = _directory()
    if name is not None:
        path = directory / f"{name}{SUFFIX}"
        if not path.exists():
            names = ", ".join(map(_name, sorted(directory.glob(f"*{SUFFIX}"))))
            hint = f"there are: {names}" if names else "`vessel run` starts one"
            raise ToolError(f"no system of the name {name} is running here", hint)
        return path
    running = [path for path in sorted(directory.glob(f"*{SUFFIX}")) if _answers(path)]
    if not running:
        hint = "`vessel run` starts one; of one with --control PATH give --socket PATH"
        raise ToolError("no system is running here", hint)
    if len(running) > 1:
        names = ", ".join(map(_name, running))
        text = f"several systems are running ({names})"
        raise InputError([Problem(("vessel",), text, "choose one with --socket")])
    return running[0]
