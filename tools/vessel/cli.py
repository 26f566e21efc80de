# SPDX-License-Identifier: BSD-2-Clause
"""The command line."""

import functools
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from vessel import (
    __version__,
    ctl,
    description,
    disks,
    files,
    pack,
    probe,
    qemu,
    session,
    sockets,
    stats,
    tree,
    uplinks,
)
from vessel.description import Description
from vessel.errors import (
    Exit,
    InputError,
    Problem,
    ToolError,
    VesselError,
    os_reason,
    print_error,
    print_warning,
)
from vessel.hosts import BOARDS, CONFIGS, HOSTS, Host, Machine, Microkit
from vessel.hosts.microkit import PACK
from vessel.schema import BLOCK, COLOURS, ESCAPE, format_size

HOST = "bare"
CPU_MODELS = ("cortex-a53", "cortex-a57", "cortex-a72", "max")

_SAID = {
    Exit.INTERNAL: "QEMU ended unexpectedly",
    Exit.GUEST_CRASHED: "the guest crashed; the report is above",
    Exit.HOST_CRASHED: "the host (the VMM itself) crashed; its registers are above",
    Exit.TIMED_OUT: "stopped by the time-out",
}


class Seconds(click.FloatRange):
    """A time: the option's range, without the numbers that are none."""

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


SYSTEM = click.argument("system", metavar="SYSTEM.toml", type=click.Path(path_type=Path))

HOST_OPTIONS = (
    click.option(
        "--host",
        "host_name",
        default=HOST,
        show_default=True,
        type=click.Choice(list(HOSTS)),
        help="Where to run: in-tree host, or seL4 by the Microkit SDK.",
    ),
    click.option(
        "--sdk",
        envvar="MICROKIT_SDK",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Microkit SDK ($MICROKIT_SDK).",
    ),
    click.option(
        "--board",
        default=Microkit.board_name,
        show_default=True,
        type=click.Choice(list(BOARDS)),
        help="Board of the SDK.",
    ),
    click.option(
        "--config",
        default=Microkit.config,
        show_default=True,
        type=click.Choice(CONFIGS),
        help="Configuration of the SDK's kernel.",
    ),
    click.option(
        "--sddf",
        is_flag=True,
        help="Timer and serial line by sDDF's components (make microkit SDDF=DIR).",
    ),
)


def _host(name: str, sdk: Path | None, board: str, config: str, *, sddf: bool) -> Host:
    if name == Microkit.name:
        return Microkit(sdk, board, config, sddf)
    return HOSTS[name]


def host_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose a host, which the command gets as `host`."""

    @functools.wraps(command)
    def with_host(
        *, host_name: str, sdk: Path | None, board: str, config: str, sddf: bool, **others: object
    ) -> None:
        command(host=_host(host_name, sdk, board, config, sddf=sddf), **others)

    for option in reversed(HOST_OPTIONS):
        with_host = option(with_host)
    return with_host


SESSION_OPTIONS = (
    click.option(
        "--plain",
        is_flag=True,
        help="The serial line as a person at a board sees it; nothing of the next four.",
    ),
    click.option(
        "--control",
        metavar="PATH",
        type=click.Path(path_type=Path),
        help="Socket for `vessel ctl`; else one is chosen by the system's name.",
    ),
    click.option(
        "--console-log",
        metavar="NAME=FILE",
        multiple=True,
        help="Write a copy of a VM's console into a file.",
    ),
    click.option(
        "--console-socket",
        metavar="NAME=PATH",
        multiple=True,
        help="Have a VM's console on a Unix socket instead of the terminal.",
    ),
    click.option(
        "--gdb",
        metavar="[NAME=][HOST]:PORT",
        multiple=True,
        help="Let a debugger connect to a VM by TCP.",
    ),
)


def session_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options for a run's consoles and control."""
    for option in reversed(SESSION_OPTIONS):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vessel")
def cli() -> None:
    """Check, pack and run systems of virtual machines.

    Exit status: 0 the guest powered itself off (or: all is well), 1 an internal error, 2 bad input,
    3 the guest crashed, 4 the host crashed, 5 time-out, 6 left with Ctrl-A x or stopped by a
    signal.
    """


def _say(text: str) -> None:
    """Write to standard output. Raises ToolError, since the system would not say what is full."""
    try:
        click.echo(text, nl=False)
    except OSError as error:
        # What is left in its buffer goes nowhere: Python would complain once more at the end.
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        raise ToolError(f"standard output: {os_reason(error)}") from None


