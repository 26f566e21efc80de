# SPDX-License-Identifier: BSD-2-Clause
"""Guests on networks: to the outside through QEMU's, and to each other over the switch."""

import hashlib
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
    # The driver is bound anew, and there is a network again.
    device = "/sys/bus/virtio/drivers/virtio_net"
    guest.shell(f"D=$(basename {device}/virtio*); echo $D >{device}/unbind; echo $D >{device}/bind")
    guest.shell("killall udhcpc; udhcpc -q -i eth0")
    guest.shell(f"wget -q -O /dev/null {download}")
    # The same with the whole module, in the middle of a transfer.
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


def test_two_guests_over_a_switch(run, top):
    guest = run(top / "examples/two-guests/system.toml")
    guest.expect("client.*A page of the server")
    guest.expect(hashlib.sha256(bytes(16 * MIB)).hexdigest())
    guest.sendcontrol("a")
    guest.send("x")
    assert guest.ended() == 6


SOCKETS = """
[vm.server]
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/vsock.cpio.gz"
cmdline = 'console=ttyAMA0 vessel.run="/vsock-test serve 1 & /vsock-test serve 5 &"'
vsock = {{ cid = 3 }}
[vm.client]
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/vsock.cpio.gz"
cmdline = 'console=ttyAMA0 vessel.run="until /vsock-test 3 1; do sleep 1; done; {run}"'
vsock = {{ cid = 4 }}
"""
EACH = (
    "for to in 2 3; do for type in 1 5; do "
    "/vsock-test $to $type; echo to $to type $type: $?; done; done"
)


def test_sockets_between_guests_and_to_the_host(run, build, tmp_path):
    """600 KB each way, as a stream and as messages: to another guest, and to the host's echo."""
    system = tmp_path / "sockets.toml"
    system.write_text(SOCKETS.format(build=build, run=EACH))
    guest = run(system)
    for to in (2, 3):
        for kind in (1, 5):
            guest.expect(rf"client.*to {to} type {kind}: (\d+)")
            assert guest.match[1] == "0"
    guest.sendcontrol("a")
    guest.send("x")
    assert guest.ended() == 6
