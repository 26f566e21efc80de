# SPDX-License-Identifier: BSD-2-Clause
"""Guests run by the tool, seen through their console as a user sees them."""

from __future__ import annotations

import http.server
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("VESSEL_BUILD", "build")
# No test waits for time to pass; this only bounds one that hangs, on a slow machine.
TIMEOUT_S = int(os.environ.get("VESSEL_TEST_TIMEOUT", 300))
OUTSIDE = "10.0.2.2"  # The machine that runs QEMU, for a guest.
COLUMNS = 1000  # No line of a guest is wrapped.

Run = Callable[..., "Console"]


@dataclass(frozen=True)
class Host:
    """What a guest runs on, and the GIC that it sees there."""

    name: str
    gic: int

    @property
    def options(self) -> tuple[str, str]:
        """Those of `vessel run`."""
        return ("--host", self.name)

    @property
    def sel4(self) -> bool:
        return self.name == "microkit"

    @property
    def controller(self) -> str:
        """As Linux names the GIC."""
        return "GICv3" if self.gic == 3 else "GIC-0"


SEL4 = pytest.param(
    Host("microkit", 2),
    id="sel4",
    marks=pytest.mark.skipif("MICROKIT_SDK" not in os.environ, reason="no MICROKIT_SDK"),
)


@pytest.fixture(params=[pytest.param(Host("bare", 3), id="in-tree"), SEL4])
def host(request: pytest.FixtureRequest) -> Host:
    """Each host in turn."""
    return request.param


@pytest.fixture(params=[*(pytest.param(Host("bare", n), id=f"gic{n}") for n in (2, 3)), SEL4])
def machine(request: pytest.FixtureRequest) -> Host:
    """Each host with each GIC that it has."""
    return request.param


class Console(pexpect.spawn):
    """A program on a terminal, mostly `vessel run`."""

    def ended(self) -> int:
        """Wait for the end; the exit status."""
        self.expect(pexpect.EOF)
        self.close()
        return self.exitstatus

    def shell(self, line: str) -> str:
        """Type a command at the guest's shell; what it printed.

        The quotes tell the markers from their echo, which the shell may break anywhere.
        """
        self.sendline(f"echo be''gin; {line}; echo do''ne=$?")
        self.expect(r"begin\r+\n(.*)done=(\d+)\r+\n")
        assert self.match[2] == "0", self.match[1]
        return self.match[1]

    def check_debian(self, controller: str) -> None:
        """What a healthy Debian shows at its shell; `controller` as Linux names the GIC."""
        assert "aarch64" in self.shell("uname -m")
        interrupts = self.shell("cat /proc/interrupts")
        assert re.search(rf"[1-9]\d* +{controller} +27 Level +arch_timer", interrupts)
        assert re.search(rf"[1-9]\d* +{controller} +33 Level +uart-pl011", interrupts)
        assert re.search("Err: +0", interrupts)
        assert abs(int(self.shell("date +%s").split()[0]) - time.time()) < 120
        # Input longer than the UART's FIFO arrives whole.
        text = "x" * 900
        assert text in self.shell(f"echo {text} | tr x x")

    def login(self) -> None:
        """Wait for Debian's shell."""
        self.expect("Welcome to Vessel")
        self.expect("vessel:~# ")


@pytest.fixture
def spawn() -> Iterator[Run]:
    """Starts a program on a terminal, from the top of the tree."""
    started = []

    def start(command: str, *arguments: str | Path) -> Console:
        console = Console(
            command,
            [*map(str, arguments)],
            cwd=str(TOP),
            dimensions=(24, COLUMNS),
            encoding="utf-8",
            codec_errors="replace",
            timeout=TIMEOUT_S,
        )
        started.append(console)
        return console

    yield start
    for console in started:
        console.close(force=True)


@pytest.fixture
def run(spawn: Run) -> Run:
    """Starts `vessel run`."""
    return lambda *arguments: spawn(str(TOP / "vessel"), "run", "--timeout", TIMEOUT_S, *arguments)


@pytest.fixture
def one_line() -> Callable[[str], str]:
    """Makes a line that can be typed of a shell script."""

    def join(script: str) -> str:
        lines = filter(None, (line.strip() for line in script.splitlines()))
        opening = ("do", "&", "{")
        return " ".join(line if line.endswith(opening) else line + ";" for line in lines)[:-1]

    return join


@pytest.fixture
def control(tmp_path: Path) -> Path:
    """The socket to be given as `--control`."""
    return tmp_path / "socket"


@pytest.fixture
def ctl(control: Path) -> Callable[..., str]:
    """`vessel ctl` to the system that has `control`; what it says."""

    def command(*words: str) -> str:
        line = [TOP / "vessel", "ctl", "--socket", control, *words]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout

    return command


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], str]]:
    """Offers data by HTTP; where guests with QEMU's user network find them."""
    servers = []

    def start(data: bytes) -> str:
        class Download(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_arguments: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Download)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://{OUTSIDE}:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def payload() -> Callable[[str], Path]:
    """Path of one of our own guests, tests/payload."""
    return lambda name: BUILD / "payload" / name


@pytest.fixture
def top() -> Path:
    return TOP


@pytest.fixture
def build() -> Path:
    return BUILD
