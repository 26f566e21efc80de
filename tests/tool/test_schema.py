# SPDX-License-Identifier: BSD-2-Clause
"""Every mistake in a description gives one line that names file, key and remedy."""

import pytest

from sandbox import Check, Sandbox
from vessel import schema
from vessel.description import format_key, load
from vessel.errors import InputError, printable

KNOWN = ", ".join(schema.Vm.model_fields)
K = 'kernel = "kernel"\n'
VM = "[vm.debian]\n" + K
SIZE_HINT = 'write a number of bytes, or a string such as "512M" or "2G"'

CASES = {
    "unknown key": (
        VM + 'memry = "1G"',
        'vm.debian.memry: unknown key; did you mean "memory"?',
    ),
    "unknown key, nothing near": (
        VM + "zzz = 1",
        "vm.debian.zzz: unknown key; known: " + KNOWN,
    ),
    "unknown table": (
        VM + "[hots]\n",
        'hots: unknown key; did you mean "host"?',
    ),
    "unknown host key": (
        VM + '[host]\nlogs = "info"',
        'host.logs: unknown key; did you mean "log"?',
    ),
    "unknown region key": (
        VM + "memory = [{ base = 0x40000000, size = 0x8000000, sise = 1 }]",
        'vm.debian.memory[0].sise: unknown key; did you mean "size"?',
    ),
    "no VM": ("", "vm: there is no VM; add a table [vm.NAME]"),
    "no VM in vm": ("[vm]\n", "vm: there is no VM; add a table [vm.NAME]"),
    "vm without name": ("[vm]\n" + K, 'vm.kernel: must be a table, not the string "kernel"'),
    "name": (
        '[vm."a b"]\n' + K,
        'vm."a b": not a name for a VM; at most 31 letters, digits, - and _, '
        "the first a letter or digit",
    ),
    "no kernel": (
        "[vm.a]\n",
        "vm.a.kernel: missing; give a kernel, or firmware that finds one",
    ),
    "kernel and firmware": (
        VM + 'firmware = "kernel"',
        "vm.debian.kernel: there is firmware too; "
        "give one of them; firmware finds the kernel itself",
    ),
    "disk of no kind": (
        VM + "disk = [{}]",
        'vm.debian.disk[0]: a disk is in a file or in memory; write file = "FILE" or ram = SIZE',
    ),
    "disk key": (
        VM + 'disk = [{ file = "d", read_only = true }]',
        'vm.debian.disk[0].read_only: unknown key; did you mean "readonly"?',
    ),
    "disk size": (
        VM + "disk = [{ ram = 1000 }]",
        "vm.debian.disk[0].ram: 1000 bytes is not a multiple of 4 KiB; "
        "use a multiple of 2 MiB, such as 2 MiB",
    ),
    "partition in memory": (
        VM + "disk = [{ ram = 4096, partition = 1 }]",
        "vm.debian.disk[0]: a disk in memory has no partitions",
    ),
    "partition 0": (
        VM + 'disk = [{ file = "d", partition = 0 }]',
        "vm.debian.disk[0].partition: 0 is no number of a partition; use 1 to 1024",
    ),
    "partition type": (
        VM + 'disk = [{ file = "d", partition = true }]',
        "vm.debian.disk[0].partition: must be a partition, not the boolean true; "
        "write its number, or its name if the disk has a GPT",
    ),
    "too many disks": (
        VM + "disk = [" + "{ ram = 4096 }," * 9 + "]",
        "vm.debian.disk: there are 9 disks; at most 8 are possible",
    ),
    "no disk": (
        VM + 'disk = [{ file = "none.img" }]',
        "vm.debian.disk[0].file: none.img: no such file; `truncate -s 1G FILE` makes an empty disk",
    ),
    "disk that is none": (
        VM + 'disk = [{ file = "tmp" }]',
        "vm.debian.disk[0].file: tmp: is neither a regular file nor a block device",
    ),
    "disk too small": (
        VM + 'disk = [{ file = "initrd" }]',
        "vm.debian.disk[0].file: initrd: is smaller than a sector",
    ),
    "disk used twice": (
        VM + 'disk = [{ file = "kernel" }, { file = "../demo/kernel", readonly = true }]',
        "vm.debian.disk[1]: kernel: is vm.debian.disk[0] as well; "
        "give each a partition of its own, or readonly = true",
    ),
    "kernel empty": (
        '[vm.a]\nkernel = ""',
        "vm.a.kernel: must be the path of a file, relative to this description",
    ),
    "kernel type": ("[vm.a]\nkernel = 7", "vm.a.kernel: must be a string, not the number 7"),
    "kernel NUL": (
        '[vm.a]\nkernel = "a\\u0000b"',
        "vm.a.kernel: must be the path of a file, relative to this description",
    ),
    "machine": (
        VM + 'machine = "vrit"',
        'vm.debian.machine: the string "vrit" is not possible here; did you mean "virt"?',
    ),
    "log": (
        VM + '[host]\nlog = "warning"',
        'host.log: the string "warning" is not possible here; did you mean "warn"?',
    ),
    "escape": (
        VM + '[host]\nescape = "a"',
        'host.escape: the string "a" is not a control key; write "ctrl-]", "ctrl-a" ... or "none"',
    ),
    "switch": (
        VM + '[host]\nescape = "ctrl-b"\nswitch = "ctrl-b"',
        "host.switch: it is the escape key; choose another",
    ),
    "switch is the usual escape key": (
        VM + '[host]\nswitch = "ctrl-a"',
        "host.switch: it is the escape key; choose another",
    ),
    "colour": (
        VM + 'colour = "gren"',
        'vm.debian.colour: the string "gren" is not possible here; did you mean "green"?',
    ),
    "gic": (VM + "gic = 4", "vm.debian.gic: the number 4 is not possible here; use 2 or 3"),
    "gic string": (
        VM + 'gic = "3"',
        'vm.debian.gic: the string "3" is not possible here; use 2 or 3',
    ),
    "gic large": (
        VM + "gic = 99999999999999999999",
        "vm.debian.gic: the number 99999999999999999999 is not possible here",
    ),
    "a long string": (
        VM + f'cpus = "{"x" * 3000}"',
        f'vm.debian.cpus: must be a whole number, not the string "{"x" * 60}..."',
    ),
    "a long size": (
        VM + f'memory = "{"x" * 3000}"',
        f'vm.debian.memory: "{"x" * 60}..." is not a size; '
        'write a number of bytes, or a string such as "512M" or "2G"',
    ),
    "gic float": (VM + "gic = 2.0", "vm.debian.gic: must be a whole number, not the number 2.0"),
    "cpus 0": (VM + "cpus = 0", "vm.debian.cpus: 0 is out of range; 1 to 8 are possible"),
    "cpus 9": (VM + "cpus = 9", "vm.debian.cpus: 9 is out of range; 1 to 8 are possible"),
    "host cpus 9": (
        VM + "[host]\ncpus = 9",
        "host.cpus: 9 is out of range; 1 to 8 are possible",
    ),
    "net: no such network": (
        VM + 'net = [{ network = "la" }]\n[network.lan]',
        'vm.debian.net[0].network: there is no network "la"; did you mean "lan"?',
    ),
    "net: no network at all": (
        VM + 'net = [{ network = "lan" }]',
        'vm.debian.net[0].network: there is no network "lan"; add a table [network.lan]',
    ),
    "net: not an array": (
        VM + 'net = { network = "lan" }',
        "vm.debian.net: must be an array, not a table",
    ),
    "net: key": (
        VM + 'net = [{ network = "lan", isolate = true }]',
        'vm.debian.net[0].isolate: unknown key; did you mean "isolated"?',
    ),
    "net: mac": (
        VM + 'net = [{ network = "lan", mac = "02:00" }]',
        'vm.debian.net[0].mac: "02:00" is not an address; write six bytes, such as '
        '"02:00:00:00:00:01"',
    ),
    "net: multicast mac": (
        VM + 'net = [{ network = "lan", mac = "03:00:00:00:00:01" }]',
        "vm.debian.net[0].mac: 03:00:00:00:00:01 is not a card's address; "
        "its first byte is even, and it is not zero",
    ),
    "net: mac twice": (
        VM
        + 'net = [{ network = "lan", mac = "02:00:00:00:00:01" },'
        + ' { network = "lan", mac = "02:00:00:00:00:01" }]\n[network.lan]',
        "vm.debian.net[1].mac: vm.debian has the same; each needs its own",
    ),
    "net: mtu": (
        VM + 'net = [{ network = "lan", mtu = 67 }]',
        "vm.debian.net[0].mtu: 67 is out of range; 68 to 65535 are possible",
    ),
    "network: uplink": (
        VM + '[network.lan]\nuplink = "tap"',
        'network.lan.uplink: the string "tap" is not possible here; known: user',
    ),
    "network: forward": (
        VM + '[network.lan]\nuplink = "user"\nforward = ["80"]',
        'network.lan.forward[0]: "80" is not a port forward; write "HOST:GUEST", such as "8080:80"',
    ),
    "network: forward port": (
        VM + '[network.lan]\nuplink = "user"\nforward = ["65536:80"]',
        'network.lan.forward[0]: "65536:80" has a port that does not exist; ports are 1 to 65535',
    ),
    "network: forward address": (
        VM + '[network.lan]\nuplink = "user"\nforward = ["80:10.0.2.256:80"]',
        'network.lan.forward[0]: "80:10.0.2.256:80" has an address that does not exist; '
        "it is the guest's IPv4 address",
    ),
    "network: forward without uplink": (
        VM + '[network.lan]\nforward = ["80:80"]',
        'network.lan.forward: the network has no uplink; add uplink = "user"',
    ),
    "forward twice": (
        VM + '[network.a]\nuplink = "user"\nforward = ["80:80"]\n'
        '[network.b]\nuplink = "user"\nforward = ["81:80", "80:81"]',
        "network.b.forward[1]: port 80 is forwarded twice; each needs its own",
    ),
    "network: name": (
        VM + '[network."a b"]',
        'network."a b": not a name for a network; '
        "at most 31 letters, digits, - and _, the first a letter or digit",
    ),
    "vsock: cid": (
        VM + "vsock = { cid = 2 }",
        "vm.debian.vsock.cid: 2 is out of range; 3 to 4294967294 are possible",
    ),
    "vsock: cid twice": (
        VM + "vsock = { cid = 3 }\n[vm.b]\n" + K + "\nvsock = { cid = 3 }",
        "vm.b.vsock.cid: vm.debian has the same; each needs its own",
    ),
    "pin too large": (
        VM + "cpu_pin = [8]",
        "vm.debian.cpu_pin[0]: 8 is out of range; CPUs are 0 to 7",
    ),
    "pins and cpus": (
        VM + "cpus = 2\ncpu_pin = [0]",
        "vm.debian.cpu_pin: has 1 CPUs, but cpus is 2; give the CPU of each virtual CPU",
    ),
    "priority": (
        VM + "priority = 100",
        "vm.debian.priority: 100 is out of range; 0 to 99 are possible",
    ),
    "restart limit": (
        VM + "restart_limit = -1",
        "vm.debian.restart_limit: -1 is out of range; it is not negative, and at most 1000000000",
    ),
    "budget": (
        VM + "budget = 1",
        "vm.debian.budget: 1 is out of range; 100 to 10000000 microseconds are possible",
    ),
    "policy": (
        VM + 'on_crash = "restar"',
        'vm.debian.on_crash: the string "restar" is not possible here; did you mean "restart"?',
    ),
    "autostart": (
        VM + "autostart = 1",
        "vm.debian.autostart: must be true or false, not the number 1",
    ),
    "nobody starts": (
        VM + "autostart = false",
        "vm: no VM starts by itself; let one have autostart = true",
    ),
    "too many VMs": (
        "".join(f"[vm.a{i}]\n{K}" for i in range(17)),
        "vm: there are 17 VMs; at most 16 are possible",
    ),
    "cpus bool": (
        VM + "cpus = true",
        "vm.debian.cpus: must be a whole number, not the boolean true",
    ),
    "cpus float": (
        VM + "cpus = 1.0",
        "vm.debian.cpus: must be a whole number, not the number 1.0",
    ),
    "cmdline newline": (
        VM + 'cmdline = "a\\nb"',
        "vm.debian.cmdline: has a control character (newline, tab, ...); write it as one line",
    ),
    "cmdline long": (
        VM + f'cmdline = "{"x" * 2048}"',
        "vm.debian.cmdline: is 2048 bytes long; Linux takes at most 2047",
    ),
    "memory text": (
        VM + 'memory = "lots {of} it"',
        f'vm.debian.memory: "lots {{of}} it" is not a size; {SIZE_HINT}',
    ),
    "memory unit": (
        VM + 'memory = "512MB"',
        f'vm.debian.memory: "512MB" is not a size; {SIZE_HINT}',
    ),
    "memory float": (
        VM + "memory = 1.5",
        f"vm.debian.memory: must be a size, not the number 1.5; {SIZE_HINT}",
    ),
    "memory bool": (
        VM + "memory = true",
        f"vm.debian.memory: must be a size, not the boolean true; {SIZE_HINT}",
    ),
    "memory 0": (VM + "memory = 0", f"vm.debian.memory: must be larger than 0; {SIZE_HINT}"),
    "memory negative": (
        VM + "memory = -1",
        f"vm.debian.memory: must be larger than 0; {SIZE_HINT}",
    ),
    "memory in bytes by mistake": (
        VM + "memory = 512",
        "vm.debian.memory: 512 bytes is not a multiple of 4 KiB; "
        "use a multiple of 2 MiB, such as 2 MiB",
    ),
    "memory too small": (
        VM + 'memory = "64K"',
        f"vm.debian.memory: 64 KiB is too little for any guest; at least 2 MiB; {SIZE_HINT}",
    ),
    "memory huge": (
        VM + 'memory = "9999999999999999999T"',
        "vm.debian.memory: 9999999999999999999 TiB is more than a guest can address; "
        "the limit is below 1 TiB",
    ),
    "memory table": (
        VM + "memory = { base = 0x40000000, size = 1 }",
        "vm.debian.memory: must be a size or an array of regions; "
        "write [{ base = ..., size = ... }, ...]",
    ),
    "no regions": (
        VM + "memory = []",
        "vm.debian.memory: there are 0 regions; 1 to 8 are possible",
    ),
    "region type": (
        VM + 'memory = ["1G"]',
        'vm.debian.memory[0]: must be a table, not the string "1G"',
    ),
    "region without size": (
        VM + "memory = [{ base = 0x40000000 }]",
        "vm.debian.memory[0].size: missing; this key is required",
    ),
    "region below RAM": (
        VM + 'memory = [{ base = 0x8000000, size = "64M" }]',
        'vm.debian.memory[0].base: 0x8000000 is below 0x40000000, where RAM of machine "virt" '
        "starts; the addresses below are for devices",
    ),
    "region misaligned": (
        VM + 'memory = [{ base = 0x40000800, size = "64M" }]',
        "vm.debian.memory[0].base: 0x40000800 is not a multiple of 4 KiB; "
        "use a multiple of 2 MiB, such as 0x40200000",
    ),
    "region size misaligned": (
        VM + "memory = [{ base = 0x40000000, size = 0x1000001 }]",
        "vm.debian.memory[0].size: 16777217 bytes is not a multiple of 4 KiB; "
        "use a multiple of 2 MiB, such as 18 MiB",
    ),
    "regions overlap": (
        VM + "memory = [{ base = 0x50000000, size = 0x8000000 },"
        "{ base = 0x40000000, size = 0x10001000 }]",
        "vm.debian.memory: region 1, [0x40000000, 0x50001000), overlaps region 0, "
        "[0x50000000, 0x58000000); let region 0 start at 0x50001000 or above",
    ),
    "region too high": (
        VM + "memory = [{ base = 0xffc0000000, size = 0x40001000 }]",
        "vm.debian.memory: region 0, [0xffc0000000, 0x10000001000), ends above 1 TiB; "
        "a guest cannot address it",
    ),
    "control characters": (
        VM + '"\\u001b[2J" = 1',
        'vm.debian."\\u001b[2J": unknown key; known: ' + KNOWN,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_line_each(name: str, rejected: Check) -> None:
    toml, line = CASES[name]
    rejected(toml, f"system.toml: {line}")


def test_every_problem_is_listed(sandbox: Sandbox) -> None:
    sandbox.write("[vm.a]\ngic = 9\ncpsu = 1\n")
    result = sandbox.call("check", "system.toml")
    assert len(result.errors) == 3
    assert result.status == 2


def test_toml_syntax_has_line_and_column(rejected: Check) -> None:
    rejected(
        "[vm.a]\nkernel kernel\n",
        "system.toml:2:8: not valid TOML: Expected '=' after a key in a key/value pair",
    )


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 10_000, 'a = "unfinished'])
def test_strange_toml(text: str, sandbox: Sandbox) -> None:
    sandbox.write(text)
    result = sandbox.call("check", "system.toml")
    assert (len(result.errors), result.status) == (1, 2)


