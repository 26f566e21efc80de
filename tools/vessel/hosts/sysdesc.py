# SPDX-License-Identifier: BSD-2-Clause
"""Writes Microkit's system description (XML), to be read and changed by people too.

The `setvar_*` symbols are host/microkit/config.c's, mux/main.c's and timer/main.c's.
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from vessel import passthrough
from vessel.description import Description
from vessel.hosts import networks, sddf, sddf_blk, sddf_net
from vessel.hosts.boards import Board, Device
from vessel.passthrough import Devices
from vessel.schema import BLOCK, DEFAULT_PERIOD, PAGE, Region, Vm

# A protection domain's own address space; its program is linked to 0x200000.
DEVICES_AT = 0x1000_0000
DEVICE_STEP = 0x1_0000
PORTS_AT = 0x3000_0000
CORES_AT = 0x3800_0000
PACK_AT = 0x4000_0000
RAM_AT = 0x1_0000_0000
RAMDISKS_AT = 0x80_0000_0000
STACK = 0x1_0000
PORT_SIZE = 0x8000  # MK_PORT_SIZE

# Who is called is above its callers; all of ours are above the guests, so that no guest keeps
# another one's VMM, or the console, from running.
TIMER_PRIORITY = 140
ENTROPY_PRIORITY = 138
VMM_PRIORITY = 130
SWITCH_PRIORITY = 124
MUX_PRIORITY = 120
# A disk's virtualiser waits for its driver, and a VMM for both, as they start.
BLK_DRIVER_PRIORITY, BLK_VIRT_PRIORITY = 136, 135
# A network's, above the switch.
NET_PRIORITIES = {sddf_net.DRIVER: 128, sddf_net.VIRT_RX: 127, sddf_net.VIRT_TX: 126}
# sDDF's: the mux asks for signals before they run.
SERIAL_PRIORITIES = {sddf.DRIVER: 118, sddf.VIRT_TX: 117, sddf.VIRT_RX: 116}
SDDF_PROGRAMS = ("timer_", "serial_", "blk_", "net_")  # Not ours: they may use vector registers.
GUEST_PRIORITY = 10  # And the VM's own, 0 to 99.
# Microseconds. A vCPU that spins for a lock does so for a whole slice while the one that has the
# lock, or is next in its queue, waits for its turn on the same core.
SHARED_SLICE = 1000

ENTROPY_WINDOW = 8  # Of QEMU's virtio devices; it has a page for itself.
DMA_SIZE = 0x4000  # At the start of what the board has for devices.

# Children of a VMM: vCPU N is N. Of one on another core than the VMM's, the saver is this + N.
FIRST_SAVER = 8

GICC_GPA = 0x0801_0000  # Of machine "virt".
# Also of that: the second bank of flash, as much of it as U-Boot reads byte by byte at its start.
FLASH_GPA, FLASH_SIZE = 0x0400_0000, 0x4_0000

# Channels. A VMM's:
UART_CHANNEL = 1
TIMER_CHANNEL = 2
MUX_CHANNEL = 3
ENTROPY_CHANNEL = 12
LINKS_CHANNEL = 13
FORWARD_CHANNEL = 16  # MK_FORWARD_CHANNEL
# The mux's, the timer's and the source of entropy's: VM N's is N, and their own interrupt is
IRQ_CHANNEL = 61


@dataclass(frozen=True)
class Files:
    """Names of the files that the description refers to."""

    packs: dict[str, str]  # Of each VM.
    manifest: str
    flash: str
    vmm: str
    mux: str
    timer: str
    entropy: str
    switch: str
    sddf: bool
    shared: bool  # The UART and the timer are for all, in protection domains of their own.
    stores: sddf_blk.Plan

    def vmm_of(self, vm: str) -> str:
        """The VMM's program: a VM with disks of sDDF has its own."""
        return f"{vm}_{sddf_blk.VMM}" if vm in self.stores.vms else self.vmm


