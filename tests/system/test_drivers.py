# SPDX-License-Identifier: BSD-2-Clause
"""Debian's drivers come and go under load, and use several queues; over MMIO and PCI."""

import hashlib
import re

import pytest

pytestmark = pytest.mark.system

MIB = 1 << 20
DATA = hashlib.shake_256(b"drivers").digest(MIB) * 8
HASH = hashlib.sha256(DATA).hexdigest()

SYSTEM = """
[network.outside]
uplink = "user"
[vm.debian]
cpus = 2
memory = "256M"
kernel = "{build}/guest/vmlinuz"
initrd = "{build}/guest/tools-initrd.gz"
cmdline = 'quiet console=ttyAMA0 vessel.run="{run}"'
transport = "{transport}"
console = "virtio"
rng = true
net = [{{ network = "outside" }}]
disk = [{{ file = "disk.img" }}, {{ ram = "16M" }}]
"""

# The terminal is the PL011 once the virtio console has gone; nothing can be typed before. The
# driver goes between bursts of output: that of Linux 6.1 frees what is still in its queue wrongly.
CONSOLE = """
driver=/sys/bus/virtio/drivers/virtio_console; device=$(basename $driver/virtio*)
ready() { until [ -c /dev/hvc0 ] && (: >/dev/hvc0) 2>/dev/null; do :; done; }
for n in 1 2 3 4; do
    ready; seq ${n}001 ${n}500 >/dev/hvc0
    echo $device >$driver/unbind; echo $device >$driver/bind
done
ready; seq 5001 7000 >/dev/hvc0; modprobe -r virtio_console
"""

# Each CPU writes at random into its 4 MiB of a disk and into a copy; then all is compared.
RANDOM_WRITES = """
write() {
    read -r pid rest </proc/self/stat; taskset -p $(($1 + 1)) $pid >/dev/null; n=0
    dd if=/dev/urandom of=/tmp/copy.$1 bs=64k count=64
    dd if=/tmp/copy.$1 of=$disk bs=64k seek=$(($1 * 64)) conv=notrunc
    while [ $((n += 1)) -le 40 ]; do
        at=$((RANDOM % 8000)); size=$((RANDOM % 190 + 1))
        dd if=/dev/urandom of=/tmp/piece.$1 bs=512 count=$size
        dd if=/tmp/piece.$1 of=/tmp/copy.$1 bs=512 seek=$at conv=notrunc
        dd if=/tmp/piece.$1 of=$disk bs=512 seek=$(($1 * 8192 + at)) conv=notrunc oflag=direct
    done
}
(write 0) 2>/dev/null & (write 1) 2>/dev/null &
wait; echo 3 >/proc/sys/vm/drop_caches
cat /tmp/copy.0 /tmp/copy.1 >/tmp/copy; cmp -n 8388608 /tmp/copy $disk
"""

# The driver goes away and comes back while the disk is read and written, then its module too.
DISK = """
driver=/sys/bus/virtio/drivers/virtio_blk; device=$(basename $(readlink /sys/block/vda/device))
for n in 1 2 3; do
    (while dd if=/dev/vda of=/dev/null bs=64k iflag=direct; do :; done) 2>/dev/null &
    (while dd if=/tmp/copy of=/dev/vda bs=64k oflag=direct; do :; done) 2>/dev/null &
    sleep 0.3; echo $device >$driver/unbind; wait; echo $device >$driver/bind
done
modprobe -r virtio_blk && ! ls /dev/vda && modprobe virtio_blk || exit
cat /tmp/copy >/dev/vda; sync; echo 3 >/proc/sys/vm/drop_caches
for disk in vda vdb; do
    cmp -n 8388608 /tmp/$disk /dev/$disk || exit
done
"""

# The same with the driver of the card's transport, during downloads.
CARD = """
device=$(dirname $(readlink -f /sys/class/net/eth0/device)); name=${device##*/}
driver=$(readlink -f $device/driver); n=0
while [ $((n += 1)) -le 3 ]; do
    killall udhcpc wget; wait; udhcpc -q -i eth0; rm -f /tmp/part
    (while :; do wget -q -O - $url || exit; done) >/tmp/part 2>/dev/null &
    until [ -s /tmp/part ]; do :; done
    echo $name >$driver/unbind; ! ls /sys/class/net/eth0 && echo $name >$driver/bind || exit
done
killall wget; wait; udhcpc -q -i eth0; wget -q -O /tmp/data $url; sha256sum /tmp/data
"""

ENTROPY = """
driver=/sys/bus/virtio/drivers/virtio_rng; device=$(basename $driver/virtio*)
(while :; do dd if=/dev/hwrng of=/dev/null bs=64 count=8; done) 2>/dev/null &
for n in 1 2 3 4 5 6 7 8 9 10; do
    echo $device >$driver/unbind && echo $device >$driver/bind || exit
done
kill $!; wait
modprobe -r virtio_rng && ! grep virtio_rng /proc/modules && modprobe virtio_rng || exit
dd if=/dev/hwrng bs=4096 count=1 | od -An -v -tx1 -w1 | sort -u | wc -l
"""


def _console(guest) -> None:
    """All comes, in order."""
    guest.expect(r"1001\r+\n")
    guest.expect("Welcome to Vessel")
    bursts = [(1002, 1500), (2001, 2500), (3001, 3500), (4001, 4500), (5001, 7000)]
    lines = [str(n) for first, last in bursts for n in range(first, last + 1)]
    assert guest.before.split() == lines
    guest.expect("vessel:~# ")


def _queues(guest, transport: str) -> None:
    runs = guest.shell(
        "mount -t debugfs none /sys/kernel/debug; cat /sys/kernel/debug/block/vd?/hctx?/run"
    ).split()
    assert len(runs) == 4
    assert min(map(int, runs)) > 20
    if transport == "pci":
        vectors = guest.shell("grep -E 'virtio.-req' /proc/interrupts")
        counts = re.findall(r": +(\d+) +(\d+) ", vectors)
        assert len(counts) == 4
        assert min(int(a) + int(b) for a, b in counts) > 20


@pytest.mark.parametrize("transport", ["mmio", "pci"])
def test_drivers_come_and_go(run, build, tmp_path, serve, one_line, transport):
    with (tmp_path / "disk.img").open("wb") as file:
        file.truncate(16 * MIB)
    system = tmp_path / "system.toml"
    system.write_text(SYSTEM.format(build=build, transport=transport, run=one_line(CONSOLE)))
    guest = run(system)
    _console(guest)
    for disk in ("vdb", "vda"):
        guest.shell(f"disk=/dev/{disk}; {one_line(RANDOM_WRITES)}; cp /tmp/copy /tmp/{disk}")
    _queues(guest, transport)
    guest.shell(f"({one_line(DISK)})")
    assert HASH in guest.shell(f"url={serve(DATA)}; ({one_line(CARD)})")
    assert "256" in guest.shell(f"({one_line(ENTROPY)})").split()
    guest.sendline("poweroff")
    assert guest.ended() == 0
