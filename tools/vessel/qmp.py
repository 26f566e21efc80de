# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's control socket: how a run ends is read from its events, never from the guest's console.

What the guest prints is the guest's; the events come from QEMU and from the host's writes to
pvpanic, which no guest can reach.
"""

import asyncio
import logging
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from qemu.qmp import ExecInterruptedError, QMPClient, QMPError, Runstate

from vessel.errors import Exit

GREETING_TIMEOUT_S = 30
REPLY_TIMEOUT_S = 2
Event = Mapping[str, Any]


class Monitor:
    """A QMP session over a socket that is connected already. All events are kept."""

    def __init__(self) -> None:
        logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)
        self._client = QMPClient("vessel")

    async def connect(self, sock: socket.socket) -> bool:
        """Greet QEMU; False if it ended before it answered, or does not answer."""
        with suppress(QMPError, OSError, EOFError, TimeoutError):
            async with asyncio.timeout(GREETING_TIMEOUT_S):
                await self._client.connect(sock)
            return True
        return False

    async def tell(self, command: str) -> bool:
        """Send a command; False if QEMU did not confirm it."""
        try:
            await asyncio.wait_for(self._client.execute(command), REPLY_TIMEOUT_S)
        except (ExecInterruptedError, QMPError, OSError, EOFError, TimeoutError):
            return False
        return True

    async def close(self) -> list[Event]:
        """All events of the session, once QEMU has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                while self._client.runstate == Runstate.RUNNING:
                    await self._client.runstate_changed()
        with suppress(QMPError, OSError, EOFError):
            await self._client.disconnect()
        return list(self._client.events.clear())


def outcome(events: Sequence[Event], status: int, ended_by: Exit | None) -> Exit:
    """How a run ended.

    `status` is QEMU's, negative for a signal; `ended_by` is why the tool told QEMU to quit, if it
    did. What the guest or the host did before that goes first.
    """
    names = [event["event"] for event in events]
    reasons = [e["data"].get("reason") for e in events if e["event"] == "SHUTDOWN"]
    if "GUEST_CRASHLOADED" in names:
        return Exit.GUEST_CRASHED
    if "GUEST_PANICKED" in names:
        return Exit.HOST_CRASHED
    if "guest-shutdown" in reasons:
        return Exit.OK
    if "guest-reset" in reasons:  # The host never resets its machine by itself.
        return Exit.HOST_CRASHED
    if ended_by is not None:
        return ended_by
    return Exit.LEFT if status == 0 else Exit.INTERNAL
