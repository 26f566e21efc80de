# SPDX-License-Identifier: BSD-2-Clause
"""Writes Microkit's system description (XML), to be read and changed by people too.

The `setvar_*` symbols are host/microkit/config.c's.
"""

import xml.etree.ElementTree as ET

from vessel.description import Description
from vessel.hosts.boards import Board, Device
from vessel.schema import BLOCK, PAGE, Region, Vm

# The VMM's own address space; its program is linked to 0x200000.
DEVICES_AT = 0x1000_0000
DEVICE_STEP = 0x1_0000
PACK_AT = 0x4000_0000
RAM_AT = 0x1_0000_0000
STACK = 0x1_0000

# The VMM goes before its guest, so that an event is handled at once.
VMM_PRIORITY = 100
GUEST_PRIORITY = 99
SLICE_US = 10_000  # Round robin among equals; also how often the kernel refills a budget.

GICC_GPA = 0x0801_0000  # Of machine "virt".
UART_CHANNEL = 1
TIMER_CHANNEL = 2


class _Writer:
    """One protection domain and what it maps."""

    def __init__(self, name: str, program: str) -> None:
        self.name = name
        self.root = ET.Element("system")
        self._next_device = DEVICES_AT
        self.pd = ET.Element("protection_domain", name=name, priority=str(VMM_PRIORITY))
        # No fpu: the guest's FP registers stay in the CPU while its VMM runs.
        self.pd.attrib.update(_slice(), stack_size=hex(STACK), fpu="false")
        ET.SubElement(self.pd, "program_image", path=program)
        self.vm = ET.Element("virtual_machine", name=f"{name}_vm", priority=str(GUEST_PRIORITY))
        self.vm.attrib.update(_slice())

    def region(self, name: str, **attributes: str) -> str:
        """A memory region of this VM; its full name."""
        full = f"{self.name}_{name}"
        ET.SubElement(self.root, "memory_region", name=full, **attributes)
        return full

    def device(self, name: str, device: Device, comment: str) -> str:
        """A memory region for a device's registers."""
        self.root.append(ET.Comment(f" {comment} "))
        return self.region(
            name, phys_addr=hex(device.base), size=hex(device.size), page_size=hex(PAGE)
        )

    def map(self, region: str, vaddr: int, perms: str, **attributes: str) -> None:
        """Map a region into the VMM."""
        ET.SubElement(self.pd, "map", mr=region, vaddr=hex(vaddr), perms=perms, **attributes)

    def map_device(self, name: str, device: Device, perms: str, comment: str) -> None:
        """A device of the VMM's own; its address goes into vessel_NAME."""
        region = self.device(name, device, comment)
        self.map(region, self._next_device, perms, cached="false", setvar_vaddr=f"vessel_{name}")
        self._next_device += DEVICE_STEP

    def give(self, region: str, gpa: int, perms: str, **attributes: str) -> None:
        """Map a region into the guest."""
        ET.SubElement(self.vm, "map", mr=region, vaddr=hex(gpa), perms=perms, **attributes)

    def irq(self, irq: int, channel: int, symbol: str) -> None:
        """An interrupt of the VMM's own."""
        ET.SubElement(self.pd, "irq", irq=str(irq), id=str(channel), setvar_id=symbol)


def _slice() -> dict[str, str]:
    return {"budget": str(SLICE_US), "period": str(SLICE_US)}


def _page_size(region: Region) -> int:
    return PAGE if region.base % BLOCK or region.size % BLOCK else BLOCK


def _pack(w: _Writer, pack: str) -> None:
    w.root.append(ET.Comment(" What `vessel pack` writes: the manifest and the guest's images. "))
    region = w.region("pack", prefill_path=pack, page_size=hex(BLOCK))
    symbols = {"setvar_vaddr": "vessel_pack", "setvar_prefill_size": "vessel_pack_size"}
    w.map(region, PACK_AT, "r", **symbols)


def _ram(w: _Writer, vm: Vm) -> None:
    at = RAM_AT
    for i, ram in enumerate(vm.memory):
        w.root.append(ET.Comment(f" The guest's RAM {ram}, which the VMM sees too. "))
        region = w.region(f"ram{i}", size=hex(ram.size), page_size=hex(_page_size(ram)))
        w.map(region, at, "rw", setvar_vaddr=f"vessel_ram{i}")
        w.give(region, ram.base, "rwx")
        at += -(-ram.size // BLOCK) * BLOCK


def _devices(w: _Writer, board: Board) -> None:
    w.map_device("uart", board.uart, "rw", "The board's PL011: the back end of the guest's.")
    if board.uart.irq is not None:
        w.irq(board.uart.irq, UART_CHANNEL, "vessel_uart_irq")
    if board.rtc is not None:
        w.map_device("rtc", board.rtc, "r", "The board's clock: the date.")
    w.irq(board.timer_irq, TIMER_CHANNEL, "vessel_timer_irq")
    gicv = w.device("gicv", board.gicv, "The GIC's virtual CPU interface, where guests have GICC.")
    w.give(gicv, GICC_GPA, "rw", cached="false")


def _end(w: _Writer, board: Board) -> None:
    """Let the end of this VM, the only one, be the end of QEMU."""
    if board.panic is None:
        return
    w.pd.set("smc", "true")
    config, memory = Device(board.panic.config), Device(board.panic.memory)
    w.map_device("panic_config", config, "rw", "QEMU's pvpanic: how a crash ends QEMU.")
    w.map_device("panic", memory, "rw", "Its register.")
    region = f"{w.name}_panic"
    ET.SubElement(w.pd, "setvar", symbol="vessel_panic_paddr", region_paddr=region)


def write(description: Description, board: Board, cores: int, pack: str, program: str) -> str:
    """The system description of a system of one VM; `pack` and `program` are file names.

    vCPUs are spread over the `cores` that the kernel has; the VMM is on the first.
    """
    name, vm = next(iter(description.system.vm.items()))
    w = _Writer(name, program)
    _pack(w, pack)
    _ram(w, vm)
    _devices(w, board)
    _end(w, board)
    for i in range(vm.cpus):
        core = {"cpu": str(i % cores)} if cores > 1 else {}
        ET.SubElement(w.vm, "vcpu", id=str(i), **core)
    w.pd.append(w.vm)
    w.root.append(w.pd)
    ET.indent(w.root, "    ")
    return f"<!-- Written by `vessel build`. -->\n{ET.tostring(w.root, encoding='unicode')}\n"
