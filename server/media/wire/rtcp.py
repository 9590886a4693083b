"""RTCP: reports (RFC 3550 §6), feedback (RFC 4585, RFC 5104), reduced size (RFC 5506), a receiver's own time (RFC 3611)
and REMB (draft-alvestrand-rmcat-remb-03), read into small values. What we send is built in `rtcp_build`.

aiortc's parsers are not used: they read every RTPFB as NACK, let NACKed numbers exceed 16 bits, refuse reports with
profile-specific extensions and raise `struct.error` on a short REMB.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from server.errors import ProtocolError

SR, RR, SDES, BYE, RTPFB, PSFB, XR = 200, 201, 202, 203, 205, 206, 207
NACK, TRANSPORT_CC = 1, 15  # formats of RTPFB
PLI, FIR, APPLICATION = 1, 4, 15  # formats of PSFB
REFERENCE_TIME, DLRR = 4, 5  # block types of XR

MOST_PACKETS = 64  # in one datagram, and messages, of which a packet may hold several; browsers send a handful
LARGEST_NACK = 1024  # sequence numbers read from one NACK; the rest is not looked at
_NTP_EPOCH = 2_208_988_800  # s from 1900 to 1970

# Layouts, also for building.
COMMON = Struct("!BBH")
BLOCK = Struct("!IIIIII")
SENDER = Struct("!QIII")
U32 = Struct("!I")
TWO_SSRCS = Struct("!II")
NACK_ENTRY = Struct("!HH")
XR_BLOCK = Struct("!BBH")
LAST_REFERENCE = Struct("!III")


class ReportBlock(NamedTuple):
    """How one stream arrives (RFC 3550 §6.4.1).

    `fraction_lost` in 1/256 since the last report, `lost` in all (may be negative), `jitter` in timestamp units,
    `lsr` the middle 32 bits of the last SR's NTP time, `dlsr` the delay since then in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    lsr: int
    dlsr: int


