# SPDX-License-Identifier: BSD-2-Clause
"""A build directory of stand-ins: the tool's tests need no QEMU, no compiler and no guest."""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from vessel import cli

ROOT = Path(__file__).resolve().parents[2]

# Speaks QMP on the inherited socket, then does what FAKE_QEMU says, once told to run. On the serial
# line, if it has one, it is a VMM of two VMs at most that echoes input and obeys a few commands.
FAKE_QEMU = r"""
import json, os, re, signal, socket, sys, time

if sys.argv[1:] == ["--version"]:
    print("QEMU emulator version " + os.environ.get("FAKE_QEMU_VERSION", "7.2.0"))
    sys.exit(0)
with open(os.environ["FAKE_QEMU_LOG"], "w") as log:
    json.dump(sys.argv[1:], log)
story = os.environ["FAKE_QEMU"]
if story == "refuses":
    print("qemu-system-aarch64: unsupported machine", file=sys.stderr)
    sys.exit(1)
pack = re.search(r"loader,file=(.*),addr", " ".join(sys.argv))[1].replace(",,", ",")
with open(pack, "rb") as file:
    assert file.read(4) == b"\xd0\x0d\xfe\xed"
fd = int(re.search(r"id=qmp,fd=(\d+)", " ".join(sys.argv))[1])
control = socket.socket(fileno=fd)
pending = ""

def send(message):
    control.sendall(json.dumps(message).encode() + b"\r\n")

def receive():
    # Clients need not put newlines between requests.
    global pending
    while True:
        try:
            request, end = json.JSONDecoder().raw_decode(pending)
        except ValueError:
            data = control.recv(4096)
            if not data:
                sys.exit("the tool hung up")
            pending += data.decode()
            continue
        pending = pending[end:].lstrip()
        return request

def event(name, **data):
    send({"event": name, "data": data, "timestamp": {"seconds": 1, "microseconds": 0}})

def until(command):
    while True:
        request = receive()
        if story == "deaf" and request["execute"] == "quit":
            time.sleep(60)
        send({"return": {}, **({"id": request["id"]} if "id" in request else {})})
        if request["execute"] == command:
            return

line = re.search(r"id=line,fd=(\d+)", " ".join(sys.argv))
serial = socket.socket(fileno=int(line[1])) if line else None

def frame(kind, vm, data):
    raw = bytes((kind, vm, len(data))) + data
    blocks = raw.split(b"\0")
    return b"".join(bytes([len(block) + 1]) + block for block in blocks) + b"\0"

def unframe(wire):
    raw, at = b"", 0
    while at < len(wire):
        raw += wire[at + 1 : at + wire[at]] + b"\0"
        at += wire[at]
    return raw[0], raw[1], raw[3:-1]

def say(text, vm=0, kind=2):
    if serial:
        data = text.encode()
        for at in range(0, len(data), 250):
            serial.sendall(frame(kind, vm, data[at : at + 250]))
    else:
        print(text, end="", flush=True)

def obey(command):
    if command == "list":
        say("0 debian running\n\x04", kind=0)
    elif command == "stats":
        say("vcpu state   mmio injected guest ms vmm ms wait ms ready ms\n", kind=0)
        say("0    running   12        3      600    100     300        0\n\x04", kind=0)
    elif command == "poweroff":
        say("\x04", kind=0)
        event("SHUTDOWN", guest=True, reason="guest-shutdown")
        os._exit(0)
    else:
        say("error: no such command; try help\n\x15", kind=0)

def serve():
    for kind in (0, 2, 3):
        for vm in (0, 1):
            serial.sendall(frame(kind | 0x80, vm, (1000).to_bytes(2, "little")))
    say("ready\r\n")
    pending = b""
    while data := serial.recv(4096):
        *frames, pending = (pending + data).split(b"\0")
        for wire in filter(None, frames):
            kind, vm, data = unframe(wire)
            serial.sendall(frame(kind | 0x80, vm, len(data).to_bytes(2, "little")))
            if kind == 0:
                obey(data.decode().strip())
            else:
                say(f"<{data.decode()}>", vm, kind)
            if kind == 3 and data.endswith(b"$D#44"):
                say("+$OK#9a", vm, kind)

version = {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}
send({"QMP": {"version": version, "capabilities": []}})
until("cont")
event("RESUME")
if serial:
    serial.sendall(b"before the VMM\r\n\0")
say("GUEST_PANICKED {\"event\": \"GUEST_PANICKED\"} vessel: host crash\n")
if story == "poweroff":
    event("SHUTDOWN", guest=True, reason="guest-shutdown")
elif story == "poweroff, slowly":
    time.sleep(0.5)
    event("SHUTDOWN", guest=True, reason="guest-shutdown")
elif story == "guest crash":
    event("GUEST_CRASHLOADED", action="run")
    event("GUEST_PANICKED", action="shutdown")
    event("SHUTDOWN", guest=True, reason="guest-panic")
    sys.exit(1)
elif story == "host crash":
    event("GUEST_PANICKED", action="shutdown")
    event("SHUTDOWN", guest=True, reason="guest-panic")
    sys.exit(1)
elif story == "host reset":
    event("SHUTDOWN", guest=True, reason="guest-reset")
elif story == "raw terminal":
    import termios, tty
    tty.setraw(0)
    os.set_blocking(0, False)
    os.kill(os.getpid(), signal.SIGKILL)
elif story == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif story in ("hangs", "deaf"):
    say("hanging\n")
    until("quit")
    event("SHUTDOWN", guest=False, reason="host-qmp-quit")
elif story == "serves":
    import threading
    threading.Thread(target=serve, daemon=True).start()
    until("quit")
    event("SHUTDOWN", guest=False, reason="host-qmp-quit")
elif story == "two VMs":
    say("one\r\n# ")
    say("eins\r\n", 1)
    say("ls\r\n")
    say("vessel: info: hello\r\n", kind=1)
    event("SHUTDOWN", guest=True, reason="guest-shutdown")
elif story == "much":
    for i in range(20000):
        say(f"{i}\n")
    event("SHUTDOWN", guest=True, reason="guest-shutdown")
elif story != "left":
    sys.exit("unknown story")
"""

