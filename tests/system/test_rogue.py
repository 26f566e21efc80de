# SPDX-License-Identifier: BSD-2-Clause
"""Guests that misbehave on purpose, alone: the VMM survives them (tests/payload/rogue.c)."""

import pytest

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    "mode", ["gic", "its", "invall", "sgi", "psci", "exits", "memory", "log", "calls"]
)
def test_survives(run, payload, machine, mode):
    if mode in ("its", "invall") and machine.gic == 2:
        pytest.skip("a GICv2 has no ITS")
    rounds = "rounds=200" if machine.sel4 else ""
    guest = run(
        *(*machine.options, "--gic", machine.gic, "--cpus", 2),
        *("--kernel", payload("rogue.elf"), "--append", f"rogue={mode} {rounds}"),
    )
    guest.expect("rogue")
    guest.expect("survived")
    assert guest.ended() == 0


def test_nowhere_is_reported(run, payload, host):
    guest = run(*host.options, "--kernel", payload("rogue.elf"), "--append", "rogue=nowhere")
    assert guest.ended() == 3
    assert "no exception vector at PC 0x3f00" in guest.before
