# SPDX-License-Identifier: BSD-2-Clause
"""What connects VMs: networks, and addresses that must differ."""

import difflib
from collections.abc import Callable, Iterator

from vessel.errors import InputError, Problem, Reason
from vessel.schema import Net, System, Vm

Loc = tuple[str | int, ...]
Error = Callable[[Loc, Reason], InputError]


def address(vm_index: int, card_index: int, card: Net) -> bytes:
    """The address of a card: the one given, or one made of its place."""
    if card.mac is not None:
        return bytes.fromhex(card.mac.replace(":", ""))
    return bytes([0x02, 0x76, 0x6D, 0, vm_index, card_index])


def cards(system: System) -> Iterator[tuple[Loc, Net, bytes]]:
    """All cards, with their key and their address."""
    for n, (name, vm) in enumerate(system.vm.items()):
        for i, card in enumerate(vm.net):
            yield ("vm", name, "net", i), card, address(n, i, card)


def addressed(system: System, name: str) -> Vm:
    """The VM with the address of each card in its key, whatever becomes of the other VMs."""
    nets = [
        card.model_copy(update={"mac": mac.hex(":")})
        for (_, vm, *_), card, mac in cards(system)
        if vm == name
    ]
    return system.vm[name].model_copy(update={"net": nets})


def _check_network(system: System, card: Net) -> None:
    if card.network not in system.network:
        near = difflib.get_close_matches(card.network, system.network, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"add a table [network.{card.network}]"
        raise Reason(f'there is no network "{card.network}"', hint)


def _problems(system: System, error: Error) -> Iterator[Problem]:
    seen: dict[bytes | int, Loc] = {}
    unique: list[tuple[Loc, bytes | int]] = []
    for loc, card, mac in cards(system):
        try:
            _check_network(system, card)
        except Reason as why:
            yield from error((*loc, "network"), why).problems
        unique.append(((*loc, "mac"), mac))
    unique += [(("vm", n, "vsock", "cid"), v.vsock.cid) for n, v in system.vm.items() if v.vsock]
    for loc, value in unique:
        if value in seen:
            other = ".".join(map(str, seen[value][:2]))
            yield from error(loc, Reason(f"{other} has the same", "each needs its own")).problems
        seen.setdefault(value, loc)
    for name, network in system.network.items():
        if network.forward and network.uplink is None:
            reason = Reason("the network has no uplink", 'add uplink = "user"')
            yield from error(("network", name, "forward"), reason).problems


def _check_forwards(system: System, error: Error) -> Iterator[Problem]:
    """A port of this machine leads to one guest."""
    seen: set[int] = set()
    for name, network in system.network.items():
        for i, rule in enumerate(network.forward):
            port = int(rule.partition(":")[0])
            if port in seen:
                reason = Reason(f"port {port} is forwarded twice", "each needs its own")
                yield from error(("network", name, "forward", i), reason).problems
            seen.add(port)


def check(system: System, error: Error) -> None:
    """Check what the schema of one key cannot. Raises InputError, made by `error`."""
    if problems := [*_problems(system, error), *_check_forwards(system, error)]:
        raise InputError(problems)
