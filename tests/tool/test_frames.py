# SPDX-License-Identifier: BSD-2-Clause
"""The frames on the serial line, against the same bytes as tests/unit/host/common/test_frame.c."""

import random

import pytest
from cobs import cobs

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


@pytest.mark.parametrize("size", [MAX_DATA + 1, 255])
def test_frames_that_are_too_long_are_none(size: int) -> None:
    wire = cobs.encode(bytes([3, 0, size]) + b"x" * size)
    assert list(Decoder().feed(b"\0" + wire + b"\0")) == [wire]


def _piece(source: random.Random) -> bytes:
    """A frame, one with a byte that was changed, or any bytes; zeros end them."""
    if source.random() < 0.3:
        return source.randbytes(source.randrange(600))
    data = bytes(source.choices(range(4), k=source.randrange(MAX_DATA + 1)))
    wire = bytearray(encode(Frame(source.randrange(5), source.randrange(3), data))[:-1])
    if source.random() < 0.5:
        wire[source.randrange(len(wire))] = source.randrange(256)
    return bytes(wire)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_comes_is_a_frame_or_itself(seed: int) -> None:
    """What decodes is what encodes to the same bytes; nothing is lost, however it is cut."""
    source = random.Random(seed)
    line = b"\0" + b"\0".join(_piece(source) for _ in range(40)) + b"\0"
    decoder = Decoder()
    items = []
    at = 0
    while at < len(line):
        size = source.randrange(1, 300)
        items += decoder.feed(line[at : at + size])
        at += size
    wires = [encode(item)[:-1] if isinstance(item, Frame) else item for item in items]
    assert wires == [wire for wire in line.split(b"\0") if wire]
    assert any(isinstance(item, Frame) for item in items)
