# SPDX-License-Identifier: BSD-2-Clause
"""What the terminal shows: consoles, log and the prompt, each in lines of its own."""

import asyncio
import string
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

COLOURS = 6
FIRST_COLOUR = 31  # ECMA-48, 8.3.117: red and on.
DELAY_S = 0.03  # After so long an unfinished line is shown, and the prompt drawn again.
LINE_MAX = 1024  # Nor is more than this of a line kept back.
PROMPT = b"vessel> "
_TEXT = frozenset(string.printable.encode()) - set(b"\x0b\x0c")


class Screen:
    """Writes to the terminal; only where two have something to say is a line broken."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        names: Sequence[str],
        colour: bool,
        colours: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        """`colours` are those of VMs that have a certain one, 0 to COLOURS - 1."""
        self._write = write
        self._prefixes = [
            self._prefix(colours.get(i, (i + 1) % COLOURS), name, colour)
            for i, name in enumerate(names)
        ]
        self._several = len(names) > 1
        self._owner: int | None = None  # The VM whose line is open.
        self._fresh = True  # The cursor is in an empty line.
        self._at_start = True  # The owner's next character needs its prefix.
        self._waiting: dict[int, bytes] = {}  # Unfinished lines of others.
        self._typed: bytes | None = None  # At the prompt; None: there is none.
        self._timer: asyncio.TimerHandle | None = None

    @staticmethod
    def _prefix(number: int, name: str, colour: bool) -> bytes:
        code = FIRST_COLOUR + number
        text = f"\033[{code}m[{name}]\033[0m " if colour else f"[{name}] "
        return text.encode()

    def _put(self, data: bytes) -> None:
        self._write(data)
        visible = data.rstrip(b"\r")
        if visible:
            self._fresh = visible.endswith(b"\n")

    def _begin(self, owner: int | None) -> None:
        """From here on `owner` writes; another's unfinished line is left as it is."""
        if owner != self._owner:
            if not self._fresh:
                self._put(b"\r\n")
            self._at_start = True
        self._owner = owner

    def _show(self, vm: int, data: bytes) -> None:
        self._begin(vm)
        if not self._several:
            self._put(data)
            return
        shown = bytearray()
        for byte in data:
            moves = byte in b"\r\n"
            if self._at_start and not moves:
                shown += self._prefixes[vm]
            self._at_start = moves
            shown.append(byte)
        self._put(bytes(shown))

    def _later(self) -> None:
        """Soon, whoever goes on writing."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self.settle)

    def settle(self) -> None:
        """Show what waits: unfinished lines, the prompt."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for vm, data in self._waiting.items():
            self._show(vm, data)
        self._waiting.clear()
        if self._typed is not None and (self._owner is not None or self._fresh):
            self._draw()

    def console(self, vm: int, data: bytes) -> None:
        """A VM's output."""
        data = self._waiting.pop(vm, b"") + data
        if self._owner != vm and not (self._fresh and self._typed is None):
            lines, newline, rest = data.rpartition(b"\n")
            if len(rest) <= LINE_MAX:
                data = lines + newline
                if rest:
                    self._waiting[vm] = rest
        if data:
            self._show(vm, data)
        if self._waiting or self._typed is not None:
            self._later()

    def message(self, data: bytes) -> None:
        """A line of the log, or an answer."""
        self._begin(None)
        self._put(data)
        if self._typed is not None:
            self._later()

    def garbage(self, data: bytes) -> None:
        """What the line carried that is nobody's: its text."""
        self.message(bytes(byte for byte in data if byte in _TEXT))

    def notice(self, text: str) -> None:
        """A line of the tool's own."""
        self._begin(None)
        if not self._fresh:
            self._put(b"\r\n")
        self._put(text.encode() + b"\r\n")

    def _draw(self) -> None:
        self._begin(None)
        self._put(b"\r\033[K" + PROMPT + (self._typed or b""))

    def prompt(self, typed: bytes | None) -> None:
        """Show the prompt with what has been typed; None: leave it."""
        if typed is not None:
            self._typed = typed
            self._draw()
        elif self._typed is not None:
            self._typed = None
            self._put(b"\r\n")
