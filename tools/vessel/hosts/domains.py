# SPDX-License-Identifier: BSD-2-Clause
"""The elements of Microkit's system description: memory regions, protection domains, channels."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from vessel.hosts.boards import Board, Device
from vessel.schema import PAGE

# A protection domain's own address space; its program is linked to 0x200000.
DEVICES_AT = 0x1000_0000
DEVICE_STEP = 0x1_0000
STACK = 0x1_0000

# Who is called is above its callers; all of ours are above the guests, so that no guest keeps
# another one's VMM, or the console, from running.
TIMER_PRIORITY = 140
ENTROPY_PRIORITY = 138
# A disk's virtualiser waits for its driver, and a VMM for both, as they start.
BLK_DRIVER_PRIORITY, BLK_VIRT_PRIORITY = 136, 135
VMM_PRIORITY = 130
# A network's, above the switch.
NET_DRIVER_PRIORITY, NET_RX_PRIORITY, NET_TX_PRIORITY = 128, 127, 126
SWITCH_PRIORITY = 124
MUX_PRIORITY = 120
# sDDF's: the mux asks for signals before they run.
SERIAL_DRIVER_PRIORITY, SERIAL_TX_PRIORITY, SERIAL_RX_PRIORITY = 118, 117, 116
GUEST_PRIORITY = 10  # And the VM's own, 0 to 99.

SDDF_PROGRAMS = ("timer_", "serial_", "blk_", "net_")  # Not ours: they may use vector registers.


# The files that a description refers to.
VMM, MUX, TIMER, ENTROPY, SWITCH = PROGRAMS = tuple(
    f"vessel-{name}.elf" for name in ("vmm", "mux", "timer", "entropy", "switch")
)
MANIFEST = "system.manifest"
FLASH = "flash.bin"


@dataclass(frozen=True)
class Parts:
    """What a system is made of."""

    packs: dict[str, str]  # The file of each VM.
    vmms: dict[str, str]  # The program of each VM's VMM.
    sddf: bool
    shared: bool  # The UART and the timer are for all, in protection domains of their own.


def child(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    """A new last child."""
    return ET.SubElement(parent, tag, attributes)


class System:
    """The whole description: regions first, then protection domains, then channels."""

    def __init__(self, board: Board, cores: int) -> None:
        self.board = board
        self.cores = cores
        self._regions: dict[str, list[ET.Element]] = {}
        self._domains: list[ET.Element] = []
        self._channels: list[ET.Element] = []

    def region(self, name: str, comment: str = "", **attributes: str) -> str:
        """A memory region, once; its name."""
        if name not in self._regions:
            element = ET.Element("memory_region", {"name": name, **attributes})
            self._regions[name] = [*([_comment(comment)] if comment else []), element]
        return name

    def device(self, name: str, device: Device, comment: str) -> str:
        """A memory region for a device's registers."""
        place = {"phys_addr": hex(device.base), "size": hex(device.size)}
        return self.region(name, comment, **place, page_size=hex(PAGE))

    def domain(self, pd: ET.Element, comment: str) -> None:
        """A protection domain."""
        self._domains += [_comment(comment), pd]

    def channel(self, *ends: dict[str, str]) -> None:
        """Connect two protection domains, by what their `end()` returned."""
        channel = ET.Element("channel")
        for end in ends:
            child(channel, "end", **end)
        self._channels.append(channel)

    def on(self, core: int) -> dict[str, str]:
        """The attribute that places something on a core, if there are several."""
        return {"cpu": str(core)} if self.cores > 1 else {}

    def text(self) -> str:
        """The file."""
        root = ET.Element("system")
        for region in self._regions.values():
            root.extend(region)
        root.extend([*self._domains, *self._channels])
        ET.indent(root, "    ")
        return f"<!-- Written by `vessel build`. -->\n{ET.tostring(root, encoding='unicode')}\n"


def _comment(text: str) -> ET.Element:
    comment: ET.Element = ET.Comment(f" {text} ")  # type: ignore[assignment]
    return comment


class Domain:
    """A protection domain and what it maps."""

    def __init__(
        self, system: System, name: str, program: str, priority: int, comment: str, core: int = 0
    ) -> None:
        self.system = system
        self.name = name
        self._next_device = DEVICES_AT
        self.pd = ET.Element("protection_domain", name=name, priority=str(priority))
        # No fpu: the guests' FP registers stay in the CPU meanwhile.
        self.pd.attrib.update(system.on(core), stack_size=hex(STACK))
        if not program.startswith(SDDF_PROGRAMS):
            self.pd.set("fpu", "false")
        child(self.pd, "program_image", path=program)
        system.domain(self.pd, comment)

    def map(self, region: str, vaddr: int, perms: str, **attributes: str) -> None:
        """Map a region into it."""
        child(self.pd, "map", mr=region, vaddr=hex(vaddr), perms=perms, **attributes)

    def map_device(self, name: str, device: Device, perms: str, comment: str) -> str:
        """A device of its own; its address goes into vessel_NAME."""
        region = self.system.device(name, device, comment)
        self.map(region, self._next_device, perms, cached="false", setvar_vaddr=f"vessel_{name}")
        self._next_device += DEVICE_STEP
        return region

    def irq(self, irq: int, channel: int, **attributes: str) -> None:
        """An interrupt of its own."""
        child(self.pd, "irq", irq=str(irq), id=str(channel), **attributes)

    def end(self, channel: int, **attributes: str) -> dict[str, str]:
        """Its end of a channel."""
        return {"pd": self.name, "id": str(channel), **attributes}

    def uart(self, channel: int) -> None:
        """The board's UART."""
        uart = self.system.board.uart
        self.map_device("uart", uart, "rw", "The board's PL011: consoles and log.")
        if uart.irq is not None:
            self.irq(uart.irq, channel, setvar_id="vessel_uart_irq")

    def ends_machine(self) -> None:
        """Let the end of the VMs be the end of QEMU."""
        panic = self.system.board.panic
        if panic is None:
            return
        self.pd.set("smc", "true")
        comment = "QEMU's pvpanic: how a crash ends QEMU."
        self.map_device("panic_config", Device(panic.config), "rw", comment)
        region = self.map_device("panic", Device(panic.memory), "rw", "Its register.")
        child(self.pd, "setvar", symbol="vessel_panic_paddr", region_paddr=region)
