# SPDX-License-Identifier: BSD-2-Clause
"""Boards of the Microkit SDK: what the VMM needs to know of their devices."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """A device's registers and interrupt (INTID; None: not used)."""

    base: int
    size: int = 0x1000
    irq: int | None = None


@dataclass(frozen=True)
class Panic:
    """QEMU's pvpanic-pci: its configuration space and a free page of PCI memory."""

    config: int
    memory: int


@dataclass(frozen=True)
class Board:
    """One board."""

    gic: int
    gicv: Device  # The virtual CPU interface, which a GICv2 guest has for its own.
    uart: Device  # A PL011.
    rtc: Device | None  # A PL031.
    timer_irq: int  # The EL1 physical timer's, exported to user level by the SDK's kernel.
    load_address: int
    cores: int
    panic: Panic | None = None
    # Windows of QEMU's virtio devices: the first, its interrupt, and the others behind it.
    virtio: Device | None = None
    dma: int = 0  # RAM from here on is for what devices read and write, at fixed addresses.
    qemu: tuple[str, ...] | None = None
    qemu_cpu: str = ""

    def window(self, number: int) -> tuple[int, int]:
        """Address and interrupt of a virtio device, on a board that has some."""
        if self.virtio is None or self.virtio.irq is None:
            raise AssertionError("limits() of who needs one asks for it")
        return self.virtio.base + number * self.virtio.size, self.virtio.irq + number


BOARDS = {
    # hw/arm/virt.c of QEMU; the kernel is built for 2 GiB and for Cortex-A53.
    "qemu_virt_aarch64": Board(
        gic=2,
        gicv=Device(0x0804_0000, 0x2000),
        uart=Device(0x0900_0000, irq=33),
        rtc=Device(0x0901_0000),
        timer_irq=30,
        load_address=0x7000_0000,
        cores=4,
        panic=Panic(config=0x40_1000_8000, memory=0x1000_0000),  # Slot 1, the first free one.
        virtio=Device(0x0A00_0000, 0x200, irq=48),
        dma=0xB000_0000,
        qemu=("-machine", "virt,virtualization=on", "-m", "2G"),
        qemu_cpu="cortex-a53",
    ),
}
