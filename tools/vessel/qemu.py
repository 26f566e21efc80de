# SPDX-License-Identifier: BSD-2-Clause
"""Runs QEMU, with its serial line on the terminal as it is, or in frames to a session."""

import asyncio
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from vessel.errors import Exit, ToolError
from vessel.qmp import Monitor, outcome
from vessel.session import Options, Session

QEMU = "qemu-system-aarch64"
MIN_VERSION = (7, 1)  # -action panic=exit-failure
QUIT_TIMEOUT_S = 3

# Without a session the terminal is raw and QEMU's: Ctrl-C goes to the guest, Ctrl-A x leaves.
PLAIN = ("-serial", "mon:stdio")
HEADLESS = ("-display", "none", "-nodefaults")
# -S: nothing runs before the tool listens, so that no event is missed.
CONTROL = ("-S", "-no-reboot", "-action", "panic=exit-failure", "-device", "pvpanic-pci")


def find() -> str:
    """QEMU's path. Raises ToolError."""
    path = shutil.which(QEMU)
    if path is None:
        raise ToolError(f"{QEMU} is not installed", "Debian has it in the package qemu-system-arm")
    return path


def _too_old(qemu: str) -> str:
    """Why QEMU may have refused to start, if its version is the reason."""
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run([qemu, "--version"], capture_output=True, text=True, timeout=10)
        match = re.search(r"version (\d+)\.(\d+)", done.stdout)
        if match and (int(match[1]), int(match[2])) < MIN_VERSION:
            needed = ".".join(map(str, MIN_VERSION))
            return f"it is version {match[1]}.{match[2]}, and {needed} or newer is needed"
    return "its message is above"


@contextmanager
def terminal_kept() -> Iterator[None]:
    """Put the terminal back as it was, whatever happens to QEMU."""
    flags = {}
    for fd in (0, 1, 2):
        with suppress(OSError):
            flags[fd] = fcntl.fcntl(fd, fcntl.F_GETFL)
    saved = None
    with suppress(termios.error, OSError):
        saved = termios.tcgetattr(0)
    try:
        yield
    finally:
        for fd, value in flags.items():
            with suppress(OSError):
                fcntl.fcntl(fd, fcntl.F_SETFL, value)
        if saved is not None:
            with suppress(termios.error, OSError):
                termios.tcsetattr(0, termios.TCSANOW, saved)


async def _end(process: asyncio.subprocess.Process) -> int:
    """Let QEMU end by itself, or else kill it; its exit status."""
    with suppress(TimeoutError):
        async with asyncio.timeout(QUIT_TIMEOUT_S):
            return await process.wait()
    with suppress(ProcessLookupError):
        process.kill()
    return await process.wait()


def _stop_signals() -> asyncio.Event:
    """An event for the signals that ask the tool to end."""
    told_to_stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    return told_to_stop


async def _until_end(
    process: asyncio.subprocess.Process, told_to_stop: asyncio.Event, timeout_s: float | None
) -> Exit | None:
    """Wait for QEMU's end (None), a signal (LEFT) or the time-out (TIMED_OUT)."""
    ended = asyncio.create_task(process.wait())
    stopped = asyncio.create_task(told_to_stop.wait())
    done, pending = await asyncio.wait(
        {ended, stopped}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
    )
    for task in pending:
        task.cancel()
    if ended in done:
        return None
    return Exit.LEFT if stopped in done else Exit.TIMED_OUT


async def _start(
    command: Sequence[str], qmp: socket.socket, serial: socket.socket | None
) -> asyncio.subprocess.Process:
    """QEMU with its ends of the sockets."""
    fds = {qmp.fileno()}
    control = ("-chardev", f"socket,id=qmp,fd={qmp.fileno()}", "-mon", "chardev=qmp,mode=control")
    if serial is None:
        line, stdin = list(PLAIN), None
    else:
        fds.add(serial.fileno())
        line = ["-chardev", f"socket,id=line,fd={serial.fileno()}", "-serial", "chardev:line"]
        stdin = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *command, *control, *line, pass_fds=tuple(fds), stdin=stdin
    )


@dataclass(frozen=True)
class _Started:
    """QEMU and our ends of its sockets."""

    process: asyncio.subprocess.Process
    monitor: Monitor
    serial: socket.socket | None


def _pair(ours: ExitStack, theirs: ExitStack) -> tuple[socket.socket, socket.socket]:
    our, their = socket.socketpair()
    return ours.enter_context(our), theirs.enter_context(their)


@asynccontextmanager
async def _started(command: Sequence[str], framed: bool) -> AsyncIterator[_Started]:
    monitor = Monitor()
    with ExitStack() as ours:
        with ExitStack() as theirs:
            qmp, their_qmp = _pair(ours, theirs)
            serial, their_serial = _pair(ours, theirs) if framed else (None, None)
            process = await _start(command, their_qmp, their_serial)
        if not await monitor.connect(qmp):
            status = await _end(process)
            raise ToolError(f"{QEMU} did not start (status {status})", _too_old(find()))
        yield _Started(process, monitor, serial)


async def _to_its_end(
    qemu: _Started, told_to_stop: asyncio.Event, timeout_s: float | None
) -> Exit | None:
    """Let QEMU run; why the tool told it to quit, if it did."""
    await qemu.monitor.tell("cont")
    ended_by = await _until_end(qemu.process, told_to_stop, timeout_s)
    if ended_by is not None:
        await qemu.monitor.tell("quit")
        await _end(qemu.process)
    return ended_by


async def _run(command: Sequence[str], timeout_s: float | None, options: Options | None) -> Exit:
    told_to_stop = _stop_signals()
    async with AsyncExitStack() as stack:
        session = None
        if options is not None:
            session = Session(options)
            stack.callback(session.close)
        qemu = await stack.enter_async_context(_started(command, session is not None))
        if session is None or qemu.serial is None:
            ended_by = await _to_its_end(qemu, told_to_stop, timeout_s)
        else:
            async with session.attached(qemu.serial, told_to_stop.set):
                ended_by = await _to_its_end(qemu, told_to_stop, timeout_s)
        return outcome(await qemu.monitor.close(), await qemu.process.wait(), ended_by)


def _die_with_us() -> tuple[str, ...]:
    """Words before QEMU's that let it die with the tool, even if that is killed."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()


def run(arguments: Sequence[str], timeout_s: float | None, options: Options | None) -> Exit:
    """Run QEMU with `arguments` for its machine, in a session unless `options` is None; how the
    run ended. Raises ToolError and, for what is wrong with the options, InputError."""
    command = [*_die_with_us(), find(), *arguments, *HEADLESS, *CONTROL]
    if os.environ.get("VESSEL_VERBOSE"):
        print("+", *command, file=sys.stderr)
    sys.stdout.flush()
    with terminal_kept():
        return asyncio.run(_run(command, timeout_s, options))
