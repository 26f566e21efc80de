# SPDX-License-Identifier: BSD-2-Clause
"""Consoles, prompt and `vessel ctl` of a run, with a stand-in for the VMM."""

import os
import pty
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import Result, Sandbox

TIMEOUT_S = 60
NONE_RUNNING = (
    "vessel: no system is running here; `vessel run` starts one; "
    "of one with --control PATH give --socket PATH"
)


class Tool:
    """A run of the tool whose VMM echoes what it gets in angle brackets."""

    def __init__(self, sandbox: Sandbox, *args: object, tty: bool = False) -> None:
        ours, theirs = pty.openpty() if tty else (None, subprocess.PIPE)
        self.process = subprocess.Popen(
            sandbox.command("run", "system.toml", *args),
            cwd=sandbox.path,
            env={**sandbox.env, "FAKE_QEMU": "serves"},
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
        )
        if ours is None:
            self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        else:
            self._in = self._out = ours
            os.close(theirs)
        self.seen = b""

    def type(self, data: bytes) -> None:
        os.write(self._in, data)

    def expect(self, text: bytes) -> bytes:
        """Read until `text`; what came before it."""
        while text not in self.seen:
            assert select.select([self._out], [], [], TIMEOUT_S)[0], self.seen
            data = os.read(self._out, 4096)
            assert data, self.seen
            self.seen += data
        before, _, self.seen = self.seen.partition(text)
        return before

    def leave(self) -> None:
        self.type(b"\x01x")
        assert self.process.wait(timeout=TIMEOUT_S) == 6


@contextmanager
def tool(sandbox: Sandbox, *args: object, tty: bool = False) -> Iterator[Tool]:
    run = Tool(sandbox, *args, tty=tty)
    try:
        run.expect(b"ready")
        yield run
    finally:
        run.process.kill()
        run.process.communicate()


def ctl(sandbox: Sandbox, *args: object) -> Result:
    return sandbox.call("ctl", *args, clean=False)


def control(sandbox: Sandbox) -> Path:
    return sandbox.path / "tmp" / f"vessel-{os.getuid()}" / "demo.sock"


def test_pipes_carry_the_console_as_it_is(sandbox: Sandbox) -> None:
    result = sandbox.vessel("run", "system.toml")
    assert result.stdout == (
        'before the VMM\nGUEST_PANICKED {"event": "GUEST_PANICKED"} vessel: host crash\n'
    )


def test_nothing_is_lost_at_the_end(sandbox: Sandbox) -> None:
    result = sandbox.vessel("run", "system.toml", FAKE_QEMU="much")
    assert result.stdout.split()[-20000:] == [str(i) for i in range(20000)]
    with (sandbox.path / "out").open("w") as file:
        env = {**sandbox.env, "FAKE_QEMU": "much"}
        command = sandbox.command("run", "system.toml")
        subprocess.run(command, cwd=sandbox.path, env=env, stdin=file, stdout=file, check=True)
    assert (sandbox.path / "out").read_text() == result.stdout


@pytest.mark.parametrize("tty", [False, True])
def test_input_reaches_the_guest(sandbox: Sandbox, tty: bool) -> None:
    with tool(sandbox, tty=tty) as run:
        run.type(b"ls\x03\x01a")
        assert run.expect(b"\x01").replace(b"><", b"").endswith(b"<ls\x03")
        run.leave()
    assert list((sandbox.path / "tmp").iterdir()) == []


def test_input_of_any_length(sandbox: Sandbox) -> None:
    text = b"0123456789abcdef" * 4096
    with tool(sandbox) as run:
        reader = os.fork()
        if reader == 0:
            os.write(run._in, text)
            os._exit(0)
        got = b""
        while len(got) < len(text):
            run.expect(b"<")
            got += run.expect(b">")
        os.waitpid(reader, 0)
        assert got == text
        run.leave()


def test_the_prompt(sandbox: Sandbox) -> None:
    with tool(sandbox, tty=True) as run:
        run.type(b"\x01c")
        run.expect(b"vessel> ")
        run.type(b"list\r")
        run.expect(b"0 debian running")
        run.type(b"\x01cbogus\r")
        run.expect(b"error: no such command")
        run.type(b"x")
        run.expect(b"<x>")
        run.type(b"\x01cquit\r")
        assert run.process.wait(timeout=TIMEOUT_S) == 6


def test_ctl(sandbox: Sandbox) -> None:
    with tool(sandbox) as run:
        for args in (
            ["list"],
            ["--socket", "demo", "list"],
            ["--socket", control(sandbox), "list"],
        ):
            result = ctl(sandbox, *args)
            assert (result.status, result.stdout) == (0, "0 debian running\n")
        result = ctl(sandbox, "bogus")
        assert result.errors == ["vessel: no such command; try help"]
        assert result.status == 2
        result = ctl(sandbox, "console", "debian")
        assert result.status == 0
        run.expect(b"[input: debian]")
        assert ctl(sandbox, "console", "x").status == 2
        assert ctl(sandbox, "poweroff").status == 0
        assert run.process.wait(timeout=TIMEOUT_S) == 0
    assert list((sandbox.path / "tmp").iterdir()) == []