class _System:
    """The whole description: regions first, then protection domains, then channels."""

    def __init__(self, board: Board, cores: int) -> None:
        self.board = board
        self.cores = cores
        self.regions: list[ET.Element] = []
        self.domains: list[ET.Element] = []
        self.channels: list[ET.Element] = []

    def region(self, name: str, comment: str = "", **attributes: str) -> str:
        """A memory region, once; its name."""
        if all(region.get("name") != name for region in self.regions):
            if comment:
                self.regions.append(ET.Comment(f" {comment} "))
            self.regions.append(ET.Element("memory_region", name=name, **attributes))
        return name

    def device(self, name: str, device: Device, comment: str) -> str:
        """A memory region for a device's registers."""
        place = {"phys_addr": hex(device.base), "size": hex(device.size)}
        return self.region(name, comment, **place, page_size=hex(PAGE))

    def channel(self, *ends: dict[str, str]) -> None:
        """Connect two protection domains."""
        channel = ET.Element("channel")
        for end in ends:
            ET.SubElement(channel, "end", end)
        self.channels.append(channel)

    def on(self, core: int) -> dict[str, str]:
        """The attribute that places something on a core, if there are several."""
        return {"cpu": str(core)} if self.cores > 1 else {}

    def text(self) -> str:
        """The file."""
        root = ET.Element("system")
        root.extend([*self.regions, *self.domains, *self.channels])
        ET.indent(root, "    ")
        return f"<!-- Written by `vessel build`. -->\n{ET.tostring(root, encoding='unicode')}\n"


class _Domain:
    """A protection domain and what it maps."""

    def __init__(
        self, system: _System, name: str, program: str, priority: int, comment: str, core: int = 0
    ) -> None:
        self.system = system
        self.name = name
        self._next_device = DEVICES_AT
        self.pd = ET.Element("protection_domain", name=name, priority=str(priority))
        # No fpu: the guests' FP registers stay in the CPU meanwhile.
        self.pd.attrib.update(system.on(core), stack_size=hex(STACK))
        if not program.startswith(SDDF_PROGRAMS):
            self.pd.set("fpu", "false")
        ET.SubElement(self.pd, "program_image", path=program)
        system.domains += [ET.Comment(f" {comment} "), self.pd]

    def map(self, region: str, vaddr: int, perms: str, **attributes: str) -> None:
        """Map a region into it."""
        ET.SubElement(self.pd, "map", mr=region, vaddr=hex(vaddr), perms=perms, **attributes)

    def map_device(self, name: str, device: Device, perms: str, comment: str) -> str:
        """A device of its own; its address goes into vessel_NAME."""
        region = self.system.device(name, device, comment)
        self.map(region, self._next_device, perms, cached="false", setvar_vaddr=f"vessel_{name}")
        self._next_device += DEVICE_STEP
        return region

    def irq(self, irq: int, channel: int, symbol: str) -> None:
        """An interrupt of its own."""
        ET.SubElement(self.pd, "irq", irq=str(irq), id=str(channel), setvar_id=symbol)


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


def _pack(d: _Domain, vm: str, file: str) -> None:
    comment = f"What `vessel pack` writes: the manifest of {vm} and its images."
    region = d.system.region(f"{vm}_pack", comment, prefill_path=file, page_size=hex(BLOCK))
    symbols = {"setvar_vaddr": "vessel_pack", "setvar_prefill_size": "vessel_pack_size"}
    d.map(region, PACK_AT, "r", **symbols)


def disk_file(vm: str, number: int) -> str:
    """What disk `number` of a VM holds at first, if it is in memory."""
    return f"{vm}_ramdisk{number}.img"


def _ramdisks(d: _Domain, name: str, vm: Vm) -> None:
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
    if vm.budget is None and vm.period is None:
        return {"budget": str(slice_us), "period": str(slice_us)}
    period = vm.period or DEFAULT_PERIOD
    return {"budget": str(vm.budget or period), "period": str(period)}


def _savers(d: _Domain, guest: ET.Element, cores: list[int]) -> None:
    """What lets the VMM have the registers of vCPUs on other cores."""
    if not elsewhere(cores):
        return
    file = f"{d.name}.cores"
    region = d.system.region(f"{d.name}_cores", "Where its vCPUs are.", prefill_path=file)
    d.map(region, CORES_AT, "r", setvar_vaddr="vessel_cores")
    for i, core in enumerate(cores):
        if core != cores[0]:
            ET.SubElement(guest, "vcpu", id=str(FIRST_SAVER + i), **d.system.on(core))


