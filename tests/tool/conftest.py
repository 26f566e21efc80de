# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the tool's tests; the tool and `sandbox` are importable in them."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "tools")]

from sandbox import Check, Result, Sandbox, make_sandbox  # noqa: E402


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A sandbox with a kernel, an initrd and a good system.toml."""
    return make_sandbox(tmp_path)


@pytest.fixture
def rejected(sandbox: Sandbox) -> Check:
    """Check a description that has to be refused with exactly this line."""

    def check(toml: str, line: str) -> Result:
        sandbox.write(toml)
        before = sorted(sandbox.path.iterdir())
        for args in (["check"], ["pack", "-o", "out.pack"], ["run"]):
            result = sandbox.call(*args, "system.toml")
            assert (result.errors, result.status, result.stdout) == ([line], 2, "")
            assert sorted(sandbox.path.iterdir()) == before
        return result

    return check
