# SPDX-License-Identifier: BSD-2-Clause
"""What disk, network and console cost Debian guests, in instructions and exits.

Each figure is the difference of two runs that differ in one command of the guest.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
KIB = 1 << 10
READ_MIB = 64
DISK_SIZE = READ_MIB * MIB
REQUESTS = 1600
DEPTHS = (1, 8, 32)
SENT_MIB = 16
READ = "dd if=/dev/vda of=/dev/null iflag=direct"
FRAME_PAYLOAD = 1448  # Of 1500 bytes, without the headers of IPv4 and TCP with time stamps.
# Its lines are written one by one, unless the terminal leaves output as it is.
TEXT = f"yes $(seq -s . 24) | head -c {MIB} >/tmp/text; stty -opost"
# Frames of 1500 bytes with checksums, made by the guest.
CONSOLE = "console=ttyAMA0"
NO_OFFLOAD = "virtio_net.gso=0 virtio_net.csum=0"
SERVER = (
    "killall udhcpc; ip addr add 10.1.0.1/24 dev eth0; ip link set eth0 up; mkdir /www; "
    f"echo page >/www/index.html; dd if=/dev/zero of=/www/big bs=1M count={SENT_MIB}; "
    "httpd -h /www; nc -l -p 99"
)
CLIENT = (
    "killall udhcpc; ip addr add 10.1.0.2/24 dev eth0; ip link set eth0 up; "
    "until wget -q -O /tmp/page http://10.1.0.1/; do sleep 1; done; {}; echo end | nc 10.1.0.1 99"
)

RunVms = Callable[..., str]


@dataclass(frozen=True)
class Cost:
    """Of a run, or the difference of two."""

    el2: int  # Instructions of the host.
    executed: int  # Instructions in all.
    mmio: int  # Exits for loads and stores of devices.
    exits: int  # All exits.

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(
            self.el2 - other.el2,
            self.executed - other.executed,
            self.mmio - other.mmio,
            self.exits - other.exits,
        )


def cost(output: str) -> Cost:
    """What the host's last lines say."""
    done = re.search(r"executed (\d+) instructions at EL2, (\d+) in all", output)
    rows = [
        [int(n) for n in text.split()]
        for text in re.findall(r"debug: \w+: \d+ +\w+ +((?:\d+ +){8})", output)
    ]
    if done is None or not rows:
        raise SystemExit(f"no counters in:\n{output}")
    return Cost(int(done[1]), int(done[2]), sum(r[1] for r in rows), sum(map(sum, rows)))


class Io:
    """Runs guests by `run_vms`, or with a slow disk by `run_slow`, with one kernel and initial RAM
    disk."""

    def __init__(self, run_vms: RunVms, run_slow: RunVms, directory: Path, images: str) -> None:
        self._run_vms = run_vms
        self._run_slow = run_slow
        self._directory = directory
        self._images = images

    def _keys(self, command: str, keys: str, options: str) -> str:
        line = f'{options} quiet nokaslr vessel.run="{command}; poweroff -f"'
        return f"{self._images}\n{keys}\ncmdline = '{line}'"

    def _one(self, command: str, keys: str, options: str = CONSOLE) -> Cost:
        return cost(self._run_vms(self._directory, guest=self._keys(command, keys, options)))

    def _disk(self, transport: str) -> str:
        with (self._directory / "disk.img").open("wb") as disk:
            disk.truncate(DISK_SIZE)
        return f'disk = [{{ file = "disk.img" }}]\ntransport = "{transport}"'

    def block(self, transport: str) -> float:
        """All instructions of sequential reads to the guest's."""
        keys = self._disk(transport)
        read = f"{READ} bs=1M count={READ_MIB}"
        sequential = self._one(read, keys) - self._one("true", keys)
        return sequential.executed / (sequential.executed - sequential.el2)

    def small(self, depth: int) -> tuple[float, float]:
        """Notifications and interrupts of 1000 reads of 4 KiB by so many readers of a slow disk,
        over PCI."""
        keys = self._disk("pci")
        found = []
        for each in (0, REQUESTS // depth):
            readers = f"for n in $(seq {depth}); do {READ} bs=4k count={each} & done; wait"
            command = f"{readers}; grep virtio0-req /proc/interrupts"
            output = self._run_slow(self._directory, guest=self._keys(command, keys, CONSOLE))
            counted = re.search(r"(\d+) .*virtio0-req", output)
            if counted is None:
                raise SystemExit(f"no interrupts in:\n{output}")
            found.append((cost(output).mmio, int(counted[1])))
        (base, base_interrupts), (notifications, interrupts) = found
        per_1000 = 1000 / REQUESTS
        return (notifications - base) * per_1000, (interrupts - base_interrupts) * per_1000

    def console(self) -> tuple[float, float]:
        """Exits a KiB of a `cat`: as it is, and with output that the terminal does not process."""
        keys = 'console = "virtio"\ntransport = "pci"'
        options = "earlycon console=hvc0"
        base = self._one(TEXT, keys, options)
        raw = self._one(f"{TEXT}; cat /tmp/text", keys, options) - base
        lines = self._one(f"{TEXT}; stty opost; cat /tmp/text", keys, options) - base
        return lines.exits / KIB, raw.exits / KIB

    def net(self) -> tuple[float, float]:
        """Guest to guest, in frames of 1500 bytes, of both VMs together: instructions of the VMM a
        payload byte, notifications per 1000 frames."""
        keys = 'net = [{ network = "lan" }]\ntransport = "pci"'
        options = f"{CONSOLE} {NO_OFFLOAD}"
        costs = []
        for command in ("true", "wget -q -O /dev/null http://10.1.0.1/big"):
            server = self._keys(SERVER, keys, options)
            client = self._keys(CLIENT.format(command), keys, options)
            costs.append(cost(self._run_vms(self._directory, server=server, client=client)))
        sent = costs[1] - costs[0]
        frames = SENT_MIB * MIB / FRAME_PAYLOAD
        return sent.el2 / (SENT_MIB * MIB), sent.mmio * 1000 / frames


def figures(io: Io) -> dict[str, float]:
    small = {depth: io.small(depth) for depth in DEPTHS}
    lines, raw = io.console()
    per_byte, frame_notifications = io.net()
    return {
        "block_ratio": io.block("mmio"),
        "block_ratio_pci": io.block("pci"),
        **{f"block_notifications_{depth}": of[0] for depth, of in small.items()},
        **{f"block_interrupts_{depth}": of[1] for depth, of in small.items()},
        "net_per_byte": per_byte,
        "net_notifications": frame_notifications,
        "console_exits": raw,
        "console_exits_lines": lines,
    }
