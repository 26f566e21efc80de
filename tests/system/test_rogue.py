# SPDX-License-Identifier: BSD-2-Clause
"""Guests that misbehave on purpose, alone: the VMM survives them (tests/payload/rogue.c)."""

import pytest

pytestmark = pytest.mark.system


@pytest.mark.parametrize("gic", [2, 3])
@pytest.mark.parametrize("mode", ["gic", "its", "invall", "sgi", "psci", "exits", "memory", "log"])
def test_survives(run, payload, mode, gic):
    guest = run(
        *("--kernel", payload("rogue.elf"), "--append", f"rogue={mode}"),
        *("--gic", gic, "--cpus", 2),
    )
    guest.expect("rogue")
    guest.expect("survived")
    assert guest.ended() == 0


def test_nowhere_is_reported(run, payload):
    guest = run("--kernel", payload("rogue.elf"), "--append", "rogue=nowhere")
    assert guest.ended() == 3
    assert "no exception vector at PC 0x3f00" in guest.before
