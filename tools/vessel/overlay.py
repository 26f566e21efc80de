# SPDX-License-Identifier: BSD-2-Clause
"""Device tree overlays: taken as they are, or compiled by dtc."""

import subprocess
from pathlib import Path
from typing import BinaryIO

import libfdt

from vessel import tree
from vessel.errors import Reason
from vessel.images import opened

MAGIC = b"\xd0\x0d\xfe\xed"
LIMIT = 1 << 16
DTC_TIMEOUT_S = 60


def _compiled(path: Path, shown: str) -> bytes:
    command: list[str | Path] = ["dtc", "-q", "-I", "dts", "-O", "dtb", path]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DTC_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        hint = "install device-tree-compiler, or give a compiled overlay"
        raise Reason(f"{shown}: dtc is not there to compile it", hint) from None
    except subprocess.TimeoutExpired:
        raise Reason(f"{shown}: dtc does not end") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise Reason(next((line for line in lines if line), f"{shown}: dtc failed"))
    return done.stdout


def _check(blob: bytes, shown: str) -> None:
    """At least one fragment: without, libfdt would merge nothing and say nothing."""
    try:
        fdt = libfdt.Fdt(blob)
        nodes, node = [], fdt.first_subnode(0, [libfdt.NOTFOUND])
        while node >= 0:
            nodes.append(node)
            node = fdt.next_subnode(node, [libfdt.NOTFOUND])
        found = any(fdt.subnode_offset(n, "__overlay__", [libfdt.NOTFOUND]) >= 0 for n in nodes)
    except libfdt.FdtException as error:
        raise Reason(f"{shown}: is damaged: {error}") from None
    if not found:
        raise Reason(
            f"{shown}: is a device tree, but no overlay",
            "begin it with /dts-v1/; /plugin/; and give its nodes as &{/PATH} { ... };",
        )


def copy(path: Path, out: BinaryIO, _ram: int) -> int:
    """Append the compiled overlay; return its size. Raises Reason."""
    shown = tree.shown(path)
    with opened(path) as source:
        blob = source.read(LIMIT + 1)
    if not blob.startswith(MAGIC):
        blob = _compiled(path, shown)
    if len(blob) > LIMIT:
        raise Reason(f"{shown}: is larger than 64 KiB")
    _check(blob, shown)
    return out.write(blob)
