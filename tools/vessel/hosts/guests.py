# SPDX-License-Identifier: BSD-2-Clause
"""In Microkit's system description: a VM, its RAM and devices, and its VMM.

The `setvar_*` symbols are host/microkit/config.c's.
"""

import xml.etree.ElementTree as ET

from vessel import passthrough
from vessel.description import Description
from vessel.hosts import networks
from vessel.hosts.domains import FLASH, GUEST_PRIORITY, VMM_PRIORITY, Domain, Parts, System, child
from vessel.passthrough import Devices
from vessel.schema import BLOCK, DEFAULT_PERIOD, PAGE, Region, Vm

# In the VMM's address space.
CORES_AT = 0x3800_0000
PACK_AT = 0x4000_0000
RAM_AT = 0x1_0000_0000
RAMDISKS_AT = 0x80_0000_0000

# Microseconds. A vCPU that spins for a lock does so for a whole slice while the one that has the
# lock, or is next in its queue, waits for its turn on the same core.
SHARED_SLICE = 1000
# Of so much time, where two VMs share a core, each one's VMM has half at most: what it does for its
# guest it does above all guests, and asked for much it would leave the other one nothing. With a
# third of it, three VMs are too slow to be used.
SHARED_PERIOD = 2000

# Children of a VMM: vCPU N is N. Of one on another core than the VMM's, the saver is this + N.
FIRST_SAVER = 8

GICC_GPA = 0x0801_0000  # Of machine "virt".
# Also of that: the second bank of flash, as much of it as U-Boot reads byte by byte at its start.
FLASH_GPA, FLASH_SIZE = 0x0400_0000, 0x4_0000

# Channels.
UART_CHANNEL = 1
TIMER_CHANNEL = 2
FORWARD_CHANNEL = 16  # MK_FORWARD_CHANNEL


def _page_size(region: Region) -> int:
    return PAGE if region.base % BLOCK or region.size % BLOCK else BLOCK


def placement(description: Description, cores: int) -> dict[str, list[int]]:
    """The core of each vCPU: as pinned, else one after the other."""
    places, free = {}, 0
    for name, vm in description.system.vm.items():
        pins = vm.cpu_pin or [(free + i) % cores for i in range(vm.cpus)]
        places[name] = [pin % cores for pin in pins]
        free += vm.cpus
    return places


def elsewhere(cores: list[int]) -> bool:
    """Is one of a VM's vCPUs on another core than its VMM?"""
    return any(core != cores[0] for core in cores)


def _slice(placed: dict[str, list[int]]) -> int:
    """What a vCPU runs until it is another one's turn, if there are others on its core."""
    cores = [core for vm in placed.values() for core in vm]
    return DEFAULT_PERIOD if len(cores) == len(set(cores)) else SHARED_SLICE


