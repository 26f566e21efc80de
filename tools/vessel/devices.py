# SPDX-License-Identifier: BSD-2-Clause
"""The virtio devices of a VM, as nodes of the manifest. See docs/MANIFEST.md."""

import re
from collections.abc import Iterator, Sequence

import libfdt

from vessel import links
from vessel.schema import Disk, Net, System, Vm

Properties = dict[str, int | bytes]
Place = int | bytes

VIRTIO_TERMINAL = "earlycon console=hvc0"


def cmdline(vm: Vm) -> str:
    """The kernel's command line: with a virtio console, that it is the terminal."""
    if vm.console != "virtio" or re.search(r"(^|\s)console=", vm.cmdline):
        return vm.cmdline
    return f"{VIRTIO_TERMINAL} {vm.cmdline}".strip()


def _net(system: System, mac: bytes, card: Net) -> Properties:
    properties: Properties = {"network": list(system.network).index(card.network), "mac": mac}
    if card.mtu is not None:
        properties["mtu"] = card.mtu
    if card.isolated:
        properties["isolated"] = b""
    if card.check_source:
        properties["check-source"] = b""
    return properties


def _disk(disk: Disk, place: Place) -> Properties:
    """A disk; `place` is the number of the machine's disk that it is in, or where its file is in
    the pack."""
    properties: Properties = {}
    if isinstance(place, int):
        properties["host-disk"] = place
    if disk.ram is not None:
        properties = {"ram-size": disk.ram.to_bytes(8, "big")}
        if disk.file is not None and isinstance(place, bytes):
            properties["content"] = place
    if isinstance(disk.partition, str):
        properties["partition-name"] = disk.partition.encode() + b"\0"
    elif disk.partition is not None:
        properties["partition"] = disk.partition
    if disk.readonly:
        properties["read-only"] = b""
    return properties


def _devices(system: System, name: str, disks: Sequence[Place]) -> Iterator[tuple[str, Properties]]:
    """The VM's devices, kind and properties, in the order in which the guest finds them."""
    vm = system.vm[name]
    if vm.console == "virtio":
        yield "console", {}
    if vm.rng:
        yield "rng", {}
    for (_, owner, *_), card, mac in links.cards(system):
        if owner == name:
            yield "net", _net(system, mac, card)
    if vm.vsock:
        yield "vsock", {"cid": vm.vsock.cid}
    for disk, place in zip(vm.disk, disks, strict=True):
        yield "disk", _disk(disk, place)


def write(fdt: libfdt.FdtSw, system: System, name: str, disks: Sequence[Place]) -> None:
    """Write the subnodes of the VM's node, which is open.

    `disks` are the places of the VM's disks: numbers of the machine's disks, or spans in the pack.
    """
    devices = list(_devices(system, name, disks))
    kinds = [kind for kind, _ in devices]
    if kinds:
        fdt.property_u32("#address-cells", 1)
        fdt.property_u32("#size-cells", 0)
    for n, (kind, properties) in enumerate(devices):
        index = kinds[:n].count(kind)
        with fdt.add_node(f"{kind}@{index:x}"):
            fdt.property_u32("reg", index)
            fdt.property_string("transport", system.vm[name].transport)
            for key, value in properties.items():
                if isinstance(value, int):
                    fdt.property_u32(key, value)
                else:
                    fdt.property(key, value)


def write_networks(fdt: libfdt.FdtSw, system: System) -> None:
    """Write the node of the networks into the root, which is open."""
    if not system.network:
        return
    with fdt.add_node("networks"):
        fdt.property_u32("#address-cells", 1)
        fdt.property_u32("#size-cells", 0)
        for index, (name, network) in enumerate(system.network.items()):
            with fdt.add_node(f"network@{index:x}"):
                fdt.property_u32("reg", index)
                fdt.property_string("label", name)
                if network.uplink is not None:
                    fdt.property_string("uplink", network.uplink)
