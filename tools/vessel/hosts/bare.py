# SPDX-License-Identifier: BSD-2-Clause
"""The in-tree host on QEMU's `virt`, at EL2."""

from pathlib import Path
from typing import TYPE_CHECKING

from vessel import tree
from vessel.description import Description
from vessel.errors import Problem
from vessel.schema import MIB, Vm, format_size

if TYPE_CHECKING:
    from vessel.hosts import Machine

# Where things are in the physical memory of QEMU's `virt`. host/bare/aarch64 has the same numbers:
# its image is linked between RAM_BASE and PACK_BASE, and it finds the pack at PACK_BASE.
RAM_BASE = 0x4000_0000
PACK_BASE = 0x4400_0000
HOST_MEMORY = 96 * MIB  # PACK_BASE - RAM_BASE, and room to align each guest's RAM.
MEMORY_UNIT = 2 * MIB
IMAGE = "aarch64/vessel-vmm.elf"

MAX_VMS = 1
# QEMU's `virt` has room for this much RAM at RAM_BASE.
MAX_MEMORY = 255 << 30


def _memory(description: Description, pack_size: int) -> int:
    """RAM that QEMU's machine needs."""
    need = sum(vm.ram_size for vm in description.system.vm.values()) + pack_size + HOST_MEMORY
    return -(-need // MEMORY_UNIT) * MEMORY_UNIT


class Bare:
    """Runs one VM today, each vCPU on a CPU of its own."""

    name = "bare"

    def limits(self, description: Description) -> list[Problem]:
        """What of the description this host cannot run today."""
        origin, vms = description.origin, description.system.vm
        problems = []
        if len(vms) > MAX_VMS:
            names = ", ".join(vms)
            text = f"{len(vms)} VMs ({names}), but this host runs exactly one today"
            problems.append(Problem(origin.where(("vm",)), text, "keep one table [vm.NAME]"))
        if _memory(description, 0) > MAX_MEMORY:
            text = f"more memory than this host has: {format_size(MAX_MEMORY)}, for all VMs"
            where = ("vm", next(iter(vms)), "memory")
            problems.append(Problem(origin.where(where), text))
        return problems

    def qemu_arguments(self, description: Description, pack: Path, machine: "Machine") -> list[str]:
        """QEMU's machine and payload."""
        vm: Vm = next(iter(description.system.vm.values()))
        memory = _memory(description, pack.stat().st_size)
        loader = f"loader,file={quote(pack)},addr={PACK_BASE:#x},force-raw=on"
        return [
            *("-machine", f"virt,virtualization=on,gic-version={vm.gic}"),
            *("-cpu", machine.cpu, "-smp", str(vm.cpus), "-m", f"{memory // MIB}M"),
            *("-kernel", str(tree.built(IMAGE)), "-device", loader),
            *(("-icount", "shift=0,sleep=off") if machine.icount else ()),
        ]


def quote(path: Path) -> str:
    """A path inside one of QEMU's comma-separated options."""
    return str(path).replace(",", ",,")
