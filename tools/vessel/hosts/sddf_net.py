# SPDX-License-Identifier: BSD-2-Clause
"""sDDF 0.7's network components in a generated system: a driver and two virtualisers for each
uplink, the switch their one client.

Configurations are sections of the programs, as include/sddf/network/config.h of sDDF lays them out.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vessel import links
from vessel.description import Description
from vessel.errors import Problem
from vessel.hosts.boards import Board, Device
from vessel.hosts.domains import NET_DRIVER_PRIORITY, NET_RX_PRIORITY, NET_TX_PRIORITY, Domain
from vessel.hosts.sddf import Piece, device, magic, many, map_pieces, patch
from vessel.schema import PAGE

DRIVER, VIRT_RX, VIRT_TX, SWITCH = PROGRAMS = (
    *("net_driver.elf", "net_virt_rx.elf", "net_virt_tx.elf"),
    "switch.elf",
)
MAX_UPLINKS = 4  # Of host/microkit/sddf/uplink.c.
FIRST_WINDOW = 24  # Of QEMU's virtio devices: a page of them.
CLASS = 5

AT, STEP = 0x94_0000_0000, 0x100_0000
REGS_AT = 0x1000_0000
BUFFERS, BUFFER = 512, 2048
QUEUE, RING, DATA = 0x4000, 0x1_0000, BUFFERS * BUFFER
DMA_BELOW = 0x100_0000  # Below the disks' memory.

# Channels.
DRIVER_RX, DRIVER_TX, DRIVER_IRQ = 0, 1, 2
VIRT_DRIVER, VIRT_CLIENT = 0, 1
SWITCH_RX = 40  # And those behind it, two an uplink.
MAX_CLIENTS = MAX_MACS = MAX_REGIONS = 64


def _connection(queues: tuple[Piece, Piece], channel: int) -> bytes:
    """As sDDF's net_connection_resource_t."""
    regions = b"".join(piece.resource for piece in queues)
    return regions + struct.pack("<HB5x", BUFFERS, channel)