def _guest(d: _Domain, name: str, vm: Vm, cores: list[int], slice_us: int) -> ET.Element:
    """The virtual machine with its RAM, which its VMM sees too."""
    priority = GUEST_PRIORITY + vm.priority
    guest = ET.Element("virtual_machine", name=f"{name}_vm", priority=str(priority))
    guest.attrib.update(_time(vm, slice_us))
    for i in range(vm.cpus):
        ET.SubElement(guest, "vcpu", id=str(i), **d.system.on(cores[i]))
    at = RAM_AT
    for i, ram in enumerate(vm.memory):
        size = {"size": hex(ram.size), "page_size": hex(_page_size(ram))}
        region = d.system.region(f"{name}_ram{i}", f"RAM of {name} at {ram}.", **size)
        d.map(region, at, "rw", setvar_vaddr=f"vessel_ram{i}")
        ET.SubElement(guest, "map", mr=region, vaddr=hex(ram.base), perms="rwx")
        at += -(-ram.size // BLOCK) * BLOCK
    return guest


def _flash(d: _Domain, guest: ET.Element, file: str) -> None:
    """Erased flash as memory, for reads; a write is a fault to the VMM, as it is elsewhere."""
    comment = "Erased flash: firmware reads so much of it that faults would take minutes."
    region = d.system.region("flash", comment, prefill_path=file, page_size=hex(PAGE))
    ET.SubElement(guest, "map", mr=region, vaddr=hex(FLASH_GPA), perms="r")


def _pass(d: _Domain, guest: ET.Element, devices: Devices) -> None:
    """Give the guest devices of the board; their interrupts come through its VMM."""
    for regs in devices.registers:
        place = {"phys_addr": hex(regs.physical), "size": hex(regs.size), "page_size": hex(PAGE)}
        region = d.system.region(
            f"{d.name}_{regs.physical:x}", f"A device that {d.name} has for itself.", **place
        )
        ET.SubElement(guest, "map", mr=region, vaddr=hex(regs.gpa), perms="rw", cached="false")
    for i, interrupt in enumerate(devices.interrupts):
        trigger = "edge" if interrupt.edge else "level"
        channel = {"id": str(FORWARD_CHANNEL + i), "trigger": trigger}
        ET.SubElement(d.pd, "irq", irq=str(interrupt.board), **channel)


def _common_devices(d: _Domain, guest: ET.Element, devices: Devices) -> None:
    board = d.system.board
    passed = {regs.physical for regs in devices.registers}
    if board.rtc is not None and board.rtc.base not in passed:
        d.map_device("rtc", board.rtc, "r", "The board's clock: the date.")
    comment = "The GIC's virtual CPU interface, where guests have GICC."
    gicv = d.system.device("gicv", board.gicv, comment)
    ET.SubElement(guest, "map", mr=gicv, vaddr=hex(GICC_GPA), perms="rw", cached="false")


def _uart(d: _Domain, channel: int) -> None:
    uart = d.system.board.uart
    d.map_device("uart", uart, "rw", "The board's PL011: consoles and log.")
    if uart.irq is not None:
        d.irq(uart.irq, channel, "vessel_uart_irq")


def _end(d: _Domain) -> None:
    """Let the end of the VMs be the end of QEMU."""
    panic = d.system.board.panic
    if panic is None:
        return
    d.pd.set("smc", "true")
    d.map_device(
        "panic_config", Device(panic.config), "rw", "QEMU's pvpanic: how a crash ends QEMU."
    )
    region = d.map_device("panic", Device(panic.memory), "rw", "Its register.")
    ET.SubElement(d.pd, "setvar", symbol="vessel_panic_paddr", region_paddr=region)


def _vmm(system: _System, description: Description, name: str, files: Files) -> _Domain:
    """A VM and its VMM."""
    vm, placed = description.system.vm[name], placement(description, system.cores)
    cores = placed[name]
    devices = passthrough.find(description, name)
    comment = f"The VMM of {name}; its vCPUs run on what time is left."
    d = _Domain(system, name, files.vmm_of(name), VMM_PRIORITY, comment, cores[0])
    if vm.smc:
        d.pd.set("smc", "true")
    _pack(d, name, files.packs[name])
    _ramdisks(d, name, vm)
    _map_links(d, [link for link in networks.links(description) if link.vm == name])
    guest = _guest(d, name, vm, cores, _slice(placed))
    _savers(d, guest, cores)
    _common_devices(d, guest, devices)
    if vm.firmware is not None:
        _flash(d, guest, files.flash)
    _pass(d, guest, devices)
    d.pd.append(guest)
    return d


def _alone(d: _Domain, devices: Devices) -> None:
    """The devices are this VM's, and its end is the system's."""
    if all(regs.physical != d.system.board.uart.base for regs in devices.registers):
        _uart(d, UART_CHANNEL)
    d.irq(d.system.board.timer_irq, TIMER_CHANNEL, "vessel_timer_irq")
    _end(d)


def _timer(system: _System, files: Files, vmms: list[_Domain]) -> None:
    comment = "The physical timer, which VMMs call to be woken in time."
    program = sddf.TIMER if files.sddf else files.timer
    d = _Domain(system, "vessel_timer", program, TIMER_PRIORITY, comment)
    irq = str(system.board.timer_irq)
    symbol = {} if files.sddf else {"setvar_id": "vessel_timer_irq"}
    ET.SubElement(d.pd, "irq", irq=irq, id=str(IRQ_CHANNEL), **symbol)
    for i, vmm in enumerate(vmms):
        caller = {"pd": vmm.name, "id": str(TIMER_CHANNEL), "pp": "true"}
        system.channel(
            {**caller, "setvar_id": "vessel_timer"}, {"pd": "vessel_timer", "id": str(i)}
        )


def _serial(mux: _Domain) -> None:
    """sDDF's serial driver and virtualisers, with the mux as their client."""
    system = mux.system
    for region in sddf.REGIONS:
        system.region(region, "", size=hex(PAGE), page_size=hex(PAGE))
    driver, tx, rx = (
        _Domain(system, program.removesuffix(".elf"), program, priority, f"sDDF: {program}.")
        for program, priority in SERIAL_PRIORITIES.items()
    )
    uart = system.board.uart
    region = system.device("uart", uart, "The board's PL011.")
    driver.map(region, sddf.UART_AT, "rw", cached="false")
    ET.SubElement(driver.pd, "irq", irq=str(uart.irq), id=str(sddf.DRIVER_IRQ))
    sddf.map_regions(driver.pd, "drv_rx", "drv_tx")
    ways = ((rx, "rx", sddf.DRIVER_RX, sddf.MUX_RX), (tx, "tx", sddf.DRIVER_TX, sddf.MUX_TX))
    for virt, way, driver_id, mux_id in ways:
        sddf.map_regions(virt.pd, f"drv_{way}", f"mux_{way}")
        sddf.map_regions(mux.pd, f"mux_{way}")
        system.channel(
            {"pd": driver.name, "id": str(driver_id)},
            {"pd": virt.name, "id": str(sddf.VIRT_DRIVER)},
        )
        system.channel(
            {"pd": virt.name, "id": str(sddf.VIRT_CLIENT)},
            {"pd": mux.name, "id": str(mux_id), "setvar_id": f"vessel_serial_{way}"},
        )


def _map_manifest(d: _Domain, files: Files) -> None:
    comment = "The manifest of all VMs, without images."
    manifest = d.system.region("manifest", comment, prefill_path=files.manifest)
    symbols = {
        "setvar_vaddr": "vessel_manifest",
        "setvar_prefill_size": "vessel_manifest_size",
    }
    d.map(manifest, PACK_AT, "r", **symbols)


def _map_links(d: _Domain, links: list[networks.Link]) -> None:
    """One behind the other."""
    for i, link in enumerate(links):
        size = {"size": hex(networks.LINK_SIZE), "page_size": hex(BLOCK)}
        region = d.system.region(link.region, f"Between {link.vm} and the networks.", **size)
        first = {"setvar_vaddr": "vessel_links"} if i == 0 else {}
        d.map(region, networks.LINKS_AT + i * networks.LINK_SIZE, "rw", **first)


def _uplink(switch: _Domain, uplink: sddf_net.Uplink) -> None:
    """A driver and the virtualisers of what comes and what goes, the switch their client."""
    system = switch.system
    driver, rx, tx = (
        _Domain(system, uplink.name(program), f"{uplink.name(program)}.elf", priority, "sDDF's.")
        for program, priority in NET_PRIORITIES.items()
    )
    base, irq = uplink.window
    regs = system.device("net_devices", Device(base - base % PAGE), "Network devices.")
    driver.map(regs, sddf_net.REGS_AT, "rw", cached="false")
    attributes = {"irq": str(irq), "id": str(sddf_net.DRIVER_IRQ), "trigger": "edge"}
    ET.SubElement(driver.pd, "irq", attributes)
    _map_piece(driver, uplink.ring)
    for way, virt, driver_id, switch_id in (
        ("rx", rx, sddf_net.DRIVER_RX, uplink.rx_channel),
        ("tx", tx, sddf_net.DRIVER_TX, uplink.tx_channel),
    ):
        for piece in uplink.queues(f"drv_{way}"):
            _map_piece(driver, piece)
            _map_piece(virt, piece)
        for piece in uplink.queues(way):
            _map_piece(virt, piece)
            _map_piece(switch, piece)
        system.channel(
            {"pd": driver.name, "id": str(driver_id)},
            {"pd": virt.name, "id": str(sddf_net.VIRT_DRIVER)},
        )
        system.channel(
            {"pd": virt.name, "id": str(sddf_net.VIRT_CLIENT)},
            {"pd": switch.name, "id": str(switch_id)},
        )
    _map_piece(rx, uplink.counts)
    for virt, piece in ((rx, uplink.rx_data), (tx, uplink.tx_data)):
        _map_piece(virt, piece)
        _map_piece(switch, piece)


def _switch(system: _System, description: Description, files: Files) -> None:
    links = networks.links(description)
    comment = "Networks and sockets between the VMs."
    uplinks = sddf_net.uplinks(description, system.board)
    program = sddf_net.SWITCH if uplinks else files.switch
    d = _Domain(system, "vessel_switch", program, SWITCH_PRIORITY, comment)
    for uplink in uplinks:
        _uplink(d, uplink)
    _map_manifest(d, files)
    _map_links(d, links)
    for i, name in enumerate(description.system.vm):
        own = [link for link in links if link.vm == name]
        if own:
            system.channel(
                {"pd": d.name, "id": str(i)},
                {"pd": name, "id": str(LINKS_CHANNEL), "setvar_id": "vessel_links_channel"},
            )


def _mux(system: _System, files: Files, vmms: list[_Domain]) -> None:
    comment = "The UART, shared by the consoles, the log and the control of all VMs."
    program = sddf.MUX if files.sddf else files.mux
    d = _Domain(system, "vessel_mux", program, MUX_PRIORITY, comment)
    _map_manifest(d, files)
    if files.sddf:
        _serial(d)
    else:
        _uart(d, IRQ_CHANNEL)
    for i, vmm in enumerate(vmms):
        comment = f"Queues between {vmm.name} and the mux."
        port = system.region(f"{vmm.name}_port", comment, size=hex(PORT_SIZE), page_size=hex(PAGE))
        first = {"setvar_vaddr": "vessel_ports"} if i == 0 else {}
        d.map(port, PORTS_AT + i * PORT_SIZE, "rw", **first)
        vmm.map(port, PORTS_AT, "rw", setvar_vaddr="vessel_port")
        system.channel(
            {"pd": d.name, "id": str(i), "pp": "true"},
            {"pd": vmm.name, "id": str(MUX_CHANNEL), "setvar_id": "vessel_port_channel"},
        )
    _end(d)


def _entropy(system: _System, description: Description, files: Files) -> None:
    """The source of random bytes, with the VMMs that call it."""
    vms = [name for name, vm in description.system.vm.items() if vm.rng]
    virtio = system.board.virtio
    if not vms or virtio is None or virtio.irq is None:
        return
    comment = "Random bytes from QEMU's virtio entropy device, which VMMs call for."
    d = _Domain(system, "vessel_entropy", files.entropy, ENTROPY_PRIORITY, comment)
    window = Device(virtio.base + ENTROPY_WINDOW * virtio.size)
    region = system.device("entropy_device", window, "Its registers.")
    d.map(region, DEVICES_AT, "rw", cached="false", setvar_vaddr="vessel_virtio")
    irq = {"irq": str(virtio.irq + ENTROPY_WINDOW), "id": str(IRQ_CHANNEL), "trigger": "edge"}
    ET.SubElement(d.pd, "irq", setvar_id="vessel_virtio_irq", **irq)
    at = system.board.dma
    place = {"phys_addr": hex(at), "size": hex(DMA_SIZE), "page_size": hex(PAGE)}
    memory = system.region("entropy_dma", "What it writes, at one address for both.", **place)
    d.map(memory, at, "rw", setvar_vaddr="vessel_dma")
    for i, vm in enumerate(vms):
        caller = {"pd": vm, "id": str(ENTROPY_CHANNEL), "pp": "true"}
        system.channel(
            {**caller, "setvar_id": "vessel_entropy"}, {"pd": "vessel_entropy", "id": str(i)}
        )


def _map_piece(d: _Domain, piece: sddf_blk.Piece) -> None:
    place = {} if piece.phys is None else {"phys_addr": hex(piece.phys)}
    page = BLOCK if piece.size % BLOCK == 0 else PAGE
    d.system.region(piece.name, "", size=hex(piece.size), page_size=hex(page), **place)
    d.map(piece.name, piece.vaddr, "rw")


def _store(
    system: _System, plan: sddf_blk.Plan, store: sddf_blk.Store, vmms: dict[str, _Domain]
) -> None:
    """A disk's driver and virtualiser, with the VMMs as clients."""
    comment = f"sDDF's driver of disk {store.number}."
    driver = _Domain(system, store.driver, f"{store.driver}.elf", BLK_DRIVER_PRIORITY, comment)
    comment = f"Gives partitions of disk {store.number} to VMs."
    virt = _Domain(system, store.virt, f"{store.virt}.elf", BLK_VIRT_PRIORITY, comment)
    base, irq = plan.window(store)
    regs = system.device("virtio", Device(base - base % PAGE), "Windows of QEMU's virtio devices.")
    driver.map(regs, sddf_blk.REGS_AT, "rw", cached="false")
    ET.SubElement(driver.pd, "irq", irq=str(irq), id=str(sddf_blk.DRIVER_IRQ), trigger="edge")
    for piece in (*store.queues.pieces, store.headers, store.metadata):
        _map_piece(driver, piece)
    for piece in (*store.queues.pieces, store.table):
        _map_piece(virt, piece)
    system.channel(
        {"pd": driver.name, "id": str(sddf_blk.DRIVER_VIRT)},
        {"pd": virt.name, "id": str(sddf_blk.VIRT_DRIVER)},
    )
    for i, client in enumerate(store.clients):
        vmm = vmms[client.vm]
        for piece in (*client.queues.pieces, client.data):
            _map_piece(virt, piece)
            _map_piece(vmm, piece)
        system.channel(
            {"pd": virt.name, "id": str(sddf_blk.VIRT_CLIENT + i)},
            {"pd": client.vm, "id": str(client.channel)},
        )


def write(description: Description, board: Board, cores: int, files: Files) -> str:
    """The system description, for a kernel with so many `cores`."""
    system = _System(board, cores)
    vmms = [_vmm(system, description, name, files) for name in description.system.vm]
    if files.shared:
        _timer(system, files, vmms)
        _mux(system, files, vmms)
    else:
        _alone(vmms[0], passthrough.find(description, vmms[0].name))
    _entropy(system, description, files)
    if networks.links(description):
        _switch(system, description, files)
    for store in files.stores.stores:
        _store(system, files.stores, store, {vmm.name: vmm for vmm in vmms})
    return system.text()
