# SPDX-License-Identifier: BSD-2-Clause
"""`vessel run`: QEMU's command line, how a run ends, and what it leaves behind."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import termios
import time
import tomllib
from pathlib import Path

import pytest

from sandbox import ROOT, Sandbox
from vessel.errors import Exit
from vessel.qmp import outcome


def qemu_words(sandbox: Sandbox) -> list[str]:
    """The command line that QEMU got."""
    return json.loads(Path(sandbox.env["FAKE_QEMU_LOG"]).read_text())


def after(words: list[str], option: str) -> str:
    """The value of an option."""
    return words[words.index(option) + 1]


@pytest.mark.parametrize(
    ("story", "status"),
    [
        ("poweroff", 0),
        ("poweroff, slowly", 0),
        ("guest crash", 3),
        ("host crash", 4),
        ("host reset", 4),
        ("left", 6),
        ("killed", 1),
    ],
)
def test_status(story: str, status: int, sandbox: Sandbox) -> None:
    result = sandbox.vessel("run", "system.toml", FAKE_QEMU=story)
    assert result.status == status
    assert "GUEST_PANICKED" in result.stdout  # The guest's words decide nothing.
    assert len([line for line in result.errors if line]) == (0 if status in (0, 6) else 1)


@pytest.mark.parametrize("story", ["hangs", "deaf"])
def test_timeout(story: str, sandbox: Sandbox) -> None:
    start = time.monotonic()
    result = sandbox.vessel("run", "system.toml", "--timeout", "0.5", FAKE_QEMU=story)
    assert result.status == 5
    assert "time-out" in result.stderr
    assert time.monotonic() - start < 15


def test_a_run_within_its_timeout(sandbox: Sandbox) -> None:
    assert sandbox.vessel("run", "system.toml", "--timeout", "50").status == 0


def running(sandbox: Sandbox, story: str) -> subprocess.Popen[bytes]:
    """A run that has come so far that the guest hangs."""
    tool = subprocess.Popen(
        sandbox.command("run", "system.toml"),
        cwd=sandbox.path,
        env={**sandbox.env, "FAKE_QEMU": story},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert tool.stdout
    while b"hanging" not in (line := tool.stdout.readline()):
        assert line
    return tool


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_qemu_and_leave_nothing(number: int, sandbox: Sandbox) -> None:
    with running(sandbox, "hangs") as tool:
        tool.send_signal(number)
        assert tool.wait(timeout=60) == 6
    assert list((sandbox.path / "tmp").iterdir()) == []


def test_interrupt_while_the_tool_loads(sandbox: Sandbox) -> None:
    modules = sandbox.path / "modules"
    modules.mkdir()
    (modules / "click.py").write_text("raise KeyboardInterrupt\n")
    path = f"{modules}:{sandbox.env['PYTHONPATH']}"
    result = sandbox.vessel("check", "system.toml", PYTHONPATH=path)
    assert (result.errors, result.status) == ([], 6)


def test_qemu_dies_with_a_killed_tool(sandbox: Sandbox) -> None:
    with running(sandbox, "hangs") as tool:
        tool.kill()
        assert tool.stdout
        tool.stdout.read()  # Ends when QEMU, too, has closed its standard output.


@pytest.mark.parametrize("story", ["raw terminal", "poweroff"])
def test_terminal_is_restored(story: str, sandbox: Sandbox) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    done = subprocess.run(
        sandbox.command("run", "system.toml"),
        cwd=sandbox.path,
        env={**sandbox.env, "FAKE_QEMU": story},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        timeout=30,
        check=False,
    )
    assert done.returncode == (1 if story == "raw terminal" else 0)
    assert termios.tcgetattr(slave) == before
    assert os.get_blocking(slave)
    os.close(master)
    os.close(slave)


def test_command_line(sandbox: Sandbox) -> None:
    sandbox.write('[vm.a]\nkernel = "kernel"\nmemory = "100M"\ngic = 2')
    assert (
        sandbox.vessel("run", "system.toml", "--qemu-cpu", "max", "--icount", "--plain").status == 0
    )
    words = qemu_words(sandbox)
    assert after(words, "-machine") == "virt,virtualization=on,gic-version=2"
    assert after(words, "-cpu") == "max"
    assert after(words, "-m") == "186M"  # 100, 80 and 1, the pack, in units of 2, and 2.
    assert after(words, "-smp") == "1"
    assert after(words, "-kernel").endswith("/build/aarch64/vessel-vmm.elf")
    assert after(words, "-icount") == "shift=0,sleep=off"
    assert after(words, "-serial") == "mon:stdio"
    loader = after(words, "-device")
    assert re.fullmatch(r"loader,file=.*/system\.pack,addr=0x44000000,force-raw=on", loader)


def test_a_comma_in_the_temporary_directory(sandbox: Sandbox) -> None:
    (sandbox.path / "a,b").mkdir()
    assert sandbox.vessel("run", "system.toml", TMPDIR=str(sandbox.path / "a,b")).status == 0


def test_kernel_on_the_command_line(sandbox: Sandbox) -> None:
    args = ["run", "--kernel", "kernel", "--initrd", "initrd", "--append", "x", "--memory", "64M"]
    assert sandbox.vessel(*args, "--gic", "2").status == 0
    assert "gic-version=2" in after(qemu_words(sandbox), "-machine")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--kernel", "none"], "vessel: --kernel: none: no such file"),
        (["--kernel", "kernel", "--gic", "5"], "vessel: --gic: the number 5 is not possible here"),
        (["--kernel", "kernel", "--memory", "x"], 'vessel: --memory: "x" is not a size'),
        (["--kernel", "kernel", "--cpus", "0"], "vessel: --cpus: 0 is out of range"),
        (["--kernel", "kernel", "--cpus", "9"], "vessel: --cpus: 9 is out of range"),
        (["system.toml", "--kernel", "kernel"], "vessel: give either SYSTEM.toml or --kernel"),
        (["system.toml", "--initrd", "none"], "vessel: --initrd: none: no such file"),
        (["--timeout", "0"], "vessel: invalid value for '--timeout'"),
        (["--timeout", "nan"], "vessel: invalid value for '--timeout': nan is not a number of"),
        (["--qemu-cpu", "z80"], "vessel: invalid value for '--qemu-cpu'"),
        (["--memry", "1G"], "vessel: no such option '--memry'. Did you mean '--memory'?"),
        (["system.toml", "--dump-dtb", "tmp"], "vessel: --dump-dtb: tmp: is not a regular file"),
    ],
)
def test_bad_command_lines(args: list[str], line: str, sandbox: Sandbox) -> None:
    result = sandbox.call("run", *args)
    assert len(result.errors) == 1
    assert result.errors[0].startswith(line)
    assert result.status == 2


def netdevs(sandbox: Sandbox) -> list[str]:
    """QEMU's networks, and where their cards are."""
    words = qemu_words(sandbox)
    return [w for w in words if w.startswith(("user,", "virtio-net-device"))]


