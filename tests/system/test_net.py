# SPDX-License-Identifier: BSD-2-Clause
"""Guests on networks: to the outside through QEMU's, and to each other over the switch."""

import hashlib
import http.server
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest

pytestmark = pytest.mark.system

MIB = 1 << 20
DATA = hashlib.shake_256(b"vessel").digest(MIB) * 100
HASH = hashlib.sha256(DATA).hexdigest()
OUTSIDE = "10.0.2.2"  # The machine that runs QEMU, for a guest.


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Download(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def download() -> Iterator[str]:
    """Where a guest finds DATA."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Download) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{OUTSIDE}:{server.server_port}/"
        server.shutdown()


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
    guest.sendline("poweroff")
    assert guest.ended() == 0


def test_web_server(run, top):
    port = free_port()
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
