# SPDX-License-Identifier: BSD-2-Clause
"""A run as its user sees it: terminal, prompt, consoles, and the socket for `vessel ctl`."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from vessel import sockets, tree
from vessel.endpoints import Console, Debugger, LogFile, Server
from vessel.errors import InputError, Problem, os_reason
from vessel.frames import Frame, Kind
from vessel.link import END_FAILED, END_OK, Control, Link
from vessel.schema import ESCAPE
from vessel.screen import Screen
from vessel.terminal import (
    Command,
    Key,
    Keys,
    Output,
    Select,
    key_name,
    make_raw,
    read_chunks,
)

END_TIMEOUT_S = 10
HELP = "[{0}, then: x = leave, c = prompt, n or a digit = another VM's console, {0} = itself]"
OWN_HELP = "console NAME    input to this VM's console\nquit            leave, and end all VMs\n"

Address = tuple[str, int]


@dataclass(frozen=True)
class Options:
    """What a run was asked to do with its consoles; VMs by their number."""

    system: str  # The name under which `vessel ctl` finds it.
    names: tuple[str, ...]
    escape: int = ESCAPE  # 0: no key.
    switch: int = 0
    colours: Mapping[int, int] = field(default_factory=dict)
    control: Path | None = None
    logs: Mapping[int, Path] = field(default_factory=dict)
    sockets: Mapping[int, Path] = field(default_factory=dict)
    debuggers: Mapping[int, Address] = field(default_factory=dict)


def _open_log(path: Path) -> BinaryIO:
    try:
        return path.open("wb", buffering=0)
    except OSError as error:
        problem = Problem(("vessel", "--console-log"), f"{tree.shown(path)}: {os_reason(error)}")
        raise InputError([problem]) from None


def _listen_tcp(address: Address) -> socket.socket:
    try:
        return socket.create_server(address)
    except OSError as error:
        reason = os_reason(error).partition(" (while")[0]  # Python repeats the address there.
        text = f"{address[0]}:{address[1]}: {reason}"
        raise InputError([Problem(("vessel", "--gdb"), text)]) from None


class Session:
    """One run. All that can be refused is opened at once; `attached()` runs it, then `close()`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._output = Output()
        self._link = Link(self._receive, self._output.drain)
        self._control = Control(self._link)
        self._leave: Callable[[], None] = lambda: None
        self._tasks: set[asyncio.Task[None]] = set()
        with ExitStack() as opened:
            self._consoles = [self._open_console(vm, opened) for vm in range(len(options.names))]
            self._debuggers = {
                vm: self._open_server(self._debugger(vm, address), opened)
                for vm, address in options.debuggers.items()
            }
            self._control_socket = self._open_control(opened)
            self.close = opened.pop_all().close
        self._selected = next((c for c in self._consoles if c.on_terminal), None)
        self._several = sum(c.on_terminal for c in self._consoles) > 1
        self._screen = Screen(
            self._output.write,
            options.names if self._several else (),
            os.isatty(1),
            options.colours,
        )

    def _notice(self, text: str) -> None:
        self._screen.notice(text)

    def _debugger(self, vm: int, address: Address) -> Debugger:
        text = f"[{self._options.names[vm]}: a second debugger was turned away]"
        return Debugger(_listen_tcp(address), partial(self._notice, text))

    def _open_log(self, path: Path, opened: ExitStack) -> LogFile:
        return LogFile(opened.enter_context(_open_log(path)), path, self._notice)

    def _open_server(self, server: Server, opened: ExitStack) -> Server:
        opened.callback(server.close)
        return server

    def _open_console(self, vm: int, opened: ExitStack) -> Console:
        log = server = None
        if vm in self._options.logs:
            log = self._open_log(self._options.logs[vm], opened)
        if vm in self._options.sockets:
            path = self._options.sockets[vm]
            server = self._open_server(Server(sockets.listen(path, "--console-socket")), opened)
            opened.callback(sockets.remove, path)
        return Console(vm, self._link, log, server)

    def _open_control(self, opened: ExitStack) -> socket.socket | None:
        path = self._options.control
        if path is not None:
            bound = sockets.listen(path, "--control"), path
        elif (found := sockets.listen_as(self._options.system)) is not None:
            bound = found
        else:
            return None
        sock, path = bound
        opened.callback(sock.close)
        opened.callback(sockets.remove, path)
        return sock

    def _task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _receive(self, item: Frame | bytes) -> None:
        match item:
            case Frame(Kind.CONSOLE, vm, data) if vm < len(self._consoles):
                self._consoles[vm].output(data)
                if self._consoles[vm].on_terminal:
                    self._screen.console(vm, data)
            case Frame(Kind.LOG, _, data):
                self._screen.message(data)
            case Frame(Kind.CONTROL, _, data):
                self._control.receive(data)
            case Frame(Kind.DEBUG, vm, data) if vm in self._debuggers:
                self._debuggers[vm].send(data)
            case bytes():
                self._screen.garbage(item)

    def _select(self, vm: int) -> bool:
        """Give the terminal's input to a VM; False: it has no console here."""
        if vm >= len(self._consoles) or not self._consoles[vm].on_terminal:
            return False
        self._selected = self._consoles[vm]
        self._screen.notice(f"[input: {self._options.names[vm]}]")
        return True

    def _select_next(self) -> None:
        here = [console.vm for console in self._consoles if console.on_terminal]
        if self._selected is not None:
            self._select(here[(here.index(self._selected.vm) + 1) % len(here)])

    async def command(self, line: str) -> tuple[bool, str]:
        """Obey a command, ours or the VMM's: whether that was done, and the answer."""
        match line.split():
            case ["quit"]:
                self._leave()
                return True, ""
            case ["console", name] if name in self._options.names:
                good = self._select(self._options.names.index(name))
                return good, "" if good else "error: its console is not on this terminal\n"
            case ["console", *_]:
                return False, "error: which VM? try list\n"
            case ["help"]:
                good, text = await self._control.ask(line)
                return good, text + OWN_HELP
            case []:
                return True, ""
        return await self._control.ask(line)

    async def _at_prompt(self, line: str) -> None:
        _, answer = await self.command(line)
        if answer:
            self._screen.message(answer.encode())

    async def _serve_control(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError, ValueError):
            while line := await reader.readline():
                good, answer = await self.command(line.decode(errors="replace").strip())
                writer.write(answer.encode() + (END_OK if good else END_FAILED))
                await writer.drain()
        writer.close()

    async def _read_terminal(self) -> None:
        keys = Keys(self._options.escape, self._options.switch)
        patient = not os.isatty(0)
        async for data in read_chunks(0):
            for meaning in keys.feed(data):
                await self._obey(meaning, keys, patient)

    async def _obey(
        self, meaning: bytes | Key | Select | Command, keys: Keys, patient: bool
    ) -> None:
        match meaning:
            case bytes() if self._selected is not None and patient:
                await self._selected.type(meaning)
            case bytes() if self._selected is not None:
                self._selected.type_now(meaning)
            case Key.LEAVE:
                self._leave()
            case Key.NEXT:
                self._select_next()
            case Key.HELP:
                self._screen.notice(HELP.format(key_name(self._options.escape)))
            case Key.PROMPT:
                self._screen.prompt(None if keys.typed is None else bytes(keys.typed))
            case Select(vm):
                self._select(vm)
            case Command(line):
                self._screen.prompt(None)
                self._task(self._at_prompt(line))

    async def _start(self) -> None:
        for console in self._consoles:
            await console.start()
            self._task(console.pump())
        for vm, server in self._debuggers.items():
            await server.start(partial(self._link.send, Kind.DEBUG, vm))
        if self._control_socket is not None:
            await asyncio.start_unix_server(self._serve_control, sock=self._control_socket)
        self._task(self._read_terminal())

    @asynccontextmanager
    async def attached(self, sock: socket.socket, leave: Callable[[], None]) -> AsyncIterator[None]:
        """Run over the VMM's serial line; `leave` is called when the user wants to. At the end all
        that the line still carries is shown."""
        self._leave = leave
        make_raw(0)
        line = asyncio.create_task(self._link.run(sock))
        await self._start()
        try:
            yield
            with suppress(TimeoutError):
                async with asyncio.timeout(END_TIMEOUT_S):
                    await line
            self._screen.settle()
            await self._output.close()
        finally:
            line.cancel()
            for task in list(self._tasks):
                task.cancel()
