# SPDX-License-Identifier: BSD-2-Clause
"""Networks and sockets of a system for seL4: what each VM shares with the switch."""

from collections.abc import Iterator
from dataclasses import dataclass

from vessel.description import Description
from vessel.errors import Problem
from vessel.hosts.domains import Domain
from vessel.schema import BLOCK

LINKS_AT = 0x8C_0000_0000
LINK_SIZE = BLOCK  # NET_LANES_SIZE
MAX_CARDS = 64  # Of host/microkit/switch/main.c.
MAX_PORTS = 32  # NET_SWITCH_PORTS


@dataclass(frozen=True)
class Link:
    """A card's, or a VM's sockets'."""

    vm: str
    region: str


def links(description: Description) -> list[Link]:
    """All links in the manifest's order."""
    found = []
    for name, vm in description.system.vm.items():
        found += [Link(name, f"{name}_net{i}") for i in range(len(vm.net))]
        if vm.vsock is not None:
            found.append(Link(name, f"{name}_vsock"))
    return found


def limits(description: Description) -> Iterator[Problem]:
    """What of the networks cannot be."""
    system = description.system
    names = [card.network for vm in system.vm.values() for card in vm.net]
    for name in system.network:
        if names.count(name) >= MAX_PORTS:
            where = description.origin.where(("network", name))
            yield Problem(where, f"{names.count(name)} cards", f"at most {MAX_PORTS - 1} fit")
    if len(names) > MAX_CARDS:
        where = description.origin.where(("vm",))
        yield Problem(where, f"{len(names)} network cards", f"at most {MAX_CARDS} fit")


def map_links(d: Domain, links: list[Link]) -> None:
    """Map links into a protection domain, one behind the other."""
    for i, link in enumerate(links):
        size = {"size": hex(LINK_SIZE), "page_size": hex(BLOCK)}
        region = d.system.region(link.region, f"Between {link.vm} and the networks.", **size)
        first = {"setvar_vaddr": "vessel_links"} if i == 0 else {}
        d.map(region, LINKS_AT + i * LINK_SIZE, "rw", **first)
