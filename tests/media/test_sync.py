"""Lips and voices in a recording, through the whole node in virtual time: a room, its recorder, a line that jitters."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from server.media.protocol import Codec
from server.media.protocol import Picture as Shown
from server.media.recording.mixer import Mixer
from server.media.recording.segment import Segment
from server.media.wire import rtcp
from server.media.wire.opus import FRAME, RATE
from server.media.wire.rtp import build_header
from tests.media.building import build_extensions
from tests.media.endpoint import OPUS, VP8
from tests.media.material import BLUE, RED, WALL, Picture, Sound, alike, hear, pictures, see, tone
from tests.media.test_room import Stage

SECONDS = 12
TURNS = (4.0, 7.0, 10.0)  # when the picture turns blue and a tone of half a second begins
HELD = 0.15  # s by which the voice comes later than the picture
WALL_OF_SENDER = 77_000.0

Way = Callable[[float], float]  # seconds on the way of what leaves at a moment


class Tape:
    """A room's sink that writes at once what a recorder queues."""

    def __init__(self, segment: Segment, stage: Stage) -> None:
        self.segment, self.stage = segment, stage

    def on_audio(self, participant: str, payload: bytes, rtp_timestamp: int, arrival: float) -> None:
        self.segment.audio(participant, payload, rtp_timestamp, arrival)

    def on_video(
        self, payload: bytes, rtp_timestamp: int, marker: bool, sequence: int, arrival: float, codec: Codec = "vp8"
    ) -> None:
        self.segment.video(payload, rtp_timestamp, marker, sequence, arrival, codec)

    def on_programme(self, source: str | None, kind: Shown) -> None:
        self.segment.programme(source, kind, self.stage.now)


def _voice(way: Way) -> Iterator[tuple[float, bytes]]:
    """Arrival and packet of each 20 ms: silence, and the tones."""
    quiet, loud = tone(440, SECONDS, loudness=0), tone(440, 0.5)
    for number in range(SECONDS * 50):
        at = number / 50
        begun = next((at - turn for turn in TURNS if 0 <= at - turn < 0.5), None)
        data = quiet[number] if begun is None else loud[round(begun * 50)]
        level = build_extensions({4: bytes([127 if begun is None else 20])})
        yield at + way(at), build_header(OPUS, 0, number, 5_000_000 + number * FRAME, 1, level) + data


def _camera(way: Way) -> Iterator[tuple[float, bytes]]:
    colours = [BLUE if any(0 <= n / 25 - turn < 0.5 for turn in TURNS) else RED for n in range(SECONDS * 25)]
    picture = Picture()
    for number, frame in enumerate(pictures(colours, key_every=10)):
        at = number / 25
        for payload, timestamp, marker, sequence in picture.packets(frame, at):
            yield at + way(at), build_header(VP8, marker, sequence, timestamp, 2) + payload


def _reports(
    ssrc: int, first: float, every: float, rate: int, base: int, way: Way
) -> Iterator[tuple[float, rtcp.SenderReport]]:
    at = first
    while at < SECONDS:
        ntp = rtcp.ntp_time(WALL_OF_SENDER + at)
        yield at + way(at), rtcp.SenderReport(ssrc, ntp, base + round(at * rate) & 0xFFFF_FFFF, 0, 0)
        at += every


def _record(folder: Path, voice: Way, camera: Way, first_report: float, begins: float = 0.0) -> Path:
    """Play it all into a room whose recording begins at second `begins`."""
    stage = Stage("a")
    start, uplink = stage.now, stage["a"].participant.uplink
    events: list[tuple[float, bytes | rtcp.SenderReport]] = [*_voice(voice), *_camera(camera)]
    events += _reports(1, first_report, 5.0, RATE, 5_000_000, voice)
    events += _reports(2, 0.5, 1.0, 90_000, 0xFFFF_0000, camera)
    tape: Tape | None = None
    for number, (at, what) in enumerate(sorted(events, key=lambda event: event[0])):
        stage.now = now = start + at
        if tape is None and at >= begins:
            tape = Tape(Segment(folder, "r1", now, WALL), stage)
            stage.room.screening.begin(tape, now)
        if isinstance(what, bytes):
            arrived = uplink.receive(what, now)
            if arrived is not None:
                stage.room.arrived(stage["a"].participant, arrived.source, arrived.packet, arrived.level, now)
                for source in stage.room.take_busy():
                    stage.room.pass_on(source, now)
        else:
            uplink.sender_report(what, now)
        if number % 30 == 0:
            stage.room.tick(now)
            if tape is not None:
                tape.segment.advance(now, WALL)
    assert tape is not None
    tape.segment.close(stage.now, WALL + dt.timedelta(seconds=SECONDS))
    return folder


