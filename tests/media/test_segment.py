"""A segment's files hold what was sent: the tones, the colours, together, with the journal's sums."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from pathlib import Path

import pytest

from server.media.recording import journal
from server.media.recording.journal import Beat, Begun, Ended, Switched
from server.media.recording.segment import LOGGED, Segment
from tests.media.material import BLUE, RED, WALL, Picture, alike, hear, pictures, record, see, tone

START = 100.0


def test_what_was_sent_is_in_the_files(tmp_path: Path) -> None:
    segment = Segment(tmp_path, "r1", START, WALL)
    segment.programme("an", "camera", START)
    end = record(segment, 4, {"an": tone(440, 4), "binh": tone(1000, 4)}, pictures([RED] * 50 + [BLUE] * 50), START)
    files = segment.close(end, WALL + dt.timedelta(seconds=4))

    assert [file.name for file in files] == ["0001-video.webm", "0001-audio.webm"]
    assert all(sha256((tmp_path / file.name).read_bytes()).hexdigest() == file.sha256 for file in files)
    assert all((tmp_path / file.name).stat().st_size == file.bytes for file in files)
    assert files[1].media_ms == 4000
    assert hear(tmp_path / "0001-audio.webm").hertz(1, 3, count=2) == pytest.approx([440, 1000], abs=5)
    seen = see(tmp_path / "0001-video.webm")
    assert len(seen) == 100
    assert alike(seen[10][1], RED)
    assert alike(seen[60][1], BLUE)
    assert seen[50][0] == pytest.approx(2.0, abs=0.03)


def test_lips_match_voices(tmp_path: Path) -> None:
    """The picture turns blue and the tone begins at the same moment, after jitter on both ways."""
    segment = Segment(tmp_path, "r1", START, WALL)
    frames, voice, picture = pictures([RED] * 50 + [BLUE] * 50), tone(440, 2), Picture()
    jitter = [0.0, 0.031, 0.007, 0.06, 0.013, 0.044]
    packets = [
        (2 + i * 0.02 + 0.03 + jitter[i % 6], segment.audio, ("an", data, i * 960)) for i, data in enumerate(voice)
    ] + [
        (i * 0.04 + 0.03 + jitter[i % 5], segment.video, packet)
        for i, frame in enumerate(frames)
        for packet in picture.packets(frame, i * 0.04)
    ]
    for number, (at, put, arguments) in enumerate(sorted(packets, key=lambda packet: packet[0])):
        put(*arguments, START + at)  # type: ignore[operator]
        if number % 20 == 0:
            segment.advance(START + at, WALL)
    segment.close(START + 4, WALL)

    blue = next(at for at, colour in see(tmp_path / "0001-video.webm") if alike(colour, BLUE))
    assert abs(hear(tmp_path / "0001-audio.webm").onset() - blue) < 0.08


def test_the_sound_goes_on_when_nobody_speaks(tmp_path: Path) -> None:
    segment = Segment(tmp_path, "r1", START, WALL)
    packets = tone(440, 1)
    for turn, begin in enumerate((0.0, 9.0)):
        for i, data in enumerate(packets):
            segment.audio("an", data, round(begin * 48_000) + i * 960, START + begin + i * 0.02)
        segment.advance(START + begin + 1.5 + turn, WALL)
    segment.close(START + 12, WALL)

    sound = hear(tmp_path / "0001-audio.webm")
    assert sound.samples.size / 48_000 == pytest.approx(12, abs=0.03)
    assert sound.hertz(0.2, 0.9) == pytest.approx([440], abs=5)
    assert sound.loudness(2, 8.8) < 20
    assert sound.hertz(9.2, 9.9) == pytest.approx([440], abs=5)
    assert (tmp_path / "0001-audio.webm").stat().st_size < 25_000


def test_a_meeting_without_a_picture_has_no_video_file(tmp_path: Path) -> None:
    segment = Segment(tmp_path, "r1", START, WALL)
    files = segment.close(record(segment, 1, {"an": tone(440, 1)}, [], START), WALL)
    assert [file.name for file in files] == ["0001-audio.webm"]


def test_the_journal_tells_the_story(tmp_path: Path) -> None:
    segment = Segment(tmp_path, "r7", START, WALL)
    segment.programme("an", "screen", START + 0.5)
    voices = {"an": tone(440, 3.5), "quiet": tone(440, 3.5, loudness=50)}
    end = record(segment, 3.5, voices, pictures([RED] * 80), START)
    files = segment.close(end, WALL + dt.timedelta(seconds=3.5))

    begun, switched, *beats, ended = journal.read(tmp_path / "0001.journal")
    assert begun == Begun(recording="r7", segment=1, wall=WALL)
    assert switched == Switched(media_ms=500, source="an", kind="screen")
    assert [beat.voices for beat in beats if isinstance(beat, Beat)] == [["an"]] * 3
    for beat in beats:
        assert isinstance(beat, Beat)
        for file in beat.files:
            assert sha256((tmp_path / file.name).read_bytes()[: file.bytes]).hexdigest() == file.sha256
    assert isinstance(ended, Ended)
    assert ended.files == files
    assert ended.reason == ""
    assert ended.media_ms == 3500


def test_each_segment_has_the_next_number(tmp_path: Path) -> None:
    for expected in (1, 2):
        segment = Segment(tmp_path, "r1", START, WALL)
        assert segment.number == expected
        segment.close(START + 1, WALL)
    (tmp_path / "0007-audio.webm").touch()
    assert Segment(tmp_path, "r1", START, WALL).number == 8


def test_a_torn_last_line_ends_the_journal(tmp_path: Path) -> None:
    Segment(tmp_path, "r1", START, WALL).close(START + 1, WALL)
    path = tmp_path / "0001.journal"
    path.write_bytes(path.read_bytes()[:-20])
    assert [type(line) for line in journal.read(path)] == [Begun]


def test_a_picture_without_a_size_does_not_end_the_recording(tmp_path: Path) -> None:
    """No file can hold it; the muxer would raise."""
    segment = Segment(tmp_path, "r1", START, WALL)
    nothing = bytes.fromhex("10 100200 9d012a 0000 0000") + bytes(20)
    segment.video(nothing, 0, True, 65_499, START)
    end = record(segment, 2, {}, pictures([RED] * 50), START)
    segment.close(end, WALL)
    assert len(see(tmp_path / "0001-video.webm")) == 50


def test_timestamps_from_the_future_do_not_move_what_comes_after(tmp_path: Path) -> None:
    """Between the first packet of a picture and its last there is one of three hours later."""
    segment = Segment(tmp_path, "r1", START, WALL)
    frames, picture = pictures([RED] * 50, key_every=1), Picture(timestamp=0, sequence=0)
    for number, frame in enumerate(frames):
        (packet,) = picture.packets(frame, number * 0.04)
        payload, timestamp, marker, sequence = packet
        now = START + number * 0.04
        if number == 10:
            segment.video(payload, timestamp + (1 << 30), marker, sequence + 1, now)
        segment.video(*packet, now + 0.01)
    files = segment.close(START + 2, WALL)
    assert files[0].media_ms < 2_200
    seen = see(tmp_path / "0001-video.webm")
    assert seen[40][0] == pytest.approx(1.6, abs=0.1)


def test_pictures_that_cannot_be_decoded_do_not_fill_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody who shares a screen may send nothing else, a thousand a second."""
    segment = Segment(tmp_path, "r1", START, WALL)
    key_frame = bytes.fromhex("0c824983420027f01670") + bytes(60)
    with caplog.at_level("INFO"):
        for number in range(300):
            segment.video(key_frame, number * 90, True, number, START + number / 1000, "vp9")
    assert len(caplog.records) == LOGGED
    segment.close(START + 1, WALL)
    ended = journal.read(tmp_path / "0001.journal")[-1]
    assert isinstance(ended, Ended)
    assert ended.dropped_pictures >= 300