class SenderReport(NamedTuple):
    """`ntp` is the 64-bit NTP time at which a sample would carry `rtp_timestamp`."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()


class ReceiverReport(NamedTuple):
    """Blocks about streams that we send."""

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


class Nack(NamedTuple):
    """`lost` are 16-bit sequence numbers of the stream `ssrc`, in the order sent."""

    sender: int
    ssrc: int
    lost: list[int]


class Pli(NamedTuple):
    """A key frame of `ssrc` is needed."""

    sender: int
    ssrc: int


class Fir(NamedTuple):
    """A key frame of `ssrc` is demanded; a repeat has the same `number` (RFC 5104 §4.3.1)."""

    sender: int
    ssrc: int
    number: int


class Remb(NamedTuple):
    """The receiver believes that `bitrate` bit/s arrive in sum over `ssrcs`."""

    sender: int
    bitrate: int
    ssrcs: tuple[int, ...]


class TransportFeedback(NamedTuple):
    """Transport-wide arrival times, to be read by `twcc.read_report(fci)`."""

    sender: int
    ssrc: int
    fci: bytes


class ReferenceTime(NamedTuple):
    """The 64-bit NTP time of a receiver that sends nothing, by which it measures the round trip (RFC 3611 §4.4)."""

    ssrc: int
    ntp: int


class Bye(NamedTuple):
    """These streams end."""

    ssrcs: tuple[int, ...]


class Other(NamedTuple):
    """A packet that we do not use (SDES, APP, ...): `format` is its five-bit count or subtype."""

    packet_type: int
    format: int


Message = SenderReport | ReceiverReport | Nack | Pli | Fir | Remb | TransportFeedback | ReferenceTime | Bye | Other


def ntp_time(unix_seconds: float) -> int:
    """The 64-bit NTP timestamp of a Unix time (RFC 3550 §4)."""
    return int((unix_seconds + _NTP_EPOCH) * (1 << 32)) & 0xFFFF_FFFF_FFFF_FFFF


def middle(ntp: int) -> int:
    """The middle 32 bits of an NTP timestamp, as an LSR field holds them."""
    return ntp >> 16 & 0xFFFF_FFFF


def round_trip(block: ReportBlock, now_ntp: int) -> float | None:
    """Seconds of round trip, from a block about our stream; None without an SR, or when it cannot be (§6.4.1)."""
    if block.lsr == 0:
        return None
    since = (middle(now_ntp) - block.lsr) & 0xFFFF_FFFF
    return (since - block.dlsr) / 65536 if block.dlsr <= since < 0x8000_0000 else None


# ---- reading -------------------------------------------------------------------------------------------------------


def parse(data: bytes) -> list[Message]:
    """The messages of a compound or reduced-size packet, decrypted.

    Raises ProtocolError when any part is malformed (then nothing of it counts, RFC 3550 A.2) or when there are more
    than `MOST_PACKETS`, so that one datagram cannot ask for much work.
    """
    messages: list[Message] = []
    at, packets, size = 0, 0, len(data)
    if size < 4:
        raise ProtocolError("RTCP packet is truncated")
    while at < size:
        if at + 4 > size:
            raise ProtocolError("RTCP header is truncated")
        first, packet_type, words = COMMON.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > size:
            raise ProtocolError("RTCP version or length is wrong")
        body = data[at + 4 : end]
        if first & 0x20:
            body = _without_padding(body)
        if packets == MOST_PACKETS:
            raise ProtocolError("RTCP datagram has too many packets")
        packets += 1
        _read(packet_type, first & 0x1F, body, messages)
        if len(messages) > MOST_PACKETS:
            raise ProtocolError("RTCP datagram has too many messages")
        at = end
    return messages


def _without_padding(body: bytes) -> bytes:
    """Chromium pads transport feedback to whole words by one to three octets, wherever it stands in the compound."""
    if not body or not 0 < body[-1] <= len(body):
        raise ProtocolError("RTCP padding is wrong")
    return body[: -body[-1]]


def _read(packet_type: int, form: int, body: bytes, into: list[Message]) -> None:
    if packet_type == RTPFB and form in (NACK, TRANSPORT_CC):
        into.append(_read_transport_feedback(form, body))
    elif packet_type == PSFB and form == PLI:
        into.append(Pli(*_ssrcs(body)))
    elif packet_type == PSFB and form == FIR:
        into.extend(_read_fir(body))
    elif packet_type == PSFB and form == APPLICATION and body[8:12] == b"REMB":
        into.append(_read_remb(body))
    elif packet_type == RR:
        into.append(ReceiverReport(_sender(body), _read_blocks(body, 4, form)))
    elif packet_type == SR:
        into.append(_read_sr(body, form))
    elif packet_type == BYE:
        into.append(_read_bye(body, form))
    elif packet_type == XR:
        into.extend(_read_extended(body))
    else:
        into.append(Other(packet_type, form))


def _sender(body: bytes) -> int:
    if len(body) < 4:
        raise ProtocolError("RTCP packet has no sender")
    return int.from_bytes(body[:4], "big")


def _ssrcs(body: bytes) -> tuple[int, int]:
    if len(body) < 8:
        raise ProtocolError("RTCP feedback is truncated")
    sender, media = TWO_SSRCS.unpack_from(body)
    return sender, media


def _read_blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    """What follows the blocks is a profile-specific extension, not an error (RFC 3550 §6.4.3)."""
    if len(body) < at + 24 * count:
        raise ProtocolError("RTCP report is truncated")
    blocks: list[ReportBlock] = []
    for start in range(at, at + 24 * count, 24):
        ssrc, losses, highest, jitter, lsr, dlsr = BLOCK.unpack_from(body, start)
        lost = losses & 0xFF_FFFF
        if lost >= 0x80_0000:
            lost -= 0x100_0000
        blocks.append(ReportBlock(ssrc, losses >> 24, lost, highest, jitter, lsr, dlsr))
    return tuple(blocks)


def _read_sr(body: bytes, count: int) -> SenderReport:
    if len(body) < 24:
        raise ProtocolError("RTCP sender report is truncated")
    ntp, rtp_timestamp, packets, octets = SENDER.unpack_from(body, 4)
    return SenderReport(_sender(body), ntp, rtp_timestamp, packets, octets, _read_blocks(body, 24, count))


def _read_bye(body: bytes, count: int) -> Bye:
    if len(body) < 4 * count:
        raise ProtocolError("RTCP BYE is truncated")
    return Bye(tuple(ssrc for (ssrc,) in U32.iter_unpack(body[: 4 * count])))


def _read_extended(body: bytes) -> list[ReferenceTime]:
    """Of the blocks of an extended report those that tell a time; the others are passed over (RFC 3611 §3)."""
    ssrc, at = _sender(body), 4
    found: list[ReferenceTime] = []
    while at < len(body):
        if at + 4 > len(body):
            raise ProtocolError("RTCP extended report is truncated")
        kind, _, words = XR_BLOCK.unpack_from(body, at)
        end = at + 4 + 4 * words
        if end > len(body) or (kind == REFERENCE_TIME and words != 2):
            raise ProtocolError("RTCP extended report has a block of a wrong length")
        if kind == REFERENCE_TIME:
            found.append(ReferenceTime(ssrc, int.from_bytes(body[at + 4 : end], "big")))
        at = end
    return found


def _read_transport_feedback(form: int, body: bytes) -> Nack | TransportFeedback:
    sender, media = _ssrcs(body)
    fci = body[8:]
    if form == TRANSPORT_CC:
        return TransportFeedback(sender, media, fci)
    if not fci or len(fci) % 4:
        raise ProtocolError("RTCP NACK is truncated")
    lost: list[int] = []
    for number, mask in NACK_ENTRY.iter_unpack(fci):
        lost.append(number)
        if mask:
            lost += [(number + ahead) & 0xFFFF for ahead in range(1, 17) if mask >> (ahead - 1) & 1]
        if len(lost) >= LARGEST_NACK:
            break
    return Nack(sender, media, lost[:LARGEST_NACK])


def _read_fir(body: bytes) -> list[Fir]:
    sender, _ = _ssrcs(body)
    entries = body[8:]
    if not entries or len(entries) % 8:
        raise ProtocolError("RTCP FIR is truncated")
    return [Fir(sender, ssrc, rest >> 24) for ssrc, rest in TWO_SSRCS.iter_unpack(entries)]


def _read_remb(body: bytes) -> Remb:
    if len(body) < 16 or len(body) < 16 + 4 * body[12]:
        raise ProtocolError("REMB is truncated")
    mantissa = (body[13] & 0x03) << 16 | body[14] << 8 | body[15]
    ssrcs = tuple(ssrc for (ssrc,) in U32.iter_unpack(body[16 : 16 + 4 * body[12]]))
    return Remb(int.from_bytes(body[:4], "big"), mantissa << (body[13] >> 2), ssrcs)