def _offsets(folder: Path) -> list[float]:
    """How much later than its picture each tone begins, in seconds."""
    seen = see(folder / "0001-video.webm")
    assert all(a[0] < b[0] for a, b in pairwise(seen)), "times go on"
    blue = [at for n, (at, colour) in enumerate(seen) if alike(colour, BLUE) and (n == 0 or alike(seen[n - 1][1], RED))]
    sound = hear(folder / "0001-audio.webm")
    found = []
    for at in blue:
        near = Sound(sound.between(at - 0.5, at + 0.5), at - 0.5)
        found.append(near.onset() - at)
    return found


def _jitter(seed: int, most: float, base: float = 0.02) -> Way:
    chance = random.Random(seed)
    return lambda at: base + chance.random() * most


def test_a_voice_that_is_held_up_on_the_way_is_recorded_with_its_lips(tmp_path: Path) -> None:
    offsets = _offsets(_record(tmp_path, _jitter(1, 0.04, 0.02 + HELD), _jitter(2, 0.04), first_report=2.5))
    assert len(offsets) == 3
    assert offsets == pytest.approx([0, 0, 0], abs=0.04)


def test_so_is_one_whose_recording_begins_in_the_midst(tmp_path: Path) -> None:
    offsets = _offsets(_record(tmp_path, _jitter(3, 0.04, 0.02 + HELD), _jitter(4, 0.04), first_report=1.0, begins=3.0))
    assert len(offsets) == 3
    assert offsets == pytest.approx([0, 0, 0], abs=0.04)


def test_a_line_that_stalls_moves_neither(tmp_path: Path) -> None:
    """Half a second before a turn the voice begins to come 200 ms later, as behind a large upload."""
    jitter = _jitter(5, 0.02)
    offsets = _offsets(
        _record(tmp_path, lambda at: jitter(at) + (0.2 if 6.5 < at < 9 else 0), _jitter(6, 0.02), first_report=1.0)
    )
    assert offsets == pytest.approx([0, 0, 0], abs=0.04)


def test_a_report_that_comes_late_moves_neither(tmp_path: Path) -> None:
    """The first report about the voice is held up by 400 ms, in the midst of the meeting."""
    jitter = _jitter(7, 0.02)
    late = iter([0.4])
    offsets = _offsets(
        _record(tmp_path, lambda at: next(late) if at == 3.123 else jitter(at), _jitter(8, 0.02), first_report=3.123)
    )
    assert offsets == pytest.approx([0, 0, 0], abs=0.04)


def test_a_voice_is_moved_to_its_place_without_a_click() -> None:
    """It came 150 ms late and nobody knew; now its clock is known while it sounds."""
    mixer, packets, ticks = Mixer(0.0), tone(440, 12), []
    for number, data in enumerate(packets):
        now = number / 50 + HELD
        mixer.push("a", data, number * FRAME, now if number < 100 else now - HELD)
        ticks += mixer.mix(now)
    sound = Sound(np.concatenate([np.zeros(FRAME, np.int16) if t.total is None else t.total for t in ticks]), 0.0)
    steps = np.abs(np.diff(sound.between(0.5, 11).astype(int)))
    assert steps.max() < 8000 * 2 * np.pi * 440 / RATE * 1.5, "no step that the tone itself has not"
    assert sound.hertz(2.5, 4) == pytest.approx([440], rel=0.05)
    assert sound.hertz(8, 11) == pytest.approx([440], abs=1), "the place is reached, and kept"
