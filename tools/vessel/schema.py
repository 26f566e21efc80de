# SPDX-License-Identifier: BSD-2-Clause
"""The system description: its keys and what may be in them. docs/SYSTEM.md is the manual."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

INT_BITS = 63
QUOTED_MAX = 60  # Characters.

PAGE = 4 * KIB
BLOCK = 2 * MIB  # What stage 2 maps at once; smaller pieces cost the guest TLB entries.

# As in include/vmm/: VMM_MAX_VCPUS, VMM_MAX_VMS, VMM_PRIORITY_MAX, VMM_MAX_RAM_REGIONS;
# docs/MANIFEST.md for the others.
MAX_CPUS = 8
MAX_VMS = 16
MAX_PRIORITY = 99
MAX_RAM_REGIONS = 8
MAX_SMCS = 16  # VMM_MAX_SMCS
DEFAULT_PERIOD = 10_000  # Microseconds, as are the next two.
MIN_BUDGET, MAX_BUDGET = 100, 10_000_000
MAX_CMDLINE = 2047  # Linux's COMMAND_LINE_SIZE on arm64, less the NUL.
RAM_BASE = 0x4000_0000  # Of machine "virt", as of QEMU's; devices are below.
RAM_MIN = 2 * MIB
GPA_LIMIT = 1 << 40  # Guest-physical addresses of the smallest CPU (Cortex-A53) have 40 bits.

# As in include/vmm/: VMM_MAX_NETWORKS, virtio 1.2 (5.1.4.1, 5.10.4). A card takes one of 16 places
# for devices.
MAX_NETWORKS = 8
MAX_NETS = 8
MTU_MIN = 68
MTU_MAX = 65535
CID_MIN = 3
CID_MAX = (1 << 32) - 2
MAX_BYTE = 255

SIZE_HINT = 'write a number of bytes, or a string such as "512M" or "2G"'
_UNITS = {"": 1, "K": KIB, "M": MIB, "G": GIB, "T": 1 << 40}


def _reject(text: str, hint: str = "") -> NoReturn:
    """Fail validation with our own words; values may hold braces, so they go in as context."""
    raise PydanticCustomError("vessel", "{text}", {"text": text, "hint": hint})


def format_size(size: int) -> str:
    """Bytes in the largest unit that is exact: 536870912 -> 512 MiB."""
    for unit, name in ((1 << 40, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} bytes"


def parse_size(value: object) -> int:
    """A size from an integer (bytes) or a string with a binary unit."""
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str):
        match = re.fullmatch(r"([0-9]{1,20})\s*([KMGT]?)(?:iB)?", value.strip(), re.I | re.A)
        if not match:
            _reject(f"{quoted(value)} is not a size", SIZE_HINT)
        size = int(match[1]) * _UNITS[match[2].upper()]
    else:
        _reject(f"must be a size, not {kind(value)}", SIZE_HINT)
    if size <= 0:
        _reject("must be larger than 0", SIZE_HINT)
    return size


def quoted(text: str) -> str:
    """Text from a description in a message, not more of it than one wants to read."""
    return f'"{text}"' if len(text) <= QUOTED_MAX else f'"{text[:QUOTED_MAX]}..."'


def kind(value: object) -> str:
    """What a TOML value is, in TOML's words."""
    match value:
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the string {quoted(value)}"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return f"a {type(value).__name__}"


