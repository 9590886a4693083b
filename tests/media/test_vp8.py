"""The VP8 payload descriptor in all its shapes, and the numbering of pictures."""

import pytest

from server.errors import ProtocolError
from server.media.wire.vp8 import PictureCount, Vp8, normalise

KEY = bytes.fromhex("10020c 9d012a 0005 d042") + b"key frame data"  # 1280x720, the upper bits of the height scale it
DELTA = b"\x11delta"


def test_reads_the_shortest_descriptor() -> None:
    frame = Vp8.parse(b"\x10" + KEY)
    assert (frame.start, frame.starts_frame, frame.key_frame) == (1, True, True)
    assert (frame.width, frame.height) == (1280, 720)
    assert (frame.picture_id, frame.picture_id_bits, frame.tl0, frame.tid) == (None, 0, None, None)


def test_reads_everything_that_can_be_there() -> None:
    frame = Vp8.parse(bytes.fromhex("b0 f0 a345 07 75") + DELTA)
    assert (frame.picture_id, frame.picture_id_bits, frame.tl0) == (0x2345, 15, 7)
    assert (frame.tid, frame.layer_sync) == (1, True)
    assert (frame.start, frame.starts_frame, frame.key_frame) == (6, True, False)


def test_reads_a_short_picture_id() -> None:
    frame = Vp8.parse(b"\x90\x80\x45" + DELTA)
    assert (frame.picture_id, frame.picture_id_bits, frame.start) == (0x45, 7, 3)


def test_reads_layers_without_the_others() -> None:
    assert Vp8.parse(b"\x90\x20\xc0" + DELTA).tid == 3
    without = Vp8.parse(b"\x90\x10\xdf" + DELTA)
    assert (without.tid, without.start) == (None, 3)


@pytest.mark.parametrize("first", [0x00, 0x11, 0x01])  # a later packet, a later partition
def test_only_the_first_packet_of_the_first_partition_starts_a_frame(first: int) -> None:
    frame = Vp8.parse(bytes((first,)) + KEY)
    assert (frame.starts_frame, frame.key_frame, frame.width) == (False, False, 0)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x10",  # no data
        b"\x90",
        b"\x90\x80",
        b"\x90\x80\x81",
        b"\x90\xf0\x81\x02\x03",
        b"\x90\x80\x01",  # a picture id and no data
        b"\x10" + KEY[:9],  # a key frame without its size
        b"\x10" + KEY[:3] + b"\0\0\0" + KEY[6:],  # no start code
    ],
)
def test_refuses_what_is_malformed(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        Vp8.parse(payload)


def test_normalised_payload_with_a_long_picture_id_is_the_same_object() -> None:
    payload = bytes.fromhex("90 80 8001") + DELTA
    assert normalise(payload, Vp8.parse(payload)) is payload


@pytest.mark.parametrize(
    "payload",
    [
        b"\x10" + KEY,
        b"\x90\x80\x45" + KEY,
        b"\x90\xe0\x45\x09\x20" + DELTA,
        b"\x90\x60\x09\x20" + DELTA,
        b"\xb0\x10\x1f" + DELTA,
        b"\x90\x00" + DELTA,
    ],
)
def test_normalising_only_widens_the_picture_id(payload: bytes) -> None:
    before = Vp8.parse(payload)
    made = normalise(payload, before)
    after = Vp8.parse(made)
    assert after.picture_id_bits == 15
    assert after.picture_id == (before.picture_id or 0)
    assert made[after.start :] == payload[before.start :]
    for name in ("starts_frame", "key_frame", "tl0", "tid", "layer_sync", "width", "height"):
        assert getattr(after, name) == getattr(before, name), name
    assert made[0] & 0x7F == payload[0] & 0x7F


def test_numbers_stand_at_fixed_places() -> None:
    made = bytearray(normalise(b"\x90\xe0\x45\x09\x20" + DELTA, Vp8.parse(b"\x90\xe0\x45\x09\x20" + DELTA)))
    made[2:4] = (0x8000 | 0x1234).to_bytes(2, "big")
    made[4] = 200
    frame = Vp8.parse(bytes(made))
    assert (frame.picture_id, frame.tl0, frame.tid) == (0x1234, 200, 0)


def numbered(payloads: list[tuple[bytes, int]]) -> list[int]:
    pictures = PictureCount()
    numbers = [pictures.number(Vp8.parse(payload), timestamp) for payload, timestamp in payloads]
    return [number - numbers[0] for number in numbers]


def test_pictures_go_on_when_fifteen_or_seven_bits_wrap() -> None:
    long = [b"\x90\x80" + (0x8000 | n & 0x7FFF).to_bytes(2, "big") + DELTA for n in (32766, 32767, 32768, 32767, 32769)]
    assert numbered([(payload, 0) for payload in long]) == [0, 1, 2, 1, 3]
    short = [b"\x90\x80" + bytes((n & 0x7F,)) + DELTA for n in range(120, 400)]
    assert numbered([(payload, 0) for payload in short]) == list(range(280))


def test_pictures_without_ids_are_told_apart_by_their_timestamps() -> None:
    stamps = [0xFFFFF000, 0xFFFFF000, 100, 0xFFFFF000, 100, 3100]
    assert numbered([(b"\x10" + DELTA, stamp) for stamp in stamps]) == [0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize("size", ["0000 0000", "4001 0000", "0000 e000", "00c0 00c0"])
def test_a_key_frame_needs_a_size(size: str) -> None:
    """The two highest bits of each are scaling, not size (RFC 6386 §9.1)."""
    with pytest.raises(ProtocolError):
        Vp8.parse(bytes.fromhex("10 100200 9d012a" + size) + bytes(8))
