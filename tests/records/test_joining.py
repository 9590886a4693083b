"""Joining real segments: lips stay with voices, gaps are declared, a crash is recovered, twice gives the same."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from msgspec.structs import replace

from server.config import ROOT
from server.demo_recording import make_demo_recording
from server.media.recording.segment import Segment
from server.records.facts import AgendaFacts, PersonFacts, RecordingFacts, SpeechFacts
from server.records.joining import JoinError, join
from tests.media.material import (
    BLUE,
    GREEN,
    RED,
    Colour,
    Picture,
    Sound,
    alike,
    hear,
    pictures,
    record,
    see,
    tone,
)
from tests.privileges import small_disk
from tests.records.making import BEGIN, ended

pytestmark = pytest.mark.sqlite_only


def second(number: float) -> dt.datetime:
    return BEGIN + dt.timedelta(seconds=number)


def times(path: Path, kind: str) -> list[float]:
    with av.open(str(path)) as file:
        stream = getattr(file.streams, kind)[0]
        return [float(packet.pts * packet.time_base) for packet in file.demux(stream) if packet.pts is not None]


def cut_off(folder: Path, number: int = 1) -> None:
    """Make of a segment what kill -9 leaves: no last line, files that end anywhere."""
    journal = folder / f"{number:04}.journal"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]) + b'{"line":"be')
    for track in ("video", "audio"):
        file = folder / f"{number:04}-{track}.webm"
        file.write_bytes(file.read_bytes()[:-1500])


def recordings(*spans: tuple[float, float]) -> list[RecordingFacts]:
    return [
        RecordingFacts(id=f"r{n}", directory=f"rec-{n}", started_at=second(start), stopped_at=second(stop))
        for n, (start, stop) in enumerate(spans, start=1)
    ]


@pytest.fixture
def meeting(district: Any, root: Path) -> Any:
    """Recorded for 6 s, and after a pause of 3 s for another 4 s; the second item begins in the pause."""
    make_demo_recording(root / "rec-1", BEGIN, 6)
    make_demo_recording(root / "rec-2", second(9), 4)
    agenda = [
        AgendaFacts(title="Một", started_at=second(-60), ended_at=second(7)),
        AgendaFacts(title="Hai", started_at=second(7), ended_at=second(60)),
        AgendaFacts(title="Sau", started_at=second(50)),
        AgendaFacts(title="Chưa"),
    ]
    speeches = [SpeechFacts(name="Bình", unit_name="Cam Thủy", started_at=second(10), ended_at=second(12))]
    return ended(district, agenda=agenda, speeches=speeches, recordings=recordings((0, 6), (9, 13)))


def test_two_segments_become_one_file(meeting: Any, root: Path) -> None:
    made = join(root, "record-1", meeting)
    assert made.duration_ms == 10_000
    assert [(c.start_ms, c.title, c.kind) for c in made.chapters] == [
        (0, "Một", "agenda"),
        (6000, "Hai", "agenda"),
        (7000, "Cam Thủy · Bình", "speaker"),
    ]
    assert [(g.at_ms, g.started_at, g.ended_at, g.reason) for g in made.gaps] == [
        (6000, second(6), second(9), "paused")
    ]
    playable = root / made.playable
    video, audio = times(playable, "video"), times(playable, "audio")
    assert (video[0], video[30]) == (pytest.approx(0, abs=0.01), pytest.approx(6, abs=0.01))
    assert len(video) == 50
    assert len(audio) == 500
    assert audio[300] == pytest.approx(6, abs=0.02)
    assert list((root / "record-1").iterdir()) == [playable]


def test_a_picture_that_begins_late_stays_with_its_sound(district: Any, root: Path) -> None:
    make_demo_recording(root / "rec-1", BEGIN, 4)
    late = root / "rec-1/0001-video.webm"
    with av.open(str(late)) as source, av.open(str(root / "late.webm"), "w") as target:
        track = target.add_mux_stream("vp8", rate=30, width=640, height=360)
        for packet in source.demux(video=0):
            if packet.pts is not None and packet.pts * packet.time_base >= 2:
                packet.stream = track
                target.mux(packet)
    (root / "late.webm").replace(late)
    made = join(root, "record-1", ended(district))
    assert times(root / made.playable, "video")[:2] == pytest.approx([0, 2], abs=0.02)  # dark until then
    assert times(root / made.playable, "audio")[0] == pytest.approx(0, abs=0.02)


def test_a_crash_is_recovered_and_declared(district: Any, root: Path) -> None:
    make_demo_recording(root / "rec-1", BEGIN, 6)
    make_demo_recording(root / "rec-1", second(9), 4)
    cut_off(root / "rec-1")
    made = join(root, "record-1", ended(district, recordings=recordings((0, 13))))
    recovered = [file for file in made.files if file.recovered]
    assert {file.segment for file in recovered} == {1}
    audio = next(file for file in recovered if file.name.endswith("audio.webm"))
    assert 4000 < audio.media_ms < 6000
    gap = made.gaps[0]
    assert (gap.reason, gap.ended_at, gap.at_ms) == ("crash", second(9), made.duration_ms - 4000)
    assert second(4) < gap.started_at < second(6)
    assert len(times(root / made.playable, "audio")) > 400


def test_a_crash_at_the_end_is_a_gap_to_the_stop(meeting: Any, root: Path) -> None:
    cut_off(root / "rec-2")
    made = join(root, "record-1", replace(meeting, recordings=recordings((0, 6), (9, 20))))
    assert [(gap.reason, gap.ended_at) for gap in made.gaps] == [("paused", second(9)), ("crash", second(20))]


def test_sound_alone(district: Any, root: Path) -> None:
    put(root, 0, 440, [], seconds=3)
    made = join(root, "record-1", ended(district, recordings=recordings((0, 3))))
    assert (made.media_type, made.playable) == ("audio/webm", "record-1/programme.webm")
    assert len(times(root / made.playable, "audio")) == 150
    assert (made.problems, made.gaps) == ([], [])


def test_a_picture_alone(district: Any, root: Path) -> None:
    make_demo_recording(root / "rec-1", BEGIN, 3)
    (root / "rec-1/0001-audio.webm").unlink()
    made = join(root, "record-1", ended(district, recordings=recordings((0, 3))))
    assert made.media_type == "video/webm"
    assert len(times(root / made.playable, "video")) == 15
    assert [problem.what for problem in made.problems] == ["missing"]


def test_doing_it_again_gives_the_same(meeting: Any, root: Path) -> None:
    cut_off(root / "rec-2")
    first = join(root, "record-1", meeting)
    (root / "record-1/work.part").mkdir()  # interrupted, and begun anew
    (root / "record-1/work.part/programme.webm").write_bytes(b"half")
    assert join(root, "record-1", meeting) == first
    assert not (root / "record-1/work.part").exists()


def test_nothing_was_recorded(district: Any, root: Path) -> None:
    with pytest.raises(JoinError):
        join(root, "record-1", ended(district))


def damage(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


@pytest.mark.parametrize(("content", "what"), [(b"no media", "size"), (b"", "size"), (None, "missing")])
@pytest.mark.parametrize("track", ["audio", "video"])
def test_a_lost_file_does_not_lose_the_rest(meeting: Any, root: Path, track: str, content: bytes, what: str) -> None:
    damage(root / f"rec-1/0001-{track}.webm", content)
    made = join(root, "record-1", meeting)
    assert [(problem.name, problem.what) for problem in made.problems] == [(f"rec-1/0001-{track}.webm", what)]
    assert made.duration_ms == pytest.approx(10_000, abs=200)
    video, audio = (times(root / made.playable, kind) for kind in ("video", "audio"))
    assert len([at for at in video if at >= made.gaps[0].at_ms / 1000 - 0.01]) == 20
    assert max(b - a for a, b in pairwise(audio)) < 0.03  # no hole in the sound: silence where there is none
    assert len(made.files) == 7  # three masters each, and what is made of them
    assert {file.role for file in made.files if track in file.name} == {"master"}


def test_a_file_that_was_cut_later_leaves_a_gap(district: Any, root: Path) -> None:
    put(root, 0, 440, [RED] * 200, seconds=8)
    for path in (root / "rec-1").glob("*.webm"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    made = join(root, "record-1", ended(district, recordings=recordings((0, 8))))
    assert [problem.what for problem in made.problems] == ["size", "size"]
    assert [(gap.reason, gap.ended_at) for gap in made.gaps] == [("damaged", second(8))]
    assert 3000 < made.duration_ms < 5000


def test_a_changed_file_is_named_and_kept_under_its_own_sum(meeting: Any, root: Path) -> None:
    before = join(root, "record-1", meeting)
    path = root / "rec-1/0001-video.webm"
    content = bytearray(path.read_bytes())
    content[-3000] ^= 1
    path.write_bytes(content)
    made = join(root, "record-1", meeting)
    assert [(p.name, p.what) for p in made.problems] == [("rec-1/0001-video.webm", "changed")]
    assert made.merkle_root == before.merkle_root


def test_the_journal_proves_the_beginning_of_what_a_crash_left(meeting: Any, root: Path) -> None:
    cut_off(root / "rec-1")
    assert join(root, "record-1", meeting).problems == []
    path = root / "rec-1/0001-audio.webm"
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    made = join(root, "record-1", meeting)
    assert [(p.name, p.what) for p in made.problems] == [("rec-1/0001-audio.webm", "changed")]


def test_masters_are_not_touched(meeting: Any, root: Path) -> None:
    cut_off(root / "rec-2")
    masters = [path for number in (1, 2) for path in (root / f"rec-{number}").iterdir()]
    before = {path: (sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in masters}
    made = join(root, "record-1", meeting)
    assert before == {path: (sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in masters}
    lines = {root / file.name: file.sha256 for file in made.files if file.role == "master"}
    assert lines == {path: sha for path, (sha, _) in before.items()}
    for file in made.files:
        assert sha256((root / file.name).read_bytes()).hexdigest() == file.sha256


def test_without_a_journal_the_files_tell_when(meeting: Any, root: Path) -> None:
    (root / "rec-2/0001.journal").unlink()
    for path in (root / "rec-2").iterdir():
        os.utime(path, (second(13).timestamp(),) * 2)
    made = join(root, "record-1", meeting)
    assert made.duration_ms == pytest.approx(10_000, abs=50)
    assert made.gaps[0].ended_at == pytest.approx(second(9), abs=dt.timedelta(milliseconds=50))


def test_a_full_disk_is_said_before_it_is_full(meeting: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(JoinError, match="disk_full"):
        join(root, "record-1", meeting)
    assert list((root / "record-1").iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing_half(
    meeting: Any, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with small_disk(root / "record-1", "100k") as disk:
        with pytest.raises(JoinError, match="disk_full"):
            join(root, "record-1", meeting)
        assert list(disk.iterdir()) == []


def test_speakers_are_those_heard_where_nobody_was_given_the_floor(district: Any, root: Path) -> None:
    make_demo_recording(root / "rec-1", BEGIN, 20, ("p7", "p9"))
    cam_thuy = district.unit("19606")
    people = [PersonFacts(name="Bình", unit_id=cam_thuy, participant="p9"), PersonFacts(name="An", unit_id=1)]
    made = join(root, "record-1", ended(district, people=people, agenda=[], recordings=recordings((0, 20))))
    assert [(c.title, c.kind) for c in made.chapters] == [("Xã Cam Thủy · Bình", "speaker")]
    assert made.chapters[0].start_ms == pytest.approx(10_000, abs=1000)


# ---- what is seen and heard


def put(root: Path, after: float, hertz: float, colours: list[Colour], **options: Any) -> None:
    """Record a segment of rec-1 that begins `after` seconds after BEGIN: a tone, and 25 pictures a second."""
    segment = Segment(root / "rec-1", "r1", 100.0, second(after))
    seconds = options.get("seconds", 4)
    voices = {"an": tone(hertz, seconds)} if hertz else {}
    segment.close(record(segment, seconds, voices, pictures(colours, options.get("size", (320, 180)))), second(after))


def test_colours_and_tones_are_those_that_went_in(district: Any, root: Path) -> None:
    put(root, 0, 440, [RED] * 50 + [BLUE] * 50)
    put(root, 10, 880, [GREEN] * 100, size=(640, 360))
    put(root, 20, 660, [])
    put(root, 30, 550, [BLUE] * 50)
    made = join(root, "record-1", ended(district, recordings=recordings((0, 34))))
    assert made.duration_ms == pytest.approx(16_000, abs=50)
    assert [gap.at_ms for gap in made.gaps] == [4000, 8000, 12_000]
    sound, seen = hear(root / made.playable), see(root / made.playable)
    for begin, hertz in ((0, 440), (4, 880), (8, 660), (12, 550)):
        assert sound.hertz(begin + 0.1, begin + 3.9) == pytest.approx([hertz], abs=5)
    dark = (24, 24, 24)
    for begin, end, colour in ((0, 2, RED), (2, 4, BLUE), (4, 8, GREEN), (8, 12, dark), (12, 14, BLUE)):
        inside = [shown for at, shown in seen if begin + 0.04 < at < end - 0.04]
        if colour == dark:
            inside = [shown for at, shown in seen if begin - 0.04 < at < end - 0.04]
        assert inside
        assert all(alike(shown, colour) for shown in inside), (begin, inside[0])


def test_lips_match_voices_after_a_join(district: Any, root: Path) -> None:
    """In each segment the picture turns blue when the tone begins; the third was cut off by a crash."""
    silent, loud = [bytes.fromhex("f8fffe")] * 100, tone(700, 2)
    for after in (0, 10, 20):
        segment = Segment(root / "rec-1", "r1", 100.0, second(after))
        segment.close(record(segment, 4, {"an": silent + loud}, pictures([RED] * 50 + [BLUE] * 50)), second(after))
    cut_off(root / "rec-1", 2)
    made = join(root, "record-1", ended(district, recordings=recordings((0, 24))))
    sound, seen = hear(root / made.playable), see(root / made.playable)
    third = (made.gaps[1].at_ms, made.duration_ms)
    for begin, end in ((0.0, 4.0), (4.0, made.gaps[1].at_ms / 1000), (third[0] / 1000, third[1] / 1000)):
        blue = next(at for at, colour in seen if begin + 1 < at < end and alike(colour, BLUE))
        part = Sound(sound.between(begin + 1, end), begin + 1)
        assert abs(part.onset() - blue) < 0.08


def test_a_picture_that_begins_late_or_stops_early(district: Any, root: Path) -> None:
    segment = Segment(root / "rec-1", "r1", 100.0, BEGIN)
    frames, picture = pictures([RED] * 50), Picture()
    for tick, packet in enumerate(tone(440, 10)):
        segment.audio("an", packet, tick * 960, 100 + tick * 0.02)
        if tick % 2 == 0 and 150 <= tick < 250:
            for packets in picture.packets(frames[(tick - 150) // 2], tick * 0.02):
                segment.video(*packets, 100 + tick * 0.02)
        segment.advance(100 + tick * 0.02, BEGIN)
    segment.close(110, BEGIN)
    made = join(root, "record-1", ended(district, recordings=recordings((0, 10))))
    seen = see(root / made.playable)
    assert [round(at, 1) for at, colour in seen if not alike(colour, RED)][:2] == pytest.approx([0, 5.0], abs=0.1)
    assert next(at for at, colour in seen if alike(colour, RED)) == pytest.approx(3, abs=0.05)
    assert hear(root / made.playable).hertz(0.1, 9.9) == pytest.approx([440], abs=5)


@pytest.mark.parametrize("without", ["ffmpeg on PATH", "nothing"])
def test_an_index_stands_at_the_front(meeting: Any, root: Path, monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    if without != "nothing":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    playable = root / join(root, "record-1", meeting).playable
    content = playable.read_bytes()
    assert content.index(b"\x1c\x53\xbb\x6b", 60) < content.index(b"\x1f\x43\xb6\x75")  # Cues, then a cluster
    with av.open(str(playable)) as file:
        file.seek(8_000_000)
        assert next(p for p in file.demux(video=0)).pts == 8000


def test_kill_loses_less_than_two_seconds(district: Any, root: Path) -> None:
    """A process that records in real time is killed; what it had heard by then is in the record but for its end."""
    program = (
        "import sys, time, datetime as dt; from pathlib import Path\n"
        "from server.media.recording.segment import Segment\n"
        "from tests.media.material import *\n"
        "voice, frames, picture = tone(440, 30), pictures([RED] * 250), Picture()\n"
        "start = time.monotonic()\n"
        "segment = Segment(Path(sys.argv[1]), 'r1', start, dt.datetime.now(dt.UTC))\n"
        "for tick in range(1500):\n"
        "    at = tick * 0.02\n"
        "    time.sleep(max(0, start + at - time.monotonic()))\n"
        "    segment.audio('an', voice[tick], tick * 960, time.monotonic())\n"
        "    if tick % 2 == 0:\n"
        "        for p in picture.packets(frames[tick // 2 % 250], at): segment.video(*p, time.monotonic())\n"
        "    segment.advance(time.monotonic(), dt.datetime.now(dt.UTC))\n"
        "    if tick == 0: print('on', flush=True)\n"
    )
    folder = root / "rec-1"
    process = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout
    process.stdout.readline()
    started = dt.datetime.now(dt.UTC)
    time.sleep(5.3)
    process.kill()
    killed = dt.datetime.now(dt.UTC)
    process.wait()
    facts = [
        RecordingFacts(id="r1", directory="rec-1", started_at=started, stopped_at=killed + dt.timedelta(seconds=9))
    ]
    made = join(root, "record-1", ended(district, recordings=facts, ended_at=killed + dt.timedelta(seconds=9)))
    assert [gap.reason for gap in made.gaps] == ["crash"]
    assert dt.timedelta(0) < killed - made.gaps[0].started_at < dt.timedelta(seconds=2)
    assert made.gaps[0].at_ms == pytest.approx(made.duration_ms, abs=120)
    assert len([file for file in made.files if file.recovered]) == 2
    assert made.problems == []
    assert hear(root / made.playable).hertz(0.5, 3) == pytest.approx([440], abs=5)
