# SPDX-License-Identifier: BSD-2-Clause
"""Devices of the board that a VM has for itself, found by their path in the board's device tree.

The guest gets a copy of each node with its own addresses and interrupt numbers. What a node refers
to by phandle is copied only if it is a fixed clock; phandles stay as they are.
"""

import functools
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libfdt

from vessel import qemu
from vessel.description import Description
from vessel.errors import Reason, ToolError, os_reason
from vessel.schema import PAGE

# Where QEMU's `virt` has its platform bus: free in the guest.
WINDOW, WINDOW_SIZE = 0x0C00_0000, 0x0200_0000
FIRST_INTID = 144
MAX_INTERRUPTS = 16  # VMM_MAX_FORWARDS
EDGE = (1, 2)
NODE = "passthrough"
_EMPTY = bytes(libfdt.Fdt.create_empty_tree(256).as_bytearray())
FIXED_CLOCK = b"fixed-clock\0"
DROPPED = (
    "clock-output-names",
    "reg",
    "interrupts",
    "interrupt-parent",
    "interrupts-extended",
    "dma-coherent",
)


@dataclass(frozen=True)
class Registers:
    """A device's registers, in whole pages."""

    physical: int
    gpa: int
    size: int


@dataclass(frozen=True)
class Interrupt:
    """A device's interrupt: the board's INTID, and the guest's."""

    board: int
    guest: int
    edge: bool


@dataclass(frozen=True)
class Node:
    """What is copied."""

    offset: int
    reg: tuple[tuple[int, int], ...]  # The guest's.
    interrupts: tuple[Interrupt, ...]


