# SPDX-License-Identifier: BSD-2-Clause
"""Measures the VMM in instructions, which do not depend on the machine that runs this.

QEMU's `-icount shift=0` makes virtual time a count of executed instructions, one a nanosecond.
Prints a table and writes build/bench.json. See docs/BENCH.md for what each figure means.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import guest_io
from rich.console import Console
from rich.table import Table

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / os.environ.get("VESSEL_BUILD", "build")
PAYLOAD = BUILD / "payload/bench.elf"
COUNTER = BUILD / "payload/count.elf"
KERNEL = BUILD / "guest/vmlinuz"
INITRD = BUILD / "guest/bench.cpio.gz"
SHELL = BUILD / "guest/initrd.gz"
VMM = BUILD / "aarch64/vessel-vmm.elf"
HOST = "bare-aarch64"
SEL4 = "microkit-release"
PLUGIN = BUILD / "share.so"
ON_SEL4 = ("--host", "microkit", "--config", "release")
NS_PER_S = 1_000_000_000
NS_PER_TICK = 16  # QEMU's counter has 62.5 MHz.
DISK_LATENCY_NS = 10_000_000  # Of real time.
PACK_BASE = 0x44000000  # Where the host looks for the packed system.
IDLE_S = 10
TIMEOUT_S = 900

# Instructions, ratios or shares that this host is to stay below.
GOALS = {
    "hypercall": 600,
    "mmio_read": 600,
    "sgi_self": 900,
    "boot_ratio": 1.001,
    "idle_share": 0.01,
    "ipi": 2500,
    "unfairness": 0.05,
    "idle_vm_cost": 0.001,
    "restart_ratio": 1.001,
    "block_ratio": 1.25,
    "block_ratio_pci": 1.25,
    "net_per_byte": 4,
    "console_exits": 3,
}

# The same on seL4. Goals that the kernel's own share leaves out of reach are in docs/MICROKIT.md.
SEL4_GOALS = {
    "hypercall": 4000,
    "timer_latency": 8000,
    "idle_share": 0.01,
}


def qemu(arguments: list[str]) -> str:
    done = subprocess.run(
        arguments,
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=TIMEOUT_S,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}\nfailed with status {done.returncode}:\n{done.stdout}")
    return done.stdout


def numbers(pattern: str, output: str) -> list[int]:
    found = [int(text) for text in re.findall(pattern, output, re.M)]
    if not found:
        sys.exit(f"no line like '{pattern}' in:\n{output}")
    return found


def number(pattern: str, output: str) -> int:
    return numbers(pattern, output)[0]


def exits(gic: int, *host: str) -> dict[str, int]:
    """Instructions per exit class, measured by the payload."""
    options = [*host, "--icount", "--gic", str(gic), "--kernel", str(PAYLOAD)]
    output = qemu(["./vessel", "run", "--plain", *options])
    return {name: int(value) for name, value in re.findall(r"^bench (\w+) (\d+)", output, re.M)}


def cmdline(sleep_s: int, loud: bool) -> str:
    quiet = "" if loud else "quiet "
    return f"console=ttyAMA0 {quiet}nokaslr rdinit=/bench-init -- {sleep_s}"


def native(dtb: Path, loud: bool) -> int:
    """Counter ticks to the first userspace line without a hypervisor, with the same devices."""
    output = qemu(
        ["qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "cortex-a53"]
        + ["-m", "512M", "-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot"]
        + ["-icount", "shift=0,sleep=off", "-kernel", str(KERNEL), "-initrd", str(INITRD)]
        + ["-append", cmdline(0, loud), "-dtb", str(dtb)]
    )
    return number(r"bench first_userspace (\d+)", output)


def system(directory: Path, sleep_s: int, loud: bool) -> Path:
    """The description of the measured guest."""
    path = directory / "bench.toml"
    path.write_text(
        f'[host]\nlog = "debug"\n[vm.bench]\nmemory = "512M"\nkernel = "{KERNEL}"\n'
        f'initrd = "{INITRD}"\ncmdline = "{cmdline(sleep_s, loud)}"\n'
    )
    return path


def guest(directory: Path, sleep_s: int, loud: bool = False) -> tuple[int, int, int]:
    """The same under Vessel: ticks, instructions at EL2, instructions in all."""
    output = qemu(["./vessel", "run", "--plain", "--icount", str(system(directory, sleep_s, loud))])
    return (
        number(r"bench first_userspace (\d+)", output),
        number(r"executed (\d+) instructions at EL2", output),
        number(r"at EL2, (\d+) in all", output),
    )


def linux(directory: Path) -> dict[str, float]:
    """Boot and idle figures of Debian's kernel."""
    dtb = directory / "guest.dtb"
    qemu(["./vessel", "run", "--plain", "--dump-dtb", str(dtb), str(system(directory, 0, False))])
    ticks, el2, executed = guest(directory, 0)
    _, idle_el2, idle_executed = guest(directory, IDLE_S)
    loud_ticks, _, _ = guest(directory, 0, loud=True)
    return {
        "boot_ratio": ticks / native(dtb, loud=False),
        "boot_ratio_loud": loud_ticks / native(dtb, loud=True),
        "boot_el2": el2,
        "idle_share": (idle_executed - executed) / (IDLE_S * NS_PER_S),
        "idle_el2": idle_el2 - el2,
    }


