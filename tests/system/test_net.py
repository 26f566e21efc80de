# SPDX-License-Identifier: BSD-2-Clause
"""Guests on networks: to the outside through QEMU's, and to each other over the switch."""

import hashlib
import re
import socket
import threading
import urllib.request
from contextlib import closing

import pytest

pytestmark = pytest.mark.system

MIB = 1 << 20
DATA = hashlib.shake_256(b"vessel").digest(MIB) * 100
HASH = hashlib.sha256(DATA).hexdigest()
OUTSIDE = "10.0.2.2"  # The machine that runs QEMU, for a guest.


@pytest.fixture
def download(serve) -> str:
    """Where a guest finds DATA."""
    return serve(DATA)


def receive(listener: socket.socket, result: list[str]) -> None:
    connection, _ = listener.accept()
    digest = hashlib.sha256()
    with closing(connection):
        while data := connection.recv(1 << 16):
            digest.update(data)
    result.append(digest.hexdigest())


def wait_for_address(guest) -> None:
    guest.shell("until ip addr show eth0 | grep -q 'inet 10'; do sleep 1; done")


def test_much_data_both_ways(run, download):
    guest = run("--net", "user")
    guest.login()
    wait_for_address(guest)
    assert HASH in guest.shell(f"wget -q -O /tmp/data {download}; sha256sum /tmp/data")
    result: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        receiver = threading.Thread(target=receive, args=(listener, result))
        receiver.start()
        guest.shell(f"nc {OUTSIDE} {port} </tmp/data")
        receiver.join()
    assert result == [HASH]
    # The driver's module goes away in the middle of a transfer, and comes back.
    guest.shell(
        f"(wget -q -O /tmp/part {download} &) 2>/dev/null; until [ -s /tmp/part ]; do :; done;"
        " modprobe -r virtio_net && [ ! -e /sys/class/net/eth0 ] && modprobe virtio_net &&"
        " { killall wget udhcpc; udhcpc -q -i eth0; }"
    )
    assert HASH in guest.shell(f"wget -q -O /tmp/data {download}; sha256sum /tmp/data")
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_web_server(run, top, port):
    guest = run(top / "examples/web-server/system.toml", "--port-forward", f"{port}:80")
    guest.login()
    wait_for_address(guest)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
        assert page.read() == b"Hello from a guest\n"
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_two_guests_over_a_switch(run, host, top):
    guest = run(*host.options, top / "examples/two-guests/system.toml")
    guest.expect("client.*A page of the server")
    guest.expect(hashlib.sha256(bytes(16 * MIB)).hexdigest())
    guest.sendcontrol("a")
    guest.send("x")
    assert guest.ended() == 6


PAIR = """
[network.lan]
[host]
cpus = 2
[vm.client]
cpus = 2
transport = "pci"
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/tools-initrd.gz"
cmdline = 'quiet console=ttyAMA0 vessel.run="{setup}.2/24 dev eth0"'
net = [{{ network = "lan" }}]
vsock = {{ cid = 4 }}
[vm.server]
cpus = 2
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/tools-initrd.gz"
cmdline = 'quiet console=ttyAMA0 vessel.run="{setup}.1/24 dev eth0; iperf3 -s -D"'
net = [{{ network = "lan" }}]
vsock = {{ cid = 3 }}
"""
# Port 7 is for streams, 8 for messages (SOCK_SEQPACKET); the host has both at 7.
ECHO = "socat VSOCK-LISTEN:7,fork EXEC:cat & socat VSOCK-LISTEN:8,type=5,fork EXEC:cat &"
SETUP = f"{ECHO} ip link set eth0 up; ip addr add 10.1.0"
SERVER = "10.1.0.1"