def _warnings(desc: Description, host: Host) -> list[Problem]:
    problems = host.limits(desc)
    for name, vm in desc.system.vm.items():
        if any(r.base % BLOCK or r.size % BLOCK for r in vm.memory):
            where = desc.origin.where(("vm", name, "memory"))
            problems.append(Problem(where, "not in multiples of 2 MiB: slower for the guest"))
    return problems


def _summary(desc: Description) -> str:
    vms = []
    for name, vm in desc.system.vm.items():
        cpus = f"{vm.cpus} CPU" + ("s" if vm.cpus > 1 else "")
        vms.append(f"{name} ({vm.machine}, {cpus}, {format_size(vm.ram_size)}, GICv{vm.gic})")
    return ", ".join(vms)


@cli.command()
@SYSTEM
@host_options
def check(system: Path, host: Host) -> None:
    """Check a system description and its images; what the host cannot run is warned of."""
    desc = description.load(system).with_gic(host.gic)
    with files.workspace() as work:
        packed = work / "system.pack"
        pack.write(desc, packed)
        probe.check(desc, packed)
    for problem in _warnings(desc, host):
        print_warning(problem)
    _say(f"{tree.shown(system)}: good: {_summary(desc)}\n")


def _refuse_inputs(desc: Description, output: Path) -> None:
    """Never replace what the description itself names."""
    inputs = [desc.origin.file]
    for name, vm in desc.system.vm.items():
        for key in ("kernel", "firmware", "initrd", "overlay"):
            value = getattr(vm, key)
            inputs.append(desc.origin.path(("vm", name, key), value) if value else None)
    inputs += [disk.path for disk in disks.plan(desc)]
    for path in inputs:
        if path and path.exists() and output.exists() and output.samefile(path):
            text = f"{tree.shown(output)}: is an input of the same system"
            raise InputError([Problem(("vessel", "-o"), text)])


@cli.command(name="pack")
@SYSTEM
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where the packed system goes.",
)
def pack_command(system: Path, output: Path) -> None:
    """Check a system description and pack it with its images into one file."""
    desc = description.load(system)
    _refuse_inputs(desc, output)
    with files.replacing(output, "-o") as packed:
        size = pack.write(desc, packed)
        probe.check(desc, packed)
    for problem in _warnings(desc, HOSTS[HOST]):
        print_warning(problem)
    _say(f"{tree.shown(output)}: {format_size(size)}: {_summary(desc)}\n")


def _for_host(desc: Description, host: Host) -> Description:
    """The system as it is on a host. Raises InputError if that cannot run it."""
    desc = desc.with_gic(host.gic)
    limits = host.limits(desc)
    if limits:
        raise InputError(limits)
    return desc


@cli.command()
@SYSTEM
@host_options
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where image, report, system description and pack go.",
)
def build(system: Path, host: Host, output: Path) -> None:
    """Check a system description and build what a board boots: seL4, VMM and guests."""
    if not isinstance(host, Microkit):
        raise InputError([Problem(("vessel", "--host"), "only microkit has images to build")])
    desc = _for_host(description.load(system), host)
    with files.filling(output, "-o") as out:
        packed = out / PACK
        pack.write(host.packed(desc), packed)
        probe.check(desc, packed)
        image = host.build(desc, packed, out)
        size = image.stat().st_size
    _say(f"{tree.shown(output / image.name)}: {format_size(size)}: {_summary(desc)}\n")


def _load_for_run(
    system: Path | None, options: dict[str, Any], forwards: Sequence[str], host: Host
) -> Description:
    options["disk"] = [{"file": file} for file in options["disk"]] or None
    if options["vsock"] is not None:
        options["vsock"] = {"cid": options["vsock"]}
    given = {key: value for key, value in options.items() if value is not None}
    start = [f"--{key}" for key in ("kernel", "firmware") if key in given]
    if system is not None and start:
        problem = Problem(("vessel",), f"give either SYSTEM.toml or {start[0]}, not both")
        raise InputError([problem])
    if system is None and not start:
        system = tree.DEFAULT_SYSTEM
    desc = description.load(system, given, forwards)
    return _for_host(desc, host)