def _bound(placed: dict[str, list[int]], core: int) -> dict[str, str]:
    """The time of a VMM on a core: half if it shares that with one other VM, else all it needs."""
    if sum(core in cores for cores in placed.values()) != 2:
        return {}
    return {"budget": str(SHARED_PERIOD // 2), "period": str(SHARED_PERIOD)}


def _pack(d: Domain, vm: str, file: str) -> None:
    comment = f"What `vessel pack` writes: the manifest of {vm} and its images."
    region = d.system.region(f"{vm}_pack", comment, prefill_path=file, page_size=hex(BLOCK))
    symbols = {"setvar_vaddr": "vessel_pack", "setvar_prefill_size": "vessel_pack_size"}
    d.map(region, PACK_AT, "r", **symbols)


def disk_file(vm: str, number: int) -> str:
    """What disk `number` of a VM holds at first, if it is in memory."""
    return f"{vm}_ramdisk{number}.img"


def _ramdisks(d: Domain, name: str, vm: Vm) -> None:
    """The disks in memory."""
    at = RAMDISKS_AT
    disks = [(number, disk, disk.ram) for number, disk in enumerate(vm.disk) if disk.ram]
    for i, (number, disk, size) in enumerate(disks):
        attributes = {"size": hex(size), "page_size": hex(PAGE if size % BLOCK else BLOCK)}
        if disk.file is not None:
            attributes["prefill_path"] = disk_file(name, number)
        region = d.system.region(f"{name}_ramdisk{number}", "A disk in memory.", **attributes)
        symbols = {"setvar_vaddr": f"vessel_ramdisk{i}", "setvar_size": f"vessel_ramdisk{i}_size"}
        d.map(region, at, "rw", **symbols)
        at += -(-size // BLOCK) * BLOCK


def _time(vm: Vm, slice_us: int) -> dict[str, str]:
    """The time of each vCPU, in microseconds: all that there is, unless the description says."""
    budget, period = vm.bound or (slice_us, slice_us)
    return {"budget": str(budget), "period": str(period)}


def _savers(d: Domain, guest: ET.Element, cores: list[int]) -> None:
    """What lets the VMM have the registers of vCPUs on other cores."""
    if not elsewhere(cores):
        return
    file = f"{d.name}.cores"
    region = d.system.region(f"{d.name}_cores", "Where its vCPUs are.", prefill_path=file)
    d.map(region, CORES_AT, "r", setvar_vaddr="vessel_cores")
    for i, core in enumerate(cores):
        if core != cores[0]:
            child(guest, "vcpu", id=str(FIRST_SAVER + i), **d.system.on(core))


def _guest(d: Domain, name: str, vm: Vm, cores: list[int], slice_us: int) -> ET.Element:
    """The virtual machine with its RAM, which its VMM sees too."""
    priority = GUEST_PRIORITY + vm.priority
    guest = ET.Element("virtual_machine", name=f"{name}_vm", priority=str(priority))
    guest.attrib.update(_time(vm, slice_us))
    for i in range(vm.cpus):
        child(guest, "vcpu", id=str(i), **d.system.on(cores[i]))
    at = RAM_AT
    for i, ram in enumerate(vm.memory):
        size = {"size": hex(ram.size), "page_size": hex(_page_size(ram))}
        region = d.system.region(f"{name}_ram{i}", f"RAM of {name} at {ram}.", **size)
        d.map(region, at, "rw", setvar_vaddr=f"vessel_ram{i}")
        child(guest, "map", mr=region, vaddr=hex(ram.base), perms="rwx")
        at += -(-ram.size // BLOCK) * BLOCK
    return guest


def _flash(d: Domain, guest: ET.Element) -> None:
    """Erased flash as memory, for reads; a write is a fault to the VMM, as it is elsewhere."""
    comment = "Erased flash: firmware reads so much of it that faults would take minutes."
    region = d.system.region("flash", comment, prefill_path=FLASH, page_size=hex(PAGE))
    child(guest, "map", mr=region, vaddr=hex(FLASH_GPA), perms="r")


def _pass(d: Domain, guest: ET.Element, devices: Devices) -> None:
    """Give the guest devices of the board; their interrupts come through its VMM."""
    for regs in devices.registers:
        place = {"phys_addr": hex(regs.physical), "size": hex(regs.size), "page_size": hex(PAGE)}
        region = d.system.region(
            f"{d.name}_{regs.physical:x}", f"A device that {d.name} has for itself.", **place
        )
        child(guest, "map", mr=region, vaddr=hex(regs.gpa), perms="rw", cached="false")
    for i, interrupt in enumerate(devices.interrupts):
        trigger = "edge" if interrupt.edge else "level"
        d.irq(interrupt.board, FORWARD_CHANNEL + i, trigger=trigger)


def _common_devices(d: Domain, guest: ET.Element, devices: Devices) -> None:
    board = d.system.board
    passed = {regs.physical for regs in devices.registers}
    if board.rtc is not None and board.rtc.base not in passed:
        d.map_device("rtc", board.rtc, "r", "The board's clock: the date.")
    comment = "The GIC's virtual CPU interface, where guests have GICC."
    gicv = d.system.device("gicv", board.gicv, comment)
    child(guest, "map", mr=gicv, vaddr=hex(GICC_GPA), perms="rw", cached="false")


def vmm(system: System, description: Description, name: str, parts: Parts) -> Domain:
    """A VM and its VMM."""
    vm, placed = description.system.vm[name], placement(description, system.cores)
    cores = placed[name]
    devices = passthrough.find(description, name)
    comment = f"The VMM of {name}; its vCPUs run on what time is left."
    d = Domain(system, name, parts.vmms[name], VMM_PRIORITY, comment, cores[0])
    d.pd.attrib.update(_bound(placed, cores[0]))
    if vm.smc:
        d.pd.set("smc", "true")
    _pack(d, name, parts.packs[name])
    _ramdisks(d, name, vm)
    networks.map_links(d, [link for link in networks.links(description) if link.vm == name])
    guest = _guest(d, name, vm, cores, _slice(placed))
    _savers(d, guest, cores)
    _common_devices(d, guest, devices)
    if vm.firmware is not None:
        _flash(d, guest)
    _pass(d, guest, devices)
    d.pd.append(guest)
    return d


def alone(d: Domain, devices: Devices) -> None:
    """The devices are this VM's, and its end is the system's."""
    if all(regs.physical != d.system.board.uart.base for regs in devices.registers):
        d.uart(UART_CHANNEL)
    d.irq(d.system.board.timer_irq, TIMER_CHANNEL, setvar_id="vessel_timer_irq")
    d.ends_machine()
