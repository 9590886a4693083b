"""What participants send, as a recording takes it: nothing of it may end the recording or put it out of time."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from pathlib import Path

from server.media.recording.segment import Segment
from server.media.wire.opus import QUIET
from tests.fuzz.seeds import vp8_seeds
from tests.fuzz.stage import joined, pieces
from tests.media.material import RED, vp9_payloads, vp9_pictures

WALL = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
START = 100.0
VIDEO, MARKER, TURN, NINE = 1, 2, 4, 8


def one(data: bytes) -> None:
    """Each piece begins with timestamp and sequence number; the octet before it tells what it is and how late."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        segment = Segment(folder, "r", START, WALL)
        now = START
        for kind, piece in pieces(data):
            now += (kind >> 4) ** 2 / 100
            _push(segment, kind, piece, now)
            if kind & TURN:
                segment.advance(now, WALL)
        segment.advance(now, WALL)
        for file in segment.close(now, WALL):
            assert file.media_ms <= 1000 * (now - START) + 1000, (file, now)
    finally:
        shutil.rmtree(folder)


def _push(segment: Segment, kind: int, piece: bytes, now: float) -> None:
    if len(piece) < 7:
        return
    timestamp, sequence = int.from_bytes(piece[:4], "big"), int.from_bytes(piece[4:6], "big")
    if kind & VIDEO:
        segment.video(piece[6:], timestamp, bool(kind & MARKER), sequence, now, "vp9" if kind & NINE else "vp8")
    else:
        segment.audio("abcd"[kind >> 1 & 3], piece[6:], timestamp, now)


def seeds() -> list[bytes]:
    """Speech and pictures that come as they should, late, and from other clocks."""

    def head(timestamp: int, sequence: int) -> bytes:
        return (timestamp & 0xFFFF_FFFF).to_bytes(4, "big") + sequence.to_bytes(2, "big")

    speech = [(0x14, head(n * 960, n) + QUIET) for n in range(8)]
    pictures = [(0x17, head(n * 900, n) + seed) for n, seed in enumerate(vp8_seeds())]
    late = [(0x17, head(n * 900, number) + vp8_seeds()[0]) for n, number in enumerate((0, 2, 1, 4, 3))]
    clocks = [(0x17, head(n << 30, n) + vp8_seeds()[0]) for n in range(4)]
    voices = [(0x14, head(n << 30, n) + QUIET) for n in range(4)]
    shared = [part for frame in vp9_pictures([RED] * 4, (64, 36)) for part in vp9_payloads(frame)]
    screens = [(0x1D | MARKER * ends, head(n * 9000, n)) for n, (_, ends) in enumerate(shared)]
    screens = [(kind, begin + payload) for (kind, begin), (payload, _) in zip(screens, shared, strict=True)]
    mixed = [*screens, *((kind, head(n * 900 + 90_000, 9 + n) + seed) for n, (kind, seed) in enumerate(_eights()))]
    return [joined(each) for each in (speech, pictures, late, clocks, voices, speech + pictures, screens, mixed)]


def _eights() -> list[tuple[int, bytes]]:
    return [(0x17, seed) for seed in vp8_seeds()]
