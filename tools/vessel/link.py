# SPDX-License-Identifier: BSD-2-Clause
"""The serial line to the VMM, as channels; and the commands that go over one of them."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress

from vessel.frames import CREDIT, MAX_DATA, Decoder, Frame, Kind, encode

READ = 1 << 16
MAX_COMMAND = 127  # CONTROL_LINE_MAX
END_OK, END_FAILED = b"\x04", b"\x15"
# After a frame and its zero: an empty one. With frames on the line sDDF's virtualiser takes zero
# for the key that leads to it, and hands on one of two.
DOUBLE = b"\0"

Channel = tuple[int, int]


class Link:
    """Frames over a connected socket; what is sent waits for credit."""

    def __init__(
        self,
        receive: Callable[[Frame | bytes], None],
        drain: Callable[[], Awaitable[None]],
    ) -> None:
        self._receive = receive
        self._drain = drain
        self._credit: dict[Channel, int] = defaultdict(int)
        self._granted: dict[Channel, asyncio.Event] = defaultdict(asyncio.Event)
        self._writer: asyncio.StreamWriter | None = None

    async def run(self, sock: socket.socket) -> None:
        """Receive until the other end has closed."""
        reader, self._writer = await asyncio.open_connection(sock=sock)
        decoder = Decoder()
        with suppress(ConnectionError):
            while data := await reader.read(READ):
                for item in decoder.feed(data):
                    self._take(item)
                await self._drain()
        if rest := decoder.end():
            self._receive(rest)
        self._writer.close()

    def _take(self, item: Frame | bytes) -> None:
        if isinstance(item, Frame) and item.kind & CREDIT:
            channel = (item.kind & ~CREDIT, item.vm)
            self._credit[channel] += int.from_bytes(item.data, "little")
            self._granted[channel].set()
        else:
            self._receive(item)

    async def send(self, kind: Kind, vm: int, data: bytes) -> None:
        """Send on a channel, piece by piece as the VMM has room."""
        channel = (int(kind), vm)
        while data:
            while self._writer is None or self._credit[channel] == 0:
                self._granted[channel].clear()
                await self._granted[channel].wait()
            size = min(len(data), MAX_DATA, self._credit[channel])
            self._credit[channel] -= size
            with suppress(ConnectionError):
                self._writer.write(encode(Frame(kind, vm, data[:size])) + DOUBLE)
                await self._writer.drain()
            data = data[size:]


class Control:
    """Commands to the VMM, one at a time."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turn = asyncio.Lock()
        self._answer = bytearray()
        self._done: asyncio.Future[bool] | None = None

    def receive(self, data: bytes) -> None:
        """What came on the control channel."""
        for byte in data:
            if bytes([byte]) in (END_OK, END_FAILED):
                if self._done and not self._done.done():
                    self._done.set_result(bytes([byte]) == END_OK)
            else:
                self._answer.append(byte)

    async def _ask(self, line: str) -> tuple[bool, str]:
        async with self._turn:
            self._answer.clear()
            self._done = asyncio.get_running_loop().create_future()
            await self._link.send(Kind.CONTROL, 0, line.encode() + b"\n")
            good = await self._done
            return good, self._answer.decode(errors="replace")

    async def ask(self, line: str) -> tuple[bool, str]:
        """A command's answer, and whether it was obeyed."""
        if not line.isascii() or not line.isprintable() or len(line) > MAX_COMMAND:
            return False, "error: not a command\n"
        # An answer that nobody waits for any more still belongs to its command.
        return await asyncio.shield(asyncio.ensure_future(self._ask(line)))
