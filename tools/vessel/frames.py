# SPDX-License-Identifier: BSD-2-Clause
"""Frames on the serial line between the tool and the VMM. docs/SERIAL.md is the manual."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from cobs import cobs

MAX_DATA = 250
HEADER = 3


class Kind(IntEnum):
    """What a channel is for; host/common/frame.h has the same numbers."""

    CONTROL = 0
    LOG = 1
    CONSOLE = 2
    DEBUG = 3


CREDIT = 0x80  # Added to a kind.


@dataclass(frozen=True)
class Frame:
    """Bytes of one channel; `kind` may be one that this tool does not know."""

    kind: int
    vm: int
    data: bytes


def encode(frame: Frame) -> bytes:
    """A frame as it goes over the line; at most MAX_DATA bytes of data."""
    header = bytes((frame.kind, frame.vm, len(frame.data)))
    encoded: bytes = cobs.encode(header + frame.data)
    return encoded + b"\0"


def _decode(wire: bytes) -> Frame | None:
    try:
        raw = cobs.decode(wire)
    except cobs.DecodeError:
        return None
    if len(raw) < HEADER or raw[2] > MAX_DATA or raw[2] != len(raw) - HEADER:
        return None
    return Frame(raw[0], raw[1], raw[HEADER:])


class Decoder:
    """Turns what comes over the line into frames, and what is none into bytes.

    Before the first zero byte, the VMM's first, all is text of what ran before it.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._synchronised = False

    def feed(self, data: bytes) -> Iterator[Frame | bytes]:
        """What `data` completes."""
        if not self._synchronised:
            text, zero, data = data.partition(b"\0")
            self._synchronised = bool(zero)
            if text:
                yield text
        self._pending += data
        *complete, rest = self._pending.split(b"\0")
        self._pending = rest
        for wire in complete:
            if wire:
                yield _decode(bytes(wire)) or bytes(wire)

    def end(self) -> bytes:
        """What is left when the line ends."""
        return bytes(self._pending)
