"""RTP of one participant through the whole node: header, extensions, VP8 descriptor, RTX, order, slots, sending."""

from __future__ import annotations

import struct

from server.errors import ProtocolError
from server.media.wire import vp8
from server.media.wire.rtp import RtpPacket, build_header
from tests.fuzz.seeds import rtp_seeds, vp8_seeds, vp9_seeds
from tests.fuzz.stage import CAMERA, OPUS, RED, RTX, RTX_OF_CAMERA, VOICE, VP8, VP9, Stage, joined, pieces
from tests.media.building import build_extensions, build_retransmission


def one(data: bytes) -> None:
    """Each piece is read by itself, then the whole is played in a meeting."""
    for _kind, piece in pieces(data):
        try:
            _read(piece)
        except ProtocolError:
            continue
    Stage().play(data)


def _read(piece: bytes) -> None:
    packet = RtpPacket.parse(piece)
    assert packet.padding + len(packet.payload) <= len(piece)
    build_retransmission(piece, 97, 1, 2)
    frame = vp8.Vp8.parse(packet.payload)
    made = vp8.normalise(packet.payload, frame)
    again = vp8.Vp8.parse(made)
    assert again.picture_id_bits == 15
    assert made[again.start :] == packet.payload[frame.start :]


def voice(number: int, timestamp: int, level: int = 20) -> bytes:
    """20 ms of speech."""
    elements = build_extensions({4: bytes((level,)), 5: number.to_bytes(2, "big")})
    return build_header(OPUS, 0, number, timestamp, VOICE, elements) + b"\x78speech"


def copying(number: int, copies: int = 1) -> bytes:
    """The same with copies of the packets before it (RFC 2198)."""
    heads = [bytes((0x80 | OPUS,)) + (back * 960 << 10 | 7).to_bytes(3, "big") for back in range(copies, 0, -1)]
    payload = b"".join((*heads, bytes((OPUS,)), b"\x78speech" * (copies + 1)))
    return build_header(RED, 0, number, number * 960, VOICE, build_extensions({4: b"\x14"})) + payload


def picture(number: int, timestamp: int, rid: str = "", *, ssrc: int = CAMERA, key: bool = True) -> bytes:
    """A small frame, key or not, named by mid and rid when it has one."""
    names = {1: b"1", 2: rid.encode()} if rid else {5: number.to_bytes(2, "big")}
    data = bytes.fromhex("100200 9d012a") + struct.pack("<HH", 320, 180) if key else b"\x11\x02\x00data"
    descriptor = bytes((0x90, 0xE0, 0x80 | timestamp >> 8 & 0x7F, timestamp & 0xFF, number & 0xFF, 0x20))
    return build_header(VP8, 1, number, timestamp, ssrc, build_extensions(names)) + descriptor + data


def screens(number: int, payload_type: int, payload: bytes) -> bytes:
    """A packet of a shared screen."""
    return build_header(payload_type, 1, number, number * 3000, 41, build_extensions({1: b"2"})) + payload


def retransmitted(packet: bytes, number: int) -> bytes:
    """The packet over RTX."""
    return build_retransmission(packet, RTX, number, RTX_OF_CAMERA)


def seeds() -> list[bytes]:
    """Speech, pictures in layers, losses and repairs, leaps; and the seeds of the single parsers."""
    speech = [(1, voice(n, n * 960)) for n in range(6)]
    copies = [(1, copying(n, n % 4)) for n in (0, 1, 3, 7, 6, 65_000, 65_002)]
    plain = [(1, picture(n, n * 3000, key=n == 0)) for n in range(5)]
    layers = [(1, picture(n, n * 3000, rid, ssrc=30 + i)) for n in range(3) for i, rid in enumerate("fhq")]
    lossy = [(0x51, picture(n, n * 3000)) for n in (0, 1, 4, 6)] + [(1, retransmitted(picture(2, 6000), 1))]
    leaps = [(3, picture(n & 0xFFFF, n * 90_000)) for n in (0, 30_000, 60_000, 90_000, 10, 80_000)]
    screen = [(3, build_header(VP8, 1, 1, 1, 40, build_extensions({1: b"2"})) + seed) for seed in vp8_seeds()]
    codecs = [(3, screens(n, VP9, seed)) for n, seed in enumerate(vp9_seeds())]
    codecs += [(3, screens(20 + n, VP8 if n % 2 else VP9, vp8_seeds()[n])) for n in range(6)]
    return [
        joined(each)
        for each in (speech, copies, plain, layers, lossy, leaps, screen, codecs, [(1, each) for each in rtp_seeds()])
    ]
