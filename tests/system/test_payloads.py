# SPDX-License-Identifier: BSD-2-Clause
"""Bare-metal guests of our own: what hardware would do, they get."""

import re

import pytest

U_BOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
pytestmark = pytest.mark.system


def test_nothing_there(run, payload, machine):
    guest = run(*machine.options, "--gic", machine.gic, "--kernel", payload("unmapped.elf"))
    guest.expect("survived")
    said = guest.before
    assert re.findall(r"^ok (\w+)", said, re.M) == ["load", "store", "fetch", "pair", "sysreg"]
    assert "FAILED" not in said
    assert re.search(r"4-byte load at 0x3f000000: nothing is there; nearest is", said)
    assert guest.ended() == 0


def test_odd_instructions(run, payload, machine):
    guest = run(*machine.options, "--gic", machine.gic, "--kernel", payload("odd.elf"))
    guest.expect("survived")
    said = guest.before
    assert len(re.findall(r"^ok ", said, re.M)) == 20
    assert "FAILED" not in said
    assert guest.ended() == 0


@pytest.mark.parametrize("image", ["boot.elf", "boot.bin"])
def test_entry_state_and_reboot(run, payload, host, image):
    guest = run(*host.options, "--kernel", payload(image))
    for key in "rp":
        guest.expect(r"reboot or power off \(r/p\)\? ")
        wrong = re.findall(r"^FAILED ([\w ]+)", guest.before, re.M)
        # No VMM on seL4 has the FP registers of its guest.
        assert wrong == (["FP clear"] if host.sel4 and key == "p" else [])
        assert len(re.findall(r"^ok ", guest.before, re.M)) == 8 - len(wrong)
        guest.send(key)
    assert guest.ended() == 0


def test_loop_of_exits_can_be_stopped(run, payload, host):
    guest = run(*host.options, "--kernel", payload("exits.elf"))
    guest.expect("looping")
    guest.sendcontrol("a")
    guest.send("x")
    assert guest.ended() == 6


def test_loop_of_exits_times_out(run, payload, host):
    guest = run(*host.options, "--kernel", payload("exits.elf"), "--timeout", "5")
    assert guest.ended() == 5


def test_lost_guest_is_reported(run, payload, host):
    guest = run(*host.options, "--kernel", payload("lost.elf"))
    assert guest.ended() == 3
    said = guest.before
    assert "error: guest: VM crashed: vCPU 0: no exception vector at PC 0x3f000200" in said
    assert re.search(r"4-byte fetch at 0x3f000200: .* nearest is rtc at 0x9010000", said)
    assert "ELR_EL1   0x000000003f040000" in said
    assert "x30" in said


def test_vector_registers_survive_the_host(run, payload, host):
    guest = run(*host.options, "--kernel", payload("fp.elf"))
    guest.expect("ok all registers kept")
    # The host did log, which uses vector registers of its own.
    assert "4-byte load at 0x3f000000" in guest.before
    assert guest.ended() == 0


def test_u_boot(run, host):
    guest = run(*host.options, "--kernel", U_BOOT)
    guest.expect("Hit any key to stop autoboot")
    guest.sendline("")
    guest.expect("=> ")
    guest.sendline("bdinfo")
    guest.expect("size     = 0x0000000020000000")
    guest.sendline("poweroff")
    assert guest.ended() == 0
