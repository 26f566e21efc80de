# SPDX-License-Identifier: BSD-2-Clause
"""A running Debian, controlled from another terminal."""

import os

import pytest

pytestmark = pytest.mark.system


ON_SEL4 = pytest.param(
    ("--host", "microkit"),
    marks=pytest.mark.skipif("MICROKIT_SDK" not in os.environ, reason="no MICROKIT_SDK"),
)


@pytest.mark.parametrize("host", [(), ON_SEL4])
def test_pause_resume_and_restart(run, control, ctl, tmp_path, host):
    log = tmp_path / "log"
    guest = run(*host, "--control", control, "--console-log", f"debian={log}")
    guest.login()
    assert "debian running" in ctl("list")
    ctl("pause", "debian")
    assert "debian paused" in ctl("list")
    guest.sendline("echo al''ive")
    ctl("resume", "debian")
    guest.expect("alive")
    assert b"alive\r\n" in log.read_bytes()
    assert "guest ms" in ctl("stats")
    assert "PC 0x" in ctl("trace", "debian")
    ctl("restart", "debian")
    guest.login()
    guest.sendline("poweroff")
    assert guest.ended() == 0
