# SPDX-License-Identifier: BSD-2-Clause
"""What the terminal shows, and what the keys typed at it mean."""

import asyncio
from collections.abc import Callable

import pytest

from vessel.screen import DELAY_S, LINE_MAX, Screen
from vessel.terminal import Command, Key, Keys, Select

PROMPT = b"\r\033[Kvessel> "


def shown(
    names: tuple[str, ...], *steps: Callable[[Screen], None] | float, colour: bool = False
) -> bytes:
    """What a screen writes in these steps; a number is a pause."""
    written = bytearray()

    async def play() -> None:
        screen = Screen(written.extend, names, colour)
        for step in steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                step(screen)
        screen.settle()

    asyncio.run(play())
    return bytes(written)


def console(vm: int, data: bytes) -> Callable[[Screen], None]:
    return lambda screen: screen.console(vm, data)


def log(data: bytes) -> Callable[[Screen], None]:
    return lambda screen: screen.message(data)


def prompt(typed: bytes | None) -> Callable[[Screen], None]:
    return lambda screen: screen.prompt(typed)


def test_one_vm_is_not_changed() -> None:
    data = bytes(range(256)) + b"\r\n# "
    assert shown((), console(0, data)) == data


def test_the_log_has_its_own_lines() -> None:
    steps = console(0, b"# "), log(b"vessel: info: x\r\n"), console(0, b"ls")
    assert shown((), *steps) == b"# \r\nvessel: info: x\r\nls"


def test_lines_of_several_vms_have_prefixes() -> None:
    assert shown(("a", "b"), console(0, b"one\r\n\r\ntwo\r\n"), console(1, b"x\n")) == (
        b"[a] one\r\n\r\n[a] two\r\n[b] x\n"
    )
    assert shown(("a", "b"), console(1, b"x\n"), colour=True) == b"\033[33m[b]\033[0m x\n"


def test_a_carriage_return_does_not_overwrite_the_prefix() -> None:
    assert shown(("a", "b"), console(1, b"10 %\r20 %\r\n")) == b"[b] 10 %\r[b] 20 %\r\n"


def test_unfinished_lines_of_others_wait_for_their_end() -> None:
    steps = console(0, b"# "), console(1, b"half "), console(0, b"ls\r\n"), console(1, b"line\n")
    assert shown(("a", "b"), *steps) == b"[a] # ls\r\n[b] half line\n"


def test_unfinished_lines_of_others_are_shown_after_a_while() -> None:
    steps = console(0, b"# "), console(1, b"login: "), 10 * DELAY_S, console(1, b"root")
    assert shown(("a", "b"), *steps) == b"[a] # \r\n[b] login: root"


def test_a_line_without_end_is_not_kept_back() -> None:
    written = bytearray()

    async def flood() -> None:
        screen = Screen(written.extend, ("a", "b"), False)
        screen.console(0, b"# ")
        for _ in range(100):
            screen.console(1, b"x" * 250)

    asyncio.run(flood())
    assert written.count(b"x") >= 25000 - LINE_MAX


def test_the_prompt_is_drawn_again_below_output() -> None:
    steps = prompt(b""), prompt(b"l"), console(0, b"tick\r\n"), 10 * DELAY_S, prompt(None)
    assert shown((), *steps) == (PROMPT + PROMPT + b"l" + b"\r\ntick\r\n" + PROMPT + b"l" + b"\r\n")


def test_garbage_is_only_its_text() -> None:
    assert shown((), lambda screen: screen.garbage(b"\x02seL4\x1b[2J\r\n")) == b"seL4[2J\r\n"


@pytest.mark.parametrize(
    ("typed", "meanings"),
    [
        (b"ls\r", [b"ls\r"]),
        (b"a\x01xb", [b"a", Key.LEAVE, b"b"]),
        (b"\x01\x01\x01a", [b"\x01", b"\x01"]),
        (b"\x01n\x013\x01?", [Key.NEXT, Select(3), Key.HELP]),
        (b"\x01clisx\x7ft\ry", [*[Key.PROMPT] * 7, Command("list"), b"y"]),
        (b"\x01cab\x15c\r", [*[Key.PROMPT] * 5, Command("c")]),
        (b"\x01ca\x03b", [Key.PROMPT, Key.PROMPT, Key.PROMPT, b"b"]),
        (b"\x01c\r", [Key.PROMPT, Command("")]),
    ],
)
def test_keys(typed: bytes, meanings: list[object]) -> None:
    assert list(Keys().feed(typed)) == meanings
    keys = Keys()
    single = [meaning for byte in typed for meaning in keys.feed(bytes([byte]))]
    assert [m for m in single if not isinstance(m, bytes)] == [
        m for m in meanings if not isinstance(m, bytes)
    ]


def test_other_keys() -> None:
    keys = Keys(escape=0x1D, switch=0x0E)
    typed = b"\x01a\x0eb\x1dx\x1d\x0e\x1d\x1d\x1dc\x1d"
    assert list(keys.feed(typed)) == [
        *(b"\x01a", Key.NEXT, b"b", Key.LEAVE, b"\x0e", b"\x1d", Key.PROMPT, Key.PROMPT)
    ]
    assert keys.typed is None


def test_no_keys() -> None:
    assert list(Keys(escape=0).feed(b"\x01x\0c\x1d")) == [b"\x01x\0c\x1d"]


def test_a_colour_of_its_own() -> None:
    written = bytearray()
    Screen(written.extend, ("a", "b"), True, {0: 5}).console(0, b"x\n")
    assert bytes(written) == b"\033[36m[a]\033[0m x\n"


def test_the_prompt_takes_a_bounded_line() -> None:
    keys = Keys()
    assert set(keys.feed(b"\x01c" + b"x" * 1000)) == {Key.PROMPT}
    assert list(keys.feed(b"\r")) == [Command("x" * 100)]
