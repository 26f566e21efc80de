# SPDX-License-Identifier: BSD-2-Clause
"""sDDF 0.7's timer and serial components in a generated system, the mux their one client.

Their configuration is a section of each program, as include/sddf/{serial,timer}/config.h and
include/sddf/resources/device.h of sDDF lay it out; `make microkit SDDF=DIR` builds the programs.
"""

import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vessel.errors import ToolError
from vessel.hosts.boards import Board, Device
from vessel.hosts.domains import (
    SERIAL_DRIVER_PRIORITY,
    SERIAL_RX_PRIORITY,
    SERIAL_TX_PRIORITY,
    Domain,
)
from vessel.schema import BLOCK, PAGE

OBJCOPY = "llvm-objcopy"
TIMER, DRIVER, VIRT_TX, VIRT_RX, MUX = PROGRAMS = (
    *("timer_driver.elf", "serial_driver.elf", "serial_virt_tx.elf", "serial_virt_rx.elf"),
    "mux.elf",
)

# Regions, each of a page and at the same address in all that map it.
REGIONS_AT, REGION_STEP = 0x2000_0000, 0x1_0000
REGIONS = tuple(f"serial_{a}_{b}_{c}" for a in ("drv", "mux") for b in ("rx", "tx") for c in "qd")
UART_AT = 0x1000_0000
BAUD = 115_200
SWITCH = 0x1C  # Ctrl-\ leads to the virtualiser; twice, to the mux.
FRAMED_SWITCH = 0  # A frame from the tool ends with two.

# Channels.
DRIVER_RX, DRIVER_TX, DRIVER_IRQ = 0, 1, 2
VIRT_DRIVER, VIRT_CLIENT = 0, 1
MUX_RX, MUX_TX = 60, 59
TIMER_IRQ = 61

MAX_CLIENTS = 64
NAME_LENGTH = 64
BEGIN_LENGTH = 128
MAX_REGIONS = MAX_IRQS = 64


@dataclass(frozen=True)
class Piece:
    """A region: its name, and where it is mapped."""

    name: str
    vaddr: int
    size: int
    phys: int | None = None  # A fixed address, for devices.

    @property
    def resource(self) -> bytes:
        """As sDDF's region_resource_t."""
        return struct.pack("<QQ", self.vaddr, self.size)

    @property
    def device_resource(self) -> bytes:
        """As sDDF's device_region_resource_t."""
        return self.resource + struct.pack("<Q", self.phys or 0)


def magic(number: int) -> bytes:
    """What a configuration of class `number` starts with."""
    return struct.pack("<5s3x", b"sDDF" + bytes([number]))


def address_of(region: str) -> int:
    """Where a region is mapped."""
    return REGIONS_AT + REGIONS.index(region) * REGION_STEP


def _connection(name: str, channel: int) -> bytes:
    queue, data = (address_of(f"serial_{name}_{kind}") for kind in "qd")
    return struct.pack("<QQQQB7x", queue, PAGE, data, PAGE, channel)


def many(items: list[bytes], size: int, count: int) -> bytes:
    """An array of so many, the rest of it zeros."""
    return b"".join(items).ljust(size * count, b"\0")


def device(regions: list[bytes], irq: int) -> bytes:
    """A driver's regions and its interrupt's channel, as sDDF's device_resources_t."""
    head = magic(1)[:5] + struct.pack("<BBx", len(regions), 1)
    return head + many(regions, 24, MAX_REGIONS) + many([bytes([irq])], 1, MAX_IRQS)


def _registers(uart: Device) -> bytes:
    return struct.pack("<QQQ", UART_AT, uart.size, uart.base)


