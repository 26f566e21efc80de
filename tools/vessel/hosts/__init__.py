# SPDX-License-Identifier: BSD-2-Clause
"""Hosts: where a packed system can run. One module each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vessel.description import Description
from vessel.errors import Problem
from vessel.hosts.bare import Bare
from vessel.hosts.boards import BOARDS
from vessel.hosts.microkit import CONFIGS, Microkit

__all__ = ["BOARDS", "CONFIGS", "HOSTS", "Bare", "Host", "Machine", "Microkit"]


@dataclass(frozen=True)
class Machine:
    """What the user chose of the emulated machine below the host."""

    cpu: str = "cortex-a53"
    icount: bool = False
    framed: bool = False  # Its serial line is in frames (docs/SERIAL.md), not for a person.


class Host(Protocol):
    """What a host owes the tool."""

    @property
    def name(self) -> str:
        """What --host calls it."""

    @property
    def gic(self) -> int:
        """The version that a VM has which says nothing of it."""

    @property
    def debugger(self) -> bool:
        """Whether it serves GDB."""

    def limits(self, description: Description) -> list[Problem]:
        """What of the description this host cannot run today; empty: all of it can."""

    def packed(self, description: Description) -> Description:
        """What of the description is to be in the pack."""

    def qemu_arguments(self, description: Description, pack: Path, machine: Machine) -> list[str]:
        """QEMU's machine and payload. Raises ToolError if a part of the host is not built."""


HOSTS: dict[str, Host] = {"bare": Bare(), "microkit": Microkit()}
