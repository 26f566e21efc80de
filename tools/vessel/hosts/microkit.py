# SPDX-License-Identifier: BSD-2-Clause
"""Real seL4, by the Microkit SDK that the user gives. docs/MICROKIT.md is the manual."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vessel import images, passthrough, tree, uplinks
from vessel.description import Description
from vessel.disks import quote
from vessel.errors import InputError, Problem, Reason, ToolError
from vessel.hosts import guests, networks, sddf_blk, sddf_net, services, sysdesc
from vessel.hosts.boards import BOARDS, Board
from vessel.hosts.domains import FLASH, MANIFEST, PROGRAMS, VMM, Parts
from vessel.hosts.sddf import PROGRAMS as SDDF_PROGRAMS
from vessel.hosts.sddf import configure
from vessel.pack import FRAMES, PLAIN, outline, write
from vessel.schema import Disk, Vm

if TYPE_CHECKING:
    from vessel.hosts import Machine

CONFIGS = ("debug", "release", "smp-debug", "smp-release")
IMAGE = "loader.img"
PACK = "system.pack"
SYSTEM = "system.xml"
REPORT = "report.txt"
TOOL_TIMEOUT_S = 600
PLUGIN = "microkit/waits.so"


@dataclass(frozen=True)
class Microkit:
    """Each VM in its own protection domain, on a board of the SDK."""

    sdk: Path | None = None
    board_name: str = "qemu_virt_aarch64"
    config: str = "release"
    sddf: bool = False

    name = "microkit"
    debugger = False

    @property
    def board(self) -> Board:
        """What we know of the board."""
        return BOARDS[self.board_name]

    @property
    def gic(self) -> int:
        """The board's, which its guests share."""
        return self.board.gic

    def limits(self, description: Description) -> list[Problem]:
        """What of the description this host cannot run today."""
        origin, vms = description.origin, description.system.vm
        problems = []
        for name, vm in vms.items():
            for pin in vm.cpu_pin or []:
                if pin >= self.board.cores:
                    where = origin.where(("vm", name, "cpu_pin"))
                    text = f"CPU {pin}, but {self.board_name} has 0 to {self.board.cores - 1}"
                    problems.append(Problem(where, text))
            problems += self._uart_limits(description, name)
            if vm.gic != self.board.gic:
                text = f"GICv{vm.gic}, but {self.board_name} has a GICv{self.board.gic}"
                where = origin.where(("vm", name, "gic"))
                problems.append(Problem(where, text, f"use {self.board.gic}"))
            if vm.rng and self.board.virtio is None:
                text = f"{self.board_name} has no source of entropy"
                problems.append(Problem(origin.where(("vm", name, "rng")), text))
        problems += networks.limits(description)
        problems += sddf_net.limits(description, self.board, sddf=self.sddf)
        problems += sddf_blk.limits(description, self.board, sddf=self.sddf)
        return problems

    def _uart_limits(
        self, description: Description, name: str, *, framed: bool = False
    ) -> Iterator[Problem]:
        """Only a VM that is alone, on a line that is not in frames, has the UART for itself."""
        where = description.origin.where(("vm", name, "passthrough"))
        if not self._has_uart(description, name):
            return
        if self.sddf:
            text = "the UART is sDDF's serial driver's"
            yield Problem(where, text, "without --sddf the only VM can have it")
        elif len(description.system.vm) > 1:
            text = "the UART is the multiplexer's: it has the consoles of all VMs"
            yield Problem(where, text, "it can be passed to the only VM of a system")
        elif framed:
            text = "the UART is the multiplexer's: it has the line to this tool"
            yield Problem(where, text, "with --plain the VM can have it")
        if description.system.vm[name].console == "virtio":
            text = "the VM has the UART for itself, so that this would lead nowhere"
            where = description.origin.where(("vm", name, "console"))
            yield Problem(where, text, "leave it out")

    def _has_uart(self, description: Description, name: str) -> bool:
        """Is the board's UART passed to the VM?"""
        registers = passthrough.find(description, name).registers
        return any(regs.physical == self.board.uart.base for regs in registers)

    @property
    def _cores(self) -> int:
        return self.board.cores if self.config.startswith("smp-") else 1

    def _sdk_file(self, name: str) -> Path:
        if self.sdk is None:
            raise InputError([Problem(("vessel", "--sdk"), "give the Microkit SDK's directory")])
        path = self.sdk / name
        if not path.exists():
            text = f"{tree.shown(path)}: no such file"
            raise InputError([Problem(("vessel", "--sdk"), text, "is this a Microkit SDK 2.3.0?")])
        return path

    def build(
        self, description: Description, pack: Path, out: Path, *, framed: bool = False
    ) -> Path:
        """The bootable image of the packed system, with all that it is made of, in `out`.

        The UART is for a person or, if `framed`, for `vessel run`.
        """
        for name in description.system.vm:
            if problems := list(self._uart_limits(description, name, framed=framed)):
                raise InputError(problems)
        tool = self._sdk_file("bin/microkit")
        self._sdk_file(f"board/{self.board_name}/{self.config}/lib/libmicrokit.a")
        for program in PROGRAMS:
            built = f"microkit/{self.board_name}/{self.config}/{program}"
            shutil.copyfile(tree.built(built, "make microkit"), out / program)
        packs = self._packs(description, pack, out)
        if self.sddf:
            configure(self.board, self._sddf_programs(SDDF_PROGRAMS), out, framed=framed)
        stores = self._stores(description)
        if stores.stores:
            stores.configure(self._sddf_programs(sddf_blk.PROGRAMS), out)
        if found := sddf_net.uplinks(description, self.board):
            sddf_net.configure(found, self._sddf_programs(sddf_net.PROGRAMS), out)
        vmms = {vm: f"{vm}_{sddf_blk.VMM}" if vm in stores.vms else VMM for vm in packs}
        shared = framed or self.sddf or len(packs) > 1
        parts = Parts(packs, vmms, self.sddf, shared)
        for vm, cores in guests.placement(description, self._cores).items():
            if guests.elsewhere(cores):
                (out / f"{vm}.cores").write_bytes(bytes(cores))
        _copy_disks(description, out)
        (out / MANIFEST).write_bytes(outline(description, FRAMES if framed else PLAIN))
        (out / FLASH).write_bytes(b"\xff" * guests.FLASH_SIZE)
        text = sysdesc.write(description, self.board, self._cores, parts, stores)
        (out / SYSTEM).write_text(text)
        self._call(tool, out)
        return out / IMAGE

    def _stores(self, description: Description) -> sddf_blk.Plan:
        return sddf_blk.Plan(description, self.board)

    def _sddf_programs(self, names: tuple[str, ...]) -> dict[str, Path]:
        where = f"microkit/{self.board_name}/{self.config}/sddf"
        how = "make microkit SDDF=DIR"
        return {name: tree.built(f"{where}/{name}", how) for name in names}

    def packed(self, description: Description) -> Description:
        """Disks in memory are filled with their files directly, not from the pack.

        A VM that has the UART for itself has none of ours, which would lead nowhere.
        """

        def change(name: str, vm: Vm) -> Vm:
            console = "none" if self._has_uart(description, name) else vm.console
            disks = [_empty(disk) for disk in vm.disk]
            return vm.model_copy(update={"console": console, "disk": disks})

        return description.changed(change)

    def _packs(self, description: Description, pack: Path, out: Path) -> dict[str, str]:
        """A pack for each VM, with it alone; their names in `out`."""
        names = list(description.system.vm)
        if len(names) == 1:
            if pack != out / PACK:
                shutil.copyfile(pack, out / PACK)
            return {names[0]: PACK}
        for name in names:
            write(self.packed(description).only(name), out / f"{name}.pack")
        return {name: f"{name}.pack" for name in names}

    def _call(self, tool: Path, out: Path) -> None:
        command: list[str | Path] = [
            *(tool, out / SYSTEM, "--search-path", out),
            *("--board", self.board_name, "--config", self.config),
            *("-o", out / IMAGE, "-r", out / REPORT),
        ]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TOOL_TIMEOUT_S
            )
        except OSError as error:
            raise ToolError(f"{tree.shown(tool)}: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise ToolError(f"{tree.shown(tool)}: no end after {TOOL_TIMEOUT_S} s") from None
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace").splitlines()
            raise ToolError(f"{tree.shown(tool)} failed", " / ".join(said[-4:]))

    @property
    def _plugin(self) -> tuple[str, ...]:
        """What several cores need where QEMU's threads for them do not all run at once.

        They wait for the kernel's lock by spinning, and it goes from core to core in the order of
        asking: see tools/qemu/waits.c.
        """
        if self._cores == 1:
            return ()
        return ("-plugin", quote(tree.built(PLUGIN, "make microkit")))

    def _devices(self, description: Description) -> list[str]:
        """What drivers of ours and of sDDF use."""
        devices = self._stores(description).qemu_arguments(description)
        devices += uplinks.qemu_arguments(description, lambda n: sddf_net.FIRST_WINDOW + n)
        if any(vm.rng for vm in description.system.vm.values()):
            place = f"virtio-mmio-bus.{services.ENTROPY_WINDOW}"
            devices += ["-device", f"virtio-rng-device,bus={place}"]
        # Only with this has QEMU the registers of virtio 1.
        return ["-global", "virtio-mmio.force-legacy=false", *devices] if devices else []

    def qemu_arguments(self, description: Description, pack: Path, machine: "Machine") -> list[str]:
        """QEMU's machine and payload."""
        if self.board.qemu is None:
            text = f"{self.board_name}: there is no emulated machine for this board"
            raise ToolError(text, "`vessel build` writes what it boots")
        out = pack.parent / "microkit"
        out.mkdir()
        image = self.build(description, pack, out, framed=machine.framed)
        loader = f"loader,file={quote(image)},addr={self.board.load_address:#x},cpu-num=0"
        return [
            *self.board.qemu,
            *("-cpu", self.board.qemu_cpu, "-smp", str(self._cores), "-device", loader),
            *self._plugin,
            *self._devices(description),
            *(("-icount", "shift=0,sleep=off") if machine.icount else ()),
        ]


def _empty(disk: Disk) -> Disk:
    return disk if disk.ram is None else disk.model_copy(update={"file": None})


def _copy_disks(description: Description, out: Path) -> None:
    """What disks in memory hold at first. Raises InputError."""
    for name, vm in description.system.vm.items():
        for i, disk in enumerate(vm.disk):
            if disk.ram is None or disk.file is None:
                continue
            loc = ("vm", name, "disk", i, "file")
            try:
                with (out / guests.disk_file(name, i)).open("wb") as copy:
                    images.copy_disk(description.origin.path(loc, disk.file), copy, disk.ram)
            except Reason as reason:
                raise description.origin.error(loc, reason) from None
