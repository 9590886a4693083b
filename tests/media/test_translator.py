"""What is recorded of a screen that came in VP9: one track in VP8 beside the cameras' pictures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from server.media.programme import SEEK_EVERY
from server.media.protocol import Codec
from server.media.recording.frames import Frame
from server.media.recording.segment import Segment
from server.media.recording.translator import EVERY, MOST_PIXELS, Translated, Translator
from tests.media.material import (
    BLUE,
    GREEN,
    RED,
    WALL,
    Picture,
    alike,
    payloads,
    pictures,
    see,
    vp9_payloads,
    vp9_pictures,
)

START = 100.0


class Tape:
    """A segment that is fed one frame after the other, each at its time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segment = Segment(folder, "r1", START, WALL)
        self.picture = Picture()

    def feed(self, frames: list[bytes], begin: float, every: float = 0.04, codec: Codec = "vp8") -> None:
        self.picture.payloads = vp9_payloads if codec == "vp9" else payloads
        for number, frame in enumerate(frames):
            at = begin + number * every
            for packet in self.picture.packets(frame, at):
                self.segment.video(*packet, START + at, codec)
            self.segment.advance(START + at, WALL)

    def end(self, at: float) -> list[tuple[float, tuple[int, int, int]]]:
        self.segment.close(START + at, WALL + dt.timedelta(seconds=at))
        return see(self.folder / "0001-video.webm")


def test_camera_screen_and_camera_are_one_track(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.feed(pictures([RED] * 25), 0.0)
    tape.feed(vp9_pictures([GREEN] * 25 + [BLUE] * 25), 1.0, codec="vp9")
    tape.feed(pictures([RED] * 25), 3.0)
    seen = tape.end(4.0)
    with av.open(str(tmp_path / "0001-video.webm")) as file:
        assert [stream.codec_context.name for stream in file.streams] == ["vp8"]
    for moment, colour in ((0.5, RED), (1.02, GREEN), (1.9, GREEN), (2.3, BLUE), (2.9, BLUE), (3.1, RED), (3.9, RED)):
        last = [shown for at, shown in seen if at <= moment][-1]
        assert alike(last, colour), (moment, last)
    assert 2 * 1 / EVERY - 2 <= sum(1.0 <= at < 2.99 for at, _ in seen) <= 2 * 1 / EVERY + 2


def test_the_last_picture_is_written_however_soon_it_came(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.feed(vp9_pictures([GREEN, GREEN, BLUE]), 0.0, codec="vp9")
    tape.segment.advance(START + 1.0, WALL)
    (_, first), (at, last) = tape.end(2.0)
    assert alike(first, GREEN) and alike(last, BLUE) and at < 0.2, "where it belongs"


def test_it_is_written_at_the_end_too(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.feed(vp9_pictures([GREEN, BLUE]), 0.0, codec="vp9")
    assert alike(tape.end(0.1)[-1][1], BLUE)


def test_what_was_left_of_a_screen_does_not_follow_a_camera(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.feed(vp9_pictures([GREEN, BLUE]), 0.0, codec="vp9")
    tape.feed(pictures([RED] * 25), 0.08)
    assert all(alike(colour, RED) for _, colour in tape.end(2.0)[1:])


def test_what_cannot_be_decoded_ends_nothing(tmp_path: Path) -> None:
    tape, frames = Tape(tmp_path), vp9_pictures([GREEN] * 20)
    tape.feed([*frames[:3], frames[3][:1] + bytes(40)], 0.0, codec="vp9")
    assert tape.segment.needs_key_frame
    tape.feed(frames[4:8], 0.2, codec="vp9")
    assert tape.segment.needs_key_frame
    tape.feed(vp9_pictures([BLUE] * 5), 1.0, codec="vp9")
    assert not tape.segment.needs_key_frame
    assert alike(tape.end(2.0)[-1][1], BLUE)


def test_a_picture_larger_than_any_screen_is_refused() -> None:
    (small,) = vp9_pictures([GREEN], (320, 180))
    bits = int.from_bytes(small[:9], "big")
    bits = bits & ~(0xFFFF_FFFF << 4) | (0xFFFF_FFFF << 4)  # 65536 × 65536
    with pytest.raises(av.FFmpegError):
        Translator().take(Frame(bits.to_bytes(9, "big") + small[9:], 0, True, 65536, 65536, "vp9"), 0.0)
    assert MOST_PIXELS >= 3840 * 2160


def _all(translator: Translator, frames: list[bytes], every: float) -> Iterator[Translated]:
    for number, data in enumerate(frames):
        made = translator.take(Frame(data, number, number == 0, 0, 0, "vp9"), number * every)
        if made is not None:
            yield made


def test_it_has_places_to_seek_to_that_nobody_sent() -> None:
    made = list(_all(Translator(), vp9_pictures([GREEN] * 120), EVERY + 0.001))
    assert len(made) == 120
    keys = [one.arrival for one in made if one.frame.key_frame]
    assert keys == pytest.approx([0.0, SEEK_EVERY, 2 * SEEK_EVERY], abs=EVERY + 0.1)
    assert {(one.frame.width, one.frame.height) for one in made if one.frame.key_frame} == {(320, 180)}
    assert all(one.frame.data[0] & 1 != one.frame.key_frame for one in made), "as VP8 itself says (RFC 6386 §9.1)"
