# SPDX-License-Identifier: BSD-2-Clause
"""Where the parts of a checkout are."""

import os
from pathlib import Path

from vessel.errors import ToolError

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_SYSTEM = ROOT / "examples/debian/system.toml"


def build_dir() -> Path:
    """The build directory: $VESSEL_BUILD, or build/ of the checkout."""
    return Path(os.environ.get("VESSEL_BUILD") or ROOT / "build").resolve()


def built(name: str, how: str = "make") -> Path:
    """A product of the build, which has to exist."""
    path = build_dir() / name
    if not path.is_file():
        raise ToolError(f"{shown(path)} is not built", f"run `{how}` in {ROOT} first")
    return path


def shown(path: Path | str) -> str:
    """A path as a person wants to read it: relative if it is in the current directory."""
    path = os.path.normpath(path)
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return path if relative.split(os.sep)[0] == os.pardir else relative