def test_ctl_with_several_systems_and_with_none(sandbox: Sandbox) -> None:
    result = ctl(sandbox, "list")
    assert (result.errors, result.status) == ([NONE_RUNNING], 1)
    with tool(sandbox) as one, tool(sandbox) as two:
        result = ctl(sandbox, "list")
        assert result.errors == [
            "vessel: several systems are running (demo-2, demo); choose one with --socket"
        ]
        assert ctl(sandbox, "--socket", "demo-2", "list").status == 0
        result = ctl(sandbox, "--socket", "other", "list")
        assert result.errors == [
            "vessel: no system of the name other is running here; there are: demo-2, demo"
        ]
        two.leave()
        assert ctl(sandbox, "list").status == 0
        one.leave()
    result = ctl(sandbox, "--socket", "other", "list")
    assert result.errors == [
        "vessel: no system of the name other is running here; `vessel run` starts one"
    ]


def test_a_socket_left_by_a_killed_run_is_replaced(sandbox: Sandbox) -> None:
    with tool(sandbox) as run:
        run.process.kill()
        run.process.wait()
    assert control(sandbox).is_socket()
    with tool(sandbox) as run:
        assert ctl(sandbox, "list").status == 0
        run.leave()
    assert not control(sandbox).exists()


def test_a_signal_leaves_no_socket(sandbox: Sandbox) -> None:
    with tool(sandbox, "--control", "ctl") as run:
        assert ctl(sandbox, "--socket", "./ctl", "list").status == 0
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(timeout=TIMEOUT_S) == 6
    assert not (sandbox.path / "ctl").exists()


def test_a_console_in_a_file(sandbox: Sandbox) -> None:
    with tool(sandbox, "--console-log", "debian=log") as run:
        run.type(b"x")
        run.expect(b"<x>")
        run.leave()
    assert b"ready\r\n<x>" in (sandbox.path / "log").read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_ends_the_copy_and_not_the_run(sandbox: Sandbox) -> None:
    with tool(sandbox, "--console-log", "debian=/dev/full", tty=True) as run:
        run.type(b"x")
        run.expect(b"<x>")
        run.leave()
    result = sandbox.vessel("run", "system.toml", "--console-log", "/dev/full")
    assert (result.status, result.stderr) == (0, "")
    notice = "[--console-log: /dev/full: no space left on device; nothing more is written to it]"
    assert result.stdout.count(notice) == 1
    assert "GUEST_PANICKED" in result.stdout


def test_a_console_on_a_socket(sandbox: Sandbox) -> None:
    run = Tool(sandbox, "--console-socket", "debian=console", tty=True)
    try:
        run.expect(b"before the VMM")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(TIMEOUT_S)
            client.connect(str(sandbox.path / "console"))
            client.sendall(b"hello")
            seen = b""
            while b"<hello>" not in seen:
                seen += client.recv(4096)
        run.leave()
        assert b"hello" not in run.seen
    finally:
        run.process.kill()
        run.process.communicate()
    assert not (sandbox.path / "console").exists()


def debugger(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)


def read_until(sock: socket.socket, end: bytes) -> bytes:
    seen = b""
    while not seen.endswith(end):
        data = sock.recv(4096)
        assert data, seen
        seen += data
    return seen


def test_a_debugger_that_hangs_up_is_detached(sandbox: Sandbox, port: int) -> None:
    with tool(sandbox, "--gdb", f":{port}") as run:
        with debugger(port) as first:
            first.sendall(b"$?#3f")
            assert read_until(first, b">") == b"<$?#3f>"
            with debugger(port) as second:
                assert second.recv(1) == b""
            run.expect(b"[debian: a second debugger was turned away]")
            first.sendall(b"$cut sho")
            read_until(first, b">")
        with debugger(port) as third:
            third.sendall(b"$g#67")
            assert read_until(third, b">") == b"<$g#67>"
        run.leave()


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--console-log", "x=log"], "vessel: --console-log: x=log: is not NAME=VALUE with"),
        (["--console-log", "debian=tmp"], "vessel: --console-log: tmp: is a directory"),
        (["--console-socket", "debian=no/x"], "vessel: --console-socket: no/x: no such file"),
        (
            ["--console-socket", "debian=" + "x" * 200],
            f"vessel: --console-socket: {'x' * 200}: AF_",
        ),
        (["--control", "kernel"], "vessel: --control: kernel: a file that is no socket is there"),
        (["--gdb", ":1", "--gdb", "debian=:2"], "vessel: --gdb: debian is given twice"),
        (["--gdb", "x"], "vessel: --gdb: x: is not an address"),
        (["--gdb", ":99999"], "vessel: --gdb: :99999: is not an address"),
        (["--plain", "--gdb", ":1234"], "vessel: --gdb: not together with --plain"),
    ],
)
def test_bad_options(args: list[str], line: str, sandbox: Sandbox) -> None:
    sandbox.write('[vm.debian]\nkernel = "kernel"\n[vm.b]\nkernel = "kernel"\n', "two.toml")
    system = "two.toml" if "x=log" in args else "system.toml"
    result = sandbox.vessel("run", system, *args)
    if system == "system.toml":
        assert result.errors[0].startswith(line)
    assert len(result.errors) == 1
    assert result.status == 2


def test_a_log_belongs_to_one_vm(sandbox: Sandbox) -> None:
    sandbox.write('[vm.a]\nkernel = "kernel"\n[vm.b]\nkernel = "kernel"\n')
    logs = ("--console-log", "a=log", "--console-log", "b=log")
    result = sandbox.vessel("run", "system.toml", *logs)
    line = "vessel: --console-log: log is given for two VMs; each needs its own"
    assert (result.errors, result.status) == ([line], 2)
    assert not (sandbox.path / "log").exists()


def test_a_debugger_s_port_in_use(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = sandbox.vessel("run", "system.toml", "--gdb", f":{port}")
    line = f"vessel: --gdb: 127.0.0.1:{port}: address already in use"
    assert (result.errors, result.status) == ([line], 2)
