"""The demo's recording is a real one: the recorder's files, a clock that runs, two voices in turn."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import av
import numpy as np
import pytest

from server import demo_recording
from server.media.recording import journal

START = dt.datetime(2026, 11, 23, 7, 0, tzinfo=dt.UTC)
SECONDS = 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("demo") / "recording"
    demo_recording.make_demo_recording(made, START, SECONDS, ("p7", "p9"))
    return made


def test_frames_are_the_same_each_time() -> None:
    assert demo_recording.encoded(3) == demo_recording.encoded(3)


def test_the_journal_says_who_spoke(folder: Path) -> None:
    lines = journal.read(folder / "0001.journal")
    begun, ended = lines[0], lines[-1]
    assert isinstance(begun, journal.Begun)
    assert isinstance(ended, journal.Ended)
    assert (begun.wall, ended.media_ms, ended.lost_packets, ended.dropped_pictures) == (START, 14_000, 0, 0)
    shown = [(line.media_ms, line.source) for line in lines if isinstance(line, journal.Switched)]
    assert shown == [(0, "p7"), (10_000, "p9")]
    voices = [line.voices for line in lines if isinstance(line, journal.Beat)]
    assert voices[4] == ["p7"]
    assert voices[-1] == ["p9"]


def test_the_picture_is_what_was_drawn(folder: Path) -> None:
    with av.open(str(folder / "0001-video.webm")) as file:
        frames = list(file.decode(video=0))
    assert len(frames) == SECONDS * demo_recording.FRAMES_PER_SECOND
    for number in (0, 30, -1):
        picture = frames[number].to_ndarray(format="rgb24").astype(int)
        drawn = demo_recording.picture_at(float(frames[number].time or 0)).astype(int)
        assert picture.shape == (demo_recording.HEIGHT, demo_recording.WIDTH, 3)
        assert np.abs(picture - drawn).mean() < 12


def test_the_sound_has_two_pitches(folder: Path) -> None:
    with av.open(str(folder / "0001-audio.webm")) as file:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    assert len(samples) / demo_recording.SAMPLE_RATE == pytest.approx(SECONDS, abs=0.1)

    def pitch(second: int) -> float:
        part = samples[second * 48_000 : (second + 2) * 48_000].astype(float)
        return float(np.argmax(np.abs(np.fft.rfft(part * np.hanning(len(part))))[: 400 * 2]) / 2)

    assert pitch(4) == pytest.approx(118, abs=4)
    assert pitch(11) == pytest.approx(208, abs=4)
