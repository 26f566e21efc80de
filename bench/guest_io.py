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
REQUESTS = 8000
READERS = 8
SENT_MIB = 16
FRAME_PAYLOAD = 1448  # Of 1500 bytes, without the headers of IPv4 and TCP with time stamps.
# Its lines are written one by one, unless the terminal leaves output as it is.
TEXT = f"yes $(seq -s . 24) | head -c {MIB} >/tmp/text; stty -opost"
# Frames of 1500 bytes with checksums, made by the guest.
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
    """Runs guests by `run_vms`, with one kernel and initial RAM disk."""

    def __init__(self, run_vms: RunVms, directory: Path, images: str) -> None:
        self._run_vms = run_vms
        self._directory = directory
        self._images = images

    def _keys(self, command: str, keys: str, options: str) -> str:
        line = f'{options} quiet nokaslr vessel.run="{command}; poweroff -f"'
        return f"{self._images}\n{keys}\ncmdline = '{line}'"

    def _one(self, command: str, keys: str, options: str = "console=ttyAMA0") -> Cost:
        return cost(self._run_vms(self._directory, guest=self._keys(command, keys, options)))

    def block(self, transport: str) -> tuple[float, float]:
        """All instructions of sequential reads to the guest's, notifications of 1000 small."""
        with (self._directory / "disk.img").open("wb") as disk:
            disk.truncate(READ_MIB * MIB)
        keys = f'disk = [{{ file = "disk.img" }}]\ntransport = "{transport}"'
        read = "dd if=/dev/vda of=/dev/null iflag=direct"
        each = REQUESTS // READERS
        base = self._one("true", keys)
        sequential = self._one(f"{read} bs=1M count={READ_MIB}", keys) - base
        many = f"for n in $(seq {READERS}); do {read} bs=4k count={each} & done; wait"
        requests = self._one(many, keys) - base
        ratio = sequential.executed / (sequential.executed - sequential.el2)
        return ratio, requests.mmio * 1000 / REQUESTS

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
        options = f"console=ttyAMA0 {NO_OFFLOAD}"
        costs = []
        for command in ("true", "wget -q -O /dev/null http://10.1.0.1/big"):
            server = self._keys(SERVER, keys, options)
            client = self._keys(CLIENT.format(command), keys, options)
            costs.append(cost(self._run_vms(self._directory, server=server, client=client)))
        sent = costs[1] - costs[0]
        frames = SENT_MIB * MIB / FRAME_PAYLOAD
        return sent.el2 / (SENT_MIB * MIB), sent.mmio * 1000 / frames


def figures(run_vms: RunVms, directory: Path, images: str) -> dict[str, float]:
    io = Io(run_vms, directory, images)
    ratio, _ = io.block("mmio")
    pci_ratio, notifications = io.block("pci")
    lines, raw = io.console()
    per_byte, frame_notifications = io.net()
    return {
        "block_ratio": ratio,
        "block_ratio_pci": pci_ratio,
        "block_notifications": notifications,
        "net_per_byte": per_byte,
        "net_notifications": frame_notifications,
        "console_exits": raw,
        "console_exits_lines": lines,
    }
