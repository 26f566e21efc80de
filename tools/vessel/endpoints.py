# SPDX-License-Identifier: BSD-2-Clause
"""Where a VM's console and its debugger can be besides the terminal: files and sockets."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from vessel import tree
from vessel.errors import os_reason
from vessel.frames import Kind
from vessel.link import Link

READ = 4096
# A client that reads slower than the guest writes is left behind by so much, then hung up on.
CLIENT_LIMIT = 1 << 20
# What is typed for a guest that does not read.
INPUT_LIMIT = 1 << 16
# The first three bytes end a packet that was cut short.
DETACH = b"#00$D#44"
DETACHED = b"$OK#9a"

Receive = Callable[[bytes], Awaitable[None]]


class Server:
    """A listening socket, and the clients that get one channel's bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, receive: Receive) -> None:
        """Serve; `receive` gets what clients send."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(reader, writer, receive)
            writer.close()

        self._server = await asyncio.start_server(serve, sock=self._sock)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receive: Receive
    ) -> None:
        self._clients.add(writer)
        with suppress(OSError):
            while data := await reader.read(READ):
                await receive(data)
        self._clients.discard(writer)

    def send(self, data: bytes) -> None:
        """To all clients."""
        for client in list(self._clients):
            if client.transport.get_write_buffer_size() > CLIENT_LIMIT:
                client.transport.abort()
                self._clients.discard(client)
            else:
                client.write(data)

    def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            client.close()
        if self._server is not None:
            self._server.close()
        self._sock.close()


class Debugger(Server):
    """A VM's debugger, by GDB's remote protocol; others are turned away while there is one. For one
    that hangs up the VM is told to detach: stopped, it would stay so."""

    def __init__(self, sock: socket.socket, turned_away: Callable[[], None]) -> None:
        """`turned_away` is called for each of the others."""
        super().__init__(sock)
        self._turned_away = turned_away
        self._answer = b""
        self._free = asyncio.Event()
        self._free.set()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receive: Receive
    ) -> None:
        await self._free.wait()
        if self._clients:
            self._turned_away()
            return
        await super()._serve(reader, writer, receive)
        self._answer = b""
        self._free.clear()
        await receive(DETACH)

    def send(self, data: bytes) -> None:
        """To the debugger; the answer to what it has not asked itself ends here."""
        if self._free.is_set():
            super().send(data)
            return
        self._answer += data
        if DETACHED in self._answer:
            self._free.set()


class LogFile:
    """A copy of a console; when it cannot be written any more the system goes on."""

    def __init__(self, file: BinaryIO, path: Path, notice: Callable[[str], None]) -> None:
        self._file: BinaryIO | None = file
        self._path = path
        self._notice = notice

    def write(self, data: bytes) -> None:
        """Append, as long as that is possible."""
        try:
            while self._file is not None and data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._file = None
            reason = f"{tree.shown(self._path)}: {os_reason(error)}"
            self._notice(f"[--console-log: {reason}; nothing more is written to it]")


class Console:
    """One VM's console: a copy in a file, clients of a socket, and the way of its input."""

    def __init__(self, vm: int, link: Link, log: LogFile | None, server: Server | None) -> None:
        self.vm = vm
        self._link = link
        self._log = log
        self._server = server
        self._input = bytearray()
        self._waiting = asyncio.Event()
        self._taken = asyncio.Event()

    @property
    def on_terminal(self) -> bool:
        """A console with a socket is there and nowhere else."""
        return self._server is None

    async def start(self) -> None:
        """Let clients in."""
        if self._server is not None:
            await self._server.start(self.type)

    def output(self, data: bytes) -> None:
        """What the guest has written."""
        if self._log is not None:
            self._log.write(data)
        if self._server is not None:
            self._server.send(data)

    async def type(self, data: bytes) -> None:
        """Input; waits while the guest is far behind."""
        while len(self._input) > INPUT_LIMIT:
            self._taken.clear()
            await self._taken.wait()
        self.type_now(data)

    def type_now(self, data: bytes) -> None:
        """Input that cannot wait: it is dropped if the guest is far behind."""
        if len(self._input) <= INPUT_LIMIT:
            self._input += data
            self._waiting.set()

    async def pump(self) -> None:
        """Send input as the guest reads, for ever."""
        while True:
            await self._waiting.wait()
            data = bytes(self._input)
            self._input.clear()
            self._waiting.clear()
            self._taken.set()
            await self._link.send(Kind.CONSOLE, self.vm, data)