@dataclass(frozen=True)
class Uplink:
    """A network's way out."""

    number: int
    board: Board
    macs: tuple[bytes, ...]  # Of the network's cards.

    def _piece(self, name: str, place: int, size: int, phys: int | None = None) -> Piece:
        at = AT + self.number * STEP + place
        if phys is not None:
            phys += self.board.dma - DMA_BELOW + self.number * (DMA_BELOW // MAX_UPLINKS)
        return Piece(f"net{self.number}_{name}", at, size, phys)

    def queues(self, name: str) -> tuple[Piece, Piece]:
        """Free and active buffers: "drv_rx", "drv_tx", "rx" or "tx"."""
        place = ("drv_rx", "drv_tx", "rx", "tx").index(name) * 2 * QUEUE
        return (
            self._piece(f"{name}_free", place, QUEUE),
            self._piece(f"{name}_active", place + QUEUE, QUEUE),
        )

    @property
    def ring(self) -> Piece:
        """The driver's."""
        return self._piece("ring", 0x8_0000, RING, 2 * DATA)

    @property
    def counts(self) -> Piece:
        """The receiving virtualiser's."""
        return self._piece("counts", 0xA_0000, PAGE)

    @property
    def rx_data(self) -> Piece:
        """What comes."""
        return self._piece("rx_data", 0x20_0000, DATA, 0)

    @property
    def tx_data(self) -> Piece:
        """What goes."""
        return self._piece("tx_data", 0x40_0000, DATA, DATA)

    @property
    def rx_channel(self) -> int:
        """The switch's."""
        return SWITCH_RX + 2 * self.number

    @property
    def tx_channel(self) -> int:
        """The switch's."""
        return SWITCH_RX + 2 * self.number + 1

    @property
    def window(self) -> tuple[int, int]:
        """Address and interrupt of the device."""
        return self.board.window(FIRST_WINDOW + self.number)

    def name(self, program: str) -> str:
        """The protection domain of a program."""
        return f"{program.removesuffix('.elf')}{self.number}"

    def sections(self) -> dict[str, dict[str, bytes]]:
        """What goes into which section of which program."""
        base, _ = self.window
        regs = Piece("", REGS_AT + base % PAGE, PAGE, base)
        regions = [regs.device_resource, self.ring.device_resource]
        macs = many(list(self.macs), 6, MAX_MACS) + struct.pack("<B7x", len(self.macs))
        data = many([self.tx_data.device_resource + struct.pack("<I4x", BUFFERS)], 32, MAX_REGIONS)
        rx = _connection(self.queues("rx"), VIRT_CLIENT) + macs
        tx = _connection(self.queues("tx"), VIRT_CLIENT) + data + struct.pack("<B7x", 1)
        head, one = magic(CLASS), struct.pack("<B7x", 1)
        return {
            DRIVER: {
                ".device_resources": device(regions, DRIVER_IRQ),
                ".net_driver_config": head
                + _connection(self.queues("drv_rx"), DRIVER_RX)
                + _connection(self.queues("drv_tx"), DRIVER_TX),
            },
            VIRT_RX: {
                ".net_virt_rx_config": head
                + _connection(self.queues("drv_rx"), VIRT_DRIVER)
                + self.rx_data.device_resource
                + self.counts.resource
                + many([rx], len(rx), MAX_CLIENTS)
                + one
            },
            VIRT_TX: {
                ".net_virt_tx_config": head
                + _connection(self.queues("drv_tx"), VIRT_DRIVER)
                + many([tx], len(tx), MAX_CLIENTS)
                + one
            },
        }

    def client(self) -> bytes:
        """As sDDF's net_client_config_t."""
        return (
            magic(CLASS)
            + _connection(self.queues("rx"), self.rx_channel)
            + self.rx_data.resource
            + _connection(self.queues("tx"), self.tx_channel)
            + self.tx_data.resource
            + bytes(8)
        )


def uplinks(description: Description, board: Board) -> list[Uplink]:
    """Of all networks that have one, in their order."""
    system = description.system
    found: list[Uplink] = []
    for name, network in system.network.items():
        if network.uplink is not None:
            macs = tuple(mac for _, card, mac in links.cards(system) if card.network == name)
            found.append(Uplink(len(found), board, macs))
    return found


def configure(found: list[Uplink], built: dict[str, Path], out: Path) -> None:
    """Write the programs, each with its configuration, into the directory `out`."""
    for uplink in found:
        for program, sections in uplink.sections().items():
            patch(built[program], out / f"{uplink.name(program)}.elf", sections)
    clients = [uplink.client() for uplink in found]
    section = many(clients, len(clients[0]), MAX_UPLINKS)
    patch(built[SWITCH], out / SWITCH, {".vessel_net_config": section})


def components(switch: Domain, uplink: Uplink) -> None:
    """A driver and the virtualisers of what comes and what goes, the switch their client."""
    system = switch.system
    driver, rx, tx = (
        Domain(system, uplink.name(program), f"{uplink.name(program)}.elf", priority, "sDDF's.")
        for program, priority in (
            (DRIVER, NET_DRIVER_PRIORITY),
            (VIRT_RX, NET_RX_PRIORITY),
            (VIRT_TX, NET_TX_PRIORITY),
        )
    )
    base, irq = uplink.window
    regs = system.device("net_devices", Device(base - base % PAGE), "Network devices.")
    driver.map(regs, REGS_AT, "rw", cached="false")
    driver.irq(irq, DRIVER_IRQ, trigger="edge")
    map_pieces(driver, uplink.ring)
    for way, virt, driver_id, switch_id in (
        ("rx", rx, DRIVER_RX, uplink.rx_channel),
        ("tx", tx, DRIVER_TX, uplink.tx_channel),
    ):
        for piece in uplink.queues(f"drv_{way}"):
            map_pieces(driver, piece)
            map_pieces(virt, piece)
        for piece in uplink.queues(way):
            map_pieces(virt, piece)
            map_pieces(switch, piece)
        system.channel(driver.end(driver_id), virt.end(VIRT_DRIVER))
        system.channel(virt.end(VIRT_CLIENT), switch.end(switch_id))
    map_pieces(rx, uplink.counts)
    for virt, piece in ((rx, uplink.rx_data), (tx, uplink.tx_data)):
        map_pieces(virt, piece)
        map_pieces(switch, piece)


def limits(description: Description, board: Board, *, sddf: bool) -> Iterator[Problem]:
    """What of the ways out cannot be."""
    named = [n for n, network in description.system.network.items() if network.uplink is not None]
    for i, name in enumerate(named):
        where = description.origin.where(("network", name, "uplink"))
        if not sddf or board.virtio is None:
            text = "this host has no driver for the way out"
            yield Problem(where, text, "--sddf has one; networks between VMs need none")
        elif i == MAX_UPLINKS:
            yield Problem(where, f"more than {MAX_UPLINKS} ways out")