def ipi(gic: int) -> int:
    """Instructions from an SGI to another, sleeping CPU to its handler."""
    arguments = ["--gic", str(gic), "--cpus", "2", "--kernel", str(PAYLOAD)]
    return number(r"bench ipi (\d+)", qemu(["./vessel", "run", "--plain", "--icount", *arguments]))


def describe(directory: Path, vms: dict[str, str]) -> str:
    """The description of VMs with these keys, on one CPU."""
    path = directory / "vms.toml"
    tables = [f'[vm.{name}]\nmemory = "512M"\n{keys}\n' for name, keys in vms.items()]
    path.write_text('[host]\ncpus = 1\nlog = "debug"\n[network.lan]\n' + "".join(tables))
    return str(path)


def plain(output: str) -> str:
    """Without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", output)


def run_vms(directory: Path, **vms: str) -> str:
    """What VMs with these keys print, on one CPU."""
    return plain(qemu(["./vessel", "run", "--plain", "--icount", describe(directory, vms)]))


def run_on_slow_disk(directory: Path, **vms: str) -> str:
    """The same, but their first disk takes 10 ms for each request, and reads as anything."""
    pack = directory / "vms.pack"
    qemu(["./vessel", "pack", "-o", str(pack), describe(directory, vms)])
    disk = f"driver=null-co,node-name=disk,size={guest_io.DISK_SIZE},latency-ns={DISK_LATENCY_NS}"
    return plain(
        qemu(
            ["qemu-system-aarch64", "-machine", "virt,virtualization=on,gic-version=3"]
            + ["-cpu", "cortex-a53", "-m", "1G", "-kernel", str(VMM)]
            + ["-device", f"loader,file={pack},addr={PACK_BASE:#x},force-raw=on"]
            + ["-global", "virtio-mmio.force-legacy=false", "-blockdev", disk]
            + ["-device", "virtio-blk-device,drive=disk", "-icount", "shift=0,sleep=on"]
            + ["-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot"]
        )
    )


def counter(windows: int, window_ms: int) -> str:
    return f'kernel = "{COUNTER}"\ncmdline = "count={windows} window={window_ms}"'


def debian(sleep_s: int) -> str:
    return f'kernel = "{KERNEL}"\ninitrd = "{INITRD}"\ncmdline = "{cmdline(sleep_s, loud=False)}"'


def unfairness(directory: Path) -> float:
    """How far apart two VMs get that share a CPU for 10 s, as part of the whole."""
    output = run_vms(directory, a=counter(20, 500), b=counter(20, 500))
    a, b = (sum(numbers(rf"\[{name}\] count (\d+)", output)) for name in "ab")
    return abs(a - b) / max(a, b)


def idle_vm_cost(directory: Path) -> float:
    """What a computing VM loses while a Debian beside it sleeps, from 3 to 6 s after the start."""
    output = run_vms(directory, count=counter(50, 200), debian=debian(5))
    counts = numbers(r"\[count\] count (\d+)", output)
    beside, alone = counts[15:30], counts[45:50]
    return 1 - sum(beside) / len(beside) * len(alone) / sum(alone)


def restart_ratio(directory: Path) -> float:
    """A Debian's second start to its first, each from the order to the first line of userspace."""
    policy = 'on_poweroff = "restart"\nrestart_limit = 1\n'
    output = run_vms(directory, debian=policy + debian(0))
    first, second = (
        us * 1000 + ticks * NS_PER_TICK
        for us, ticks in zip(
            numbers(r"booted in (\d+) us", output),
            numbers(r"bench first_userspace (\d+)", output),
            strict=True,
        )
    )
    return second / first


