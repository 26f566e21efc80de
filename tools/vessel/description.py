# SPDX-License-Identifier: BSD-2-Clause
"""Reads a system description and says what is wrong with it, naming file and key."""

import difflib
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vessel import links, schema, tree
from vessel.errors import InputError, Problem, Reason, os_reason

Loc = tuple[str | int, ...]

MAX_FILE = schema.MIB
COMMAND_LINE_VM = "guest"

# Options of `vessel run` that stand for keys of a VM.
OPTIONS = {
    "kernel": "--kernel",
    "firmware": "--firmware",
    "initrd": "--initrd",
    "cmdline": "--append",
    "cpus": "--cpus",
    "memory": "--memory",
    "gic": "--gic",
    "disk": "--disk",
    "transport": "--transport",
    "console": "--console",
    "rng": "--rng",
    "vsock": "--vsock",
    "net": "--net",
}
# And one that adds to a network.
FORWARD = "--port-forward"
COMMAND_LINE_NETWORK = "user"


@dataclass(frozen=True)
class Origin:
    """Where the values of a system come from."""

    file: Path | None
    from_options: frozenset[str] = frozenset()  # Keys of the VM.
    forwards: int = sys.maxsize  # From this one on, port forwards are from options.

    def where(self, loc: Loc) -> tuple[str, ...]:
        """Name the key at `loc` as the user wrote it."""
        match loc:
            case ("vm", _, str(key), *_) if key in self.from_options:
                return ("vessel", OPTIONS[key])
            case ("network", _, "forward", int(index)) if index >= self.forwards:
                return ("vessel", FORWARD)
            case ("network", str(name), *_) if (
                name == COMMAND_LINE_NETWORK and "net" in self.from_options
            ):
                return ("vessel", OPTIONS["net"])
        key = format_key(loc)
        file = tree.shown(self.file) if self.file else "vessel"
        return (file, key) if key else (file,)

    def error(self, loc: Loc, reason: Reason) -> InputError:
        """The error that the value at `loc` is wrong for `reason`."""
        return InputError([Problem(self.where(loc), reason.text, reason.hint)])

    def path(self, loc: Loc, value: str) -> Path:
        """A path in the description, as one from the current directory."""
        match loc:
            case (_, _, str(key), *_) if key in self.from_options:
                return Path(value)
        return (self.file.parent if self.file else Path()) / value


@dataclass(frozen=True)
class Description:
    """A system description that the schema accepts."""

    system: schema.System
    origin: Origin

    def only(self, name: str) -> "Description":
        """The same with the VM `name` alone."""
        vm = {name: links.addressed(self.system, name)}
        return replace(self, system=self.system.model_copy(update={"vm": vm}))

    def changed(self, change: Callable[[str, schema.Vm], schema.Vm]) -> "Description":
        """The same with each VM as `change` makes it, of its name and what it is."""
        vm = {name: change(name, vm) for name, vm in self.system.vm.items()}
        return replace(self, system=self.system.model_copy(update={"vm": vm}))

    def with_gic(self, version: int) -> "Description":
        """The same; VMs that say nothing of their interrupt controller have this one."""

        def change(_: str, vm: schema.Vm) -> schema.Vm:
            given = "gic" in vm.model_fields_set
            return vm if given else vm.model_copy(update={"gic": version})

        return self.changed(change)


def format_key(loc: Loc) -> str:
    """("vm", "debian", "memory", 1) -> vm.debian.memory[1]."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if bare else json.dumps(part))
    return text


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    return "known: " + ", ".join(known)


def _choices(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    return re.findall(r"'([^']*)'|\b(\d+)\b", context["expected"])


def _literal(error: ErrorDetails) -> Reason:
    found = _choices(error["ctx"])
    words = [word for word, _ in found if word]
    value = error["input"]
    text = f"{schema.kind(value)} is not possible here"
    if words and isinstance(value, str):
        return Reason(text, _did_you_mean(value, words))
    names = [f'"{word}"' if word else number for word, number in found]
    return Reason(text, "use " + " or ".join(names))


def _range(loc: Loc) -> str:
    match loc:
        case (*_, "cpus"):
            return f"1 to {schema.MAX_CPUS} are possible"
        case (*_, "cpu_pin", int()):
            return f"CPUs are 0 to {schema.MAX_CPUS - 1}"
        case (*_, "priority"):
            return f"0 to {schema.MAX_PRIORITY} are possible"
        case (*_, "budget" | "period"):
            return f"{schema.MIN_BUDGET} to {schema.MAX_BUDGET} microseconds are possible"
        case (*_, "mtu"):
            return f"{schema.MTU_MIN} to {schema.MTU_MAX} are possible"
        case (*_, "cid"):
            return f"{schema.CID_MIN} to {schema.CID_MAX} are possible"
    return "it is not negative, and at most 1000000000"


_EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "string": "a string",
    "list": "an array",
    "dict": "a table",
    "model": "a table",
}


def _reason(error: ErrorDetails) -> Reason:
    """Our words for one of pydantic's errors."""
    loc, value, context = error["loc"], error["input"], error.get("ctx", {})
    match error["type"]:
        case "vessel":
            return Reason(context["text"], context["hint"])
        case "extra_forbidden":
            return Reason("unknown key", _did_you_mean(str(loc[-1]), schema.known_keys(loc[:-1])))
        case "missing" if loc == ("vm",):
            return Reason("there is no VM", "add a table [vm.NAME]")
        case "missing":
            return Reason("missing", "this key is required")
        case "literal_error":
            return _literal(error)
        case "greater_than_equal" | "less_than_equal" | "less_than":
            return Reason(f"{value} is out of range", _range(loc))
        case "string_pattern_mismatch" if loc[0] == "network" or loc[-1] == "network":
            return Reason(
                "not a name for a network",
                "at most 31 letters, digits, - and _, the first a letter or digit",
            )
        case "string_pattern_mismatch":
            return Reason(
                "not a name for a VM",
                "at most 31 letters, digits, - and _, the first a letter or digit",
            )
    expected = _EXPECTED.get(error["type"].split("_")[0])
    if expected and error["type"].endswith("_type"):
        return Reason(f"must be {expected}, not {schema.kind(value)}")
    return Reason(error["msg"])


