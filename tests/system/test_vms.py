# SPDX-License-Identifier: BSD-2-Clause
"""Several VMs: shares of the CPUs, life cycle, containment.

Payloads run with `--icount`: the share that each gets is the same in every run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

pytestmark = pytest.mark.system

ESCAPE = "\x01"  # Ctrl-A
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# QEMU's own, with --icount: it comes anywhere in a guest's line.
IDLE = re.compile(r"qemu-system-\w+: warning: icount sleep disabled[^\n]*\n")
HARMONIC = """awk 'BEGIN { for (i = 1; i <= 20000; i++) s += 1 / i; printf "%.12f ", s }'"""
HARMONIC_SUM = f"{sum(1 / i for i in range(1, 20001)):.12f}"
SEQUENCE = b"".join(b"%d\n" % n for n in range(1, 20001))
DEBIAN = """memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/initrd.gz"
cmdline = "console=ttyAMA0 quiet"
"""
PAYLOAD = 'memory = "8M"\nkernel = "{build}/payload/{elf}"\ncmdline = "{cmdline}"\n{more}\n'

System = Callable[..., Path]


@pytest.fixture
def system(tmp_path: Path, build: Path) -> System:
    """Write a description: VMs by name with their keys, on so many CPUs."""

    def write(cpus: int, **vms: str) -> Path:
        tables = [f"[host]\ncpus = {cpus}\n"]
        tables += [
            f"[vm.{name}]\n{keys.replace('{build}', str(build))}" for name, keys in vms.items()
        ]
        path = tmp_path / "system.toml"
        path.write_text("\n".join(tables))
        return path

    return write


def keys(elf: str, cmdline: str = "", more: str = "") -> str:
    return PAYLOAD.replace("{elf}", elf).replace("{cmdline}", cmdline).replace("{more}", more)


def command(guest: pexpect.spawn, line: str) -> None:
    """Have a command done at the prompt, which may be slow to show while VMs write."""
    guest.send(ESCAPE + "c" + line + "\r")


def shells(guest: pexpect.spawn, count: int) -> None:
    """Wait until so many Debians are up; their lines come in any order."""
    for _ in range(count):
        guest.expect("vessel:~# ")


def counts(said: str, name: str | None = None) -> list[int]:
    """What tests/payload/count.c printed for each window of time."""
    text = IDLE.sub("", COLOUR.sub("", said))
    assert "WRONG" not in text
    prefix = rf"\[{name}\] " if name else ""
    return [int(count) for count in re.findall(rf"^{prefix}count (\d+)", text, re.M)]


@pytest.fixture
def alone(run, host, payload) -> int:
    """What it counts in a window when it has a CPU for itself."""
    guest = run(*host.options, "--icount", "--kernel", payload("count.elf"), "--append", "count=2")
    assert guest.ended() == 0
    return counts(guest.before)[1]


def test_equals_share_a_cpu(run, host, system, alone):
    guest = run(*host.options, "--icount", system(1, a=keys("count.elf"), b=keys("count.elf")))
    assert guest.ended() == 0
    a, b = (sum(counts(guest.before, name)) for name in "ab")
    assert a / b == pytest.approx(1, rel=0.05)
    assert a + b == pytest.approx(20 * alone, rel=0.05)


def test_priority_goes_first(run, host, system, alone):
    vms = {"low": keys("count.elf"), "high": keys("count.elf", more="priority = 60")}
    guest = run(*host.options, "--icount", system(1, **vms))
    assert guest.ended() == 0
    assert min(counts(guest.before, "high")[:-1]) >= 0.95 * alone


def test_budget_bounds_a_priority(run, host, system, alone):
    """The urgent one has its quarter, and the other one the rest."""
    if host.sel4:
        pytest.skip("seL4 gives less, docs/MICROKIT.md tells how much")
    bound = "priority = 60\nbudget = 2500"
    vms = {"low": keys("count.elf"), "high": keys("count.elf", "count=5", bound)}
    guest = run(*host.options, "--icount", system(1, **vms))
    assert guest.ended() == 0
    said = guest.before
    assert sum(counts(said, "high")) == pytest.approx(5 * alone / 4, rel=0.1)
    assert sum(counts(said, "low")[:4]) == pytest.approx(4 * alone * 3 / 4, rel=0.1)


def test_pinned_apart(run, system):
    vms = {
        name: keys("count.elf", more=f"cpu_pin = [{cpu}]")
        for name, cpu in zip("abc", (0, 0, 1), strict=True)
    }
    guest = run(system(2, **vms))
    assert guest.ended() == 0
    a, b, c = (sum(counts(guest.before, name)) for name in "abc")
    assert 0.5 < a / b < 2
    assert c > max(a, b)


ROGUES = ["gic", "its", "invall", "sgi", "psci", "exits", "memory", "log", "timer", "calls"]
RAM_DISK = 'disk = [{ ram = "1M" }]'
LAN = 'net = [{ network = "lan" }]'


@pytest.fixture
def fair(host, alone) -> Callable[[int], float]:
    """What one of so many vCPUs counts in a window at least when the others misbehave.

    On seL4 what a VMM does is not of its guest's time; docs/MICROKIT.md tells how it is bounded.
    """
    return lambda cpus: alone / cpus * (2 / 3 if host.sel4 else 1)


def share_beside(guest: pexpect.spawn, name: str, fair: float) -> None:
    """The VM that computes gets, in each window, nearly its share, whatever the other one does."""
    guest.expect(name)
    guest.expect("(?:count .*){20}")
    said = guest.before + guest.after
    command(guest, f"stop {name}")
    assert guest.ended() in (0, 3)  # Some end themselves.
    good = counts(said, "good")
    assert min(good[1:]) >= 0.8 * fair
    assert sum(good) >= 0.9 * fair * 20


@pytest.mark.parametrize("mode", ROGUES)
def test_share_beside_a_rogue(run, host, system, fair, mode):
    if mode in ("its", "invall") and host.gic == 2:
        pytest.skip("a GICv2 has no ITS")
    vms = {"good": keys("count.elf"), "rogue": keys("rogue.elf", f"rogue={mode} for ever")}
    share_beside(run(*host.options, "--icount", system(1, **vms)), "rogue", fair(2))


@pytest.mark.parametrize("mode", ["sgi", "psci", "reset"])
def test_share_beside_a_rogue_with_two_cpus(run, host, system, fair, mode):
    """CPUs that go on and off again and again, send each other SGIs, or reset their VM."""
    rogue = keys("rogue.elf", f"rogue={mode} for ever", "cpus = 2")
    guest = run(*host.options, "--icount", system(1, good=keys("count.elf"), rogue=rogue))
    share_beside(guest, "rogue", fair(3))


@pytest.mark.parametrize(("device", "more"), [(2, RAM_DISK), (1, LAN + "\n[network.lan]")])
def test_share_beside_a_flood(run, host, system, fair, device, more):
    flood = keys("flood.elf", f"device={device}", more)
    guest = run(*host.options, "--icount", system(1, good=keys("count.elf"), flood=flood))
    share_beside(guest, "flood", fair(2))


def test_share_beside_two_that_flood_each_other(run, host, system, fair):
    """What each sends and receives is done in its own CPU time."""
    if host.sel4:
        pytest.skip("three VMs on a core of seL4: nothing bounds their VMMs")
    lan = 'net = [{ network = "lan" }]'
    vms = {name: keys("flood.elf", "device=1", lan) for name in ("one", "two")}
    vms["two"] += "[network.lan]\n"
    guest = run(*host.options, "--icount", system(1, good=keys("count.elf"), **vms))
    guest.expect("(?:count .*){20}")
    good = counts(guest.before + guest.after, "good")
    command(guest, "stop one")
    command(guest, "stop two")
    assert guest.ended() == 0
    assert sum(good) >= 0.98 * len(good) * fair(3)


def test_a_shell_beside_a_flooded_line(run, host, system):
    """What is typed arrives, and is answered, beside a VM that writes all the time."""
    flood = keys("flood.elf", "device=0", "autostart = false")
    guest = run(*host.options, "--icount", system(1, debian=DEBIAN, flood=flood))
    guest.login()
    command(guest, "start flood")
    guest.expect("flooding to you")
    for n in range(3):
        assert f"answer {n}" in guest.shell(f"echo ans''wer {n}")
    command(guest, "list")
    guest.expect("flood running")
    command(guest, "stop flood")
    command(guest, "list")
    guest.expect("flood off")
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_crashed_again_and_again(run, host, system, alone):
    rogue = keys("rogue.elf", "rogue=nowhere", 'on_crash = "restart"\nrestart_limit = 50')
    guest = run(*host.options, "--icount", system(1, good=keys("count.elf"), rogue=rogue))
    assert guest.ended() == 3
    assert "rogue: stays off after 50 restarts" in guest.before
    assert min(counts(guest.before, "good")) >= 0.4 * alone


def test_wakes_on_time_beside_one_that_boots(run, host, system):
    """One waits 50 times 1 ms in each window, while memory of another is cleared."""
    again = 'on_poweroff = "restart"\nrestart_limit = 5'
    vms = {"awake": keys("count.elf", "wait=1"), "again": keys("count.elf", "count=1", again)}
    vms["again"] = vms["again"].replace("8M", "512M")
    guest = run(*host.options, "--icount", system(1, **vms))
    assert guest.ended() == 0
    assert len(re.findall("again: starts again", guest.before)) == 5
    assert min(counts(guest.before, "awake")) >= 30


def test_policies(run, host, system):
    again = keys("count.elf", "count=1", 'on_poweroff = "restart"\nrestart_limit = 2')
    lost = keys("lost.elf", more='on_crash = "hold"')
    later = keys("count.elf", "count=1", "autostart = false")
    guest = run(*host.options, system(1, again=again, lost=lost, later=later))
    guest.expect("lost: is held as it ended")
    said = guest.before
    guest.expect("again: stays off after 2 restarts")
    assert len(re.findall("again: starts again", said + guest.before)) == 2
    command(guest, "list")
    guest.expect(r"again off \(powered off\)")
    guest.expect(r"lost held \(crashed\)")
    guest.expect(r"later off \(never started\)")
    command(guest, "start later")
    guest.expect("counting")
    command(guest, "stop lost")
    assert guest.ended() == 3


def sums(guest: pexpect.spawn) -> int:
    """How many sums the first VM has computed in the background; all of them are right."""
    text = COLOUR.sub("", guest.shell("sort /tmp/sums | uniq -c"))
    found = re.findall(r"(\d+) +(\d+\.\d+)", text)
    assert [value for _, value in found] == [HARMONIC_SUM]
    return int(found[0][0])


@pytest.mark.parametrize("cpus", [1, 2])
def test_two_debians(run, system, cpus):
    guest = run(system(cpus, a=DEBIAN, b=DEBIAN))
    shells(guest, 2)
    guest.shell(f"(while {HARMONIC}; do echo; done > /tmp/sums) & sleep 1")
    before = sums(guest)
    command(guest, "pause b")
    command(guest, "list")
    guest.expect("b paused")
    guest.shell("sleep 2")
    assert sums(guest) > before
    command(guest, "resume b")
    for _ in range(2):
        before = sums(guest)
        command(guest, "restart b")
        guest.expect("b: starts again")
        shells(guest, 1)
        assert sums(guest) > before
    guest.sendline("poweroff -f")
    guest.expect("Power down")
    guest.send(ESCAPE + "1")
    guest.expect("input: b")
    guest.sendline("")
    guest.expect("vessel:~# ")
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_more_vcpus_than_cpus(run, machine, system):
    guest = run(*machine.options, system(2, a=DEBIAN + f"cpus = 8\ngic = {machine.gic}\n"))
    guest.login()
    assert guest.shell("nproc").split() == ["8"]
    busy = "(while :; do :; done) & "
    guest.shell(busy * 10 + "true")
    for cpu in (0, 1, 4, 7):
        assert HARMONIC_SUM in guest.shell(f"taskset {1 << cpu:x} {HARMONIC}")
    guest.sendline("reboot -f")
    guest.login()
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_three_vms(run, host, top):
    guest = run(*host.options, top / "examples/three-vms/system.toml")
    shells(guest, 2)
    guest.expect("rogue: starts again")
    command(guest, "list")
    guest.expect("debian running")
    guest.expect("second running")
    guest.expect(r"rogue \w+" if host.sel4 else r"rogue \w+, \d+ restarts")  # Its mux counts none.
    guest.sendline(f"{HARMONIC}; seq 20000 | sha256sum")  # On two CPUs, which share one lock.
    guest.expect(HARMONIC_SUM)
    guest.expect(hashlib.sha256(SEQUENCE).hexdigest())
    guest.expect("rogue: starts again")
    command(guest, "stop rogue")
    command(guest, "restart second")
    guest.expect("second: starts again")
    shells(guest, 1)
    command(guest, "stop second")
    guest.sendline("poweroff")
    assert guest.ended() in (0, 3)  # It may have been just about to crash.
