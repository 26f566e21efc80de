# SPDX-License-Identifier: BSD-2-Clause
"""What can go wrong, as exit statuses and one-line messages."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from rich.console import Console
from rich.text import Text


class Exit(IntEnum):
    """Exit status of the tool. Scripts rely on the numbers."""

    OK = 0
    INTERNAL = 1
    BAD_INPUT = 2
    GUEST_CRASHED = 3
    HOST_CRASHED = 4
    TIMED_OUT = 5
    LEFT = 6


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (file, key), what, and what to do about it."""

    where: tuple[str, ...]
    text: str
    hint: str = ""

    def __str__(self) -> str:
        return ": ".join((*self.where, self.text)) + (f"; {self.hint}" if self.hint else "")


class VesselError(Exception):
    """Ends the tool with a status and a line for each problem."""

    status = Exit.INTERNAL

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class InputError(VesselError):
    """What the user gave is wrong."""

    status = Exit.BAD_INPUT


class ToolError(VesselError):
    """Something that the tool needs is missing or failed; not the system description."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__([Problem(("vessel",), text, hint)])


class Reason(Exception):
    """Why a value is not accepted, raised where its key is not known."""

    def __init__(self, text: str, hint: str = "") -> None:
        self.text = text
        self.hint = hint
        super().__init__(text)


def os_reason(error: OSError) -> str:
    """The system's reason in our case, without number and path."""
    text = error.strerror or str(error)
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def printable(text: str) -> str:
    """Text with control characters escaped: keys and paths must not steer the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _print(problem: Problem, style: str) -> None:
    line = Text()
    for part in problem.where:
        line.append(printable(part), "bold").append(": ")
    line.append(printable(problem.text), style)
    if problem.hint:
        line.append("; ").append(printable(problem.hint))
    Console(stderr=True, highlight=False, soft_wrap=True).print(line)


def print_error(error: VesselError) -> None:
    """One line on standard error for each problem."""
    for problem in error.problems:
        _print(problem, "red")


def print_warning(problem: Problem) -> None:
    """One line on standard error, marked as a warning."""
    warning = Problem((*problem.where, "warning"), problem.text, problem.hint)
    _print(warning, "yellow")
