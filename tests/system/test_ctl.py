# SPDX-License-Identifier: BSD-2-Clause
"""A running Debian, controlled from another terminal."""

import subprocess

import pytest

pytestmark = pytest.mark.system


def test_pause_resume_and_restart(run, top, tmp_path):
    guest = run("--control", tmp_path / "socket")

    def ctl(*words: str) -> str:
        command = [top / "vessel", "ctl", "--socket", tmp_path / "socket", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    guest.login()
    assert "debian running" in ctl("list")
    ctl("pause", "debian")
    assert "debian paused" in ctl("list")
    guest.sendline("echo al''ive")
    ctl("resume", "debian")
    guest.expect("alive")
    assert "guest ms" in ctl("stats")
    assert "PC 0x" in ctl("trace", "debian")
    ctl("restart", "debian")
    guest.login()
    guest.sendline("poweroff")
    assert guest.ended() == 0
