"""RTP headers, extensions, sequence arithmetic and retransmission, octet by octet from the RFCs."""

import pytest

from server.errors import ProtocolError
from server.media.wire.rtp import (
    LARGEST_EXTENSION,
    RtpPacket,
    audio_level,
    build_header,
    distance,
    identifier,
    is_rtcp,
    restore,
    transport_sequence,
    unwrap,
)
from tests.media.building import build_extensions, build_retransmission


def packet(first: int, rest: bytes, payload_type: int = 96) -> bytes:
    """A packet with the given first octet; `rest` follows the fixed header."""
    return bytes((first, payload_type)) + bytes.fromhex("1234 01020304 a1b2c3d4") + rest


def test_reads_the_fixed_header() -> None:
    read = RtpPacket.parse(packet(0x80, b"abc", 0x80 | 111))
    assert (read.payload_type, read.marker, read.sequence) == (111, 0x80, 0x1234)
    assert (read.timestamp, read.ssrc, read.payload) == (0x01020304, 0xA1B2C3D4, b"abc")
    assert (dict(read.extensions), read.padding) == ({}, 0)
    assert "seq=4660" in repr(read)


def test_passes_over_contributing_sources() -> None:
    assert RtpPacket.parse(packet(0x82, b"CSR1CSR2voice")).payload == b"voice"


def test_takes_padding_off() -> None:
    read = RtpPacket.parse(packet(0xA0, b"data\0\0\3"))
    assert (read.payload, read.padding) == (b"data", 3)
    only = RtpPacket.parse(packet(0xA0, b"\0\0\0\4"))
    assert (only.payload, only.padding) == (b"", 4)


def test_reads_one_byte_extensions() -> None:
    """RFC 8285 §4.2: padding between elements, and ids 15 and 0 with a length end the reading."""
    block = bytes.fromhex("bede 0003 10ff 00 31aabb 00 22010203 00")
    assert dict(RtpPacket.parse(packet(0x90, block + b"p")).extensions) == {1: b"\xff", 3: b"\xaa\xbb", 2: b"\1\2\3"}
    ended = bytes.fromhex("bede 0002 10ff f0 20 10ee 0000")
    assert dict(RtpPacket.parse(packet(0x90, ended)).extensions) == {1: b"\xff"}
    zero = bytes.fromhex("bede 0002 10ff 03 20 10ee 0000")
    assert dict(RtpPacket.parse(packet(0x90, zero)).extensions) == {1: b"\xff"}


def test_reads_two_byte_extensions() -> None:
    """RFC 8285 §4.3: application bits in the profile, empty values and ids above 14 are allowed."""
    block = bytes.fromhex("1007 0002 1100 00 0203aabbcc")
    assert dict(RtpPacket.parse(packet(0x90, block + b"p")).extensions) == {0x11: b"", 2: b"\xaa\xbb\xcc"}


