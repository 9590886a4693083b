"""The VP9 payload descriptor in its shapes, made by hand after RFC 9628 §4.2, and frames of the real encoder."""

from __future__ import annotations

import pytest

from server.errors import ProtocolError
from server.media.wire.vp8 import PictureCount
from server.media.wire.vp9 import Vp9, bare
from tests.media.material import RED, vp9_pictures

KEY = bytes.fromhex("82 498342 00 27f0 1670") + b"rest"  # profile 0; after 4 bits of colour 0x27f and 0x167: 640x360
DELTA = b"\x86rest"
STRUCTURE = bytes.fromhex(
    "18 0280 0168 02 04 58 01"
)  # one layer of 640x360, two pictures: one without a reference, one with


def test_reads_the_shortest_descriptor() -> None:
    frame = Vp9.parse(b"\x0c" + KEY)
    assert (frame.start, frame.starts_frame, frame.key_frame) == (1, True, True)
    assert (frame.width, frame.height) == (640, 360)
    assert (frame.picture_id, frame.picture_id_bits, frame.tid) == (None, 0, None)


def test_reads_everything_that_can_be_there() -> None:
    frame = Vp9.parse(bytes.fromhex("ae a345 20 07") + STRUCTURE + KEY)
    assert (frame.picture_id, frame.picture_id_bits, frame.tid) == (0x2345, 15, 1)
    assert (frame.start, frame.key_frame, frame.width) == (5 + len(STRUCTURE), True, 640)


def test_reads_the_references_of_the_flexible_mode() -> None:
    frame = Vp9.parse(bytes.fromhex("fc 81 02 50 03 04") + DELTA)  # the layer octet, no TL0PICIDX, two references
    assert (frame.start, frame.starts_frame, frame.key_frame, frame.tid) == (6, True, False, 2)
    assert Vp9.parse(bytes.fromhex("9c 05") + KEY).start == 2, "a key frame has none"


def test_only_the_first_packet_of_an_intra_picture_is_a_key_frame() -> None:
    assert not Vp9.parse(b"\x04" + KEY).key_frame  # the end of one
    assert not Vp9.parse(b"\x4c" + DELTA).key_frame


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x0c",  # no data
        b"\x80\x81",
        b"\xa0\x81\x02",
        b"\xa0\x81\x02\x20\x01",
        b"\x02\x18\x02",
        b"\x02\x08\x03\x04",
        bytes.fromhex("58 0103 05 07") + DELTA,  # a fourth reference
        bytes.fromhex("28 02 07") + DELTA,  # spatial layer 1
        bytes.fromhex("0a 30") + KEY,  # of two
        b"\x0c" + KEY[:6],
        b"\x0c" + b"\x82\0\0\0" + KEY[4:],  # no sync code
        b"\x0c\x92" + KEY[1:],  # profile 2
        b"\x0c" + DELTA + bytes(9),  # no key frame, though the descriptor says so
    ],
)
def test_refuses_what_is_none(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        Vp9.parse(payload)


def test_what_goes_on_says_where_frames_begin_and_whether_they_refer_to_others() -> None:
    for descriptor, left in (
        ("ae a345 20 07" + STRUCTURE.hex(), 0x0C),
        ("e8 a346 20 07", 0x48),
        ("e4 a346 20 07", 0x44),
    ):
        payload = bytes.fromhex(descriptor) + (KEY if left == 0x0C else DELTA)
        made = bare(payload, Vp9.parse(payload))
        assert made[0] == left
        assert made[1:] == payload[Vp9.parse(payload).start :]
        again = Vp9.parse(made)
        assert (again.start, again.picture_id, again.tid) == (1, None, None)


def test_the_size_is_that_of_the_encoder() -> None:
    key, *others = vp9_pictures([RED] * 3, (1366, 768))
    frame = Vp9.parse(b"\x0c" + key)
    assert (frame.key_frame, frame.width, frame.height) == (True, 1366, 768)
    assert all(not Vp9.parse(b"\x4c" + other).key_frame for other in others)


def test_pictures_are_numbered_with_picture_ids_and_without() -> None:
    with_ids, without = PictureCount(), PictureCount()
    heads = [Vp9.parse(bytes((0xE8, 0x80 | n >> 8, n & 0xFF, 0, 0)) + DELTA) for n in (0x7FFE, 0x7FFF, 0x0000)]
    numbers = [with_ids.number(head, 3000 * n) for n, head in enumerate(heads)]
    assert [number - numbers[0] for number in numbers] == [0, 1, 2]
    assert [without.number(Vp9.parse(b"\x48" + DELTA), at) for at in (0, 0, 9000)] == [1, 1, 2]
