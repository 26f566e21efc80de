# SPDX-License-Identifier: BSD-2-Clause
"""Guests with several CPUs."""

import re

import pytest

pytestmark = pytest.mark.system

CPUS = "/sys/devices/system/cpu/cpu"
CPU1 = f"{CPUS}1/online"
HOTPLUGS = 100


@pytest.mark.parametrize("gic", [2, 3])
def test_debian_on_eight_cpus(run, gic):
    guest = run("--gic", gic, "--cpus", 8)
    guest.login()
    assert guest.shell("cat /sys/devices/system/cpu/online").split() == ["0-7"]
    # Each CPU has its own timer interrupts and has got IPIs from others.
    interrupts = guest.shell("cat /proc/interrupts")
    timer = re.search(r"((?: +\d+){8}) +GIC(?:v3|-0) +27 Level", interrupts)
    calls = re.search(r"IPI1:((?: +\d+){8})", interrupts)
    assert all(int(count) > 0 for count in (timer[1] + calls[1]).split())
    guest.shell(f"for i in 1 2 3 4 5 6 7; do echo 0 >{CPUS}$i/online || exit; done")
    assert guest.shell("nproc").split() == ["1"]
    guest.shell(f"for i in 1 2 3 4 5 6 7; do echo 1 >{CPUS}$i/online || exit; done")
    assert guest.shell("nproc").split() == ["8"]
    # From another CPU than the one that booted.
    guest.sendline("taskset 80 poweroff -f")
    assert guest.ended() == 0


def test_hotplug(run, host):
    guest = run(*host.options, "--cpus", 2)
    guest.login()
    loop = f"for i in $(seq {HOTPLUGS}); do echo 0 > {CPU1} && echo 1 > {CPU1} || break; done"
    assert f"{HOTPLUGS} rounds" in guest.shell(f"{loop}; echo $i rounds")
    assert guest.shell("nproc").split() == ["2"]
    assert "psci: CPU1 killed" in guest.shell("dmesg | tail")
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_reboot_with_all_cpus_busy(run, host):
    guest = run(*host.options, "--cpus", 2)
    guest.login()
    guest.shell("(while :; do :; done) & (while :; do :; done) & true")
    guest.sendline("reboot -f")
    guest.login()
    assert guest.shell("nproc").split() == ["2"]
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_psci_errors_and_sgis(run, payload, machine):
    more = ("--cpus", 8, "--gic", machine.gic, "--append", "cpus=8")
    guest = run(*machine.options, "--kernel", payload("smp.elf"), *more)
    assert guest.ended() == 0
    said = guest.before
    assert "FAILED" not in said
    assert len(re.findall(r"^ok ", said, re.M)) == 8


def test_all_cpus_at_once(run, payload, machine):
    """SGIs between all, timers, exceptions; the last CPU powers off while the others compute."""
    more = ("--cpus", 8, "--gic", machine.gic, "--append", "cpus=8")
    guest = run(*machine.options, "--kernel", payload("cores.elf"), *more)
    assert guest.ended() == 0
    assert re.findall(r"^ok (\w+)", guest.before, re.M) == ["SGIs", "timers", "aborts", "lives"]
