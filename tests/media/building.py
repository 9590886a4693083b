"""Packets that browsers send and the node does not: parts of RTP and RTCP, made to be read by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct

from server.media.wire.rtcp import BYE, COMMON, FIR, PSFB, TWO_SSRCS, U32
from server.media.wire.rtp import HEADER_BYTES, RtpPacket

LARGEST_ONE_BYTE_ID = 14
_HEADER = Struct("!BBHII")


def build_extensions(elements: Mapping[int, bytes]) -> bytes:
    """An extension block in the one-byte form with its four-octet head, padded; empty for no elements.

    Ids are 1..14 and values 1..16 bytes (RFC 8285 §4.2), else ValueError.
    """
    if not elements:
        return b""
    body = bytearray()
    for number, value in elements.items():
        if not (1 <= number <= LARGEST_ONE_BYTE_ID and 1 <= len(value) <= 16):
            raise ValueError(f"element {number} of {len(value)} bytes does not fit the one-byte form")
        body.append(number << 4 | len(value) - 1)
        body += value
    body += bytes(-len(body) % 4)
    return b"\xbe\xde" + (len(body) // 4).to_bytes(2, "big") + bytes(body)


def build_retransmission(original: bytes, payload_type: int, sequence: int, ssrc: int) -> bytes:
    """Wrap a whole RTP packet as RTX of `ssrc` (RFC 4588 §4): its number goes before the payload, padding is left out.

    Raises ProtocolError when `original` is malformed.
    """
    packet = RtpPacket.parse(original)
    payload_start = len(original) - packet.padding - len(packet.payload)
    head = _HEADER.pack(original[0] & ~0x20, packet.marker | payload_type, sequence & 0xFFFF, packet.timestamp, ssrc)
    osn = packet.sequence.to_bytes(2, "big")
    return b"".join((head, original[HEADER_BYTES:payload_start], osn, packet.payload))


def _packet(packet_type: int, form: int, body: bytes) -> bytes:
    return COMMON.pack(0x80 | form, packet_type, len(body) // 4) + body


def build_bye(ssrcs: Sequence[int]) -> bytes:
    """The end of at most 31 streams."""
    return _packet(BYE, len(ssrcs), b"".join(map(U32.pack, ssrcs)))


def build_fir(sender: int, ssrc: int, number: int) -> bytes:
    """Demand a key frame of `ssrc`; `number` (8 bits) counts the demands, repeats keep it."""
    return _packet(PSFB, FIR, TWO_SSRCS.pack(sender, 0) + TWO_SSRCS.pack(ssrc, (number & 0xFF) << 24))