def _check_page(value: int, show: Callable[[int], str]) -> int:
    if value % PAGE:
        up = -(-value // BLOCK) * BLOCK
        _reject(
            f"{show(value)} is not a multiple of 4 KiB",
            f"use a multiple of 2 MiB, such as {show(up)}",
        )
    return value


def _check_size(size: int) -> int:
    if size >= GPA_LIMIT:
        _reject(f"{format_size(size)} is more than a guest can address", "the limit is below 1 TiB")
    return _check_page(size, format_size)


def _check_base(base: int) -> int:
    if base < RAM_BASE:
        _reject(
            f'{base:#x} is below {RAM_BASE:#x}, where RAM of machine "virt" starts',
            "the addresses below are for devices",
        )
    if base >= GPA_LIMIT:
        _reject(f"{base:#x} is more than a guest can address", "the limit is 1 TiB")
    return _check_page(base, hex)


def _whole(value: object) -> object:
    """Python takes 2.0 for 2, as a choice too, and pydantic has words of its own for large ones."""
    if isinstance(value, float):
        _reject(f"must be a whole number, not {kind(value)}")
    if isinstance(value, int) and value.bit_length() > INT_BITS:
        _reject(f"{kind(value)} is not possible here")
    return value


class Model(BaseModel):
    """No unknown keys, no conversions between types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Region(Model):
    """A piece of guest RAM."""

    base: Annotated[int, AfterValidator(_check_base)]
    size: Annotated[int, BeforeValidator(parse_size), AfterValidator(_check_size)]

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.base + self.size

    def __str__(self) -> str:
        return f"[{self.base:#x}, {self.end:#x})"


def _one_region(value: object) -> object:
    """memory = SIZE: one region at the start of the machine's RAM."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        _reject("must be a size or an array of regions", "write [{ base = ..., size = ... }, ...]")
    return [Region.model_construct(base=RAM_BASE, size=_check_size(parse_size(value)))]


def _check_regions(regions: list[Region]) -> list[Region]:
    if not 1 <= len(regions) <= MAX_RAM_REGIONS:
        _reject(f"there are {len(regions)} regions", f"1 to {MAX_RAM_REGIONS} are possible")
    order = sorted(range(len(regions)), key=lambda i: regions[i].base)
    for i in order:
        if regions[i].end > GPA_LIMIT:
            _reject(f"region {i}, {regions[i]}, ends above 1 TiB", "a guest cannot address it")
    for i, j in pairwise(order):
        if regions[j].base < regions[i].end:
            _reject(
                f"region {i}, {regions[i]}, overlaps region {j}, {regions[j]}",
                f"let region {j} start at {regions[i].end:#x} or above",
            )
    total = sum(r.size for r in regions)
    if total < RAM_MIN:
        _reject(
            f"{format_size(total)} is too little for any guest",
            f"at least {format_size(RAM_MIN)}; {SIZE_HINT}",
        )
    return [regions[i] for i in order]


def _check_path(path: str) -> str:
    if not path or "\0" in path:
        _reject("must be the path of a file, relative to this description")
    return path


def _check_cmdline(line: str) -> str:
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in line):
        _reject("has a control character (newline, tab, ...)", "write it as one line")
    size = len(line.encode())
    if size > MAX_CMDLINE:
        _reject(f"is {size} bytes long", f"Linux takes at most {MAX_CMDLINE}")
    return line


def _check_pins(pins: list[int], info: ValidationInfo) -> list[int]:
    cpus = info.data.get("cpus")
    if cpus is not None and len(pins) != cpus:
        _reject(f"has {len(pins)} CPUs, but cpus is {cpus}", "give the CPU of each virtual CPU")
    return pins


def _check_period(period: int | None, info: ValidationInfo) -> int | None:
    if (info.data.get("budget") or 0) > (period or DEFAULT_PERIOD):
        _reject(f"is {period or DEFAULT_PERIOD}, less than budget", "both are in microseconds")
    return period


# Owners of functions, SMCCC (DEN 0028) table 6-1, that a VMM does not serve itself.
SMC_OWNERS = {"cpu": 1, "sip": 2, "oem": 3, "standard-hypervisor": 5}
SMC_OWNERS |= {f"trusted-app-{n}": 48 + n for n in range(2)}
SMC_OWNERS |= {f"trusted-os-{n}": 50 + n for n in range(14)}


def _check_smc(item: object) -> int | str:
    if isinstance(item, str) and item in SMC_OWNERS:
        return item
    if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 1 << 32:
        return item
    _reject(
        f"{kind(item)} is no SMC",
        'use a function identifier, such as 0x82000001, or an owner, such as "sip"',
    )


Smc = Annotated[int | str, BeforeValidator(_check_smc)]
DevicePath = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9@,._+-]+)+$")]
Action = Literal["stop", "restart", "hold"]
CpuNumber = Annotated[int, Field(ge=0, lt=MAX_CPUS)]
Microseconds = Annotated[int, Field(ge=MIN_BUDGET, le=MAX_BUDGET)]
FilePath = Annotated[str, AfterValidator(_check_path)]
VmName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$")]
NetworkName = VmName


