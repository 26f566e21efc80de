# SPDX-License-Identifier: BSD-2-Clause
"""What the sources must satisfy before anything runs: `make lint`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("VESSEL_BUILD", "build")
BIN = Path(sys.executable).parent
JOBS = f"-j{os.cpu_count()}"

HEADERS = sorted(TOP.glob("include/vmm/*.h")) + sorted(TOP.glob("arch/*/include/vmm/*.h"))
INCLUDE = ["-Iinclude", "-Iarch/aarch64/include"]


def sources() -> list[Path]:
    """Every file that is, or would be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    return [p for p in (TOP / os.fsdecode(name) for name in listed if name) if p.is_file()]


def is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        return re.match(rb"#!.*\b(ba)?sh\b", file.readline(80)) is not None


def check(*command: str | Path) -> None:
    done = subprocess.run(
        command,
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command[:4]))} ...\n{done.stdout}", pytrace=False)


def test_layers() -> None:
    check(sys.executable, "tools/check_layers.py", BUILD / "aarch64/libvessel.a")


def test_clang_format() -> None:
    files = [p for p in sources() if p.suffix in (".c", ".h")]
    check("clang-format", "--dry-run", "-Werror", "-ferror-limit=1", *files)


def test_built_by_clang() -> None:
    check("make", "-s", JOBS, f"B={BUILD.relative_to(TOP)}", "all", "tests")


def test_built_by_gcc() -> None:
    check("make", "-s", JOBS, f"B={BUILD.relative_to(TOP)}", "gcc")


@pytest.mark.parametrize("standard", ["c17", "gnu11"])
@pytest.mark.parametrize("compiler", ["clang", "gcc"])
def test_each_header_alone(compiler: str, standard: str) -> None:
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
    command = [compiler, f"-std={standard}", *warnings, *INCLUDE, "-fsyntax-only", "-x", "c", "-"]
    for header in HEADERS:
        # Twice; and a declaration, since one header has macros alone.
        text = f"#include <vmm/{header.name}>\n" * 2 + "extern int any;\n"
        done = subprocess.run(command, cwd=TOP, input=text, capture_output=True, text=True)
        assert done.returncode == 0, f"{header.name} alone:\n{done.stderr}"


def test_shellcheck() -> None:
    check("shellcheck", *[p for p in sources() if is_shell(p)])


def test_ruff() -> None:
    check(BIN / "ruff", "check", "--no-cache", "--output-format=concise", ".")


def test_ruff_format() -> None:
    check(BIN / "ruff", "format", "--no-cache", "--check", ".")


def test_types() -> None:
    options = ("--config-file=tools/pyproject.toml", "--cache-dir=/dev/null")
    check(BIN / "mypy", *options, "tools/vessel", "tools/check_layers.py", "bench")


def test_reuse(tmp_path: Path) -> None:
    """Of a copy: reuse asks git once what is ignored, and would judge files that are born later."""
    for source in sources():
        copy = tmp_path / source.relative_to(TOP)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    check(BIN / "reuse", "--root", tmp_path, "lint", "--lines")