class Devices:
    """All passed-through devices of one VM."""

    def __init__(self, dtb: bytes, paths: list[str]) -> None:
        """Find them. Raises Reason."""
        self.fdt = libfdt.Fdt(dtb)
        self.registers: list[Registers] = []
        self.nodes: list[Node] = []
        for path in paths:
            self._add(path)
        for offset in self._clocks():
            self.nodes.append(Node(offset, (), ()))

    @property
    def interrupts(self) -> list[Interrupt]:
        """Those of all, in the manifest's order."""
        return [interrupt for node in self.nodes for interrupt in node.interrupts]

    def _property(self, offset: int, name: str) -> bytes | None:
        value = self.fdt.getprop(offset, name, libfdt.QUIET_NOTFOUND)
        return None if isinstance(value, int) else bytes(value)

    def _cells(self, offset: int, name: str) -> list[int]:
        value = self._property(offset, name) or b""
        return list(struct.unpack(f">{len(value) // 4}I", value[: len(value) // 4 * 4]))

    def _add(self, path: str) -> None:
        offset = self.fdt.path_offset(path, libfdt.QUIET_NOTFOUND)
        if offset < 0:
            names = ", ".join(sorted(self._names())[:8])
            raise Reason(f'the board has no device "{path}"', f"it has {names}, ...")
        reg = tuple(self._map(base, size) for base, size in self._reg(offset, path))
        self.nodes.append(Node(offset, reg, tuple(self._interrupts(offset, path))))

    def _names(self) -> Iterator[str]:
        offset = self.fdt.first_subnode(0, libfdt.QUIET_NOTFOUND)
        while offset >= 0:
            yield "/" + self.fdt.get_name(offset)
            offset = self.fdt.next_subnode(offset, libfdt.QUIET_NOTFOUND)

    def _reg(self, offset: int, path: str) -> Iterator[tuple[int, int]]:
        cells = self._cells(offset, "reg")
        if not cells:
            return
        parent = self.fdt.parent_offset(offset)
        if parent != 0 and self._property(parent, "ranges"):
            raise Reason(f'"{path}" is on a bus that translates addresses', "it cannot be passed")
        address = (self._cells(parent, "#address-cells") or [2])[0]
        size = (self._cells(parent, "#size-cells") or [1])[0]
        for i in range(0, len(cells), address + size):
            words = cells[i : i + address + size]
            yield _number(words[:address]), _number(words[address:])

    def _map(self, base: int, size: int) -> tuple[int, int]:
        """Give the pages around registers a place; the guest's address of the registers."""
        first, end = base // PAGE * PAGE, -(-(base + size) // PAGE) * PAGE
        for known in self.registers:
            if known.physical <= first and end <= known.physical + known.size:
                return known.gpa + base - known.physical, size
        gpa = WINDOW + sum(known.size for known in self.registers)
        if gpa + end - first > WINDOW + WINDOW_SIZE:
            raise Reason("more registers than fit into the guest's window of 32 MiB")
        self.registers.append(Registers(first, gpa, end - first))
        return gpa + base - first, size

    def _interrupts(self, offset: int, path: str) -> Iterator[Interrupt]:
        cells = self._cells(offset, "interrupts")
        first = FIRST_INTID + len(self.interrupts)
        for n, i in enumerate(range(0, len(cells) - 2, 3)):
            kind, number, flags = cells[i : i + 3]
            if kind != 0:
                raise Reason(f'"{path}" has a private interrupt', "only SPIs can be passed")
            if first + n >= FIRST_INTID + MAX_INTERRUPTS:
                raise Reason(f"more than {MAX_INTERRUPTS} interrupts")
            yield Interrupt(number + 32, first + n, flags & 0xF in EDGE)

    def _clocks(self) -> list[int]:
        """Fixed clocks that the nodes name."""
        found = []
        for node in self.nodes:
            for phandle in self._cells(node.offset, "clocks"):
                offset = self.fdt.node_offset_by_phandle(phandle, libfdt.QUIET_NOTFOUND)
                fixed = offset >= 0 and self._property(offset, "compatible") == FIXED_CLOCK
                if fixed and offset not in found:
                    found.append(offset)
        return found

    def write(self, out: libfdt.FdtSw) -> None:
        """Write the node of the manifest, into the VM's, which is open."""
        if not self.nodes:
            return
        with out.add_node(NODE):
            if self.interrupts:
                out.property("interrupts", _cells(*(i.guest for i in self.interrupts)))
            for node in self.nodes:
                self._copy(out, node)

    def _copy(self, out: libfdt.FdtSw, node: Node) -> None:
        name = self.fdt.get_name(node.offset)
        if node.reg:
            name = f"{name.split('@')[0]}@{node.reg[0][0]:x}"
        elif self._property(node.offset, "compatible") == FIXED_CLOCK:
            name = f"board-{name}"  # The guest has a clock of this name.
        with out.add_node(name):
            if node.reg:
                out.property("reg", struct.pack(f">{2 * len(node.reg)}Q", *sum(node.reg, ())))
            if node.interrupts:
                words = [(0, i.guest - 32, 1 if i.edge else 4) for i in node.interrupts]
                out.property("interrupts", _cells(*sum(words, ())))
            self._copy_rest(out, node.offset, DROPPED)

    def _copy_rest(self, out: libfdt.FdtSw, offset: int, dropped: tuple[str, ...] = ()) -> None:
        at = self.fdt.first_property_offset(offset, libfdt.QUIET_NOTFOUND)
        while at >= 0:
            prop = self.fdt.get_property_by_offset(at)
            if prop.name not in dropped:
                out.property(prop.name, bytes(prop))
            at = self.fdt.next_property_offset(at, libfdt.QUIET_NOTFOUND)
        child = self.fdt.first_subnode(offset, libfdt.QUIET_NOTFOUND)
        while child >= 0:
            with out.add_node(self.fdt.get_name(child)):
                self._copy_rest(out, child)
            child = self.fdt.next_subnode(child, libfdt.QUIET_NOTFOUND)


def find(description: Description, name: str) -> Devices:
    """The devices of VM `name`. Raises InputError."""
    origin, paths = description.origin, description.system.vm[name].passthrough
    loc: tuple[str, ...] = ("vm", name, "passthrough")
    try:
        if not paths:
            return Devices(_EMPTY, [])
        file = description.system.host.dtb
        dtb = _qemu_dtb() if file is None else origin.path(("host", "dtb"), file).read_bytes()
        return Devices(dtb, paths)
    except Reason as reason:
        raise origin.error(loc, reason) from None
    except OSError as error:
        raise origin.error(("host", "dtb"), Reason(os_reason(error))) from None
    except libfdt.FdtException as error:
        raise origin.error(("host", "dtb"), Reason(f"not a device tree: {error}")) from None


@functools.cache
def _qemu_dtb() -> bytes:
    """The device tree of QEMU's `virt`, without a description's own."""
    with tempfile.TemporaryDirectory(prefix="vessel-") as work:
        dtb = Path(work) / "virt.dtb"
        machine = f"virt,virtualization=on,gic-version=2,dumpdtb={dtb}"
        command = [qemu.find(), "-machine", machine, "-cpu", "cortex-a53", "-display", "none"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        if done.returncode != 0:
            raise ToolError("QEMU did not tell its device tree", done.stderr.decode().strip())
        return dtb.read_bytes()


def _number(words: list[int]) -> int:
    value = 0
    for word in words:
        value = value << 32 | word
    return value


def _cells(*words: int) -> bytes:
    return struct.pack(f">{len(words)}I", *words)
