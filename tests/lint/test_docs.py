# SPDX-License-Identifier: BSD-2-Clause
"""What the documents say of the tree must be there: files, headings, tests, public headers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "tools"))

from check_layers import layer_of  # noqa: E402

PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/*.md")])
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
TABLE = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
COLUMN = re.compile(r"(?<!\\)\|")
# Macros and the fields of structures may have names that say it all.
UNNAMED = re.compile(r"\((variable\) of struct|macro definition\))")


def anchors(page: Path) -> set[str]:
    """The headings as GitHub links to them."""
    text = FENCED.sub("", page.read_text())
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {word.replace(" ", "-") for word in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    for path, anchor in LINK.findall(FENCED.sub("", page.read_text())):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables(page: Path) -> None:
    """A row with another number of columns than its heading is cut or not rendered."""
    for table in TABLE.findall(FENCED.sub("", page.read_text())):
        widths = {len(COLUMN.findall(row)) for row in table.splitlines()}
        assert len(widths) == 1, table


def rows(text: str) -> Iterator[str]:
    """What shows each of the features."""
    for table in TABLE.findall(text):
        for row in table.splitlines()[2:]:
            yield COLUMN.split(row)[2]


def file_of(name: str, last: Path) -> Path:
    """A test, a directory of tests or an example: by its path, or by its name alone if it is a
    system test, a fuzzer or beside the last one that was named."""
    places = (TOP, last.parent, TOP / "tests/system", TOP / "tests/fuzz", TOP / "tests/tool")
    found = [place / name for place in places if (place / name).exists()]
    assert found, name
    return found[0]


def test_features_are_shown_by_tests_that_exist() -> None:
    for row in rows((TOP / "docs/FEATURES.md").read_text()):
        last = TOP
        for name in CODE.findall(row):
            path, colons, test = name.partition("::")
            if not colons and not re.search(r"[./]", name):
                path, test = "", name
            last = file_of(path, last) if path else last
            assert not test or re.search(rf"\b{test}\(", last.read_text()), f"{last}: {test}"


SOURCES = "\n".join(
    path.read_text()
    for top in ("include", "arch", "core", "irqchip", "machine", "virtio", "pci", "devices", "host")
    for path in sorted((TOP / top).rglob("*.[ch]"))
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_functions_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"\b(vmm_\w+)\(\)", page.read_text()))
    gone = [name for name in sorted(named) if not re.search(rf"\b{name}\(", SOURCES)]
    assert gone == []


def public_headers() -> list[Path]:
    """All that `make install` gives an embedder."""
    return [*TOP.glob("include/vmm/*.h"), *TOP.glob("*/*/include/vmm/*.h")]


def test_api_page_has_each_header_in_its_layer() -> None:
    text = (TOP / "docs/API.md").read_text()
    table = text[text.index("| Layer | Headers |") :]
    listed = {
        (row.split("|")[1].strip(), name)
        for row in table.splitlines()[2:]
        for name in CODE.findall(row)
    }
    assert listed == {(layer_of(path), f"vmm/{path.name}") for path in public_headers()}


def test_api_reference(tmp_path: Path) -> None:
    """Every function, type and table of the public headers is explained, and no link leads away."""
    done = subprocess.run(
        ["doxygen", "docs/Doxyfile"],
        cwd=TOP,
        env={**os.environ, "OUT": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    said = (done.stdout + done.stderr).replace(f"{TOP}/", "").splitlines()
    assert [line for line in said if line.strip() and not UNNAMED.search(line)] == []
    assert done.returncode == 0
    assert (tmp_path / "html/index.html").is_file()
    assert "vmm_host_vcpu_kick" in (tmp_path / "html/host_8h.html").read_text()