def _check_mac(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", text):
        _reject(f"{quoted(text)} is not an address", 'write six bytes, such as "02:00:00:00:00:01"')
    mac = bytes.fromhex(text.replace(":", ""))
    if mac[0] & 1 or mac == bytes(6):
        _reject(f"{text} is not a card's address", "its first byte is even, and it is not zero")
    return text.lower()


class Net(Model):
    """A network card."""

    network: NetworkName
    mac: Annotated[str, AfterValidator(_check_mac)] | None = None
    mtu: Annotated[int, Field(ge=MTU_MIN, le=MTU_MAX)] | None = None
    isolated: bool = False
    check_source: bool = False


class Vsock(Model):
    """Sockets."""

    cid: Annotated[int, Field(ge=CID_MIN, le=CID_MAX)]


def _check_nets(nets: list[Net]) -> list[Net]:
    if len(nets) > MAX_NETS:
        _reject(f"there are {len(nets)} cards", f"at most {MAX_NETS} are possible")
    return nets


MAX_DISKS = 8
MAX_PARTITION = 1024


def _check_partition(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MAX_PARTITION:
            _reject(f"{value} is no number of a partition", f"use 1 to {MAX_PARTITION}")
    elif not isinstance(value, str) or not value or "\0" in value:
        _reject(
            f"must be a partition, not {kind(value)}",
            "write its number, or its name if the disk has a GPT",
        )
    return value


def _check_start(kernel: str | None, info: ValidationInfo) -> str | None:
    firmware = info.data.get("firmware")
    if kernel is None and firmware is None:
        _reject("missing", "give a kernel, or firmware that finds one")
    if kernel is not None and firmware is not None:
        _reject("there is firmware too", "give one of them; firmware finds the kernel itself")
    return kernel


def _check_disks(disks: list["Disk"]) -> list["Disk"]:
    if len(disks) > MAX_DISKS:
        _reject(f"there are {len(disks)} disks", f"at most {MAX_DISKS} are possible")
    return disks


class Disk(Model):
    """A virtio disk: in a file, or in memory, where it may start as a file is."""

    file: FilePath | None = None
    ram: Annotated[int, BeforeValidator(parse_size), AfterValidator(_check_size)] | None = None
    readonly: bool = False
    partition: Annotated[Any, BeforeValidator(_check_partition)] = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.file is None and self.ram is None:
            _reject("a disk is in a file or in memory", 'write file = "FILE" or ram = SIZE')
        if self.ram is not None and self.partition is not None:
            _reject("a disk in memory has no partitions")
        return self


# In the order of ECMA-48, 8.3.117.
COLOURS = ("red", "green", "yellow", "blue", "magenta", "cyan")
Colour = Literal["red", "green", "yellow", "blue", "magenta", "cyan"]


class Vm(Model):
    """One virtual machine."""

    machine: Literal["virt"] = "virt"
    cpus: Annotated[int, Field(ge=1, le=MAX_CPUS)] = 1
    memory: Annotated[
        list[Region],
        BeforeValidator(_one_region),
        AfterValidator(_check_regions),
        Field(default="512M", validate_default=True),
    ]
    gic: Annotated[Literal[2, 3], BeforeValidator(_whole)] = 3
    firmware: FilePath | None = None
    kernel: Annotated[
        FilePath | None, AfterValidator(_check_start), Field(default=None, validate_default=True)
    ]
    initrd: FilePath | None = None
    overlay: FilePath | None = None
    cmdline: Annotated[str, AfterValidator(_check_cmdline)] = ""
    transport: Literal["mmio", "pci"] = "mmio"
    console: Literal["pl011", "virtio", "none"] = "pl011"
    colour: Colour | None = None
    rng: bool = False
    cpu_pin: Annotated[list[CpuNumber], AfterValidator(_check_pins)] | None = None
    priority: Annotated[int, Field(ge=0, le=MAX_PRIORITY)] = 50
    autostart: bool = True
    on_poweroff: Action = "stop"
    on_reboot: Action = "restart"
    on_crash: Action = "stop"
    restart_limit: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    passthrough: list[DevicePath] = []
    smc: Annotated[list[Smc], Field(max_length=MAX_SMCS)] = []
    budget: Microseconds | None = None
    period: Annotated[Microseconds | None, AfterValidator(_check_period)] = Field(
        default=None, validate_default=True
    )
    net: Annotated[list[Net], AfterValidator(_check_nets)] = []
    vsock: Vsock | None = None
    disk: Annotated[list[Disk], AfterValidator(_check_disks)] = []

    @property
    def boots(self) -> str:
        """The key of the image that is started: "kernel" or "firmware"."""
        return "kernel" if self.firmware is None else "firmware"

    @property
    def bound(self) -> tuple[int, int] | None:
        """Budget and period of each virtual CPU, in microseconds."""
        if self.budget is None and self.period is None:
            return None
        period = self.period or DEFAULT_PERIOD
        return self.budget or period, period

    @property
    def ram_size(self) -> int:
        """Bytes in all regions."""
        return sum(region.size for region in self.memory)


def _control_key(value: object) -> int:
    """A key such as "ctrl-]" as the byte that a terminal sends; "none" is 0."""
    if value == "none":
        return 0
    match = re.fullmatch(r"ctrl-([a-z\[\]\\^_])", value) if isinstance(value, str) else None
    if not match:
        _reject(f"{kind(value)} is not a control key", 'write "ctrl-]", "ctrl-a" ... or "none"')
    return ord(match[1].upper()) - 0x40


ESCAPE = 0x01  # Ctrl-A, as in QEMU and screen: `vessel run`'s, unless the description has another.
ControlKey = Annotated[int, BeforeValidator(_control_key)]


def _check_switch(key: int | None, info: ValidationInfo) -> int | None:
    escape = info.data.get("escape")
    if key and key == (ESCAPE if escape is None else escape):
        _reject("it is the escape key", "choose another")
    return key


class Host(Model):
    """What is not one VM's."""

    log: Literal["error", "warn", "info", "debug"] = "info"
    dtb: FilePath | None = None
    cpus: Annotated[int, Field(ge=1, le=MAX_CPUS)] | None = None
    escape: ControlKey | None = None
    switch: Annotated[ControlKey | None, AfterValidator(_check_switch)] = None


def _check_vms(vms: dict[str, Vm]) -> dict[str, Vm]:
    if not vms:
        _reject("there is no VM", "add a table [vm.NAME]")
    if len(vms) > MAX_VMS:
        _reject(f"there are {len(vms)} VMs", f"at most {MAX_VMS} are possible")
    paths = [path for vm in vms.values() for path in vm.passthrough]
    for path in paths:
        if paths.count(path) > 1:
            _reject(f'"{path}" is passed through twice', "a device can be one VM's only")
    if not any(vm.autostart for vm in vms.values()):
        _reject("no VM starts by itself", "let one have autostart = true")
    return vms


def _check_forward(text: str) -> str:
    """A port forward: HOST:GUEST or HOST:ADDRESS:GUEST."""
    match = re.fullmatch(r"([0-9]{1,5})(?::([0-9]{1,3}(?:\.[0-9]{1,3}){3}))?:([0-9]{1,5})", text)
    if not match:
        _reject(f"{quoted(text)} is not a port forward", 'write "HOST:GUEST", such as "8080:80"')
    if not all(0 < int(match[i]) < 1 << 16 for i in (1, 3)):
        _reject(f"{quoted(text)} has a port that does not exist", "ports are 1 to 65535")
    if match[2] and max(map(int, match[2].split("."))) > MAX_BYTE:
        _reject(
            f"{quoted(text)} has an address that does not exist", "it is the guest's IPv4 address"
        )
    return text


class Network(Model):
    """A network between VMs."""

    uplink: Literal["user"] | None = None
    forward: list[Annotated[str, AfterValidator(_check_forward)]] = []


def _check_networks(networks: dict[str, Network]) -> dict[str, Network]:
    if len(networks) > MAX_NETWORKS:
        _reject(f"there are {len(networks)} networks", f"at most {MAX_NETWORKS} are possible")
    return networks


class System(Model):
    """A whole system description."""

    host: Host = Host()
    network: Annotated[dict[NetworkName, Network], AfterValidator(_check_networks)] = {}
    vm: Annotated[dict[VmName, Vm], AfterValidator(_check_vms)]


def known_keys(loc: tuple[str | int, ...]) -> list[str]:
    """The keys that the table at `loc` may have."""
    model: Any = System
    match loc:
        case ("host",):
            model = Host
        case ("vm", _):
            model = Vm
        case ("vm", _, "memory", _):
            model = Region
        case ("vm", _, "net", _):
            model = Net
        case ("vm", _, "vsock"):
            model = Vsock
        case ("network", _):
            model = Network
        case ("vm", _, "disk", _):
            model = Disk
    return list(model.model_fields)