def test_networks(sandbox: Sandbox) -> None:
    sandbox.write(
        '[network.in]\n[network.a]\nuplink = "user"\n[network.b]\nuplink = "user"\n'
        'forward = ["8080:10.0.2.16:80"]\n[vm.a]\nkernel = "kernel"\nnet = [{ network = "b" }]\n'
    )
    assert sandbox.vessel("run", "system.toml", "--port-forward", "2222:22").status == 0
    assert netdevs(sandbox) == [
        "user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22",
        "virtio-net-device,netdev=net0,bus=virtio-mmio-bus.31",
        "user,id=net1,hostfwd=tcp:127.0.0.1:8080-10.0.2.16:80",
        "virtio-net-device,netdev=net1,bus=virtio-mmio-bus.30",
    ]


def test_a_network_on_the_command_line(sandbox: Sandbox) -> None:
    args = ["run", "--kernel", "kernel", "--net", "user", "--port-forward", "8080:80"]
    assert sandbox.vessel(*args).status == 0
    assert netdevs(sandbox)[0] == "user,id=net0,hostfwd=tcp:127.0.0.1:8080-:80"
    assert sandbox.vessel("run", "--kernel", "kernel", "--net", "none").status == 0
    assert netdevs(sandbox) == []


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--net", "tap"], "vessel: invalid value for '--net'"),
        (["--vsock", "2"], "vessel: --vsock: 2 is out of range; 3 to 4294967294 are possible"),
        (["--port-forward", "80:80"], "vessel: --port-forward: no network has an uplink; add"),
        (["--net", "user", "--port-forward", "80"], 'vessel: --port-forward: "80" is not a port'),
    ],
)
def test_bad_networks(args: list[str], line: str, sandbox: Sandbox) -> None:
    result = sandbox.call("run", "system.toml", *args)
    assert len(result.errors) == 1
    assert result.errors[0].startswith(line)
    assert result.status == 2


