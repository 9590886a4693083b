"""RTCP packets that we send, as bytes; concatenated they are a compound packet (formats and sources as in `rtcp`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from server.media.wire.rtcp import (
    APPLICATION,
    BLOCK,
    COMMON,
    DLRR,
    LAST_REFERENCE,
    NACK,
    NACK_ENTRY,
    PLI,
    PSFB,
    RR,
    RTPFB,
    SDES,
    SENDER,
    SR,
    TRANSPORT_CC,
    TWO_SSRCS,
    U32,
    XR,
    XR_BLOCK,
    ReportBlock,
)
from server.media.wire.rtp import distance

_REPORTS = 31  # blocks that fit one packet


def _packet(packet_type: int, form: int, body: bytes) -> bytes:
    return COMMON.pack(0x80 | form, packet_type, len(body) // 4) + body


def _build_blocks(blocks: Iterable[ReportBlock]) -> bytes:
    return b"".join(
        BLOCK.pack(
            b.ssrc,
            b.fraction_lost << 24 | max(-0x80_0000, min(b.lost, 0x7F_FFFF)) & 0xFF_FFFF,
            b.highest & 0xFFFF_FFFF,
            min(b.jitter, 0xFFFF_FFFF),
            b.lsr,
            min(b.dlsr, 0xFFFF_FFFF),
        )
        for b in blocks
    )


def build_rr(ssrc: int, blocks: Sequence[ReportBlock] = ()) -> bytes:
    """Receiver reports from `ssrc`: one packet per 31 blocks, and one if there are none."""
    return b"".join(
        _packet(RR, len(part), U32.pack(ssrc) + _build_blocks(part))
        for part in (blocks[start : start + _REPORTS] for start in range(0, max(1, len(blocks)), _REPORTS))
    )


def build_sr(
    ssrc: int, ntp: int, rtp_timestamp: int, packets: int, octets: int, blocks: Sequence[ReportBlock] = ()
) -> bytes:
    """A sender report, followed by receiver reports when there are more than 31 blocks."""
    info = SENDER.pack(ntp, rtp_timestamp & 0xFFFF_FFFF, packets & 0xFFFF_FFFF, octets & 0xFFFF_FFFF)
    first, rest = blocks[:_REPORTS], blocks[_REPORTS:]
    report = _packet(SR, len(first), U32.pack(ssrc) + info + _build_blocks(first))
    return report + build_rr(ssrc, rest) if rest else report


def build_sdes(ssrc: int, cname: str) -> bytes:
    """The canonical name (RFC 3550 §6.5.1), at most 255 bytes of UTF-8 (else ValueError)."""
    name = cname.encode()
    if len(name) > 255:
        raise ValueError("a CNAME has at most 255 bytes")
    chunk = U32.pack(ssrc) + bytes((1, len(name))) + name + b"\0"
    return _packet(SDES, 1, chunk + bytes(-len(chunk) % 4))


def build_nack(sender: int, ssrc: int, lost: Iterable[int]) -> bytes:
    """Ask again for 16-bit sequence numbers (at least one, less than half their circle apart), in any order."""
    numbers = list(lost)
    origin = numbers[0]
    entries: list[list[int]] = []
    for number in sorted(set(numbers), key=lambda n: distance(n, origin)):
        ahead = (number - entries[-1][0]) & 0xFFFF if entries else 17
        if ahead <= 16:
            entries[-1][1] |= 1 << (ahead - 1)
        else:
            entries.append([number, 0])
    return _packet(RTPFB, NACK, TWO_SSRCS.pack(sender, ssrc) + b"".join(NACK_ENTRY.pack(*entry) for entry in entries))


def build_pli(sender: int, ssrc: int) -> bytes:
    """Ask for a key frame of `ssrc`."""
    return _packet(PSFB, PLI, TWO_SSRCS.pack(sender, ssrc))


def build_remb(sender: int, bitrate: int, ssrcs: Sequence[int]) -> bytes:
    """Tell the sender of `ssrcs` (at most 255) that `bitrate` bit/s get through; rounded down to 18 bits."""
    exponent = max(0, bitrate.bit_length() - 18)
    mantissa = bitrate >> exponent
    head = bytes((len(ssrcs), exponent << 2 | mantissa >> 16)) + (mantissa & 0xFFFF).to_bytes(2, "big")
    body = TWO_SSRCS.pack(sender, 0) + b"REMB" + head + b"".join(map(U32.pack, ssrcs))
    return _packet(PSFB, APPLICATION, body)


def build_transport_feedback(sender: int, ssrc: int, fci: bytes) -> bytes:
    """Wrap what `twcc` built; `fci` is padded to whole words here."""
    return _packet(RTPFB, TRANSPORT_CC, TWO_SSRCS.pack(sender, ssrc) + fci + bytes(-len(fci) % 4))


def build_dlrr(sender: int, references: Sequence[tuple[int, int, int]]) -> bytes:
    """What receivers told of their time, back to them (RFC 3611 §4.5).

    Of each its SSRC, the middle 32 bits of its time, and how long ago it came in 1/65536 s.
    """
    blocks = b"".join(LAST_REFERENCE.pack(ssrc, last, min(delay, 0xFFFF_FFFF)) for ssrc, last, delay in references)
    return _packet(XR, 0, U32.pack(sender) + XR_BLOCK.pack(DLRR, 0, len(blocks) // 4) + blocks)