@pytest.fixture
def pair(run, build, tmp_path, control):
    """Two Debians on a switch, one on PCI, the other on MMIO; the client has the terminal."""
    system = tmp_path / "pair.toml"
    system.write_text(PAIR.format(build=build, setup=SETUP))
    guest = run(system, "--control", control)
    for _ in range(2):
        guest.expect("Welcome to Vessel")
    guest.shell(f"until iperf3 -c {SERVER} -n 1K; do :; done")
    return guest


def _received(guest, options: str) -> float:
    """MBytes that have arrived in the end, by the receiver's count."""
    report = guest.shell(f"iperf3 -f m -c {SERVER} {options}")
    return float(re.search(r"([\d.]+) MBytes[^\n]*receiver", report)[1])


def _counts(guest, command: str) -> dict[str, int]:
    return {name: int(n) for name, n in re.findall(r"(\w+): (\d+)", guest.shell(command))}


def _check_transfers(guest) -> None:
    """In both directions, from both CPUs; what sockets hold in the end does not count."""
    assert _received(guest, "-n 16M") > 4
    assert _received(guest, "-n 16M -R") > 4
    guest.shell("ethtool -L eth0 combined 1")
    assert _received(guest, "-n 16M") > 4
    guest.shell("ethtool -L eth0 combined 2")
    for cpu in (1, 2):
        guest.shell(f"taskset {cpu} iperf3 -c {SERVER} -n 8M -P 8")
    assert _received(guest, "-n 4M -u -b 20M") > 0


def _check_queues(guest) -> None:
    """Two of the four queue pairs were in use, with interrupts of their own."""
    assert re.search(r"Combined:\s+4.*Combined:\s+2", guest.shell("ethtool -l eth0"), re.DOTALL)
    packets = _counts(guest, "ethtool -S eth0 | grep '_packets'")
    interrupts = guest.shell("grep -E 'virtio0-(input|output)' /proc/interrupts")
    for n in (0, 1):
        assert packets[f"rx_queue_{n}_packets"] > 0
        assert packets[f"tx_queue_{n}_packets"] > 0
        per_cpu = re.search(rf"(\d+) +(\d+) [^\n]*virtio0-input.{n}\r", interrupts)
        assert int(per_cpu[1]) + int(per_cpu[2]) > 0


def _check_link(guest, ctl) -> None:
    carrier = "/sys/class/net/eth0/carrier"
    alive = f"ping -c 1 -W 5 {SERVER}"
    guest.shell(alive)
    ctl("link", "client", "0", "down")
    assert "client running, link 0 down\n" in ctl("list")
    guest.shell(f"until [ $(cat {carrier}) = 0 ]; do :; done; ! ping -c 1 -W 1 {SERVER}")
    guest.sendcontrol("a")
    guest.send("clink client 0 up\r")
    guest.shell(f"until [ $(cat {carrier}) = 1 ]; do :; done; {alive}")
    ctl("link", "server", "0", "down")
    guest.shell(f"cat {carrier}; ! ping -c 1 -W 1 {SERVER}")
    ctl("link", "server", "0", "up")
    guest.shell(f"until {alive}; do :; done")


def _check_sockets(guest, peer: int) -> None:
    """Streams and messages there and back: another guest's, and the host's."""
    guest.shell("dd if=/dev/urandom of=/tmp/data bs=64k count=8")
    for to in (f"{peer}:7", f"{peer}:8,type=5", "2:7", "2:7,type=5"):
        guest.shell(f"socat -t 300 - VSOCK-CONNECT:{to} </tmp/data >/tmp/back")
        guest.shell("cmp /tmp/data /tmp/back")
    guest.shell(f"! socat -u /tmp/data VSOCK-CONNECT:{peer}:8; ! socat - VSOCK-CONNECT:{peer}:9")


def test_two_debians(pair, ctl):
    _check_transfers(pair)
    _check_queues(pair)
    _check_link(pair, ctl)
    _check_sockets(pair, 3)
    pair.sendcontrol("a")
    pair.send("1")
    _check_sockets(pair, 4)
    pair.sendcontrol("a")
    pair.send("x")
    assert pair.ended() == 6
