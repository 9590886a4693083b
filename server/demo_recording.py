"""A small real recording for the demo district: a clock, eight name plates, and two voices that take turns.

Drawn and sung by arithmetic, encoded as a meeting's programme is (VP8 640×360, Opus 48 kHz), the same bytes every time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt

from server.media.recording.segment import Segment

Picture = npt.NDArray[np.uint8]
Sound = npt.NDArray[np.int16]
Speakers = tuple[str, str]

WIDTH, HEIGHT = 640, 360
FRAMES_PER_SECOND = 5
KEY_EVERY_S = 2
SAMPLE_RATE = 48_000
PACKET_MS = 20
TURN_S = 10
"""The two speakers take turns of this length."""

_SEGMENTS = {  # of a seven-segment figure: top, upper left, upper right, middle, lower left, lower right, bottom
    "0": "1110111", "1": "0010010", "2": "1011101", "3": "1011011", "4": "0111010",
    "5": "1101011", "6": "1101111", "7": "1010010", "8": "1111111", "9": "1111011",
}  # fmt: skip
_BACK, _PLATE, _SPEAKING, _INK = (24, 38, 56), (52, 84, 120), (30, 140, 84), (240, 244, 248)
_PLATES = 8
_DESCRIPTOR = b"\x10"  # VP8 (RFC 7741, 4.2): the frame's first and only packet
_PERIOD_S = 0.1  # s between two turns of the recorder
_VOICES = (118.0, 208.0)  # Hz


class Encoded(NamedTuple):
    """One encoded frame: `kind` is video or audio, `ms` its time from the start."""

    kind: str
    ms: int
    data: bytes
    is_key: bool


def speaker_at(second: float) -> int:
    """Which of the two voices is heard."""
    return int(second // TURN_S) % len(_VOICES)


def _box(picture: Picture, x: int, y: int, width: int, height: int, colour: tuple[int, int, int]) -> None:
    picture[y : y + height, x : x + width] = colour


def _figure(picture: Picture, x: int, y: int, figure: str, size: int) -> None:
    """One figure, `size` wide and twice as high."""
    thick = size // 5
    bars = [
        (0, 0, size, thick), (0, 0, thick, size), (size - thick, 0, thick, size), (0, size - thick // 2, size, thick),
        (0, size, thick, size), (size - thick, size, thick, size), (0, 2 * size - thick, size, thick),
    ]  # fmt: skip
    for is_lit, (left, top, width, height) in zip(_SEGMENTS[figure], bars, strict=True):
        if is_lit == "1":
            _box(picture, x + left, y + top, width, height, _INK)


def picture_at(second: float) -> Picture:
    """The programme at a moment: height × width × RGB. The plate of who speaks is green, and a bar beside it moves."""
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:] = _BACK
    minutes, seconds = divmod(int(second), 60)
    for place, figure in enumerate(f"{minutes:02}{seconds:02}"):
        _figure(picture, 170 + place * 72 + (place > 1) * 24, 40, figure, 48)
    for y in (70, 100):
        _box(picture, 314, y, 12, 12, _INK)
    for plate in range(_PLATES):
        x, y = 24 + plate % 4 * 150, 180 + plate // 4 * 84
        speaks = plate == speaker_at(second)
        _box(picture, x, y, 142, 70, _SPEAKING if speaks else _PLATE)
        _figure(picture, x + 14, y + 14, str(plate + 1), 20)
        if speaks:
            _box(picture, x + 50, y + 30, 12 + int(64 * (second * 1.7 % 1)), 10, _INK)
    return picture


def sound_at(start: int, count: int) -> Sound:
    """Samples from number `start` on: harmonics of the speaker's pitch in syllables of a quarter second."""
    time = np.arange(start, start + count) / SAMPLE_RATE
    pitch = np.where((time // TURN_S).astype(int) % 2 == 0, *_VOICES)
    syllables = np.clip(np.sin(2 * np.pi * 2 * time), 0, 1) * (0.75 + 0.25 * np.sin(2 * np.pi * 0.3 * time))
    wave = sum(np.sin(2 * np.pi * pitch * n * time) / n for n in (1, 2, 3, 5))
    return np.asarray(wave * syllables * 5000, np.int16)


def _video(seconds: float) -> Iterator[Encoded]:
    encoder: Any = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 1000), Fraction(FRAMES_PER_SECOND)
    encoder.bit_rate, encoder.gop_size, encoder.thread_count = 150_000, FRAMES_PER_SECOND * KEY_EVERY_S, 1
    # A negative speed is fixed; a positive one follows the clock, and the bytes would differ each time.
    encoder.options = {"deadline": "realtime", "cpu-used": "-10", "auto-alt-ref": "0", "lag-in-frames": "0"}
    for number in range(int(seconds * FRAMES_PER_SECOND)):
        frame = av.VideoFrame.from_ndarray(picture_at(number / FRAMES_PER_SECOND), format="rgb24")
        frame.pts, frame.time_base = number * 1000 // FRAMES_PER_SECOND, encoder.time_base
        for packet in encoder.encode(frame):
            yield Encoded("video", int(packet.pts), bytes(packet), packet.is_keyframe)


def _audio(seconds: float) -> Iterator[Encoded]:
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = SAMPLE_RATE, "mono", "s16", 24_000
    size = SAMPLE_RATE * PACKET_MS // 1000
    ms = 0
    for start in range(0, int(seconds * SAMPLE_RATE), size):
        frame = av.AudioFrame.from_ndarray(sound_at(start, size)[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        for packet in encoder.encode(frame):
            yield Encoded("audio", ms, bytes(packet), True)
            ms += PACKET_MS


def encoded(seconds: float) -> list[Encoded]:
    """All frames of both kinds in the order of their times."""
    return sorted([*_video(seconds), *_audio(seconds)], key=lambda frame: (frame.ms, frame.kind))


def make_demo_recording(
    directory: Path, started_at: dt.datetime, seconds: int = 40, speakers: Speakers = ("p1", "p2")
) -> None:
    """Write one complete segment as the recorder does, its clock made of arithmetic. Raises OSError.

    `speakers` are the node's names of the two participants who take turns.
    """
    directory.mkdir(parents=True, exist_ok=True)
    segment = Segment(directory, directory.name, 0.0, started_at)
    next_turn = 0.0
    shown = -1
    sequence = 0
    for frame in encoded(seconds):
        now = frame.ms / 1000
        speaker = speaker_at(now)
        if speaker != shown:
            segment.programme(speakers[speaker], "camera", now)
            shown = speaker
        if frame.kind == "video":
            segment.video(_DESCRIPTOR + frame.data, frame.ms * 90, True, sequence, now)
            sequence += 1
        else:
            segment.audio(speakers[speaker], frame.data, frame.ms * 48, now)
        if now >= next_turn:
            segment.advance(now, started_at + dt.timedelta(seconds=now))
            next_turn = now + _PERIOD_S
    segment.close(float(seconds), started_at + dt.timedelta(seconds=seconds), "")
