# SPDX-License-Identifier: BSD-2-Clause
"""The in-tree host on QEMU's `virt`, at EL2."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vessel import disks, tree, uplinks
from vessel.description import Description
from vessel.errors import Problem
from vessel.schema import MAX_CPUS, MIB, format_size

if TYPE_CHECKING:
    from vessel.hosts import Machine

# Where things are in the physical memory of QEMU's `virt`. host/bare/aarch64 has the same numbers:
# its image is linked between RAM_BASE and PACK_BASE, and it finds the pack at PACK_BASE.
RAM_BASE = 0x4000_0000
PACK_BASE = 0x4400_0000
HOST_MEMORY = 80 * MIB  # PACK_BASE - RAM_BASE, and more than the host needs for itself.
VM_MEMORY = 1 * MIB  # What the host keeps of a VM, and its translation tables.
MEMORY_UNIT = 2 * MIB  # Each region of a guest's RAM is aligned to this.
IMAGE = "aarch64/vessel-vmm.elf"

VIRTIO_PLACES = 32  # QEMU's `virt` has so many windows for virtio devices.
# QEMU's `virt` has room for this much RAM at RAM_BASE.
MAX_MEMORY = 255 << 30


def _up(size: int) -> int:
    return -(-size // MEMORY_UNIT) * MEMORY_UNIT


def _memory(description: Description, pack_size: int) -> int:
    """RAM that QEMU's machine needs."""
    need = HOST_MEMORY + _up(pack_size)
    for vm in description.system.vm.values():
        need += VM_MEMORY + sum(_up(region.size) for region in vm.memory)
        need += sum(_up(disk.ram or 0) for disk in vm.disk)
    return _up(need) + MEMORY_UNIT


def _cpus(description: Description) -> int:
    """CPUs of QEMU's machine: one for each virtual CPU, as far as there are so many."""
    system = description.system
    return system.host.cpus or min(MAX_CPUS, sum(vm.cpus for vm in system.vm.values()))


class Bare:
    """Runs all VMs; virtual CPUs that are not pinned share the CPUs."""

    name = "bare"
    gic = 3
    debugger = True

    def limits(self, description: Description) -> list[Problem]:
        """What of the description this host cannot run."""
        return [
            *_gics(description),
            *_pins(description),
            *_memories(description),
            *_passed(description),
        ]

    def packed(self, description: Description) -> Description:
        """All."""
        return description

    def qemu_arguments(self, description: Description, pack: Path, machine: "Machine") -> list[str]:
        """QEMU's machine and payload."""
        gic = next(iter(description.system.vm.values())).gic
        memory = _memory(description, pack.stat().st_size)
        loader = f"loader,file={disks.quote(pack)},addr={PACK_BASE:#x},force-raw=on"
        return [
            *("-machine", f"virt,virtualization=on,gic-version={gic}"),
            *("-cpu", machine.cpu, "-smp", str(_cpus(description)), "-m", f"{memory // MIB}M"),
            *("-kernel", str(tree.built(IMAGE)), "-device", loader),
            *_devices(description),
            *(("-icount", "shift=0,sleep=off") if machine.icount else ()),
        ]


def _gics(description: Description) -> Iterator[Problem]:
    vms = description.system.vm
    first, gic = next((name, vm.gic) for name, vm in vms.items())
    for name, vm in vms.items():
        if vm.gic != gic:
            text = f"GICv{vm.gic}, but {first} has a GICv{gic}"
            where = description.origin.where(("vm", name, "gic"))
            yield Problem(where, text, "all VMs have the GIC of the machine below them")


def _passed(description: Description) -> Iterator[Problem]:
    for name, vm in description.system.vm.items():
        if vm.passthrough:
            where = description.origin.where(("vm", name, "passthrough"))
            yield Problem(where, "this host cannot pass devices through", "seL4 can")
        if vm.smc:
            where = description.origin.where(("vm", name, "smc"))
            yield Problem(where, "this host has no firmware to forward to", "seL4 may have one")


def _pins(description: Description) -> Iterator[Problem]:
    cpus = _cpus(description)
    for name, vm in description.system.vm.items():
        for i, cpu in enumerate(vm.cpu_pin or ()):
            if cpu >= cpus:
                where = description.origin.where(("vm", name, "cpu_pin", i))
                yield Problem(where, f"CPU {cpu}, but there are {cpus}", "see host.cpus")


def _memories(description: Description) -> Iterator[Problem]:
    if _memory(description, 0) > MAX_MEMORY:
        text = f"more memory than this host has: {format_size(MAX_MEMORY)}, for all VMs"
        where = ("vm", next(iter(description.system.vm)), "memory")
        yield Problem(description.origin.where(where), text)


def _devices(description: Description) -> list[str]:
    """What the host's drivers use. Network cards are in the last places, downwards."""
    devices = uplinks.qemu_arguments(description, lambda n: VIRTIO_PLACES - 1 - n)
    devices += disks.qemu_arguments(disks.plan(description))
    if any(vm.rng for vm in description.system.vm.values()):
        devices += ["-device", "virtio-rng-device"]
    # Only with this has QEMU the registers of virtio 1.
    return ["-global", "virtio-mmio.force-legacy=false", *devices] if devices else []
