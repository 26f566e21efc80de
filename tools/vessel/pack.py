# SPDX-License-Identifier: BSD-2-Clause
"""The packed system: a manifest (flattened device tree) and the images. See docs/MANIFEST.md."""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import libfdt

from vessel import devices, disks, images, overlay, passthrough
from vessel.description import Description
from vessel.errors import Reason
from vessel.schema import PAGE, SMC_OWNERS, Host, Vm

MANIFEST_VERSION = 1  # VMM_MANIFEST_VERSION
COMPATIBLE = "vessel,manifest"
PLAIN, FRAMES = "plain", "frames"
LOG_LEVELS = {"error": 0, "warn": 1, "info": 2, "debug": 3}  # enum vmm_log_level
MAX_MANIFEST = 1 << 20


@dataclass(frozen=True)
class Span:
    """Where an image is in the pack."""

    offset: int = 0
    size: int = 0


@dataclass(frozen=True)
class Placed:
    """The images of one VM."""

    kernel: Span = Span()
    initrd: Span = Span()
    overlay: Span = Span()
    disks: dict[int, Span] = field(default_factory=dict)  # By number; those that start as a file.


def _u64s(*values: int) -> bytes:
    return struct.pack(f">{len(values)}Q", *values)


def _schedule(fdt: libfdt.FdtSw, vm: Vm) -> None:
    """How the VM is scheduled."""
    fdt.property_u32("priority", vm.priority)
    if vm.cpu_pin is not None:
        fdt.property("cpu-pin", struct.pack(f">{len(vm.cpu_pin)}I", *vm.cpu_pin))
    if vm.bound is not None:
        budget, period = vm.bound
        fdt.property_u32("budget", budget)
        fdt.property_u32("period", period)


def _life(fdt: libfdt.FdtSw, vm: Vm) -> None:
    """When the VM starts and ends."""
    fdt.property_u32("autostart", int(vm.autostart))
    fdt.property_string("on-poweroff", vm.on_poweroff)
    fdt.property_string("on-reboot", vm.on_reboot)
    fdt.property_string("on-crash", vm.on_crash)
    if vm.restart_limit is not None:
        fdt.property_u32("restart-limit", vm.restart_limit)


def _smc(fdt: libfdt.FdtSw, vm: Vm) -> None:
    """Which SMCs go to the firmware."""
    functions = [item for item in vm.smc if isinstance(item, int)]
    owners = sum({1 << SMC_OWNERS[item] for item in vm.smc if isinstance(item, str)})
    if functions:
        fdt.property("smc-functions", struct.pack(f">{len(functions)}I", *functions))
    if owners:
        fdt.property_u64("smc-owners", owners)


def _vm_node(fdt: libfdt.FdtSw, description: Description, name: str, placed: Placed) -> None:
    vm = description.system.vm[name]
    fdt.property_string("label", name)
    fdt.property_string("machine", vm.machine)
    fdt.property_u32("cpus", vm.cpus)
    fdt.property_u32("gic-version", vm.gic)
    fdt.property("ram", _u64s(*(x for region in vm.memory for x in (region.base, region.size))))
    fdt.property("bootargs", devices.cmdline(vm).encode() + b"\0")
    fdt.property("kernel", _u64s(placed.kernel.offset, placed.kernel.size))
    if vm.initrd is not None:
        fdt.property("initrd", _u64s(placed.initrd.offset, placed.initrd.size))
    if vm.overlay is not None:
        fdt.property("overlay", _u64s(placed.overlay.offset, placed.overlay.size))
    fdt.property_u32("log-level", LOG_LEVELS[description.system.host.log])
    if vm.console == "none":
        fdt.property("no-uart", b"")
    _schedule(fdt, vm)
    _life(fdt, vm)
    _smc(fdt, vm)


def _disk_places(vm: Vm, numbers: list[int], placed: Placed) -> list[devices.Place]:
    """Of each disk, its number among the machine's disks, or where in the pack its contents are."""
    places: list[devices.Place] = []
    for i, disk in enumerate(vm.disk):
        span = placed.disks.get(i, Span())
        in_pack = disk.ram is not None and disk.file is not None
        places.append(_u64s(span.offset, span.size) if in_pack else numbers[i])
    return places


