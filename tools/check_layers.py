#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Check what docs/DESIGN.md promises of the tree: includes point down only, only host/ knows where
it runs, files and functions stay short, and the library has no state and no foreign names.

usage: check_layers.py [ARCHIVE...]    exit status 1, and a line for each, if something is wrong
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent

# A layer may include itself and the layers named after it.
MODELS = ["core", "arch", "irqchip", "pci", "virtio", "devices"]
LAYERS = {
    "core": [],
    "arch": ["core"],
    "irqchip": ["core"],
    "pci": ["core"],
    "virtio": ["core", "pci"],
    "devices": ["core", "pci"],
    "machine": MODELS,
    "host": [*MODELS, "machine"],
    "vessel-vmm": [*MODELS, "machine"],
}

# The layer that a public header belongs to: core, but for these.
PUBLIC = {
    "gic.h": "irqchip",
    "gic_limits.h": "irqchip",
    "gicv2m.h": "irqchip",
    "its.h": "irqchip",
    "erased_flash.h": "devices",
    "pci.h": "pci",
    "pl011.h": "devices",
    "pl031.h": "devices",
    "virtio.h": "virtio",
    "virtio_blk.h": "virtio",
    "virtio_blk_ids.h": "virtio",
    "virtio_console.h": "virtio",
    "virtio_ids.h": "virtio",
    "virtio_mmio.h": "virtio",
    "virtio_rng.h": "virtio",
    "virtio_net.h": "virtio",
    "virtio_pci.h": "virtio",
    "virtio_vsock.h": "virtio",
    "virtq.h": "virtio",
    "backends.h": "machine",
    "life.h": "machine",
    "machine.h": "machine",
    "microkit.h": "host",
    "manifest.h": "machine",
    "manifest_host.h": "machine",
}

Problem = tuple[int, str]  # A line, and what is wrong there.

FILE_LINES = 500
FUNCTION_LINES = 60
FOREIGN = re.compile(r"\w*(?:microkit|sel4|sddf)\w*", re.IGNORECASE)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
FUNCTION = re.compile(r"^\S.*\b(\w+)\(")


def without_comments(text: str) -> str:
    """The same number of lines, so that a line number still tells where."""
    return COMMENT.sub(lambda m: "\n" * m.group().count("\n"), text)


def line_of(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def layer_of(path: Path) -> str | None:
    """The layer of a file of the tree, or None for tests, examples and the like."""
    parts = path.relative_to(TOP).parts
    if parts[0] == "include" or "include" in parts[1:-1]:
        return PUBLIC.get(path.name, "core")
    return parts[0] if parts[0] in LAYERS else None


def target_of(path: Path, quote: str, name: str) -> Path | None:
    """The file of the tree that an include names, or None for one of the system."""
    if quote == '"' and (path.parent / name).is_file():
        return (path.parent / name).resolve()
    for place in [TOP / "include", *TOP.glob("arch/*/include"), *(TOP / layer for layer in LAYERS)]:
        if (place / name).is_file():
            return (place / name).resolve()
    found = [p for layer in LAYERS for p in (TOP / layer).rglob(name)]
    return found[0].resolve() if found else None


def check_includes(path: Path, layer: str, text: str) -> Iterator[Problem]:
    for match in INCLUDE.finditer(text):
        target = target_of(path, *match.groups())
        if target is None:
            continue
        below = layer_of(target)
        public = "include" in target.relative_to(TOP).parts
        if below is None:
            yield line_of(text, match), f"{layer} must not include {match.group(2)}"
        elif below != layer and below not in LAYERS[layer]:
            yield line_of(text, match), f"{layer} must not include {match.group(2)} of {below}"
        elif below != layer and not public:
            yield line_of(text, match), f"{match.group(2)} is private to {below}"


def check_foreign(layer: str, text: str) -> Iterator[Problem]:
    if layer != "host":
        for match in FOREIGN.finditer(text):
            yield line_of(text, match), f"only host/ may name {match.group()}"


def check_length(path: Path, text: str) -> Iterator[Problem]:
    """Relies on clang-format: a function's braces stand alone in the first column."""
    if path.suffix != ".c":
        return
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        yield len(lines), f"{len(lines)} lines, the budget is {FILE_LINES}"
    name, start, opened = None, 0, 0
    for n, line in enumerate(lines, 1):
        if match := FUNCTION.match(line):
            name, start = match.group(1), n
        if line == "{":
            opened = start
        elif line == "}" and opened:
            if n - opened + 1 > FUNCTION_LINES:
                yield opened, f"{name} has {n - opened + 1} lines, the budget is {FUNCTION_LINES}"
            opened = 0


def check_tree() -> Iterator[str]:
    for directory in ["include", *LAYERS]:
        for path in sorted((TOP / directory).rglob("*.[chS]")):
            layer = layer_of(path) or ""
            text = path.read_text()
            code = without_comments(text)
            problems = [*check_includes(path, layer, code), *check_foreign(layer, code)]
            for line, problem in sorted([*problems, *check_length(path, text)]):
                yield f"{path.relative_to(TOP)}:{line}: {problem}"


def check_archive(archive: str) -> Iterator[str]:
    """No object that can change, and no name that an embedder's program might have too."""
    listing = subprocess.run(
        ["llvm-nm", "--defined-only", archive], capture_output=True, text=True, check=True
    ).stdout
    for line in listing.splitlines():
        words = line.split()
        if line.endswith(":"):
            member = line[:-1]
        elif len(words) == 3:
            kind, name = words[1], words[2]
            if kind in "bBcCdDsS":
                yield f"{archive}({member}): {name} is mutable data"
            elif kind.isupper() and not name.startswith("vmm_"):
                yield f"{archive}({member}): {name} is exported without the prefix vmm_"


def main(archives: list[str]) -> int:
    problems = [*check_tree(), *(p for a in archives for p in check_archive(a))]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
