# SPDX-License-Identifier: BSD-2-Clause
"""`vessel stats`: from the VMM's answers to a table."""

import re

import pytest

from sandbox import Sandbox
from test_session import NONE_RUNNING, tool
from vessel.errors import ToolError
from vessel.stats import cells, parse, summed

COLUMNS = ["VM", "state", "vCPU", "state", "mmio", "injected"]
SHARES = ["guest %", "vmm %", "wait %", "ready %"]
LISTING = "0 a running\n1 b off (powered off)\n"
HEADING = "vcpu state        mmio  injected  guest ms    vmm ms   wait ms  ready ms\n"
IDLE = "1 off 0 0 0 0 0 0\n" + HEADING
BEFORE = HEADING + "0 running 10 1 100 0 0 0\n" + IDLE + "0 off 0 0 0 0 0 0\n"
AFTER = HEADING + "0 running 30 5 400 100 0 500\n" + IDLE + "0 off 7 0 1 1 1 1\n"


def test_counts() -> None:
    assert cells(parse(LISTING, AFTER), [], None) == [
        [
            "VM",
            "state",
            "vCPU",
            "state",
            "mmio",
            "injected",
            "guest %",
            "vmm %",
            "wait %",
            "ready %",
        ],
        ["a", "running", "0", "running", "30", "5", "40.0", "10.0", "0.0", "50.0"],
        ["a", "running", "1", "off", "0", "0", "-", "-", "-", "-"],
        ["b", "off (powered off)", "0", "off", "7", "0", "25.0", "25.0", "25.0", "25.0"],
    ]


def test_rates() -> None:
    heading, first, *_ = cells(parse(LISTING, AFTER), parse(LISTING, BEFORE), 2.0)
    assert heading[4:6] == ["mmio/s", "injected/s"]
    assert first[4:] == ["10", "2", "33.3", "11.1", "0.0", "55.6"]


def test_exits_in_one_column() -> None:
    rows = HEADING.replace("mmio", "mmio fault") + "0 running 30 2 5 400 100 0 500\n"
    heading, row = cells([summed(vcpu) for vcpu in parse("0 a running\n", rows)], [], None)
    assert (heading[4:6], row[4:6]) == (["exits", "injected"], ["32", "5"])


@pytest.mark.parametrize("rows", [HEADING * 3, HEADING + "0 running 1\n", HEADING + "0 x a b c\n"])
def test_an_answer_of_another_kind_is_refused(rows: str) -> None:
    with pytest.raises(ToolError):
        parse(LISTING, rows)


def test_printed_without_a_terminal(sandbox: Sandbox) -> None:
    with tool(sandbox) as run:
        result = sandbox.call("stats", clean=False)
        assert (result.status, result.errors) == (0, [])
        heading, row = result.stdout.splitlines()
        assert re.split("  +", heading.rstrip()) == [*COLUMNS, *SHARES]
        assert row.split()[:6] == ["debian", "running", "0", "running", "12", "3"]
        assert row.split()[6:] == ["60.0", "10.0", "30.0", "0.0"]
        run.leave()
    result = sandbox.call("stats", clean=False)
    assert (result.errors, result.status) == ([NONE_RUNNING], 1)