# Accepts every pack; complains in the real one's words if FAKE_PROBE says so.
FAKE_PROBE = r"""
import os, sys

complaint = os.environ.get("FAKE_PROBE")
if complaint:
    print("vessel-probe: " + complaint, file=sys.stderr)
    sys.exit(int(os.environ.get("FAKE_PROBE_STATUS", "2")))
if "--dtb" in sys.argv:
    with open(sys.argv[sys.argv.index("--dtb") + 1], "wb") as dtb:
        dtb.write(b"a device tree")
"""


@dataclass
class Result:
    """How a run of the tool ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def errors(self) -> list[str]:
        """The lines on standard error."""
        return self.stderr.splitlines()


@dataclass
class Sandbox:
    """A directory to work in, with stand-ins for the builds and for QEMU."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    def write(self, text: str, name: str = "system.toml") -> Path:
        """A file of the sandbox."""
        path = self.path / name
        path.write_text(textwrap.dedent(text))
        return path

    def command(self, *args: object) -> list[str]:
        """The tool's command line."""
        return [sys.executable, "-P", "-m", "vessel", *map(str, args)]

    def call(self, *args: object, clean: bool = True, **env: str) -> Result:
        """Run the tool inside this process: faster, but it cannot run QEMU.

        Nothing temporary may be there afterwards, unless not `clean`: then another run is on.
        """
        out, err = io.StringIO(), io.StringIO()
        with (
            chdir(self.path),
            mock.patch.dict(os.environ, {**self.env, **env}),
            mock.patch.object(tempfile, "tempdir", str(self.path / "tmp")),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            status = cli.call([*map(str, args)])
        return self._result(status, out.getvalue(), err.getvalue(), clean)

    def vessel(
        self,
        *args: object,
        stdin: str = "",
        preexec: Callable[[], None] | None = None,
        **env: str,
    ) -> Result:
        """Run the tool, after `preexec` in its process; nothing temporary may stay behind."""
        done = subprocess.run(
            self.command(*args),
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.path,
            env={**self.env, **env},
            timeout=60,
            preexec_fn=preexec,
            check=False,
        )
        return self._result(done.returncode, done.stdout, done.stderr)

    def _result(self, status: int, stdout: str, stderr: str, clean: bool = True) -> Result:
        assert "Traceback" not in stderr, stderr
        assert not clean or list((self.path / "tmp").iterdir()) == []
        assert not list(self.path.glob(".*.tmp"))
        return Result(status, stdout, stderr)


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable} -S\n{text}")
    path.chmod(0o755)


def make_sandbox(tmp_path: Path) -> Sandbox:
    """A sandbox with a kernel, an initrd and a good system.toml."""
    work = tmp_path / "demo"
    (work / "tmp").mkdir(parents=True)
    _script(tmp_path / "bin/qemu-system-aarch64", FAKE_QEMU)
    _script(tmp_path / "build/probe/vessel-probe", FAKE_PROBE)
    (tmp_path / "build/aarch64").mkdir()
    (tmp_path / "build/aarch64/vessel-vmm.elf").write_bytes(b"\x7fELF")
    setpriv = shutil.which("setpriv")
    if setpriv:
        (tmp_path / "bin/setpriv").symlink_to(setpriv)
    (work / "kernel").write_bytes(b"k" * 5000)
    (work / "initrd").write_bytes(b"i" * 100)
    sandbox = Sandbox(
        work,
        {
            "PATH": str(tmp_path / "bin"),
            "PYTHONPATH": str(ROOT / "tools"),
            "VESSEL_BUILD": str(tmp_path / "build"),
            "TMPDIR": str(work / "tmp"),
            "FAKE_QEMU": "poweroff",
            "FAKE_QEMU_LOG": str(tmp_path / "qemu.json"),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
        },
    )
    sandbox.write('[vm.debian]\nkernel = "kernel"\ninitrd = "initrd"\n')
    return sandbox


Check = Callable[..., Result]
