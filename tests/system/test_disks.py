# SPDX-License-Identifier: BSD-2-Clause
"""Debian on virtio disks: its root file system, several disks, and what must not happen to them."""

import os
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.system

PATH = {**os.environ, "PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"}
MIB = 1 << 20

# Random writes to a disk and to a copy of it in memory, then all of it compared.
RANDOM_WRITES = """
dd if=/dev/urandom of=/tmp/copy bs=64k count=64 2>/dev/null; cat /tmp/copy >$disk; n=0
while [ $((n += 1)) -le 80 ]; do
    at=$((RANDOM % 8000)); size=$((RANDOM % 190 + 1))
    dd if=/dev/urandom of=/tmp/piece bs=512 count=$size 2>/dev/null
    dd if=/tmp/piece of=/tmp/copy bs=512 seek=$at conv=notrunc 2>/dev/null
    dd if=/tmp/piece of=$disk bs=512 seek=$at conv=notrunc oflag=direct 2>/dev/null
done
echo 3 >/proc/sys/vm/drop_caches; cmp -n 4194304 /tmp/copy $disk
"""

# 30 MiB in files, and their sums.
FILL = """
mkdir /root/f; n=0
while [ $((n += 1)) -le 30 ]; do
    dd if=/dev/urandom of=/root/f/$n bs=64k count=16 2>/dev/null; sync
done
(cd /root/f; sha256sum *) >/root/sums
"""


def image(path, size, table=""):
    """A disk image, with partitions as sfdisk takes them."""
    with path.open("wb") as file:
        file.truncate(size)
    if table:
        subprocess.run(["sfdisk", "-q", path], input=table, text=True, check=True, env=PATH)
    return path


def describe(path, build, disks, cmdline=""):
    """A description of Debian with disks."""
    path.write_text(
        f'[vm.debian]\ncpus = 2\nkernel = "{build}/guest/vmlinuz"\n'
        f'initrd = "{build}/guest/initrd.gz"\ncmdline = "console=ttyAMA0 {cmdline}"\n'
        f"disk = [{disks}]\n"
    )
    return path


def test_root_file_system_and_a_reboot_in_the_middle_of_writes(run, build, tmp_path):
    root = tmp_path / "root.img"
    shutil.copy(build / "guest/root.img", root)
    system = describe(tmp_path / "s.toml", build, '{ file = "root.img" }', "root=/dev/vda")
    guest = run(system)
    guest.login()
    assert "/dev/vda on / type ext4 (rw" in guest.shell("mount")
    guest.shell("echo here >/root/kept; sync")
    for n in range(4):
        guest.shell(
            f"(while mkdir -p /root/{n}.$((i += 1)); do dd if=/dev/urandom of=/root/f{n}"
            " bs=64k count=30; done) >/dev/null 2>&1 & :"
        )
    guest.shell("until [ -d /root/3.5 ]; do sleep 0.1; done")
    guest.sendline("reboot -f")
    guest.login()
    assert "here" in guest.shell("cat /root/kept")
    assert "3.5" in guest.shell("ls /root")
    guest.sendline("poweroff")
    assert guest.ended() == 0
    check = subprocess.run(["e2fsck", "-fn", root], capture_output=True, text=True, env=PATH)
    assert check.returncode == 0, check.stdout


def test_several_disks(run, build, tmp_path, one_line):
    image(tmp_path / "whole.img", 8 * MIB)
    parts = image(
        tmp_path / "parts.img", 32 * MIB, "label: gpt\nsize=8M, name=one\nsize=8M, name=two\n"
    )
    before = parts.read_bytes()
    system = describe(
        tmp_path / "s.toml",
        build,
        '{ file = "whole.img" }, { file = "parts.img", partition = "two" },'
        '{ file = "parts.img", partition = 1, readonly = true }, { ram = "8M" }',
    )
    guest = run(system)
    guest.login()
    sizes = guest.shell("cat /sys/block/vd?/size /sys/block/vd?/ro").split()
    assert sizes == ["16384"] * 4 + ["0", "0", "1", "0"]
    for disk in ("vdb", "vdd", "vda"):
        guest.shell(f"disk=/dev/{disk}; {one_line(RANDOM_WRITES)}")
    guest.shell("! dd if=/tmp/copy of=/dev/vdc bs=512 count=1")
    guest.shell("blkdiscard /dev/vdb; sync")
    assert "I/O error" not in guest.shell("dmesg")
    guest.sendline("poweroff")
    assert guest.ended() == 0
    # Partition two was discarded in the end, and nothing else has changed.
    assert parts.read_bytes() == before