def _problem(origin: Origin, error: ErrorDetails) -> Problem:
    reason = _reason(error)
    loc = tuple(part for part in error["loc"] if part != "[key]")
    return Problem(origin.where(loc), reason.text, reason.hint)


def _validate(table: dict[str, Any], origin: Origin) -> Description:
    try:
        system = schema.System.model_validate(table)
    except ValidationError as error:
        raise InputError(_problem(origin, detail) for detail in error.errors()) from None
    links.check(system, origin.error)
    return Description(system, origin)


def _read(file: Path) -> str:
    shown = tree.shown(file)
    try:
        if file.is_dir():
            raise InputError([Problem((shown,), "is a directory, not a system description")])
        if not file.is_file():
            text = "is not a regular file" if file.exists() else "no such file"
            raise InputError([Problem((shown,), text)])
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise InputError([Problem((shown,), os_reason(error))]) from None
    if len(data) > MAX_FILE:
        raise InputError([Problem((shown,), "larger than 1 MiB: not a system description")])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError([Problem((f"{shown}:{line}",), "not UTF-8 text")]) from None


def _parse(file: Path) -> dict[str, Any]:
    text = _read(file)
    shown = tree.shown(file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = re.search(r" \(at line (\d+), column (\d+)\)$", message)
        where = f"{shown}:{at[1]}:{at[2]}" if at else shown
        message = message[: at.start()] if at else message
        raise InputError([Problem((where,), f"not valid TOML: {message}")]) from None
    except (RecursionError, ValueError):
        raise InputError([Problem((shown,), "nested too deeply or a number too long")]) from None


def _override(table: dict[str, Any], origin: Origin, options: Mapping[str, Any]) -> None:
    """Put the options of the command line into the description's one VM."""
    vms = table.get("vm")
    vm = next(iter(vms.values()), None) if isinstance(vms, dict) and len(vms) == 1 else None
    if not isinstance(vm, dict):
        names = ", ".join(OPTIONS[key] for key in options)
        problem = Problem(origin.where(("vm",)), f"{names}: needs a description of exactly one VM")
        raise InputError([problem])
    vm.update(options)


def _connect(table: dict[str, Any], choice: str) -> list[dict[str, str]]:
    """The cards that --net stands for, and their network."""
    if choice == "none":
        return []
    networks = table.setdefault("network", {})
    if isinstance(networks, dict):
        networks.setdefault(COMMAND_LINE_NETWORK, {"uplink": "user"})
    return [{"network": COMMAND_LINE_NETWORK}]


def _add_forwards(table: dict[str, Any], forwards: Sequence[str]) -> int:
    """Add port forwards to the first network with an uplink; how many it had."""
    networks = table.get("network")
    for network in networks.values() if isinstance(networks, dict) else ():
        if isinstance(network, dict) and network.get("uplink") is not None:
            old = network.get("forward", [])
            if isinstance(old, list):
                network["forward"] = [*old, *forwards]
                return len(old)
    raise InputError([Problem(("vessel", FORWARD), "no network has an uplink", "add --net user")])


def load(
    file: Path | None, options: Mapping[str, Any] | None = None, forwards: Sequence[str] = ()
) -> Description:
    """Read a description, with `options` over the keys of its one VM; no file: options alone.

    Raises InputError with a problem for each thing that is wrong.
    """
    options = dict(options or {})
    table = _parse(file) if file else {"vm": {COMMAND_LINE_VM: {}}}
    origin = Origin(file, frozenset(options if file else OPTIONS))
    if "net" in options:
        options["net"] = _connect(table, options["net"])
    if options:
        _override(table, origin, options)
    if forwards:
        origin = replace(origin, forwards=_add_forwards(table, forwards))
    return _validate(table, origin)
