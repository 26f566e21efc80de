# SPDX-License-Identifier: BSD-2-Clause
"""`vessel ctl`: a command to a system that `vessel run` runs in another terminal."""

import socket
from pathlib import Path

from vessel import tree
from vessel.errors import ToolError, os_reason
from vessel.link import END_FAILED, END_OK

READ = 4096


def _receive(sock: socket.socket) -> tuple[bool, str]:
    answer = b""
    while not answer.endswith((END_OK, END_FAILED)):
        data = sock.recv(READ)
        if not data:
            raise ToolError("the system has ended")
        answer += data
    return answer.endswith(END_OK), answer[:-1].decode(errors="replace")


def ask(path: Path, line: str) -> tuple[bool, str]:
    """A command's answer, and whether it was obeyed. Raises ToolError."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
            sock.sendall(line.encode() + b"\n")
            return _receive(sock)
        except OSError as error:
            raise ToolError(f"{tree.shown(path)}: {os_reason(error)}") from None