def _host_node(fdt: libfdt.FdtSw, host: Host, serial: str) -> None:
    fdt.property_string("serial", serial)
    if host.escape is not None:
        fdt.property_u32("escape-key", host.escape)


def _manifest(description: Description, placed: list[Placed], pack_size: int, serial: str) -> bytes:
    """The manifest. Its size does not depend on the values of `placed` and `pack_size`."""
    system = description.system
    numbers = disks.numbers(description)
    fdt = libfdt.FdtSw(MAX_MANIFEST)
    fdt.finish_reservemap()
    with fdt.add_node(""):
        fdt.property_string("compatible", COMPATIBLE)
        fdt.property_u32("version", MANIFEST_VERSION)
        fdt.property_u64("pack-size", pack_size)
        with fdt.add_node("host"):
            _host_node(fdt, system.host, serial)
        with fdt.add_node("vms"):
            fdt.property_u32("#address-cells", 1)
            fdt.property_u32("#size-cells", 0)
            for index, name in enumerate(system.vm):
                with fdt.add_node(f"vm@{index:x}"):
                    fdt.property_u32("reg", index)
                    _vm_node(fdt, description, name, placed[index])
                    places = _disk_places(system.vm[name], numbers[name], placed[index])
                    devices.write(fdt, system, name, places)
                    passthrough.find(description, name).write(fdt)
        devices.write_networks(fdt, system)
    tree = fdt.as_fdt()
    return bytes(tree.as_bytearray()[: tree.totalsize()])


def outline(description: Description, serial: str) -> bytes:
    """The manifest for one who wants to know of the VMs, not of their images: those are nowhere."""
    nowhere = [Placed()] * len(description.system.vm)
    size = len(_manifest(description, nowhere, 0, serial))
    return _manifest(description, nowhere, size, serial)


def _align(out: BinaryIO) -> int:
    out.seek(-(-out.tell() // PAGE) * PAGE)
    return out.tell()


def _place_disks(description: Description, name: str, out: BinaryIO) -> dict[int, Span]:
    spans = {}
    for i, disk in enumerate(description.system.vm[name].disk):
        if disk.ram is None or disk.file is None:
            continue
        loc = ("vm", name, "disk", i, "file")
        offset = _align(out)
        try:
            size = images.copy_disk(description.origin.path(loc, disk.file), out, disk.ram)
        except Reason as reason:
            raise description.origin.error(loc, reason) from None
        spans[i] = Span(offset, size)
    return spans


def _place(description: Description, name: str, out: BinaryIO) -> Placed:
    vm = description.system.vm[name]
    spans = {}
    copies = (
        (vm.boots, "kernel", images.copy_kernel),
        ("initrd", "initrd", images.copy_initrd),
        ("overlay", "overlay", overlay.copy),
    )
    for key, kind, copy in copies:
        value = getattr(vm, key)
        if value is None:
            continue
        loc = ("vm", name, key)
        offset = _align(out)
        try:
            size = copy(description.origin.path(loc, value), out, vm.ram_size)
        except Reason as reason:
            raise description.origin.error(loc, reason) from None
        spans[kind] = Span(offset, size)
    return Placed(**spans, disks=_place_disks(description, name, out))


def write(description: Description, path: Path, serial: str = PLAIN) -> int:
    """Write the packed system into the file `path`; return its size. Raises InputError.

    `serial` is whom the host's serial line is for: a person or, in frames, `vessel run`.
    """
    names = list(description.system.vm)
    room = len(_manifest(description, [Placed()] * len(names), 0, serial))
    with path.open("wb") as out:
        out.seek(room)
        placed = [_place(description, name, out) for name in names]
        size = out.tell()
        manifest = _manifest(description, placed, size, serial)
        if len(manifest) != room:
            raise AssertionError("the manifest's size depends on its values")
        out.seek(0)
        out.write(manifest)
    return size
