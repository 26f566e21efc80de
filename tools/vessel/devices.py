# SPDX-License-Identifier: BSD-2-Clause
"""The virtio devices of a VM, as nodes of the manifest. See docs/MANIFEST.md."""

import re

import libfdt

from vessel.schema import Vm

VIRTIO_TERMINAL = "earlycon console=hvc0"


def cmdline(vm: Vm) -> str:
    """The kernel's command line: with a virtio console, that it is the terminal."""
    if vm.console == "pl011" or re.search(r"(^|\s)console=", vm.cmdline):
        return vm.cmdline
    return f"{VIRTIO_TERMINAL} {vm.cmdline}".strip()


def _kinds(vm: Vm) -> list[str]:
    """The kinds of the VM's devices, in the order in which the guest finds them."""
    return [*(["console"] if vm.console == "virtio" else []), *(["rng"] if vm.rng else [])]


def write(fdt: libfdt.FdtSw, vm: Vm) -> None:
    """Write the subnodes of the VM's node, which is open."""
    kinds = _kinds(vm)
    if kinds:
        fdt.property_u32("#address-cells", 1)
        fdt.property_u32("#size-cells", 0)
    for n, kind in enumerate(kinds):
        index = kinds[:n].count(kind)
        with fdt.add_node(f"{kind}@{index:x}"):
            fdt.property_u32("reg", index)
            fdt.property_string("transport", vm.transport)
