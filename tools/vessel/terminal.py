# SPDX-License-Identifier: BSD-2-Clause
"""Standard input and output while a system runs: a raw terminal, or pipes and files."""

import asyncio
import os
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto

from vessel.schema import ESCAPE

CHUNK = 4096  # POSIX's PIPE_BUF on Linux: what a pipe that polls writable takes at once.
OUTPUT_LIMIT = 1 << 16
CLOSE_TIMEOUT_S = 5

CTRL_C, CTRL_D, CTRL_U, BACKSPACE, DELETE = 0x03, 0x04, 0x15, 0x08, 0x7F
PROMPT_MAX = 100


def make_raw(fd: int) -> None:
    """Have every key, if `fd` is a terminal; what is written to it keeps its newlines."""
    try:
        mode = termios.tcgetattr(fd)
    except (termios.error, OSError):
        return
    mode[0] &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    mode[1] |= termios.OPOST
    mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN | termios.ISIG)
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, mode)


def _read(fd: int) -> bytes:
    """What there is; nothing at the end."""
    try:
        return os.read(fd, CHUNK)
    except OSError:
        return b""


async def read_chunks(fd: int) -> AsyncIterator[bytes]:
    """What comes on `fd`, until its end. It is read when it is readable, and stays blocking."""
    loop = asyncio.get_running_loop()
    while True:
        chunk: asyncio.Future[bytes] = loop.create_future()

        def read(chunk: asyncio.Future[bytes] = chunk) -> None:
            loop.remove_reader(fd)
            chunk.set_result(_read(fd))

        try:
            loop.add_reader(fd, read)
        except (OSError, ValueError):  # A file never blocks, and a closed one is at its end.
            chunk.set_result(_read(fd))
        try:
            data = await chunk
        finally:
            loop.remove_reader(fd)
        if not data:
            return
        yield data


class Output:
    """Standard output that never holds up the event loop."""

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._pending = bytearray()
        self._watched = False
        self._progress = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Write, as soon as it can be written."""
        self._pending += data
        if self._watched or not self._pending:
            return
        try:
            asyncio.get_running_loop().add_writer(self._fd, self._flush)
            self._watched = True
        except (OSError, ValueError):  # A file never blocks.
            while self._pending:
                self._flush()

    def _flush(self) -> None:
        try:
            done = os.write(self._fd, self._pending[:CHUNK])
            del self._pending[:done]
        except BlockingIOError:
            return
        except OSError:  # Nobody reads any more; the system goes on.
            self._pending.clear()
        self._progress.set()
        if not self._pending and self._watched:
            asyncio.get_running_loop().remove_writer(self._fd)
            self._watched = False

    async def drain(self, limit: int = OUTPUT_LIMIT) -> None:
        """Wait until at most `limit` bytes are left to write."""
        while len(self._pending) > limit:
            self._progress.clear()
            await self._progress.wait()

    async def close(self) -> None:
        """Write the rest, unless nobody takes it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.drain(0)
        if self._watched:
            asyncio.get_running_loop().remove_writer(self._fd)


def key_name(byte: int) -> str:
    """A control key as people write it."""
    return f"Ctrl-{chr(byte | 0x40)}"


class Key(Enum):
    """What the keys after the escape key ask for."""

    LEAVE = auto()
    NEXT = auto()
    HELP = auto()
    PROMPT = auto()  # The prompt's line has changed.


@dataclass(frozen=True)
class Select:
    """Input shall go to this VM."""

    vm: int


@dataclass(frozen=True)
class Command:
    """A line was entered at the prompt."""

    line: str


class Keys:
    """Sorts what is typed: into bytes for the console and what is meant for the tool.

    `escape` begins what is meant for the tool, `switch` alone means another VM; 0: no key does.
    """

    def __init__(self, escape: int = ESCAPE, switch: int = 0) -> None:
        self._escape = escape
        self._special = {escape, switch} - {0}
        self._escaped = False
        self.typed: bytearray | None = None  # At the prompt; None: there is none.

    def feed(self, data: bytes) -> Iterator[bytes | Key | Select | Command]:
        """What the keys mean, in order."""
        plain = bytearray()
        for byte in data:
            if self.typed is None and not self._escaped and byte not in self._special:
                plain.append(byte)
                continue
            if plain:
                yield bytes(plain)
                plain.clear()
            meaning = self._key(byte)
            if meaning is not None:
                yield meaning
        if plain:
            yield bytes(plain)

    def _key(self, byte: int) -> bytes | Key | Select | Command | None:
        if self.typed is not None:
            return self._at_prompt(self.typed, byte)
        if not self._escaped and byte != self._escape:
            return Key.NEXT
        if not self._escaped:
            self._escaped = True
            return None
        self._escaped = False
        return self._after_escape(byte)

    def _after_escape(self, byte: int) -> bytes | Key | Select:
        if byte in self._special:
            return bytes([byte])
        match chr(byte):
            case "x":
                return Key.LEAVE
            case "c":
                self.typed = bytearray()
                return Key.PROMPT
            case "n":
                return Key.NEXT
            case "a" if self._escape == ESCAPE:
                return bytes([ESCAPE])
            case digit if digit in "0123456789":
                return Select(int(digit))
        return Key.HELP

    def _at_prompt(self, typed: bytearray, byte: int) -> Key | Command:
        if byte in b"\r\n":
            self.typed = None
            return Command(typed.decode("ascii"))
        if byte in (CTRL_C, CTRL_D, self._escape):
            self.typed = None
        elif byte == CTRL_U:
            typed.clear()
        elif byte in (BACKSPACE, DELETE):
            del typed[-1:]
        elif 0x20 <= byte < DELETE and len(typed) < PROMPT_MAX:
            typed.append(byte)
        return Key.PROMPT
