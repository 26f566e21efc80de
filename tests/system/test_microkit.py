# SPDX-License-Identifier: BSD-2-Clause
"""Guests on real seL4, with the Microkit SDK that MICROKIT_SDK names; skipped without one.

The programs have to be there: `make microkit`.
"""

import os
import re

import pytest

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif("MICROKIT_SDK" not in os.environ, reason="no MICROKIT_SDK"),
]

ON_SEL4 = ("--host", "microkit", "--gic", 2)


@pytest.mark.parametrize("config", ["debug", "release"])
def test_shell_reboot_power_off(run, config):
    guest = run(*ON_SEL4, "--config", config)
    guest.login()
    guest.check_debian("GIC-0")
    guest.shell("touch /tmp/gone")
    guest.sendline("reboot")
    guest.login()
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_nothing_there(run, payload):
    guest = run(*ON_SEL4, "--kernel", payload("unmapped.elf"))
    guest.expect("survived")
    said = re.findall(r"^ok (\w+)", guest.before, re.M)
    assert said == ["load", "store", "fetch", "pair", "sysreg"]
    assert "FAILED" not in guest.before
    assert guest.ended() == 0


def test_crash_is_reported(run, payload):
    guest = run(*ON_SEL4, "--kernel", payload("lost.elf"))
    assert guest.ended() == 3
    assert "VM crashed: vCPU 0: no exception vector at PC 0x3f000200" in guest.before


def test_hvc_is_answered(run, payload):
    guest = run(*ON_SEL4, "--kernel", payload("exits.elf"))
    guest.expect("looping")
    guest.sendcontrol("a")
    guest.send("x")
    assert guest.ended() == 6
