# SPDX-License-Identifier: BSD-2-Clause
"""Systems for seL4: the description of Microkit's tool, and how that tool is called."""

import json
import shutil
import stat
import struct
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import libfdt
import pytest

from sandbox import Result, Sandbox
from vessel.hosts import boards, sddf, sddf_blk, sddf_net

VM = '[vm.debian]\nkernel = "kernel"\ngic = 2\n'
TWO = VM + "cpu_pin = [2]\n" + VM.replace("debian", "other") + "priority = 70\nbudget = 2000\n"
BOARD = "qemu_virt_aarch64"
QEMU = shutil.which("qemu-system-aarch64")  # Not the sandbox's.
# Stands in for the SDK's tool: writes what it was asked for, or fails as it does. The image begins
# as a device tree does, since the stand-in for QEMU wants a pack.
TOOL = r"""#!/bin/sh
echo "$@" >"${0%/*}/called"
/bin/cp "$1" "${0%/*}/described"
[ ! -e "${0%/*}/broken" ] || { echo "Error: no room" >&2; exit 1; }
while [ $# -gt 0 ]; do [ "$1" != -o ] || printf '\320\015\376\355' >"$2"; shift; done
"""


@pytest.fixture
def sdk(sandbox: Sandbox) -> Path:
    """An SDK, and the VMM built for it."""
    root = sandbox.path / "sdk"
    tool = root / "bin/microkit"
    tool.parent.mkdir(parents=True)
    tool.write_text(TOOL)
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    for config in ("release", "smp-release"):
        built = sandbox.path.parent / "build" / "microkit" / BOARD / config
        for file in (
            root / "board" / BOARD / config / "lib/libmicrokit.a",
            *(
                built / f"vessel-{name}.elf"
                for name in ("vmm", "mux", "timer", "entropy", "switch")
            ),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("program")
    (sandbox.path.parent / "build/microkit/waits.so").write_text("plugin")
    return root


def build(sandbox: Sandbox, toml: str, *more: str) -> Result:
    """`vessel build` into the directory out."""
    sandbox.write(toml)
    return sandbox.call(
        "build", "system.toml", "--host", "microkit", "--sdk", "sdk", "-o", "out", *more
    )


def system(sandbox: Sandbox) -> ET.Element:
    """The system description that was written."""
    return ET.parse(sandbox.path / "out/system.xml").getroot()


def test_what_is_left(sandbox: Sandbox, sdk: Path) -> None:
    result = build(sandbox, VM)
    assert (result.status, result.errors) == (0, [])
    left = {path.name for path in (sandbox.path / "out").iterdir()}
    assert left == {
        *("loader.img", "system.pack", "system.xml", "system.manifest", "flash.bin"),
        *("vessel-vmm.elf", "vessel-mux.elf", "vessel-timer.elf", "vessel-entropy.elf"),
        "vessel-switch.elf",
    }
    called = (sdk / "bin/called").read_text()
    assert f"--board {BOARD} --config release" in called


def test_regions(sandbox: Sandbox, sdk: Path) -> None:
    toml = VM + (
        'memory = [{ base = 0x40000000, size = "64M" }, { base = 0x80001000, size = "4K" }]\n'
    )
    assert build(sandbox, toml).status == 0
    root = system(sandbox)
    regions = {region.get("name"): region.attrib for region in root.iter("memory_region")}
    assert regions["debian_pack"]["prefill_path"] == "system.pack"
    assert regions["debian_ram0"]["page_size"] == "0x200000"
    assert regions["debian_ram1"]["page_size"] == "0x1000"
    assert regions["gicv"]["phys_addr"] == "0x8040000"
    pd = root.find("protection_domain")
    vm = pd.find("virtual_machine")
    assert int(pd.get("priority")) > int(vm.get("priority"))
    guest = {m.get("mr"): m.get("vaddr") for m in vm.iter("map")}
    assert guest == {
        "debian_ram0": "0x40000000",
        "debian_ram1": "0x80001000",
        "gicv": "0x8010000",
    }
    mapped = {m.get("setvar_vaddr"): int(m.get("vaddr"), 16) for m in pd.findall("map")}
    assert mapped["vessel_ram1"] == mapped["vessel_ram0"] + (64 << 20)
    irqs = {irq.get("setvar_id"): irq.get("irq") for irq in pd.iter("irq")}
    assert irqs == {"vessel_uart_irq": "33", "vessel_timer_irq": "30"}


def test_gic_is_the_boards(sandbox: Sandbox, sdk: Path) -> None:
    assert build(sandbox, VM.replace("gic = 2\n", "")).status == 0
    fdt = libfdt.Fdt((sandbox.path / "out/system.pack").read_bytes())
    assert fdt.getprop(fdt.path_offset("/vms/vm@0"), "gic-version").as_uint32() == 2


def test_firmware_has_erased_flash(sandbox: Sandbox, sdk: Path) -> None:
    assert build(sandbox, VM.replace("kernel =", "firmware =")).status == 0
    root = system(sandbox)
    flash = root.find("protection_domain/virtual_machine/map[@mr='flash']")
    assert (flash.get("vaddr"), flash.get("perms")) == ("0x4000000", "r")
    assert root.find("memory_region[@name='flash']").get("prefill_path") == "flash.bin"
    assert (sandbox.path / "out/flash.bin").read_bytes() == b"\xff" * 0x4_0000


def test_disks_in_memory(sandbox: Sandbox, sdk: Path) -> None:
    disks = 'disk = [{ ram = "4M" }, { ram = "12K", file = "start.img" }]\n'
    (sandbox.path / "start.img").write_bytes(b"content" * 100)
    assert build(sandbox, VM + disks).status == 0
    root = system(sandbox)
    regions = [root.find(f"memory_region[@name='debian_ramdisk{i}']").attrib for i in range(2)]
    assert [(region["size"], region["page_size"]) for region in regions] == [
        ("0x400000", "0x200000"),
        ("0x3000", "0x1000"),
    ]
    assert "prefill_path" not in regions[0]
    assert (sandbox.path / "out" / regions[1]["prefill_path"]).read_bytes() == b"content" * 100
    assert b"content" not in (sandbox.path / "out/system.pack").read_bytes()
    for i in range(2):
        mapped = root.find(f"protection_domain/map[@mr='debian_ramdisk{i}']")
        assert mapped.get("setvar_vaddr") == f"vessel_ramdisk{i}"
        assert mapped.get("setvar_size") == f"vessel_ramdisk{i}_size"


@pytest.mark.parametrize(
    ("size", "message"), [(12289, "is larger than the disk"), (0, "the file is empty")]
)
def test_what_a_disk_in_memory_holds_is_checked(
    sandbox: Sandbox, sdk: Path, size: int, message: str
) -> None:
    (sandbox.path / "start.img").write_bytes(bytes(size))
    done = build(sandbox, VM + 'disk = [{ ram = "12K", file = "start.img" }]\n')
    assert done.status == 2
    assert message in done.stderr


LAN = f"""[network.lan]
{VM}net = [{{ network = "lan" }}]
vsock = {{ cid = 3 }}
"""


def test_networks(sandbox: Sandbox, sdk: Path) -> None:
    """A link for each card and for sockets, of its VM and the switch only, in one order."""
    more = 'net = [{ network = "lan" }, { network = "lan", isolated = true }]\n'
    third = VM.replace("debian", "third")
    result = build(sandbox, LAN + VM.replace("debian", "other") + more + third)
    assert (result.status, result.errors) == (0, [])
    root = system(sandbox)
    maps = {}
    for pd in root.iter("protection_domain"):
        found = [m for m in pd.findall("map") if m.get("mr").split("_")[-1][:3] in ("net", "vso")]
        places = [int(m.get("vaddr"), 16) for m in found]
        assert places == [0x8C_0000_0000 + i * 0x20_0000 for i in range(len(found))]
        maps[pd.get("name")] = [m.get("mr") for m in found]
        assert [m.get("setvar_vaddr") for m in found[:1]] == ["vessel_links"][: len(found)]
    own = {"debian": ["debian_net0", "debian_vsock"], "other": ["other_net0", "other_net1"]}
    assert maps.pop("vessel_switch") == own["debian"] + own["other"]
    assert {name: found for name, found in maps.items() if found} == own
    ends = {
        tuple((end.get("pd"), end.get("id")) for end in channel)
        for channel in root.iter("channel")
        if channel[0].get("pd") == "vessel_switch"
    }
    assert ends == {
        (("vessel_switch", "0"), ("debian", "13")),
        (("vessel_switch", "1"), ("other", "13")),
    }
    used = [(end.get("pd"), end.get("id")) for end in root.iter("end")]
    assert len(used) == len(set(used))
    # A VM alone in its pack has the address that it has among all.
    macs = [
        bytes(fdt.getprop(fdt.path_offset("/vms/vm@0/net@0"), "mac"))
        for fdt in (
            libfdt.Fdt((sandbox.path / "out" / f"{name}.pack").read_bytes())
            for name in ("debian", "other")
        )
    ]
    assert macs == [bytes.fromhex("02766d000000"), bytes.fromhex("02766d000100")]


def test_no_way_out(sandbox: Sandbox, sdk: Path) -> None:
    result = build(sandbox, f'{LAN}[network.out]\nuplink = "user"\n')
    line = "system.toml: network.out.uplink: this host has no driver for the way out"
    assert result.status == 2
    assert result.errors[0].startswith(line)


def test_symbols_are_the_programs(sandbox: Sandbox, sdk: Path) -> None:
    """Each symbol that is set exists in the program that it is set in."""
    two = LAN + VM.replace("debian", "other")
    host = Path(__file__).parents[2] / "host/microkit"
    config = (host / "config.c").read_text()
    own = {name: (host / f"{name}/main.c").read_text() for name in ("mux", "entropy", "switch")}
    keys = ("setvar_vaddr", "setvar_id", "setvar_prefill_size", "setvar_size", "symbol")
    seen = set()
    more = 'rng = true\ndisk = [{ ram = "4K" }]\n'
    for toml in (VM + "cpus = 2\n", two + more):
        assert build(sandbox, toml, "--config", "smp-release").status == 0
        root = system(sandbox)
        for pd in root.findall("protection_domain"):
            ends = root.findall(f"channel/end[@pd='{pd.get('name')}']")
            symbols = {e.get(key) for e in [*pd.iter(), *ends] for key in keys if e.get(key)}
            source = config + own.get(pd.get("name").removeprefix("vessel_"), "")
            assert all(f"uint64_t {symbol} =" in source for symbol in symbols)
            seen |= symbols
    assert len(seen) == 25


@pytest.mark.parametrize(
    ("config", "vcpus"),
    [
        ("release", dict.fromkeys("012345")),
        # And a saver for each that is not on the VMM's core.
        ("smp-release", dict(zip([*"012345", "9", "10", "11", "13"], "0123011231", strict=True))),
    ],
)
def test_vcpus_are_spread(sandbox: Sandbox, sdk: Path, config: str, vcpus: dict) -> None:
    assert build(sandbox, VM + "cpus = 6\n", "--config", config).status == 0
    found = list(system(sandbox).iter("vcpu"))
    assert {vcpu.get("id"): vcpu.get("cpu") for vcpu in found} == vcpus
    if config == "smp-release":
        assert (sandbox.path / "out/debian.cores").read_bytes() == bytes([0, 1, 2, 3, 0, 1])


@pytest.mark.parametrize(
    ("config", "keys", "time"),
    [
        ("release", "", ("10000", "10000")),
        ("release", "cpus = 2\n", ("1000", "1000")),  # They take turns on one core.
        ("smp-release", "cpus = 4\n", ("10000", "10000")),
        ("smp-release", "cpus = 2\ncpu_pin = [1, 1]\n", ("1000", "1000")),
        ("release", "cpus = 2\nbudget = 3000\n", ("3000", "10000")),
        ("release", "cpus = 2\nperiod = 5000\n", ("5000", "5000")),
    ],
)
def test_time_of_a_vcpu(
    sandbox: Sandbox, sdk: Path, config: str, keys: str, time: tuple[str, str]
) -> None:
    assert build(sandbox, VM + keys, "--config", config).status == 0
    vm = system(sandbox).find(".//virtual_machine")
    assert (vm.get("budget"), vm.get("period")) == time


@pytest.mark.parametrize(
    ("config", "keys", "bound"),
    [
        ("release", "", ("1000", "2000")),  # Its neighbour has the other half.
        ("smp-release", "cpu_pin = [2]\n", ("1000", "2000")),
        ("smp-release", "cpus = 2\ncpu_pin = [1, 2]\n", (None, None)),
        ("smp-release", "cpu_pin = [1]\n", (None, None)),
    ],
)
def test_time_of_a_vmm(
    sandbox: Sandbox, sdk: Path, config: str, keys: str, bound: tuple[str | None, str | None]
) -> None:
    other = VM.replace("debian", "other") + "cpu_pin = [2]\n"
    assert build(sandbox, VM + keys + other, "--config", config).status == 0
    pd = system(sandbox).find("protection_domain[@name='debian']")
    assert (pd.get("budget"), pd.get("period")) == bound


def test_check(sandbox: Sandbox) -> None:
    sandbox.write(VM.replace("gic = 2\n", ""))
    result = sandbox.call("check", "system.toml", "--host", "microkit")
    assert (result.status, result.errors) == (0, [])
    assert "GICv2" in result.stdout
    sandbox.write(VM.replace("gic = 2", "gic = 3"))
    result = sandbox.call("check", "system.toml", "--host", "microkit")
    assert result.status == 0
    assert len(result.errors) == 1
    assert f"vm.debian.gic: warning: GICv3, but {BOARD} has a GICv2; use 2" in result.errors[0]
    assert sandbox.call("check", "system.toml").errors == []


def test_wrong_gic(sandbox: Sandbox, sdk: Path) -> None:
    result = build(sandbox, VM.replace("gic = 2", "gic = 3"))
    line = f"system.toml: vm.debian.gic: GICv3, but {BOARD} has a GICv2; use 2"
    assert (result.status, result.errors) == (2, [line])
    assert not (sandbox.path / "out").exists()


def test_two_vms(sandbox: Sandbox, sdk: Path) -> None:
    result = build(sandbox, TWO, "--config", "smp-release")
    assert (result.status, result.errors) == (0, [])
    root = system(sandbox)
    domains = {pd.get("name"): pd for pd in root.iter("protection_domain")}
    assert set(domains) == {"debian", "other", "vessel_mux", "vessel_timer"}
    priority = {name: int(pd.get("priority")) for name, pd in domains.items()}
    guests = [int(vm.get("priority")) for vm in root.iter("virtual_machine")]
    assert guests[1] == guests[0] + 20
    assert max(guests) < priority["vessel_mux"] < priority["other"] < priority["vessel_timer"]
    assert [(vm.get("budget"), vm.get("period")) for vm in root.iter("virtual_machine")] == [
        ("10000", "10000"),
        ("2000", "10000"),
    ]
    assert domains["debian"].get("cpu") == "2"
    packs = {r.get("name"): r.get("prefill_path") for r in root.iter("memory_region")}
    assert packs["debian_pack"] == "debian.pack"
    assert packs["other_pack"] == "other.pack"
    assert packs["manifest"] == "system.manifest"
    for name in ("debian.pack", "other.pack", "system.manifest"):
        assert (sandbox.path / "out" / name).stat().st_size > 0


def test_channels_fit(sandbox: Sandbox, sdk: Path) -> None:
    """Each end of a channel and each interrupt of a protection domain has a number of its own."""
    assert build(sandbox, TWO).status == 0
    root = system(sandbox)
    used = [(end.get("pd"), end.get("id")) for end in root.iter("end")]
    used += [
        (pd.get("name"), irq.get("id"))
        for pd in root.iter("protection_domain")
        for irq in pd.iter("irq")
    ]
    assert len(used) == len(set(used)) == 10
    calls = {(channel[0].get("pd"), channel[1].get("pd")) for channel in root.iter("channel")}
    assert calls == {
        *(("debian", "vessel_timer"), ("other", "vessel_timer")),
        *(("vessel_mux", "debian"), ("vessel_mux", "other")),
    }
    assert all(channel[0].get("pp") == "true" for channel in root.iter("channel"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("cpu_pin = [4]", f"CPU 4, but {BOARD} has 0 to 3"),
        ("budget = 20000", "vm.debian.period: is 10000, less than budget"),
    ],
)
def test_placement_is_checked(sandbox: Sandbox, sdk: Path, line: str, reason: str) -> None:
    result = build(sandbox, f"{VM}{line}\n")
    assert result.status == 2
    assert reason in result.errors[0]


def test_forwarded_smcs(sandbox: Sandbox, sdk: Path) -> None:
    two = (
        VM
        + 'smc = [0x82000001, "sip", "trusted-os-0", 0xb2000002]\n'
        + VM.replace("debian", "other")
    )
    assert build(sandbox, two).status == 0
    domains = {pd.get("name"): pd for pd in system(sandbox).iter("protection_domain")}
    assert domains["debian"].get("smc") == "true"
    assert domains["other"].get("smc") is None
    fdt = libfdt.Fdt((sandbox.path / "out/debian.pack").read_bytes())
    node = fdt.path_offset("/vms/vm@0")
    assert bytes(fdt.getprop(node, "smc-functions")) == bytes.fromhex("82000001 b2000002")
    assert bytes(fdt.getprop(node, "smc-owners")) == (1 << 2 | 1 << 50).to_bytes(8, "big")


@pytest.mark.parametrize("value", ['["spi"]', "[-1]", "[0x100000000]", '"sip"'])
def test_bad_smcs(sandbox: Sandbox, sdk: Path, value: str) -> None:
    result = build(sandbox, f"{VM}smc = {value}\n")
    assert result.status == 2
    assert len(result.errors) == 1
    assert result.errors[0].startswith("system.toml: vm.debian.smc")


@pytest.mark.parametrize(("option", "shared"), [((), True), (("--plain",), False)])
def test_run_shares_the_uart(sandbox: Sandbox, sdk: Path, option: tuple, shared: bool) -> None:
    """With a session even one VM has the mux, which speaks in frames; alone it has the UART."""
    sandbox.write(VM)
    result = sandbox.call("run", "system.toml", "--host", "microkit", "--sdk", "sdk", *option)
    assert (result.status, result.errors) == (0, [])
    root = ET.parse(sdk / "bin/described").getroot()
    owners = [
        pd.get("name")
        for pd in root.iter("protection_domain")
        if pd.find("map[@mr='uart']") is not None
    ]
    assert owners == (["vessel_mux"] if shared else ["debian"])


@pytest.mark.parametrize(("config", "cores"), [("release", "1"), ("smp-release", "4")])
def test_cores_wait_asleep(sandbox: Sandbox, sdk: Path, config: str, cores: str) -> None:
    """QEMU gets the plugin for kernels of several cores only."""
    sandbox.write(VM)
    options = ("--host", "microkit", "--sdk", "sdk", "--config", config)
    assert sandbox.call("run", "system.toml", *options).status == 0
    words = json.loads(Path(sandbox.env["FAKE_QEMU_LOG"]).read_text())
    assert words[words.index("-smp") + 1] == cores
    plugins = [words[i + 1] for i, word in enumerate(words) if word == "-plugin"]
    assert plugins == (
        [str(sandbox.path.parent / "build/microkit/waits.so")] if cores > "1" else []
    )


def test_plugin_is_not_built(sandbox: Sandbox, sdk: Path) -> None:
    (sandbox.path.parent / "build/microkit/waits.so").unlink()
    sandbox.write(VM)
    options = ("--host", "microkit", "--sdk", "sdk", "--config", "smp-release")
    result = sandbox.call("run", "system.toml", *options)
    assert result.status == 1
    assert "waits.so is not built; run `make microkit` in" in result.errors[0]


def test_no_debugger(sandbox: Sandbox, sdk: Path) -> None:
    sandbox.write(VM)
    result = sandbox.call("run", "system.toml", "--host", "microkit", "--sdk", "sdk", "--gdb=:1234")
    assert result.status == 2
    assert result.errors == ["vessel: --gdb: not with --host microkit"]


# Copies, in place of adding what a section holds.
OBJCOPY = """#!/bin/sh
for word; do from=$to; to=$word; done
/bin/cp "$from" "$to"
"""


@pytest.mark.parametrize("toml", [VM, TWO])
def test_sddf(sandbox: Sandbox, sdk: Path, toml: str) -> None:
    fake_sddf(sandbox)
    result = build(sandbox, toml, "--sddf")
    assert (result.status, result.errors) == (0, [])
    root = system(sandbox)
    images = {pd.get("name"): pd[0].get("path") for pd in root.iter("protection_domain")}
    assert {images.pop(name) for name in list(images) if name.startswith(("serial", "vessel"))} == {
        *("timer_driver.elf", "mux.elf"),
        *("serial_driver.elf", "serial_virt_tx.elf", "serial_virt_rx.elf"),
    }
    assert set(images.values()) == {"vessel-vmm.elf"}
    uart = [
        pd.get("name")
        for pd in root.iter("protection_domain")
        if pd.find("map[@mr='uart']") is not None
    ]
    assert uart == ["serial_driver"]
    used = [(end.get("pd"), end.get("id")) for end in root.iter("end")]
    assert len(used) == len(set(used))
    sizes = {
        (".device_resources", 1608),
        (".serial_driver_config", 104),
        (".serial_virt_rx_config", 2616),
        (".serial_virt_tx_config", 6840),
        (".serial_client_config", 88),
    }
    written = {(p.suffix, p.stat().st_size) for p in (sandbox.path / "out").glob("*.elf.*")}
    assert written == sizes


def fake_sddf(sandbox: Sandbox) -> None:
    """sDDF's programs as if built, and an llvm-objcopy that copies."""
    built = sandbox.path.parent / "build" / "microkit" / BOARD / "release/sddf"
    built.mkdir()
    for name in (*sddf.PROGRAMS, *sddf_blk.PROGRAMS, *sddf_net.PROGRAMS):
        (built / name).write_text("program")
    objcopy = sandbox.path.parent / "bin" / sddf.OBJCOPY
    objcopy.write_text(OBJCOPY)
    objcopy.chmod(0o755)


def test_sddf_uplink(sandbox: Sandbox, sdk: Path) -> None:
    """A driver and two virtualisers, which know the addresses of that network's cards."""
    fake_sddf(sandbox)
    out = '[network.out]\nuplink = "user"\n'
    more = VM.replace("debian", "other") + 'net = [{ network = "out" }]\n'
    result = build(sandbox, out + LAN + more, "--sddf")
    assert (result.status, result.errors) == (0, [])
    root = system(sandbox)
    pds = {pd.get("name"): pd for pd in root.iter("protection_domain")}
    assert pds["vessel_switch"][0].get("path") == "switch.elf"
    names = ("net_driver0", "net_virt_rx0", "net_virt_tx0", "vessel_switch")
    order = [int(pds[name].get("priority")) for name in names]
    assert order == sorted(set(order), reverse=True)
    assert pds["net_driver0"].find("irq").get("irq") == "72"
    maps = {name: {m.get("mr") for m in pd.findall("map")} for name, pd in pds.items()}
    assert "net0_rx_data" in maps["vessel_switch"] & maps["net_virt_rx0"]
    assert not any(mr.startswith("net0") for mr in maps["debian"] | maps["other"])
    used = [(end.get("pd"), end.get("id")) for end in root.iter("end")]
    assert len(used) == len(set(used))
    sizes = {
        "net_driver0.elf.net_driver_config": 88,
        "net_virt_rx0.elf.net_virt_rx_config": 27744,
        "net_virt_tx0.elf.net_virt_tx_config": 134200,
        "switch.elf.vessel_net_config": 512,
    }
    assert {name: (sandbox.path / "out" / name).stat().st_size for name in sizes} == sizes
    config = (sandbox.path / "out/net_virt_rx0.elf.net_virt_rx_config").read_bytes()
    macs = config[88 + 40 :][:384]
    assert macs == bytes.fromhex("02766d000100").ljust(384, b"\0")
    assert config[88 + 40 + 384] == 1


def test_sddf_disks(sandbox: Sandbox, sdk: Path) -> None:
    """A driver and a virtualiser for each file; VMs that share one have a partition each."""
    fake_sddf(sandbox)
    for name in ("one.img", "two.img"):
        (sandbox.path / name).write_bytes(bytes(4096))
    toml = (
        VM
        + 'disk = [{ file = "one.img", partition = 2 }, { ram = "8K" },'
        + ' { file = "two.img", partition = 1 }]\n'
        + VM.replace("debian", "other")
        + 'disk = [{ file = "one.img", partition = 1 }]\n'
    )
    result = build(sandbox, toml, "--sddf")
    assert (result.status, result.errors) == (0, [])
    root = system(sandbox)
    pds = {pd.get("name"): pd for pd in root.iter("protection_domain")}
    assert pds["debian"][0].get("path") == "debian_vmm.elf"
    assert int(pds["blk_driver0"].get("priority")) > int(pds["blk_virt0"].get("priority"))
    assert int(pds["blk_virt1"].get("priority")) > int(pds["debian"].get("priority"))
    irqs = [pds[f"blk_driver{n}"].find("irq").get("irq") for n in range(2)]
    assert irqs == ["48", "49"]
    maps = {name: {m.get("mr") for m in pd.findall("map")} for name, pd in pds.items()}
    assert {"debian_disk0_data", "other_disk0_data"} < maps["blk_virt0"]
    assert "debian_disk1_data" in maps["blk_virt1"]
    assert not any(mr.startswith(("other_disk", "blk")) for mr in maps["debian"])
    used = [(end.get("pd"), end.get("id")) for end in root.iter("end")]
    assert len(used) == len(set(used))
    places = sorted(
        (int(r.get("phys_addr"), 16), int(r.get("size"), 16))
        for r in root.iter("memory_region")
        if 0xB000_0000 <= int(r.get("phys_addr", "0"), 16) < 0xC000_0000
    )
    assert len(places) == 9
    assert all(a[0] + a[1] <= b[0] for a, b in pairwise(places))
    sizes = {
        "blk_driver0.elf.blk_driver_config": 64,
        "blk_virt0.elf.blk_virt_config": 5728,
        "debian_vmm.elf.vessel_blk_config": 640,
    }
    assert {name: (sandbox.path / "out" / name).stat().st_size for name in sizes} == sizes
    config = (sandbox.path / "out/blk_virt0.elf.blk_virt_config").read_bytes()
    partitions = [struct.unpack_from("<I", config, 96 + 88 * n + 80)[0] for n in range(2)]
    assert (config[8], partitions) == (2, [1, 0])


def test_sddf_whole_disks(sandbox: Sandbox, sdk: Path) -> None:
    """Another virtualiser gives all of a file, to several VMs if none of them writes."""
    fake_sddf(sandbox)
    for name in ("one.img", "two.img"):
        (sandbox.path / name).write_bytes(bytes(8192))
    built = sandbox.path.parent / "build/microkit" / BOARD / "release/sddf"
    for program in (sddf_blk.VIRT, sddf_blk.WHOLE):
        (built / program).write_text(program)
    shared = '{ file = "one.img", readonly = true }'
    toml = (
        f'{VM}disk = [{shared}, {{ file = "two.img", partition = 1 }}]\n'
        f"{VM.replace('debian', 'other')}disk = [{shared}]\n"
    )
    result = build(sandbox, toml, "--sddf")
    assert (result.status, result.errors) == (0, [])
    out = sandbox.path / "out"
    assert [(out / f"blk_virt{n}.elf").read_text() for n in range(2)] == [
        sddf_blk.WHOLE,
        sddf_blk.VIRT,
    ]
    assert (out / "blk_virt0.elf.blk_virt_config").read_bytes()[8] == 2


@pytest.mark.parametrize(
    ("disk", "reason"),
    [
        ('{ file = "d", partition = "x" }', "sDDF finds partitions by number only"),
        (
            '{ file = "d", readonly = true }, { file = "d", readonly = true, partition = 1 }',
            "d: sDDF gives all of a disk, or its partitions",
        ),
        ('{ file = "odd" }', "odd: its size is no multiple of 4 KiB, sDDF's block; `truncate"),
    ],
)
def test_sddf_has_no_such_disk(sandbox: Sandbox, sdk: Path, disk: str, reason: str) -> None:
    fake_sddf(sandbox)
    (sandbox.path / "d").write_bytes(bytes(4096))
    (sandbox.path / "odd").write_bytes(bytes(4608))
    result = build(sandbox, f"{VM}disk = [{disk}]\n", "--sddf")
    assert result.status == 2
    assert result.errors[0].startswith(f"system.toml: vm.debian.disk[0]: {reason}")


def test_sddf_is_not_built(sandbox: Sandbox, sdk: Path) -> None:
    result = build(sandbox, VM, "--sddf")
    assert result.status == 1
    assert "run `make microkit SDDF=DIR`" in result.errors[0]


@pytest.fixture
def board(sandbox: Sandbox) -> str:
    """The device tree of the real QEMU's machine, as a line of TOML."""
    machine = f"virt,virtualization=on,gic-version=2,dumpdtb={sandbox.path}/board.dtb"
    command = [QEMU, "-machine", machine, "-cpu", "cortex-a53", "-display", "none"]
    subprocess.run(command, check=True, capture_output=True)
    return '[host]\ndtb = "board.dtb"\n'


def test_passed_through(sandbox: Sandbox, sdk: Path, board: str) -> None:
    """Regions of whole pages, SPIs, triggers; the node in the manifest is the guest's."""
    toml = VM + 'passthrough = ["/pl031@9010000", "/virtio_mmio@a000200", "/virtio_mmio@a000000"]\n'
    assert build(sandbox, toml + board).status == 0
    root = system(sandbox)
    places = {
        r.get("name"): (r.get("phys_addr"), r.get("size")) for r in root.iter("memory_region")
    }
    assert places["debian_9010000"] == ("0x9010000", "0x1000")
    assert places["debian_a000000"] == ("0xa000000", "0x1000")
    assert "rtc" not in places
    guest = {m.get("mr"): m.get("vaddr") for m in root.find(".//virtual_machine").iter("map")}
    assert guest["debian_9010000"] == "0xc000000"
    assert guest["debian_a000000"] == "0xc001000"
    irqs = [(i.get("irq"), i.get("id"), i.get("trigger")) for i in root.iter("irq")]
    assert irqs[:3] == [("34", "16", "level"), ("49", "17", "edge"), ("48", "18", "edge")]
    fdt = libfdt.Fdt((sandbox.path / "out/system.pack").read_bytes())

    def words(node: int, name: str) -> tuple[int, ...]:
        value = bytes(fdt.getprop(node, name))
        return struct.unpack(f">{len(value) // 4}I", value)

    node = fdt.path_offset("/vms/vm@0/passthrough")
    assert words(node, "interrupts") == (144, 145, 146)
    second = fdt.path_offset("/vms/vm@0/passthrough/virtio_mmio@c001200")
    assert words(second, "reg") == (0, 0xC001200, 0, 0x200)
    assert words(second, "interrupts") == (0, 113, 1)
    assert fdt.path_offset("/vms/vm@0/passthrough/board-apb-pclk") > 0


UART = 'passthrough = ["/pl011@9000000"]\n'


def test_uart_passed_through(sandbox: Sandbox, sdk: Path, board: str) -> None:
    """It is the guest's alone, and its only one."""
    assert build(sandbox, VM + UART + board).status == 0
    root = system(sandbox)
    uart = [r.get("name") for r in root.iter("memory_region") if r.get("phys_addr") == "0x9000000"]
    assert uart == ["debian_9000000"]
    assert [m.get("vaddr") for m in root.iter("map") if m.get("mr") == uart[0]] == ["0xc000000"]
    assert [i.get("id") for i in root.iter("irq") if i.get("irq") == "33"] == ["16"]
    fdt = libfdt.Fdt((sandbox.path / "out/system.pack").read_bytes())
    assert bytes(fdt.getprop(fdt.path_offset("/vms/vm@0"), "no-uart")) == b""


def test_virtio_console_without_a_line(sandbox: Sandbox, sdk: Path, board: str) -> None:
    result = build(sandbox, VM + UART + 'console = "virtio"\n' + board)
    assert result.status == 2
    assert result.errors[0].startswith("system.toml: vm.debian.console: the VM has the UART for")


def test_uart_is_the_line_to_the_tool(sandbox: Sandbox, sdk: Path, board: str) -> None:
    sandbox.write(VM + UART + board)
    result = sandbox.call("run", "system.toml", "--host", "microkit", "--sdk", "sdk")
    assert result.status == 2
    assert "the UART is the multiplexer's: it has the line to this tool" in result.errors[0]
    assert "--plain" in result.errors[0]


@pytest.mark.parametrize(
    ("toml", "more", "reason"),
    [
        (VM + UART + VM.replace("debian", "other"), (), "the UART is the multiplexer's"),
        (VM + UART, ("--sddf",), "the UART is sDDF's serial driver's"),
    ],
)
def test_uart_cannot_be_passed(
    sandbox: Sandbox, sdk: Path, board: str, toml: str, more: tuple[str, ...], reason: str
) -> None:
    result = build(sandbox, toml + board, *more)
    assert result.status == 2
    assert result.errors[0].startswith(f"system.toml: vm.debian.passthrough: {reason}")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('passthrough = ["/nothing@1"]', 'the board has no device "/nothing@1"'),
        ('passthrough = ["/timer"]', '"/timer" has a private interrupt'),
        ('passthrough = ["/a", "/a"]', '"/a" is passed through twice'),
    ],
)
def test_cannot_be_passed(sandbox: Sandbox, sdk: Path, board: str, line: str, reason: str) -> None:
    result = build(sandbox, f"{VM}{line}\n{board}")
    assert result.status == 2
    assert reason in result.errors[0]


