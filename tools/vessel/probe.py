# SPDX-License-Identifier: BSD-2-Clause
"""The checks that only the VMM's own code can make, by the native program vessel-probe.

It builds each VM as the host would: images recognised and placed, device tree generated.
"""

import re
import subprocess
from pathlib import Path

from vessel import disks, tree
from vessel.description import Description
from vessel.disks import Use
from vessel.errors import InputError, Reason, ToolError
from vessel.schema import format_size

PROBE = "probe/vessel-probe"
PROBE_BAD_INPUT = 2
PROBE_TIMEOUT_S = 120

# What the probe's message starts with -> the key it is about.
_KEYS = (
    (r"kernel\b", "kernel"),
    (r"initrd\b", "initrd"),
    (r"overlay\b", "overlay"),
    (r"no room for\b", "memory"),
    (r"(ram|memory)\b", "memory"),
    (r"(cpus|\d+ CPUs)\b", "cpus"),
    (r"gic\b", "gic"),
    (r"bootargs\b", "cmdline"),
    (r"machine\b", "machine"),
)


def _split(description: Description, line: str) -> tuple[str, str] | None:
    """The VM and the text of the probe's line "[vm ]NAME: TEXT"."""
    line = line.removeprefix("vessel-probe: ").removeprefix("vm ")
    name, _, text = line.partition(": ")
    return (name, text) if name in description.system.vm and text else None


def _error(description: Description, name: str, text: str) -> InputError:
    """The probe's text about a VM as the tool's message, with file, key and path."""
    vm, origin = description.system.vm[name], description.origin
    key = next((key for start, key in _KEYS if re.match(start, text, re.I)), None)
    key = vm.boots if key == "kernel" else key
    if key is None:
        return origin.error(("vm", name), Reason(text))
    loc = ("vm", name, key)
    text = re.sub(f"^({key}|kernel): ", "", text)
    value = getattr(vm, key)
    if key in ("kernel", "firmware", "initrd", "overlay") and value is not None:
        text = f"{tree.shown(origin.path(loc, value))}: {text}"
    hint = ""
    if key == "memory" or "guest RAM" in text:
        hint = f"the VM has {format_size(vm.ram_size)}"
    return origin.error(loc, Reason(text, hint))


def _judge(description: Description, status: int, stderr: str) -> None:
    lines = stderr.splitlines() or [""]
    if status == 0:
        return
    found = _split(description, lines[-1]) if status == PROBE_BAD_INPUT else None
    if found:
        raise _error(description, *found)
    text = f"vessel-probe failed (status {status})"
    raise ToolError(text, " / ".join(lines[-3:]))


def _run(*arguments: str | Path) -> tuple[int, str]:
    """Run the probe; its exit status and what it said on standard error. Raises ToolError."""
    program = tree.built(PROBE)
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise ToolError(f"{tree.shown(program)}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ToolError(f"vessel-probe did not end within {PROBE_TIMEOUT_S} s") from None
    return done.returncode, done.stderr.decode(errors="replace")


def _check_partition(description: Description, use: Use) -> None:
    """Is the partition there? Raises InputError."""
    key = use.disk.partition
    option = "--partition-name" if isinstance(key, str) else "--partition"
    status, said = _run("--disk", use.path, option, str(key))
    if status == PROBE_BAD_INPUT:
        text = (said.splitlines() or [""])[-1].removeprefix(f"vessel-probe: {use.path}: ")
        text = f"{tree.shown(use.path)}: {text}"
        raise description.origin.error((*use.loc, "partition"), Reason(text))
    _judge(description, status, said)


def check(description: Description, pack: Path, dtb: Path | None = None) -> None:
    """Check a packed system; write its first VM's device tree to `dtb`. Raises InputError."""
    for disk in disks.plan(description):
        for use in disk.uses:
            if use.disk.partition is not None and disk.format == "raw":
                _check_partition(description, use)
    _judge(description, *_run(pack, *(("--dtb", dtb) if dtb else ())))