def test_a_forwarded_port_in_use(sandbox: Sandbox) -> None:
    sandbox.write(
        '[network.a]\nuplink = "user"\nforward = ["%d:80"]\n'
        '[vm.a]\nkernel = "kernel"\nnet = [{ network = "a" }]\n'
    )
    toml = (sandbox.path / "system.toml").read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sandbox.write(toml % port)
        args = ["--kernel", "kernel", "--net", "user", "--port-forward", f"{port}:80"]
        for words, where in (
            (["system.toml"], "system.toml: network.a.forward[0]"),
            (args, "vessel: --port-forward"),
        ):
            result = sandbox.vessel("run", *words)
            line = f"{where}: port {port}: address already in use; forward another one"
            assert (result.errors, result.status) == ([line], 2)
    assert sandbox.vessel("run", *args).status == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_standard_output_that_is_full(sandbox: Sandbox) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            sandbox.command("check", "system.toml"),
            cwd=sandbox.path,
            env=sandbox.env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == "vessel: standard output: no space left on device\n"
    assert done.returncode == 1


TWO = '[vm.a]\nkernel = "kernel"\ncpus = 2\n[vm.b]\nkernel = "kernel"\n'


@pytest.mark.parametrize(("keys", "cpus"), [("", "3"), ("[host]\ncpus = 1\n", "1")])
def test_several_vms(sandbox: Sandbox, keys: str, cpus: str) -> None:
    sandbox.write(TWO + keys)
    assert sandbox.vessel("run", "system.toml").status == 0
    assert after(qemu_words(sandbox), "-smp") == cpus
    assert after(qemu_words(sandbox), "-m") == "1110M"


def test_pins_within_the_machine(sandbox: Sandbox) -> None:
    sandbox.write(TWO + "cpu_pin = [3]\n")
    result = sandbox.call("run", "system.toml")
    assert result.errors == ["system.toml: vm.b.cpu_pin[0]: CPU 3, but there are 3; see host.cpus"]
    assert result.status == 2


def test_dump_dtb_runs_nothing(sandbox: Sandbox) -> None:
    result = sandbox.call("run", "system.toml", "--dump-dtb", "guest.dtb")
    assert (result.status, result.stderr) == (0, "")
    assert "guest.dtb" in result.stdout
    assert (sandbox.path / "guest.dtb").read_bytes() == b"a device tree"
    assert not Path(sandbox.env["FAKE_QEMU_LOG"]).exists()


def test_qemu_missing(sandbox: Sandbox) -> None:
    result = sandbox.call("run", "system.toml", PATH=str(sandbox.path))
    assert result.errors == [
        "vessel: qemu-system-aarch64 is not installed; Debian has it in the package qemu-system-arm"
    ]
    assert result.status == 1


@pytest.mark.parametrize(
    ("version", "why"),
    [("7.2.0", "its message is above"), ("6.0.1", "it is version 6.0, and 7.1 or newer is needed")],
)
def test_qemu_refuses(version: str, why: str, sandbox: Sandbox) -> None:
    result = sandbox.vessel("run", "system.toml", FAKE_QEMU="refuses", FAKE_QEMU_VERSION=version)
    assert result.errors[-1] == f"vessel: qemu-system-aarch64 did not start (status 1); {why}"
    assert result.status == 1


def test_builds_missing(sandbox: Sandbox) -> None:
    build = Path(sandbox.env["VESSEL_BUILD"])
    for name in ("aarch64/vessel-vmm.elf", "probe/vessel-probe"):
        (build / name).unlink()
        result = sandbox.call("run", "system.toml")
        assert len(result.errors) == 1
        assert "is not built; run `make` in" in result.errors[0]
        assert result.status == 1


def test_launcher_without_environment(sandbox: Sandbox) -> None:
    env = {**os.environ, "VESSEL_BUILD": str(sandbox.path)}
    done = subprocess.run(
        [ROOT / "vessel", "run"], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "run `make`" in done.stderr


def event(name: str, reason: str = "") -> dict[str, object]:
    """An event of QEMU's."""
    return {"event": name, "data": {"reason": reason} if reason else {}}


def test_outcome_puts_the_guest_first() -> None:
    off = [event("SHUTDOWN", "guest-shutdown")]
    assert outcome(off, 0, Exit.TIMED_OUT) == Exit.OK
    assert outcome([event("SHUTDOWN", "host-qmp-quit")], 0, Exit.TIMED_OUT) == Exit.TIMED_OUT
    assert outcome([event("SHUTDOWN", "host-signal")], 0, None) == Exit.LEFT
    assert outcome([event("GUEST_CRASHLOADED")], 1, None) == Exit.GUEST_CRASHED
    assert outcome([], -11, None) == Exit.INTERNAL


def test_requirements_have_all_dependencies() -> None:
    project = tomllib.loads((ROOT / "tools/pyproject.toml").read_text())["project"]
    listed = (ROOT / "tools/requirements.txt").read_text()
    names = {re.split(r"[<>=]", line)[0].strip() for line in listed.splitlines()}
    for dependency in project["dependencies"]:
        assert re.split(r"[<>=]", dependency)[0] in names
