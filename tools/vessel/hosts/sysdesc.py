# SPDX-License-Identifier: BSD-2-Clause
"""Writes Microkit's system description (XML), to be read and changed by people too."""

from vessel import passthrough
from vessel.description import Description
from vessel.hosts import guests, networks, sddf_blk, services
from vessel.hosts.boards import Board
from vessel.hosts.domains import Parts, System


def write(
    description: Description, board: Board, cores: int, parts: Parts, stores: sddf_blk.Plan
) -> str:
    """The system description, for a kernel with so many `cores`."""
    system = System(board, cores)
    vmms = [guests.vmm(system, description, name, parts) for name in description.system.vm]
    if parts.shared:
        services.timer(system, parts, vmms)
        services.mux(system, parts, vmms)
    else:
        guests.alone(vmms[0], passthrough.find(description, vmms[0].name))
    if askers := [vmm for vmm in vmms if description.system.vm[vmm.name].rng]:
        services.entropy(system, askers)
    if networks.links(description):
        services.switch(system, description, vmms)
    for store in stores.stores:
        sddf_blk.components(system, stores, store, {vmm.name: vmm for vmm in vmms})
    return system.text()