def _by_vm(option: str, values: Sequence[str], names: Sequence[str]) -> dict[int, str]:
    """The values "NAME=VALUE" of an option, by the VM's number; of one VM, "VALUE" will do."""
    result: dict[int, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not (equals and name in names) and len(names) == 1:
            name, rest = names[0], value
        if name not in names or not rest:
            text = f"{value}: is not NAME=VALUE with the name of a VM ({', '.join(names)})"
            raise InputError([Problem(("vessel", option), text)])
        if names.index(name) in result:
            text = f"{name} is given twice"
            raise InputError([Problem(("vessel", option), text, "a VM has one")])
        if rest in result.values():
            text = f"{rest} is given for two VMs"
            raise InputError([Problem(("vessel", option), text, "each needs its own")])
        result[names.index(name)] = rest
    return result


def _address(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        text = f"{value}: is not an address such as :1234 or 127.0.0.1:1234"
        raise InputError([Problem(("vessel", "--gdb"), text)])
    return host or "127.0.0.1", int(port)


def _system_name(file: Path | None) -> str:
    """What `vessel ctl --socket` calls the system: its file's name, or its directory's."""
    if file is None:
        return description.COMMAND_LINE_VM
    file = file.resolve()
    return file.parent.name if file.stem == "system" and file.parent.name else file.stem


def _session(
    desc: Description, control: Path | None, options: dict[str, Sequence[str]]
) -> session.Options:
    names, host = list(desc.system.vm), desc.system.host
    logs, servers, debuggers = (
        _by_vm(f"--{key.replace('_', '-')}", options[key], names)
        for key in ("console_log", "console_socket", "gdb")
    )
    return session.Options(
        system=_system_name(desc.origin.file),
        names=tuple(names),
        escape=ESCAPE if host.escape is None else host.escape,
        switch=host.switch or 0,
        colours={
            i: COLOURS.index(vm.colour)
            for i, vm in enumerate(desc.system.vm.values())
            if vm.colour is not None
        },
        control=control,
        logs={vm: Path(value) for vm, value in logs.items()},
        sockets={vm: Path(value) for vm, value in servers.items()},
        debuggers={vm: _address(value) for vm, value in debuggers.items()},
    )


def _refuse(options: dict[str, Any], reason: str) -> None:
    """Refuse those of the options that were given."""
    given = [f"--{key.replace('_', '-')}" for key, value in options.items() if value]
    if given:
        raise InputError([Problem(("vessel", option), reason) for option in given])


def _dump_dtb(desc: Description, packed: Path, target: Path) -> None:
    dtb = packed.with_suffix(".dtb")
    probe.check(desc, packed, dtb)
    with files.replacing(target, "--dump-dtb") as output:
        output.write_bytes(dtb.read_bytes())
    _say(f"{tree.shown(target)}: the guest's device tree; nothing was run\n")


@cli.command()
@click.argument("system", metavar="[SYSTEM.toml]", required=False, type=click.Path(path_type=Path))
@click.option("--kernel", metavar="FILE", help="Boot this kernel instead of a SYSTEM.toml.")
@click.option("--firmware", metavar="FILE", help="Boot this firmware; it finds a kernel itself.")
@click.option("--initrd", metavar="FILE", help="Initial RAM disk.")
@click.option("--disk", metavar="FILE", multiple=True, help="Virtio disk; more for more disks.")
@click.option("--append", "cmdline", metavar="CMDLINE", help="Kernel command line.")
@click.option("--cpus", metavar="N", type=int, help="Virtual CPUs (1).")
@click.option("--memory", metavar="SIZE", help='Guest RAM, such as "512M" (the default).')
@click.option("--gic", metavar="2|3", type=int, help="Version of the interrupt controller (3).")
@click.option(
    "--console",
    type=click.Choice(("pl011", "virtio", "none")),
    help="The guest's terminal (pl011).",
)
@click.option(
    "--transport",
    type=click.Choice(("mmio", "pci")),
    help="How the guest finds its virtio devices (mmio).",
)
@click.option("--rng", is_flag=True, default=None, help="Give the guest an entropy device.")
@click.option(
    "--vsock", metavar="CID", type=int, help="Give the guest sockets, with this number (3 and up)."
)
@click.option(
    "--net",
    type=click.Choice(("user", "none")),
    help="A network card that reaches the outside as an ordinary program does, or none.",
)
@click.option(
    "--port-forward",
    metavar="HOST:GUEST",
    multiple=True,
    help="Let 127.0.0.1's TCP port HOST reach the guest's port GUEST; may be repeated.",
)
@click.option(
    "--qemu-cpu",
    default=CPU_MODELS[0],
    show_default=True,
    metavar="MODEL",
    type=click.Choice(CPU_MODELS),
    help="CPU that QEMU emulates: " + ", ".join(CPU_MODELS) + ".",
)
@click.option(
    "--timeout",
    metavar="S",
    type=Seconds(min=0, min_open=True),
    help="Stop after S seconds, with status 5.",
)
@click.option(
    "--dump-dtb",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the guest's device tree instead of running.",
)
@click.option("--icount", is_flag=True, help="Count instructions: deterministic time.")
@session_options
@host_options
def run(
    system: Path | None,
    qemu_cpu: str,
    timeout: float | None,
    dump_dtb: Path | None,
    icount: bool,
    plain: bool,
    control: Path | None,
    host: Host,
    port_forward: tuple[str, ...],
    **options: Any,  # noqa: ANN401
) -> None:
    """Run a system under QEMU; without argument the Debian guest.

    The terminal is the guests' console; Ctrl-A x leaves, Ctrl-A c opens a prompt, and Ctrl-A n and
    Ctrl-A 0 to 9 choose whose console gets the input. The options from --initrd to --net replace
    the keys of a SYSTEM.toml with one VM.
    """
    consoles = {key: options.pop(key) for key in ("console_log", "console_socket", "gdb")}
    desc = _load_for_run(system, options, port_forward, host)
    if plain:
        _refuse({"control": control, **consoles}, "not together with --plain")
    if not host.debugger:
        _refuse({"gdb": consoles["gdb"]}, f"not with --host {host.name}")
    for_session = None if plain else _session(desc, control, consoles)
    with files.workspace() as work:
        packed = work / "system.pack"
        pack.write(host.packed(desc), packed, pack.PLAIN if plain else pack.FRAMES)
        if dump_dtb is not None:
            _dump_dtb(desc, packed, dump_dtb)
            return
        probe.check(desc, packed)
        uplinks.check_ports(desc)
        disks.check_unused(desc)
        arguments = host.qemu_arguments(desc, packed, Machine(qemu_cpu, icount, framed=not plain))
        status = qemu.run(arguments, timeout, for_session)
    if status in _SAID:
        click.echo(f"\nvessel: {_SAID[status]}", err=True)
    raise click.exceptions.Exit(int(status))


@cli.command(name="ctl")
@click.option("--socket", metavar="PATH|NAME", help="The system, if several are running.")
@click.argument("words", metavar="COMMAND...", nargs=-1, required=True)
def ctl_command(socket: str | None, words: tuple[str, ...]) -> None:
    """Tell a system that `vessel run` runs what to do: list, start, stop, pause, resume, restart,
    link, stats, trace, console, quit, help."""
    good, answer = ctl.ask(sockets.find(socket), " ".join(words))
    if not good:
        raise InputError([Problem(("vessel",), answer.strip().removeprefix("error: "))])
    _say(answer)


@cli.command(name="stats")
@click.option("--socket", metavar="PATH|NAME", help="The system, if several are running.")
@click.option(
    "--interval",
    metavar="S",
    default=1.0,
    show_default=True,
    type=Seconds(min=0.1),
    help="Seconds from one look to the next.",
)
@click.option("--once", is_flag=True, help="Print all counts once; so without a terminal.")
def stats_command(socket: str | None, interval: float, once: bool) -> None:
    """Show what the virtual CPUs of a running system do, until Ctrl-C: why they leave the guest,
    in times a second, and how they spend their time."""
    path = sockets.find(socket)
    if once or not sys.stdout.isatty():
        stats.show_once(path)
        return
    with suppress(KeyboardInterrupt):
        stats.show(path, interval)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """A signal ends the tool by an exception, so that temporary files go."""
    raise SystemExit(128 + number)


def call(argv: Sequence[str] | None = None) -> int:
    """Run a command line; its exit status."""
    try:
        return int(cli.main(argv, prog_name="vessel", standalone_mode=False) or 0)
    except VesselError as error:
        print_error(error)
        return error.status
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return Exit.BAD_INPUT
    except click.ClickException as error:
        text = error.format_message().rstrip(".")
        print_error(InputError([Problem(("vessel",), text[:1].lower() + text[1:])]))
        return Exit.BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        return Exit.LEFT
    except OSError as error:
        print_error(ToolError(f"{error.filename or 'the system'}: {os_reason(error)}"))
        return Exit.INTERNAL


def main() -> int:
    """Run the tool; its exit status."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    return call()
