# SPDX-License-Identifier: BSD-2-Clause
"""In Microkit's system description: the protection domains that serve all VMs.

The `setvar_*` symbols are those of host/microkit's timer/main.c, mux/main.c, switch/main.c and
entropy/main.c, and of config.c at the VMMs' ends.
"""

from collections.abc import Sequence

from vessel.description import Description
from vessel.hosts import networks, sddf, sddf_net
from vessel.hosts.boards import Device
from vessel.hosts.domains import (
    DEVICES_AT,
    ENTROPY,
    ENTROPY_PRIORITY,
    MANIFEST,
    MUX,
    MUX_PRIORITY,
    SWITCH,
    SWITCH_PRIORITY,
    TIMER,
    TIMER_PRIORITY,
    Domain,
    Parts,
    System,
)
from vessel.hosts.guests import TIMER_CHANNEL
from vessel.schema import PAGE

MANIFEST_AT = 0x4000_0000
PORTS_AT = 0x3000_0000
PORT_SIZE = 0x8000  # MK_PORT_SIZE

ENTROPY_WINDOW = 8  # Of QEMU's virtio devices; it has a page for itself.
DMA_SIZE = 0x4000  # At the start of what the board has for devices.

# A VMM's channels.
MUX_CHANNEL = 3
ENTROPY_CHANNEL = 12
LINKS_CHANNEL = 13
# Here VM N's is N, and the program's own interrupt is
IRQ_CHANNEL = 61


def timer(system: System, parts: Parts, vmms: Sequence[Domain]) -> None:
    """Wake-ups for VMMs."""
    comment = "The physical timer, which VMMs call to be woken in time."
    program = sddf.TIMER if parts.sddf else TIMER
    d = Domain(system, "vessel_timer", program, TIMER_PRIORITY, comment)
    symbol = {} if parts.sddf else {"setvar_id": "vessel_timer_irq"}
    d.irq(system.board.timer_irq, IRQ_CHANNEL, **symbol)
    for i, vmm in enumerate(vmms):
        system.channel(vmm.end(TIMER_CHANNEL, pp="true", setvar_id="vessel_timer"), d.end(i))


def _map_manifest(d: Domain) -> None:
    comment = "The manifest of all VMs, without images."
    manifest = d.system.region("manifest", comment, prefill_path=MANIFEST)
    symbols = {
        "setvar_vaddr": "vessel_manifest",
        "setvar_prefill_size": "vessel_manifest_size",
    }
    d.map(manifest, MANIFEST_AT, "r", **symbols)


def switch(system: System, description: Description, vmms: Sequence[Domain]) -> None:
    """Networks and sockets."""
    links = networks.links(description)
    comment = "Networks and sockets between the VMs."
    uplinks = sddf_net.uplinks(description, system.board)
    program = sddf_net.SWITCH if uplinks else SWITCH
    d = Domain(system, "vessel_switch", program, SWITCH_PRIORITY, comment)
    for uplink in uplinks:
        sddf_net.components(d, uplink)
    _map_manifest(d)
    networks.map_links(d, links)
    for i, vmm in enumerate(vmms):
        if any(link.vm == vmm.name for link in links):
            end = vmm.end(LINKS_CHANNEL, setvar_id="vessel_links_channel")
            system.channel(d.end(i), end)


def mux(system: System, parts: Parts, vmms: Sequence[Domain]) -> None:
    """Consoles, log and control."""
    comment = "The UART, shared by the consoles, the log and the control of all VMs."
    program = sddf.MUX if parts.sddf else MUX
    d = Domain(system, "vessel_mux", program, MUX_PRIORITY, comment)
    _map_manifest(d)
    if parts.sddf:
        sddf.serial(d)
    else:
        d.uart(IRQ_CHANNEL)
    for i, vmm in enumerate(vmms):
        comment = f"Queues between {vmm.name} and the mux."
        port = system.region(f"{vmm.name}_port", comment, size=hex(PORT_SIZE), page_size=hex(PAGE))
        first = {"setvar_vaddr": "vessel_ports"} if i == 0 else {}
        d.map(port, PORTS_AT + i * PORT_SIZE, "rw", **first)
        vmm.map(port, PORTS_AT, "rw", setvar_vaddr="vessel_port")
        end = vmm.end(MUX_CHANNEL, setvar_id="vessel_port_channel")
        system.channel(d.end(i, pp="true"), end)
    d.ends_machine()


def entropy(system: System, vmms: Sequence[Domain]) -> None:
    """The source of random bytes, with the VMMs that call it."""
    comment = "Random bytes from QEMU's virtio entropy device, which VMMs call for."
    d = Domain(system, "vessel_entropy", ENTROPY, ENTROPY_PRIORITY, comment)
    base, irq = system.board.window(ENTROPY_WINDOW)
    region = system.device("entropy_device", Device(base), "Its registers.")
    d.map(region, DEVICES_AT, "rw", cached="false", setvar_vaddr="vessel_virtio")
    d.irq(irq, IRQ_CHANNEL, trigger="edge", setvar_id="vessel_virtio_irq")
    at = system.board.dma
    place = {"phys_addr": hex(at), "size": hex(DMA_SIZE), "page_size": hex(PAGE)}
    memory = system.region("entropy_dma", "What it writes, at one address for both.", **place)
    d.map(memory, at, "rw", setvar_vaddr="vessel_dma")
    for i, vmm in enumerate(vmms):
        system.channel(vmm.end(ENTROPY_CHANNEL, pp="true", setvar_id="vessel_entropy"), d.end(i))
