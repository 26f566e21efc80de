# SPDX-License-Identifier: BSD-2-Clause
"""The ways out of networks: QEMU's user networks, and ports of this machine that lead in."""

import socket
from collections.abc import Callable, Iterator

from vessel.description import Description
from vessel.errors import InputError, Problem, os_reason

LOCALHOST = "127.0.0.1"


def _forward(rule: str) -> str:
    """A port forward as QEMU writes it; only this machine may use it."""
    host, *address, guest = rule.split(":")
    return f"hostfwd=tcp:{LOCALHOST}:{host}-{''.join(address)}:{guest}"


def qemu_arguments(description: Description, window: Callable[[int], int]) -> list[str]:
    """QEMU's network and card for each network with an uplink; `window` numbers the places of
    virtio devices that the host's drivers look for them at."""
    networks = description.system.network.values()
    arguments: list[str] = []
    for n, network in enumerate(n for n in networks if n.uplink is not None):
        netdev = ",".join(["user", f"id=net{n}", *map(_forward, network.forward)])
        card = f"virtio-net-device,netdev=net{n},bus=virtio-mmio-bus.{window(n)}"
        arguments += ["-netdev", netdev, "-device", card]
    return arguments


def _busy(port: int) -> str:
    """Why nobody can listen at this port of the machine; empty: somebody can."""
    try:
        socket.create_server((LOCALHOST, port)).close()
    except OSError as error:
        return os_reason(error).partition(" (while")[0]  # Python repeats the address there.
    return ""


def _refused(description: Description) -> Iterator[Problem]:
    for name, network in description.system.network.items():
        for i, rule in enumerate(network.forward):
            port = int(rule.partition(":")[0])
            if reason := _busy(port):
                where = description.origin.where(("network", name, "forward", i))
                yield Problem(where, f"port {port}: {reason}", "forward another one")


def check_ports(description: Description) -> None:
    """Can all forwarded ports be had? QEMU says it less well. Raises InputError."""
    if problems := list(_refused(description)):
        raise InputError(problems)
