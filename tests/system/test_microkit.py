# SPDX-License-Identifier: BSD-2-Clause
"""Guests on real seL4, with the Microkit SDK that MICROKIT_SDK names; skipped without one.

The programs have to be there: `make microkit`.
"""

import os
import re
import subprocess

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


def test_own_vmm(top, build, tmp_path, spawn, monkeypatch):
    """examples/own-vmm: a native component rings the bell of a device that is not Vessel's."""
    monkeypatch.setenv("VESSEL_BUILD", str(build))
    example = ("make", "-s", "-C", top / "examples/own-vmm", f"BUILD={tmp_path}")
    subprocess.run(example, check=True)
    guest = spawn("make", *map(str, example[1:]), "run")
    guest.login()
    assert "0x6C6C6562" in guest.shell("devmem 0xb000000")
    assert "0x00000001" in guest.shell("devmem 0xb000004")
    assert "0x00000000" in guest.shell("devmem 0xb000004 32 1; devmem 0xb000004")
    assert "bell@b000000" in guest.shell("ls /proc/device-tree")
