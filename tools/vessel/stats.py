# SPDX-License-Identifier: BSD-2-Clause
"""`vessel stats`: what the virtual CPUs of a running system do, as a table."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table

from vessel import ctl
from vessel.errors import ToolError

HEADING = "vcpu"  # Begins the first row that each VM has in the VMM's answer.
TIMES = ("guest ms", "vmm ms", "wait ms", "ready ms")
GAP = 2  # Between columns.
WIDTH = 200  # Where there is no terminal that has a width.

Key = tuple[str, str]


@dataclass(frozen=True)
class Vcpu:
    """One virtual CPU; its counters by the names that the VMM gives them."""

    vm: str
    vm_state: str
    number: str
    state: str
    counters: dict[str, int]

    @property
    def key(self) -> Key:
        """What tells it from the others."""
        return self.vm, self.number


def _columns(heading: str) -> list[str]:
    """The names of the columns; "ms" is the end of one."""
    return [word.replace("\t", " ") for word in heading.replace(" ms", "\tms").split(" ") if word]


def _parse(listing: str, rows: str) -> Iterator[Vcpu]:
    vms = iter([line.split(maxsplit=2)[1:] for line in listing.splitlines()])
    vm, vm_state, columns = "", "", [HEADING]
    for line in rows.splitlines():
        if line.startswith(HEADING):
            vm, vm_state = next(vms)
            columns = _columns(line)
            continue
        number, state, *values = line.split()
        counters = dict(zip(columns[2:], map(int, values), strict=True))
        yield Vcpu(vm, vm_state, number, state, counters)


def parse(listing: str, rows: str) -> list[Vcpu]:
    """The answers to `list` and `stats`. Raises ToolError if they are not what they should be."""
    try:
        return list(_parse(listing, rows))
    except (RuntimeError, ValueError):  # The first: more headings than VMs.
        raise ToolError(
            "the system's counters cannot be read", "it is of another version"
        ) from None


def _shares(counters: dict[str, int]) -> list[str]:
    """How the time was spent in which it was on."""
    values = [counters[name] for name in TIMES if name in counters]
    total = sum(values)
    return [f"{100 * value / total:.1f}" if total else "-" for value in values]


def _rate(value: int, seconds: float | None) -> str:
    return str(value) if seconds is None else f"{value / seconds:.0f}"


def cells(now: Sequence[Vcpu], before: Sequence[Vcpu], seconds: float | None) -> list[list[str]]:
    """The table, its heading first: what has changed since `before`, which was so many seconds
    ago; None: the counters as they are."""
    old = {} if seconds is None else {vcpu.key: vcpu.counters for vcpu in before}
    events = [name for name in now[0].counters if name not in TIMES] if now else []
    unit = "" if seconds is None else "/s"
    shares = [f"{name.removesuffix(' ms')} %" for name in TIMES]
    table = [["VM", "state", "vCPU", "state", *(name + unit for name in events), *shares]]
    for vcpu in now:
        since = old.get(vcpu.key, {})
        change = {name: value - since.get(name, 0) for name, value in vcpu.counters.items()}
        rates = [_rate(change[name], seconds) for name in events]
        table.append([vcpu.vm, vcpu.vm_state, vcpu.number, vcpu.state, *rates, *_shares(change)])
    return table


def summed(vcpu: Vcpu) -> Vcpu:
    """The same with one counter for all exits."""
    kept = {name: vcpu.counters[name] for name in ("injected", *TIMES) if name in vcpu.counters}
    exits = sum(value for name, value in vcpu.counters.items() if name not in kept)
    return replace(vcpu, counters={"exits": exits, **kept})


def _width(table: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) + GAP for column in zip(*table, strict=True))


def _render(
    console: Console, now: Sequence[Vcpu], before: Sequence[Vcpu] = (), seconds: float | None = None
) -> RenderableType:
    table = cells(now, before, seconds)
    if _width(table) > console.width:
        table = cells([*map(summed, now)], [*map(summed, before)], seconds)
    heading, *rows = table
    rendered = Table(box=None, pad_edge=False)
    for i, name in enumerate(heading):
        rendered.add_column(name, justify="left" if i in (0, 1, 3) else "right", no_wrap=True)
    for row in rows:
        rendered.add_row(*row)
    return rendered


def _ask(path: Path) -> list[Vcpu]:
    answers = []
    for command in ("list", "stats"):
        good, answer = ctl.ask(path, command)
        if not good:
            raise ToolError(answer.strip().removeprefix("error: "))
        answers.append(answer)
    return parse(*answers)


def show_once(path: Path) -> None:
    """Print the counters since the VMs were created."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(_render(console, _ask(path)))


def show(path: Path, interval_s: float) -> None:
    """Show the counters' rates on the terminal, at first the counters, until Ctrl-C."""
    console = Console()
    before, then = _ask(path), time.monotonic()
    first = _render(console, before)
    with Live(first, console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(interval_s)
            now, at = _ask(path), time.monotonic()
            live.update(_render(console, now, before, at - then), refresh=True)
            before, then = now, at
