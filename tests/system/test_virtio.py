# SPDX-License-Identifier: BSD-2-Clause
"""Virtio devices as Debian's own drivers see them."""

import pytest

pytestmark = pytest.mark.system

# Makes what comes twice in the stream impossible to miss: 4 KiB of one byte are 1 line.
DIFFERENT_BYTES = (
    "dd if=/dev/hwrng bs=4096 count=1 2>/dev/null | od -An -v -tx1 -w1 | sort -u | wc -l"
)


def test_console_and_entropy(run, host):
    guest = run(*host.options, "--console", "virtio", "--rng")
    # What comes before the driver is loaded comes by the PL011.
    guest.expect("earlycon: pl11 at MMIO")
    guest.login()
    assert guest.shell("cat /sys/class/tty/console/active").split() == ["hvc0"]
    assert guest.shell("tty").split() == ["/dev/hvc0"]
    text = "x" * 900
    assert text in guest.shell(f"echo {text} | tr x x")
    lines = guest.shell("seq 1 3000").split()
    assert lines == [str(n) for n in range(1, 3001)]
    assert int(guest.shell(DIFFERENT_BYTES)) == 256
    assert guest.shell("cat /sys/bus/virtio/devices/*/status").split() == ["0x0000000f"] * 2
    guest.sendline("poweroff")
    assert guest.ended() == 0
