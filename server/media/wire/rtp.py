"""RTP packets (RFC 3550 §5), header extensions (RFC 8285), retransmission payload (RFC 4588), sequence arithmetic.

`RtpPacket.parse` runs once per incoming packet: it costs about two microseconds and copies the payload once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from struct import Struct

from server.errors import ProtocolError

HEADER_BYTES = 12
LARGEST_EXTENSION = 256  # bytes; browsers need some tens, and a packet full of elements takes 270 µs to read
IP_UDP = 28  # bytes of their headers, which a link carries beside each packet
SRTP_TAG = 16  # bytes that SRTP adds at most (RFC 7714)
BESIDE = IP_UDP + SRTP_TAG
VIDEO_CLOCK = 90_000  # ticks a second of all pictures (RFC 3551 §5); that of voices is `opus.RATE`

_HEADER = Struct("!BBHII")
_unpack_header = _HEADER.unpack_from
_PLAIN = 0x80  # the first octet: version 2, no padding, no extensions, no CSRCs
_NO_EXTENSIONS: Mapping[int, bytes] = {}
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{1,64}")


# ---- sequence arithmetic -------------------------------------------------------------------------------------------


def distance(later: int, earlier: int) -> int:
    """`later - earlier` of two 16-bit numbers, the short way round: -32768..32767."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


def unwrap(number: int, near: int, bits: int = 16) -> int:
    """The integer nearest to `near` whose lowest `bits` are `number` (may be below zero near the beginning)."""
    half = 1 << (bits - 1)
    return near + ((number - near + half) & ((1 << bits) - 1)) - half


# ---- packets -------------------------------------------------------------------------------------------------------


class RtpPacket:
    """One packet, read.

    `marker` is 0x80 or 0, as it stands in the header; `extensions` maps local ids to values; `payload` is without
    padding and empty for a packet of padding alone, `padding` the number of octets taken off.
    """

    __slots__ = ("extensions", "marker", "padding", "payload", "payload_type", "sequence", "ssrc", "timestamp")

    payload_type: int
    marker: int
    sequence: int
    timestamp: int
    ssrc: int
    extensions: Mapping[int, bytes]
    payload: bytes
    padding: int

    @classmethod
    def parse(cls, data: bytes) -> RtpPacket:
        """Read a decrypted datagram. Raises ProtocolError when it is no RTP packet or is malformed."""
        size = len(data)
        if size < HEADER_BYTES:
            raise ProtocolError("RTP header is truncated")
        packet = cls.__new__(cls)
        first, second, packet.sequence, packet.timestamp, packet.ssrc = _unpack_header(data)
        if first >> 6 != 2:
            raise ProtocolError("RTP version is not 2")
        packet.payload_type = second & 0x7F
        packet.marker = second & 0x80
        start = HEADER_BYTES + 4 * (first & 0x0F)
        if first & 0x10:
            extension = start + 4
            if extension > size:
                raise ProtocolError("RTP extension header is truncated")
            start = extension + 4 * (data[start + 2] << 8 | data[start + 3])
            if start > size:
                raise ProtocolError("RTP extension is truncated")
            if start - extension > LARGEST_EXTENSION:
                raise ProtocolError("RTP extension is too long")
            packet.extensions = _read_extensions(data, extension, start)
        else:
            packet.extensions = _NO_EXTENSIONS
        packet.padding = 0
        if first & 0x20:
            packet.padding = padding = data[-1]
            size -= padding
            if padding == 0:
                raise ProtocolError("RTP padding is empty")
        if start > size:
            raise ProtocolError("RTP packet is shorter than its header says")
        packet.payload = data[start:size]
        return packet

    def __repr__(self) -> str:
        return (
            f"RtpPacket(pt={self.payload_type}, seq={self.sequence}, ts={self.timestamp}, ssrc={self.ssrc}, "
            f"marker={bool(self.marker)}, {len(self.payload)} bytes)"
        )


def read_plain(data: bytes) -> tuple[int, int, int, int] | None:
    """(payload type, sequence, timestamp, ssrc) of a packet of a fixed header and its payload alone, else None."""
    if len(data) < HEADER_BYTES or data[0] != _PLAIN:
        return None
    _first, second, sequence, timestamp, ssrc = _unpack_header(data)
    return second & 0x7F, sequence, timestamp, ssrc


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram of the RTP/RTCP range is RTCP (RFC 5761 §4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


def _read_extensions(data: bytes, start: int, end: int) -> Mapping[int, bytes]:
    """The elements between the four octets of the extension header and the payload (RFC 8285 §4.2, §4.3)."""
    first, second = data[start - 4], data[start - 3]
    if first == 0xBE and second == 0xDE:
        return _read_one_byte(data, start, end)
    if first == 0x10 and second < 0x10:
        return _read_two_byte(data, start, end)
    return _NO_EXTENSIONS


def _read_one_byte(data: bytes, at: int, end: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while at < end:
        head = data[at]
        at += 1
        if head == 0:
            continue
        number = head >> 4
        if number == 15 or number == 0:  # both end the reading, and what came before counts (§4.2)
            break
        after = at + (head & 0x0F) + 1
        if after > end:
            raise ProtocolError("RTP extension element is truncated")
        found[number] = data[at:after]
        at = after
    return found


def _read_two_byte(data: bytes, at: int, end: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while at < end:
        number = data[at]
        at += 1
        if number == 0:
            continue
        if at == end:
            raise ProtocolError("RTP extension element has no length")
        after = at + 1 + data[at]
        if after > end:
            raise ProtocolError("RTP extension element is truncated")
        found[number] = data[at + 1 : after]
        at = after
    return found


# ---- values of extensions ------------------------------------------------------------------------------------------


def audio_level(value: bytes) -> tuple[bool, int]:
    """Whether the sender hears a voice, and the level in -dBov: 0 loudest, 127 silence (RFC 6464 §3)."""
    if not value:
        raise ProtocolError("audio level is empty")
    return value[0] >= 0x80, value[0] & 0x7F


def transport_sequence(value: bytes) -> int:
    """The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2)."""
    if len(value) < 2:
        raise ProtocolError("transport-wide sequence number is truncated")
    return value[0] << 8 | value[1]


def identifier(value: bytes) -> str:
    """A mid or rid (RFC 9143 §15, RFC 8852 §3): 1 to 64 letters, digits, hyphens and underscores."""
    if not _TOKEN.fullmatch(value):
        raise ProtocolError("mid or rid has other than letters and digits")
    return value.decode("ascii")


# ---- building ------------------------------------------------------------------------------------------------------


def build_header(
    payload_type: int, marker: int, sequence: int, timestamp: int, ssrc: int, extensions: bytes = b""
) -> bytes:
    """The fixed header, without CSRCs, followed by an extension block (RFC 8285). Numbers are taken modulo."""
    first = 0x90 if extensions else 0x80
    second = (0x80 if marker else 0) | payload_type
    return _HEADER.pack(first, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + extensions


# ---- retransmission ------------------------------------------------------------------------------------------------


def restore(retransmitted: RtpPacket, payload_type: int, ssrc: int) -> RtpPacket:
    """Turn an RTX packet, in place, into the packet of `ssrc` that it carries (RFC 4588 §4).

    Raises ProtocolError when it carries none, as browsers' probing padding does.
    """
    payload = retransmitted.payload
    if len(payload) < 2:
        raise ProtocolError("RTX packet carries nothing")
    retransmitted.sequence = payload[0] << 8 | payload[1]
    retransmitted.payload = payload[2:]
    retransmitted.payload_type = payload_type
    retransmitted.ssrc = ssrc
    return retransmitted