def test_passes_over_extensions_of_other_profiles() -> None:
    read = RtpPacket.parse(packet(0x90, bytes.fromhex("abac 0001 ffffffff") + b"p"))
    assert (dict(read.extensions), read.payload) == ({}, b"p")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        packet(0x80, b"")[:11],
        packet(0x40, b"x"),  # version 1
        packet(0x83, b"12345678"),  # two of three CSRCs
        packet(0x90, b"\xbe\xde\0"),  # half an extension header
        packet(0x90, bytes.fromhex("bede 0002 10ff0000")),  # half the extension
        packet(0x90, bytes.fromhex("bede 0001 13ff0000")),  # an element longer than the block
        packet(0x90, bytes.fromhex("1000 0001 0105aabb")),
        packet(0x90, bytes.fromhex("1000 0001 00000001")),  # an id without a length
        packet(0xA0, b"ab\0"),  # padding of zero
        packet(0xA0, b"ab\4"),  # padding longer than the payload
        packet(0xA0, b""),
    ],
)
def test_refuses_what_is_malformed(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        RtpPacket.parse(data)


def test_refuses_extensions_that_fill_a_packet() -> None:
    block = (LARGEST_EXTENSION // 2) * b"\x10a"
    assert RtpPacket.parse(packet(0x90, b"\xbe\xde" + (len(block) // 4).to_bytes(2, "big") + block)).extensions
    block += b"\x10a" * 2
    with pytest.raises(ProtocolError, match="too long"):
        RtpPacket.parse(packet(0x90, b"\xbe\xde" + (len(block) // 4).to_bytes(2, "big") + block))


def test_builds_what_it_reads() -> None:
    elements = {1: b"\x85", 14: b"0123456789abcdef", 3: b"ab"}
    block = build_extensions(elements)
    assert len(block) % 4 == 0
    read = RtpPacket.parse(build_header(96, 1, 0x1_0007, (1 << 32) + 9, 5, block) + b"payload")
    assert (read.sequence, read.timestamp, read.ssrc, read.marker) == (7, 9, 5, 0x80)
    assert (dict(read.extensions), read.payload) == (elements, b"payload")
    assert build_extensions({}) == b""
    assert RtpPacket.parse(build_header(0, 0, 1, 2, 3)).payload == b""


@pytest.mark.parametrize("elements", [{0: b"x"}, {15: b"x"}, {1: b""}, {1: bytes(17)}])
def test_refuses_to_build_what_does_not_fit(elements: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="one-byte"):
        build_extensions(elements)


def test_tells_rtcp_from_rtp() -> None:
    assert is_rtcp(b"\x81\xc9\0\1")
    assert not is_rtcp(packet(0x80, b"", 0x80 | 96))
    assert not is_rtcp(b"\x80")


def test_sequence_numbers_go_round() -> None:
    assert (distance(2, 0xFFFE), distance(0xFFFE, 2), distance(7, 7)) == (4, -4, 0)


def test_unwraps_to_the_nearest() -> None:
    assert unwrap(1, 0x1_FFFF) == 0x2_0001
    assert unwrap(0xFFFF, 0x2_0001) == 0x1_FFFF
    assert unwrap(3, 126, bits=7) == 131
    long = 0
    for step in range(0, 300_000, 997):
        long = unwrap(step & 0xFFFF, long)
        assert long == step


def test_reads_values_of_extensions() -> None:
    assert audio_level(b"\x9e") == (True, 30)
    assert audio_level(b"\x7f") == (False, 127)
    assert transport_sequence(b"\x12\x34") == 0x1234
    assert identifier(b"f") == "f"


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (audio_level, b""),
        (transport_sequence, b"\1"),
        (identifier, b""),
        (identifier, b"\xc3\xa1"),
        (identifier, b"a b"),
    ],
)
def test_refuses_malformed_values(read: object, value: bytes) -> None:
    assert callable(read)
    with pytest.raises(ProtocolError):
        read(value)


def test_retransmission_carries_the_original() -> None:
    block = build_extensions({4: b"ab"})
    original = build_header(96, 1, 0xFFFE, 1234, 5, block) + b"frame"
    sent = build_retransmission(original, 97, 77, 6)
    rtx = RtpPacket.parse(sent)
    assert (rtx.payload_type, rtx.sequence, rtx.ssrc, rtx.marker) == (97, 77, 6, 0x80)
    again = restore(rtx, 96, 5)
    assert (again.payload_type, again.sequence, again.ssrc, again.payload) == (96, 0xFFFE, 5, b"frame")
    assert (again.timestamp, dict(again.extensions)) == (1234, {4: b"ab"})


def test_retransmission_leaves_padding_out() -> None:
    sent = build_retransmission(packet(0xA0, b"data\0\0\3"), 97, 1, 2)
    assert RtpPacket.parse(sent).payload == b"\x12\x34data"


def test_probing_padding_carries_nothing() -> None:
    with pytest.raises(ProtocolError):
        restore(RtpPacket.parse(packet(0xA0, bytes(199) + b"\xc8", 97)), 96, 1)