@pytest.mark.parametrize(
    ("dtb", "reason"), [("none", "no such file"), ("kernel", "not a device tree")]
)
def test_bad_board(sandbox: Sandbox, sdk: Path, dtb: str, reason: str) -> None:
    toml = f'{VM}passthrough = ["/pl031@9010000"]\n[host]\ndtb = "{dtb}"\n'
    result = build(sandbox, toml)
    assert result.status == 2
    assert result.errors[0].startswith("system.toml: host.dtb: ")
    assert reason in result.errors[0].lower()


def test_no_sdk(sandbox: Sandbox) -> None:
    result = build(sandbox, VM)
    assert result.status == 2
    assert "--sdk: sdk/bin/microkit: no such file" in result.errors[0]


def test_a_board_without_an_emulated_machine(
    sandbox: Sandbox, sdk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(boards.BOARDS, BOARD, replace(boards.BOARDS[BOARD], qemu=None))
    sandbox.write(VM)
    result = sandbox.call("run", "system.toml", "--host", "microkit", "--sdk", "sdk")
    assert result.errors == [
        f"vessel: {BOARD}: there is no emulated machine for this board; "
        "`vessel build` writes what it boots"
    ]
    assert result.status == 1
    assert not (sdk / "bin/called").exists()


def test_a_network_of_the_command_line_is_named_by_its_option(sandbox: Sandbox, sdk: Path) -> None:
    sandbox.write(VM)
    args = ("--host", "microkit", "--sdk", "sdk", "--net", "user")
    result = sandbox.call("run", "system.toml", *args)
    assert result.errors[0].startswith("vessel: --net: this host has no driver for the way out")
    assert result.status == 2


def test_program_is_not_built(sandbox: Sandbox, sdk: Path) -> None:
    (sandbox.path.parent / "build" / "microkit" / BOARD / "release/vessel-mux.elf").unlink()
    result = build(sandbox, VM)
    assert result.status == 1
    assert "vessel-mux.elf is not built; run `make microkit` in" in result.errors[0]


def test_tool_fails(sandbox: Sandbox, sdk: Path) -> None:
    (sdk / "bin/broken").touch()
    result = build(sandbox, VM)
    assert result.status == 1
    assert "sdk/bin/microkit failed; Error: no room" in result.errors[0]
    assert not (sandbox.path / "out").exists()


def test_a_build_that_fails_leaves_the_last_one(sandbox: Sandbox, sdk: Path) -> None:
    assert build(sandbox, VM).status == 0
    out = sandbox.path / "out"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (sdk / "bin/broken").touch()
    assert build(sandbox, TWO).status == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (sdk / "bin/broken").unlink()
    assert build(sandbox, TWO).status == 0
    assert (out / "other.pack").exists()


@pytest.mark.parametrize(
    ("target", "reason"),
    [("kernel", "is not a directory"), ("kernel/out", "not a directory")],
)
def test_no_directory_to_build_in(sandbox: Sandbox, sdk: Path, target: str, reason: str) -> None:
    result = build(sandbox, VM, "-o", target)
    assert (result.errors, result.status) == ([f"vessel: -o: {target}: {reason}"], 2)


def test_bare_has_nothing_to_build(sandbox: Sandbox) -> None:
    sandbox.write(VM)
    result = sandbox.call("build", "system.toml", "-o", "out")
    assert result.status == 2
    assert "only microkit has images to build" in result.errors[0]