def several_vms(directory: Path) -> dict[str, float]:
    return {
        "ipi": ipi(gic=3),
        "ipi_gicv2": ipi(gic=2),
        "unfairness": unfairness(directory),
        "idle_vm_cost": idle_vm_cost(directory),
        "restart_ratio": restart_ratio(directory),
    }


def measure() -> dict[str, float]:
    figures: dict[str, float] = dict(exits(gic=3))
    figures |= {f"{name}_gicv2": value for name, value in exits(gic=2).items()}
    with tempfile.TemporaryDirectory() as directory:
        figures |= linux(Path(directory)) | several_vms(Path(directory))
        images = f'kernel = "{KERNEL}"\ninitrd = "{SHELL}"'
        io = guest_io.Io(run_vms, run_on_slow_disk, Path(directory), images)
        return figures | guest_io.figures(io)


def guest_on_sel4(directory: Path, sleep_s: int) -> tuple[int, int]:
    """The measured guest on seL4: instructions of the kernel and the VMM, and all."""
    path = directory / "bench.toml"
    path.write_text(
        f'[vm.bench]\nmemory = "512M"\ngic = 2\nkernel = "{KERNEL}"\n'
        f'initrd = "{INITRD}"\ncmdline = "{cmdline(sleep_s, loud=False)}"\n'
    )
    qemu(["./vessel", "build", str(path), *ON_SEL4, "-o", str(directory / "sel4")])
    loader = f"loader,file={directory / 'sel4/loader.img'},addr=0x70000000,cpu-num=0"
    output = qemu(
        ["qemu-system-aarch64", "-machine", "virt,virtualization=on", "-cpu", "cortex-a53"]
        + ["-m", "2G", "-display", "none", "-nodefaults", "-serial", "stdio"]
        + ["-icount", "shift=0,sleep=off", "-plugin", str(PLUGIN)]
        + ["-device", loader, "-device", "pvpanic-pci,addr=1.0"]
    )
    counts = [number(rf"^share .*{place} (\d+)", output) for place in ("kernel", "vmm", "guest")]
    return sum(counts[:2]), sum(counts)


def linux_on_sel4() -> dict[str, float]:
    """What Debian's boot and its idleness cost on seL4."""
    with tempfile.TemporaryDirectory() as directory:
        boot, executed = guest_on_sel4(Path(directory), 0)
        idle, idle_executed = guest_on_sel4(Path(directory), IDLE_S)
    return {
        "boot_host": boot,
        "idle_share": (idle_executed - executed) / (IDLE_S * NS_PER_S),
        "idle_host": idle - boot,
    }


def show(host: str, figures: dict[str, float], goals: dict[str, float]) -> None:
    table = Table("figure", "value", "goal", title=host)
    table.columns[1].justify = table.columns[2].justify = "right"
    for name, value in figures.items():
        text = f"{value:.6f}" if isinstance(value, float) else f"{value}"
        table.add_row(name, text, f"< {goals[name]}" if name in goals else "")
    Console(width=80).print(table)


def main() -> int:
    goals: dict[str, dict[str, float]] = {HOST: GOALS}
    measured = {HOST: measure()}
    if "MICROKIT_SDK" in os.environ:
        goals[SEL4] = dict(SEL4_GOALS)
        measured[SEL4] = exits(2, *ON_SEL4) | linux_on_sel4()
    missed = []
    for host, figures in measured.items():
        show(host, figures, goals[host])
        missed += [
            f"{host} {name}" for name, goal in goals[host].items() if not figures[name] < goal
        ]
    (BUILD / "bench.json").write_text(json.dumps(measured, indent=2) + "\n")
    if missed:
        print("not reached:", ", ".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
