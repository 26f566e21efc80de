# SPDX-License-Identifier: BSD-2-Clause
"""An unmodified Debian kernel, from its first line to power-off."""

import pytest

pytestmark = pytest.mark.system

JUST_BOOTED_S = 60
HARMONIC = """awk 'BEGIN { for (i = 1; i <= 20000; i++) s += 1 / i; printf "%.12f ", s }'"""
CPUS = ["cortex-a53", "cortex-a57", "cortex-a72", "max"]


def test_shell(run, machine):
    guest = run(*machine.options, "--gic", machine.gic)
    guest.login()
    guest.check_debian(machine.controller)
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_reboot(run, host):
    guest = run(*host.options)
    guest.login()
    guest.shell("touch /tmp/gone")
    guest.sendline("reboot")
    guest.login()
    assert "gone" not in guest.shell("ls /tmp")
    assert float(guest.shell("cut -d' ' -f1 /proc/uptime").split()[0]) < JUST_BOOTED_S
    guest.sendline("poweroff")
    assert guest.ended() == 0


@pytest.mark.parametrize("cpu", CPUS)
def test_every_cpu_model(run, cpu):
    gic = 2 if cpu == "cortex-a57" else 3
    guest = run("--qemu-cpu", cpu, "--gic", gic)
    guest.login()
    # FP/SIMD registers are the guest's own: the host's use of them does not show.
    assert guest.shell(HARMONIC).split() == [f"{sum(1 / i for i in range(1, 20001)):.12f}"]
    features = guest.shell("grep -m1 Features /proc/cpuinfo")
    assert " fp " in features and " sve" not in features and " paca" not in features
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_early_console(run, host):
    guest = run(
        *host.options,
        *("--kernel", "build/guest/vmlinuz", "--initrd", "build/guest/initrd.gz"),
        *("--append", "earlycon=pl011,0x9000000 console=ttyAMA0 keep_bootcon"),
    )
    guest.expect(r"earlycon: pl11 at MMIO 0x0*9000000")
    guest.login()
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_ctrl_a_x_leaves(run):
    guest = run()
    guest.login()
    guest.sendcontrol("a")
    guest.send("x")
    assert guest.ended() == 6