def test_two_machines_on_partitions_of_one_disk(run, build, tmp_path, one_line):
    """Over PCI; their writes go on at the same time."""
    root = (build / "guest/root.img").read_bytes()
    table = "label: gpt\nsize=64M, name=one\nsize=64M, name=two\n"
    disk = image(tmp_path / "disk.img", 130 * MIB, table)
    starts = {"one": MIB, "two": MIB + len(root)}
    with disk.open("r+b") as file:
        for start in starts.values():
            file.seek(start)
            file.write(root)
    system = tmp_path / "s.toml"
    system.write_text(
        "".join(
            f'[vm.{name}]\nmemory = "256M"\ntransport = "pci"\nkernel = "{build}/guest/vmlinuz"\n'
            f'initrd = "{build}/guest/initrd.gz"\n'
            f'disk = [{{ file = "disk.img", partition = "{name}" }}]\n'
            f"cmdline = 'quiet console=ttyAMA0 root=/dev/vda "
            f'vessel.run="{one_line(FILL)}; poweroff"\'\n'
            for name in starts
        )
    )
    guest = run(system)
    assert guest.ended() == 0
    whole = disk.read_bytes()
    for name, start in starts.items():
        part = tmp_path / f"{name}.img"
        part.write_bytes(whole[start : start + len(root)])
        check = subprocess.run(["e2fsck", "-fn", part], capture_output=True, text=True, env=PATH)
        assert check.returncode == 0, check.stdout
        out = tmp_path / name
        out.mkdir()
        commands = f"rdump /root/f {out}\ndump /root/sums {out}/sums\n"
        subprocess.run(
            ["debugfs", "-f", "-", part], input=commands, text=True, check=True, env=PATH
        )
        assert len((out / "sums").read_text().splitlines()) == 30
        subprocess.run(["sha256sum", "--quiet", "-c", "../sums"], cwd=out / "f", check=True)


@pytest.mark.parametrize("transport", ["mmio", "pci"])
def test_firmware_boots_debian_from_its_disk(run, top, build, tmp_path, transport):
    """U-Boot, GRUB from the EFI partition, Debian's kernel with our device tree; DHCP."""
    disk = tmp_path / "debian.img"
    shutil.copy(build / "guest/debian.img", disk)
    example = top / "examples/debian-disk/system.toml"
    guest = run(example, "--disk", disk, "--transport", transport, "--cpus", 2)
    guest.expect("Found EFI removable media binary efi/boot/bootaa64.efi")
    guest.login()
    assert "/dev/vda2 on / type ext4 (rw" in guest.shell("mount")
    assert "fw_platform_size" in guest.shell("ls /sys/firmware/efi")
    assert "linux,dummy-virt" in guest.shell("tr '\\\\0' ' ' </proc/device-tree/compatible")
    assert guest.shell("nproc").split() == ["2"]
    guest.shell("until ip addr show eth0 | grep -q 'inet 10'; do sleep 1; done")
    guest.shell("echo here >/root/kept")
    guest.sendline("poweroff")
    assert guest.ended() == 0
    part = tmp_path / "root.img"
    part.write_bytes(disk.read_bytes()[101 * MIB : 165 * MIB])
    read = subprocess.run(["debugfs", "-R", "cat /root/kept", part], capture_output=True, env=PATH)
    assert read.stdout == b"here\n"