def test_file_problems(sandbox: Sandbox) -> None:
    (sandbox.path / "latin1.toml").write_bytes(b"# ok\n# \xe4\n")
    (sandbox.path / "big.toml").write_bytes(b"#" * (2 << 20))
    for name, line in {
        "none.toml": "none.toml: no such file",
        "/dev/null": "/dev/null: is not a regular file",
        "tmp": "tmp: is a directory, not a system description",
        "latin1.toml": "latin1.toml:2: not UTF-8 text",
        "big.toml": "big.toml: larger than 1 MiB: not a system description",
    }.items():
        result = sandbox.call("check", name)
        assert (result.errors, result.status) == ([line], 2)


@pytest.mark.parametrize(
    ("value", "size"),
    [(4096, 4096), ("4096", 4096), ("1K", 1024), ("512m", 512 << 20), ("2 GiB", 2 << 30)],
)
def test_sizes(value: object, size: int) -> None:
    assert schema.parse_size(value) == size


def test_defaults_and_order(sandbox: Sandbox) -> None:
    vm = load(sandbox.path / "system.toml").system.vm["debian"]
    assert (vm.machine, vm.cpus, vm.gic, vm.cmdline) == ("virt", 1, 3, "")
    assert [(r.base, r.size) for r in vm.memory] == [(0x4000_0000, 512 << 20)]
    two = "[{ base = 0x80000000, size = '4M' }, { base = 0x40000000, size = '2M' }]"
    vm = load(sandbox.write(VM + f"memory = {two}")).system.vm["debian"]
    assert [r.base for r in vm.memory] == [0x4000_0000, 0x8000_0000]


def test_options_replace_keys_and_name_themselves(sandbox: Sandbox) -> None:
    path = sandbox.path / "system.toml"
    assert load(path, {"gic": 2}).system.vm["debian"].gic == 2
    with pytest.raises(InputError, match=r"^vessel: --gic: the number 7 is not possible"):
        load(path, {"gic": 7})
    two = sandbox.write("[vm.a]\nkernel='k'\n[vm.b]\nkernel='k'\n")
    with pytest.raises(InputError, match="needs a description of exactly one VM"):
        load(two, {"gic": 2})
    with pytest.raises(InputError, match=r"^vessel: --memory: .* is not a size"):
        load(None, {"kernel": "k", "memory": "x"})


def test_texts() -> None:
    assert format_key(("vm", "a b", "memory", 1, "size")) == 'vm."a b".memory[1].size'
    assert printable("a\x1b[0mü\n") == "a\\x1b[0mü\\n"
    assert schema.format_size(3 << 19) == "1536 KiB"
    assert schema.format_size(5) == "5 bytes"
