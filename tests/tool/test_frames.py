# SPDX-License-Identifier: BSD-2-Clause
"""The frames on the serial line, against the same bytes as tests/unit/host/common/test_frame.c."""

import pytest

from vessel.frames import MAX_DATA, Decoder, Frame, Kind, encode

KNOWN = bytes([2, 2, 5, 4]) + b"ab" + bytes([3, 1, 0])
A_FRAME = Frame(Kind.CONSOLE, 0, b"ab\x03\0")


def test_known_bytes() -> None:
    assert encode(A_FRAME) == KNOWN
    assert list(Decoder().feed(b"\0" + KNOWN)) == [A_FRAME]


@pytest.mark.parametrize("size", [0, 1, MAX_DATA - 1, MAX_DATA])
@pytest.mark.parametrize("byte", [b"\0", b"\xff", b"x"])
def test_every_frame_survives_in_pieces(size: int, byte: bytes) -> None:
    frame = Frame(3, 255, byte * size)
    decoder = Decoder()
    pieces = [bytes([b]) for b in b"\0" + encode(frame)]
    assert [item for piece in pieces for item in decoder.feed(piece)] == [frame]


def test_text_before_the_first_zero_is_shown_at_once() -> None:
    decoder = Decoder()
    assert list(decoder.feed(b"firmware ")) == [b"firmware "]
    assert list(decoder.feed(b"speaks\0" + KNOWN)) == [b"speaks", A_FRAME]


@pytest.mark.parametrize("garbage", [b"garbage", b"\x01", b"\x05\x02\x02\x09ab", b"\xff" * 600])
def test_garbage_costs_no_frame_behind_it(garbage: bytes) -> None:
    decoder = Decoder()
    items = list(decoder.feed(b"\0" + garbage + b"\0" + KNOWN))
    assert items == [garbage, A_FRAME]
    assert list(decoder.feed(b"rest")) == []
    assert decoder.end() == b"rest"
