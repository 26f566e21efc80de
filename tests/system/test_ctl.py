# SPDX-License-Identifier: BSD-2-Clause
"""A running Debian, controlled from another terminal."""

import pytest

pytestmark = pytest.mark.system


def test_pause_resume_and_restart(run, control, ctl, tmp_path, host):
    log = tmp_path / "log"
    guest = run(*host.options, "--control", control, "--console-log", f"debian={log}")
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
