# SPDX-License-Identifier: BSD-2-Clause
"""sDDF 0.7's block components in a generated system: a driver and a virtualiser for each disk.

Each disk of a VM is a client of its virtualiser, for one partition or, where that is linked with
host/microkit/sddf/whole.c, for all of the disk. Configurations are sections of the programs, as
include/sddf/blk/config.h of sDDF lays them out.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vessel import disks, tree
from vessel.description import Description
from vessel.errors import InputError, Problem
from vessel.hosts.boards import Board, Device
from vessel.hosts.domains import BLK_DRIVER_PRIORITY, BLK_VIRT_PRIORITY, Domain, System
from vessel.hosts.sddf import Piece, device, magic, many, map_pieces, patch
from vessel.schema import PAGE

DRIVER, VIRT, WHOLE, VMM = PROGRAMS = ("blk_driver.elf", "blk_virt.elf", "blk_whole.elf", "vmm.elf")
MAX_DISKS = 8  # As many windows for virtio devices share a page.
MAX_VM_DISKS = 8  # MAX_DISKS of host/microkit/sddf/storage.c

# Regions of each disk and of each client, at the same address in all that map them.
DISKS_AT, DISK_STEP = 0x90_0000_0000, 0x100_0000
CLIENTS_AT, CLIENT_STEP = 0x98_0000_0000, 0x40_0000
REGS_AT = 0x1000_0000
DMA_OFFSET = 0x20_0000  # What is before is the source of entropy's.
KIB = 1024
HEADERS, METADATA, TABLE = 64 * KIB, 2048 * KIB, 64 * KIB  # drivers/blk/virtio/config.json
DATA = 2048 * KIB  # SLOTS * SLOT_SIZE of host/microkit/sddf/storage.c
CLIENT_QUEUE, DRIVER_QUEUE = 32, 1024
INFO, QUEUE = PAGE, 64 * KIB

# Channels.
DRIVER_VIRT, DRIVER_IRQ = 0, 1
VIRT_DRIVER, VIRT_CLIENT = 0, 1  # And those behind it.
VMM_DISK = 4  # And those behind it: of a VM's disks.

MAX_CLIENTS = 64


@dataclass(frozen=True)
class Queues:
    """What two components share: storage information, requests, responses."""

    info: Piece
    requests: Piece
    responses: Piece
    places: int

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All of it."""
        return self.info, self.requests, self.responses

    def connection(self, channel: int) -> bytes:
        """As sDDF's blk_connection_resource_t, for the end whose channel this is."""
        regions = b"".join(piece.resource for piece in self.pieces)
        return regions + struct.pack("<HB5x", self.places, channel)


def _queues(name: str, at: int, places: int) -> Queues:
    return Queues(
        Piece(f"{name}_info", at, INFO),
        Piece(f"{name}_req", at + QUEUE, QUEUE),
        Piece(f"{name}_resp", at + 2 * QUEUE, QUEUE),
        places,
    )


@dataclass(frozen=True)
class Client:
    """A VM's disk."""

    vm: str
    number: int  # Among the VM's.
    partition: int  # From 0 on; of no meaning if it has the whole disk.
    queues: Queues
    data: Piece

    @property
    def channel(self) -> int:
        """The VMM's."""
        return VMM_DISK + self.number


@dataclass(frozen=True)
class Store:
    """A disk of the board."""

    number: int
    queues: Queues
    headers: Piece
    metadata: Piece
    table: Piece  # Where the virtualiser reads the partition table.
    clients: tuple[Client, ...]
    whole: bool  # Each client has all of it.

    @property
    def driver(self) -> str:
        """The driver's protection domain."""
        return f"blk_driver{self.number}"

    @property
    def virt(self) -> str:
        """The virtualiser's."""
        return f"blk_virt{self.number}"