def _sections(board: Board, switch: int) -> dict[str, dict[str, bytes]]:
    """What goes into which section of which program."""
    head = magic(3)
    driver_rx, driver_tx = (_connection(f"drv_{way}", VIRT_DRIVER) for way in ("rx", "tx"))
    client_rx, client_tx = (_connection(f"mux_{way}", VIRT_CLIENT) for way in ("rx", "tx"))
    name = b"vessel_mux".ljust(NAME_LENGTH, b"\0")
    return {
        TIMER: {".device_resources": device([], TIMER_IRQ)},
        DRIVER: {
            ".device_resources": device([_registers(board.uart)], DRIVER_IRQ),
            ".serial_driver_config": head
            + _connection("drv_rx", DRIVER_RX)
            + _connection("drv_tx", DRIVER_TX)
            + struct.pack("<QB7x", BAUD, 1),
        },
        VIRT_RX: {
            ".serial_virt_rx_config": head
            + driver_rx
            + many([client_rx], len(client_rx), MAX_CLIENTS)
            + struct.pack("<BBB5x", 1, switch, ord("\r")),
        },
        VIRT_TX: {
            ".serial_virt_tx_config": head
            + driver_tx
            + many([client_tx + name], len(client_tx + name), MAX_CLIENTS)
            + struct.pack(f"<B{BEGIN_LENGTH}sBB5x", 1, b"", 0, 1),
        },
        MUX: {
            ".serial_client_config": head
            + _connection("mux_rx", MUX_RX)
            + _connection("mux_tx", MUX_TX),
        },
    }


def patch(program: Path, target: Path, sections: Mapping[str, bytes]) -> None:
    """Write a copy of a program with other contents of some sections."""
    command = [OBJCOPY]
    for section, content in sections.items():
        blob = target.with_name(f"{target.name}{section}")
        blob.write_bytes(content)
        command += ["--update-section", f"{section}={blob}"]
    command += [str(program), str(target)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError as error:
        raise ToolError(f"{OBJCOPY}: {error.strerror}") from None
    if done.returncode != 0:
        raise ToolError(f"{OBJCOPY} failed", done.stderr.decode(errors="replace").strip())


def configure(board: Board, built: Mapping[str, Path], out: Path, *, framed: bool) -> None:
    """Write the programs, each with its configuration, into the directory `out`."""
    switch = FRAMED_SWITCH if framed else SWITCH
    for program, sections in _sections(board, switch).items():
        patch(built[program], out / program, sections)


def map_pieces(d: Domain, *pieces: Piece) -> None:
    """Map regions into a protection domain."""
    for piece in pieces:
        place = {} if piece.phys is None else {"phys_addr": hex(piece.phys)}
        page = BLOCK if piece.size % BLOCK == 0 else PAGE
        d.system.region(piece.name, "", size=hex(piece.size), page_size=hex(page), **place)
        d.map(piece.name, piece.vaddr, "rw")


def _map_regions(d: Domain, *names: str) -> None:
    """Map queues and their data, such as "drv_rx"."""
    for name in names:
        for kind in "qd":
            region = f"serial_{name}_{kind}"
            d.map(region, address_of(region), "rw")


def serial(mux: Domain) -> None:
    """sDDF's serial driver and virtualisers, with the mux as their client."""
    system = mux.system
    for region in REGIONS:
        system.region(region, size=hex(PAGE), page_size=hex(PAGE))
    driver, tx, rx = (
        Domain(system, program.removesuffix(".elf"), program, priority, f"sDDF: {program}.")
        for program, priority in (
            (DRIVER, SERIAL_DRIVER_PRIORITY),
            (VIRT_TX, SERIAL_TX_PRIORITY),
            (VIRT_RX, SERIAL_RX_PRIORITY),
        )
    )
    uart = system.board.uart
    region = system.device("uart", uart, "The board's PL011.")
    driver.map(region, UART_AT, "rw", cached="false")
    if uart.irq is not None:
        driver.irq(uart.irq, DRIVER_IRQ)
    _map_regions(driver, "drv_rx", "drv_tx")
    ways = ((rx, "rx", DRIVER_RX, MUX_RX), (tx, "tx", DRIVER_TX, MUX_TX))
    for virt, way, driver_id, mux_id in ways:
        _map_regions(virt, f"drv_{way}", f"mux_{way}")
        _map_regions(mux, f"mux_{way}")
        system.channel(driver.end(driver_id), virt.end(VIRT_DRIVER))
        end = mux.end(mux_id, setvar_id=f"vessel_serial_{way}")
        system.channel(virt.end(VIRT_CLIENT), end)
