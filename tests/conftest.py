# SPDX-License-Identifier: BSD-2-Clause
"""One runner for everything: collects C tests, fuzzers and proofs beside the ordinary pytest tests.

`make test` builds the programs; here they are run and judged. The last line printed is
`N passed, N failed`.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / os.environ.get("VESSEL_BUILD", "build")

FUZZ_RUNS = 20000
FUZZ_SECONDS = 60
CRASH_LINES = 60

CMOCKA_TEST = re.compile(r"^static void (\w+)\(void \*\*\w*\)$", re.MULTILINE)
TAP_RESULT = re.compile(r"^(ok|not ok) \d+ - (\w+)", re.MULTILINE)


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.File | None:
    if file_path.suffix != ".c":
        return None
    kinds = {"test": CmockaFile, "fuzz": FuzzFile, "proof": ProofFile}
    kind = kinds.get(file_path.stem.split("_")[0])
    return kind.from_parent(parent, path=file_path) if kind else None


@pytest.fixture
def port() -> int:
    """A free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Failed(Exception):
    """A program's verdict, with its output as the message."""


class Program(pytest.File):
    """A C source whose executable `make` has built under build/native."""

    @property
    def executable(self) -> Path:
        return BUILD / "native" / self.path.relative_to(TOP).with_suffix("")


class Item(pytest.Item):
    def repr_failure(self, excinfo: pytest.ExceptionInfo, style: str | None = None) -> object:
        if isinstance(excinfo.value, Failed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


def run(*command: str | Path, timeout: float, **env: str) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(
            command,
            cwd=TOP,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
        )
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not there; was it built?") from None
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{command[0]}: no end after {late.timeout} s") from None


def tail(text: str) -> str:
    return "\n".join(text.splitlines()[-CRASH_LINES:])


class CmockaFile(Program):
    """One item for each C test, and one for the way the program ends (leaks, crashes)."""

    def collect(self) -> Iterator[pytest.Item]:
        for name in dict.fromkeys(CMOCKA_TEST.findall(self.path.read_text())):
            yield CmockaItem.from_parent(self, name=name)
        yield CmockaEnd.from_parent(self, name="ends_well")

    @functools.cached_property
    def outcome(self) -> subprocess.CompletedProcess:
        return run(self.executable, timeout=120, CMOCKA_MESSAGE_OUTPUT="tap")


class CmockaItem(Item):
    def runtest(self) -> None:
        outcome = self.parent.outcome
        results = {name: word for word, name in TAP_RESULT.findall(outcome.stdout)}
        if self.name not in results:
            raise Failed(f"{self.name} has not run\n{tail(outcome.stdout)}")
        if results[self.name] != "ok":
            raise Failed(tail(outcome.stdout))


class CmockaEnd(Item):
    def runtest(self) -> None:
        outcome = self.parent.outcome
        if outcome.returncode != 0:
            raise Failed(f"exit status {outcome.returncode}\n{tail(outcome.stdout)}")


class FuzzFile(Program):
    def collect(self) -> Iterator[pytest.Item]:
        yield FuzzItem.from_parent(self, name="short_run")


class FuzzItem(Item):
    def runtest(self) -> None:
        work = BUILD / "fuzz" / "short" / self.path.stem
        found = work / "corpus"  # What is new goes there, and is not used again: runs are alike.
        shutil.rmtree(found, ignore_errors=True)
        found.mkdir(parents=True)
        seeds = self.path.parent / "corpus" / self.path.stem
        outcome = run(
            self.parent.executable,
            f"-runs={FUZZ_RUNS // 2 if seeds.is_dir() else FUZZ_RUNS}",
            "-seed=1",
            f"-max_total_time={FUZZ_SECONDS}",
            f"-artifact_prefix={work}/",
            found,
            *([seeds] if seeds.is_dir() else []),
            timeout=FUZZ_SECONDS * 3,
        )
        if outcome.returncode != 0:
            raise Failed(tail(outcome.stdout))


class ProofFile(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        yield ProofItem.from_parent(self, name="holds")


class ProofItem(Item):
    def runtest(self) -> None:
        if run(TOP / "tools/cbmc", "--present", timeout=60).returncode != 0:
            pytest.skip("no CBMC here; `make prove` fetches it")
        outcome = run(TOP / "tests/proofs/prove", self.path, timeout=900)
        if outcome.returncode != 0:
            raise Failed(tail(outcome.stdout))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The very last line, after pytest's own."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.collectonly:
        return
    count = {kind: len(reporter.stats.get(kind, [])) for kind in ("passed", "failed", "error")}
    print(f"{count['passed']} passed, {count['failed'] + count['error']} failed")
    sys.stdout.flush()
