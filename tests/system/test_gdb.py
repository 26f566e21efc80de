# SPDX-License-Identifier: BSD-2-Clause
"""GDB on a running Debian kernel."""

import socket

import pytest

pytestmark = pytest.mark.system

PROMPT = r"\(gdb\) "


def ask(gdb, command: str) -> str:
    """What GDB says to a command."""
    gdb.sendline(command)
    gdb.expect(PROMPT)
    return gdb.before


@pytest.fixture
def attach(spawn, port):
    """Starts GDB on the guest of `port`, which stops it."""

    def start(*files):
        gdb = spawn("gdb-multiarch", "-nx", "-q", *files)
        gdb.expect(PROMPT)
        ask(gdb, "set confirm off")
        ask(gdb, "set pagination off")
        ask(gdb, "set style enabled off")
        ask(gdb, f"target remote 127.0.0.1:{port}")
        return gdb

    return start


def test_breakpoint_and_step(run, attach, port):
    guest = run("--cpus", 2, "--gdb", f":{port}")
    guest.login()
    address = int(guest.shell("grep ' T __arm64_sys_getpid$' /proc/kallsyms").split()[0], 16)

    gdb = attach()
    threads = ask(gdb, "info threads")
    assert "Thread 1" in threads and "Thread 2" in threads
    ask(gdb, f"break *{address:#x}")
    gdb.sendline("continue")
    gdb.expect("Continuing")
    guest.sendline("sh -c 'echo $PPID'")
    gdb.expect("Breakpoint 1, ")
    gdb.expect(PROMPT)
    ask(gdb, "delete")
    assert f"{address:#x}" in ask(gdb, "p/x $pc")
    ask(gdb, "stepi")
    assert f"{address + 4:#x}" in ask(gdb, "p/x $pc")
    ask(gdb, "detach")
    gdb.sendline("quit")
    assert gdb.ended() == 0
    assert "still here" in guest.shell("echo still here")

    with socket.create_connection(("127.0.0.1", port)) as hangs_up:
        hangs_up.sendall(b"$?#3f")
        assert hangs_up.recv(64).startswith(b"+$T05thread:")
    assert "goes on" in guest.shell("echo goes on")
    guest.sendline("poweroff")
    assert guest.ended() == 0


@pytest.mark.parametrize("gic", [2, 3])
def test_step_beside_a_pending_interrupt(run, attach, payload, port, gic):
    guest = run("--kernel", payload("step.elf"), "--gic", gic, "--gdb", f":{port}")
    guest.expect("press a key")

    gdb = attach(payload("step.elf"))
    ask(gdb, "break stepped")
    gdb.sendline("continue")
    gdb.expect("Continuing")
    guest.send("k")
    gdb.expect("Breakpoint 1, ")
    gdb.expect(PROMPT)
    for offset in (4, 8):
        ask(gdb, "stepi")
        assert f"<stepped+{offset}>" in ask(gdb, "p $pc")
    ask(gdb, "detach")

    guest.expect("interrupt taken")
    assert guest.ended() == 0