class Plan:
    """The disks of a system."""

    def __init__(self, description: Description, board: Board) -> None:
        self.board = board
        self._origin = description.origin
        self._phys = board.dma + DMA_OFFSET
        self._clients = 0
        self._of_vm: dict[str, int] = {}
        self.stores = [self._store(n, disk) for n, disk in enumerate(disks.plan(description))]
        if len(self.stores) > MAX_DISKS:
            use = disks.plan(description)[MAX_DISKS].uses[0]
            text = f"more than {MAX_DISKS} files as disks"
            raise InputError([Problem(self._where(use), text)])

    def _where(self, use: disks.Use) -> tuple[str, ...]:
        return self._origin.where(use.loc)

    def _dma(self, name: str, vaddr: int, size: int) -> Piece:
        piece = Piece(name, vaddr, size, -(-self._phys // size) * size)
        self._phys = (piece.phys or 0) + size
        return piece

    def _client(self, use: disks.Use) -> Client:
        vm = str(use.loc[1])
        number = self._of_vm.setdefault(vm, 0)
        self._of_vm[vm] += 1
        at, name = CLIENTS_AT + self._clients * CLIENT_STEP, f"{vm}_disk{number}"
        self._clients += 1
        queues = _queues(name, at, CLIENT_QUEUE)
        partition = use.disk.partition if isinstance(use.disk.partition, int) else 1
        data = self._dma(f"{name}_data", at + DATA, DATA)
        return Client(vm, number, partition - 1, queues, data)

    def _store(self, n: int, disk: disks.HostDisk) -> Store:
        at, name = DISKS_AT + n * DISK_STEP, f"blk{n}"
        clients = tuple(self._client(use) for use in disk.uses)
        return Store(
            n,
            _queues(name, at, DRIVER_QUEUE),
            self._dma(f"{name}_headers", at + 4 * QUEUE, HEADERS),
            self._dma(f"{name}_metadata", at + METADATA, METADATA),
            self._dma(f"{name}_table", at + 5 * QUEUE, TABLE),
            clients,
            self._whole(disk),
        )

    def _whole(self, disk: disks.HostDisk) -> bool:
        """Whether all of it is given, and not partitions."""
        whole = [use for use in disk.uses if use.disk.partition is None]
        if not whole:
            return False
        if len(whole) < len(disk.uses):
            text = f"{tree.shown(disk.path)}: sDDF gives all of a disk, or its partitions"
            raise InputError([Problem(self._where(whole[0]), text)])
        size = disk.path.stat().st_size
        if disk.format == "raw" and size % PAGE:
            text = f"{tree.shown(disk.path)}: its size is no multiple of 4 KiB, sDDF's block"
            raise InputError([Problem(self._where(whole[0]), text, "`truncate -s %4K FILE`")])
        return True

    @property
    def vms(self) -> dict[str, list[Client]]:
        """The disks of each VM that has some, in its order."""
        found: dict[str, list[Client]] = {}
        for store in self.stores:
            for client in store.clients:
                found.setdefault(client.vm, []).append(client)
        return {vm: sorted(found[vm], key=lambda client: client.number) for vm in found}

    def window(self, store: Store) -> tuple[int, int]:
        """Address and interrupt of the disk's device."""
        return self.board.window(store.number)

    def _driver_sections(self, store: Store) -> dict[str, bytes]:
        base, _ = self.window(store)
        regs = Piece("", REGS_AT + base % PAGE, PAGE, base)
        regions = [p.device_resource for p in (regs, store.headers, store.metadata)]
        return {
            ".device_resources": device(regions, DRIVER_IRQ),
            ".blk_driver_config": magic(2) + store.queues.connection(DRIVER_VIRT),
        }

    def _virt_sections(self, store: Store) -> dict[str, bytes]:
        clients = [
            client.queues.connection(VIRT_CLIENT + i)
            + client.data.device_resource
            + struct.pack("<I4x", client.partition)
            for i, client in enumerate(store.clients)
        ]
        return {
            ".blk_virt_config": magic(2)
            + struct.pack("<Q", len(clients))
            + store.queues.connection(VIRT_DRIVER)
            + store.table.device_resource
            + many(clients, len(clients[0]), MAX_CLIENTS)
        }

    def configure(self, built: dict[str, Path], out: Path) -> None:
        """Write the programs, each with its configuration, into the directory `out`."""
        for store in self.stores:
            for program, name, sections in (
                (DRIVER, store.driver, self._driver_sections(store)),
                (WHOLE if store.whole else VIRT, store.virt, self._virt_sections(store)),
            ):
                patch(built[program], out / f"{name}.elf", sections)
        for vm, clients in self.vms.items():
            configs = [magic(2) + c.queues.connection(c.channel) + c.data.resource for c in clients]
            section = many(configs, len(configs[0]), MAX_VM_DISKS)
            patch(built[VMM], out / f"{vm}_{VMM}", {".vessel_blk_config": section})

    def qemu_arguments(self, description: Description) -> list[str]:
        """QEMU's disks."""
        return disks.qemu_arguments(disks.plan(description), "virtio-mmio-bus.")


def components(system: System, plan: Plan, store: Store, vmms: dict[str, Domain]) -> None:
    """A disk's driver and virtualiser, with the VMMs as clients."""
    comment = f"sDDF's driver of disk {store.number}."
    driver = Domain(system, store.driver, f"{store.driver}.elf", BLK_DRIVER_PRIORITY, comment)
    comment = f"Gives partitions of disk {store.number} to VMs."
    virt = Domain(system, store.virt, f"{store.virt}.elf", BLK_VIRT_PRIORITY, comment)
    base, irq = plan.window(store)
    regs = system.device("virtio", Device(base - base % PAGE), "Windows of QEMU's virtio devices.")
    driver.map(regs, REGS_AT, "rw", cached="false")
    driver.irq(irq, DRIVER_IRQ, trigger="edge")
    map_pieces(driver, *store.queues.pieces, store.headers, store.metadata)
    map_pieces(virt, *store.queues.pieces, store.table)
    system.channel(driver.end(DRIVER_VIRT), virt.end(VIRT_DRIVER))
    for i, client in enumerate(store.clients):
        vmm = vmms[client.vm]
        for piece in (*client.queues.pieces, client.data):
            map_pieces(virt, piece)
            map_pieces(vmm, piece)
        system.channel(virt.end(VIRT_CLIENT + i), vmm.end(client.channel))


def limits(description: Description, board: Board, *, sddf: bool) -> Iterator[Problem]:
    """What of the VMs' disks in files cannot be."""
    for name, vm in description.system.vm.items():
        for i, disk in enumerate(vm.disk):
            where = description.origin.where(("vm", name, "disk", i))
            if disk.ram is not None:
                continue
            if not sddf or board.virtio is None:
                text = "this host has no driver for the disk that the file would be"
                hint = "--sddf has one, or ram = SIZE with it makes it one in memory"
                yield Problem(where, text, hint)
            elif isinstance(disk.partition, str):
                yield Problem(where, "sDDF finds partitions by number only", "partition = N")
        if sum(disk.ram is None for disk in vm.disk) > MAX_VM_DISKS:
            where = description.origin.where(("vm", name, "disk"))
            yield Problem(where, f"more than {MAX_VM_DISKS} disks in files")
