"""The recorder writes beside the loop, survives a kill, and tells of a full or stalled disk."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from server.media.recording import journal, recorder
from server.media.recording.journal import Beat, Ended
from server.media.recording.recorder import CannotRecordError, Recorder
from server.media.wire.opus import FRAME
from tests import privileges
from tests.media.material import BLUE, RED, Picture, alike, hear, pictures, see, tone


class Told:
    """What a recorder calls back."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, str]] = []
        self.key_frames = 0
        self.event = asyncio.Event()

    def failed(self, code: str, message: str) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.failures.append((code, message))
        self.event.set()

    def key_frame(self) -> None:
        self.key_frames += 1


async def _feed(to: Recorder, voice: list[bytes], frames: list[bytes]) -> None:
    picture, start = Picture(), time.monotonic()
    for number, packet in enumerate(voice):
        now = time.monotonic()
        to.on_audio("an", packet, number * FRAME, now)
        if number % 2 == 0 and number // 2 < len(frames):
            for part in picture.packets(frames[number // 2], number * 0.02):
                to.on_video(*part, now)
        await asyncio.sleep(max(0.0, start + (number + 1) * 0.02 - time.monotonic()))


async def test_a_recording_in_real_time(tmp_path: Path) -> None:
    told, voice, frames = Told(), tone(440, 2), pictures([RED] * 25 + [BLUE] * 25)
    to = await Recorder.start(tmp_path / "new" / "r1", "r1", told.failed, told.key_frame)
    to.on_programme("an", "camera")
    await _feed(to, voice, frames)
    files = await to.close()
    assert files == await to.close()

    where = tmp_path / "new" / "r1"
    assert to.segment == 1
    assert [file.name for file in files] == ["0001-video.webm", "0001-audio.webm"]
    assert [sha256((where / file.name).read_bytes()).hexdigest() for file in files] == [file.sha256 for file in files]
    assert hear(where / "0001-audio.webm").hertz(0.5, 1.5) == pytest.approx([440], abs=5)
    assert alike(see(where / "0001-video.webm")[45][1], BLUE)
    assert told.failures == []
    to.on_audio("an", b"late", 0, time.monotonic())  # after the end nothing happens


async def test_a_key_frame_is_asked_for(tmp_path: Path) -> None:
    told = Told()
    to = await Recorder.start(tmp_path, "r1", told.failed, told.key_frame)
    began = time.monotonic()
    await _feed(to, tone(440, 0.5), pictures([RED] * 25)[1:])
    assert 1 <= told.key_frames <= 1 + (time.monotonic() - began)
    assert [file.name for file in await to.close()] == ["0001-audio.webm"]


def test_kill_9_loses_less_than_a_second(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.media.recording_process", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        given = 0
        while given < 4300:
            given = int(process.stdout.readline())
        process.kill()
    sound, seen = hear(tmp_path / "0001-audio.webm"), see(tmp_path / "0001-video.webm")
    assert given / 1000 - sound.samples.size / 48_000 < 1
    assert given / 1000 - seen[-1][0] < 1
    assert sound.hertz(1, 3) == pytest.approx([440], abs=5)
    beats = [line for line in journal.read(tmp_path / "0001.journal") if isinstance(line, Beat)]
    assert len(beats) >= 3
    for file in beats[-1].files:
        assert sha256((tmp_path / file.name).read_bytes()[: file.bytes]).hexdigest() == file.sha256
        assert file.bytes > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 384 KB."""
    with privileges.small_disk(tmp_path / "disk", "384k") as disk:
        yield disk


async def test_a_full_disk_ends_the_recording_and_keeps_what_was_written(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "LEAST_FREE", 0)
    told = Told()
    to = await Recorder.start(small_disk, "r1", told.failed)
    (small_disk / "other").write_bytes(bytes(250 << 10))
    feeding = asyncio.create_task(_feed(to, tone(440, 10), pictures([RED, BLUE] * 125, (640, 360), key_every=1)))
    await asyncio.wait_for(told.event.wait(), 12)
    feeding.cancel()
    files = await to.close()
    assert [code for code, _ in told.failures] == ["disk_full"]
    for file in files:
        content = (small_disk / file.name).read_bytes()
        assert (len(content), sha256(content).hexdigest()) == (file.bytes, file.sha256)
    ended = journal.read(small_disk / "0001.journal")[-1]
    assert isinstance(ended, Ended)
    assert (ended.reason, ended.files) == ("disk_full", files)
    assert see(small_disk / "0001-video.webm")


async def test_a_disk_that_is_full_already_is_refused(small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(300 << 10))
    with pytest.raises(CannotRecordError) as refused:
        await Recorder.start(small_disk, "r1", print)
    assert refused.value.code == "disk_full"


def test_a_file_that_may_not_grow_ends_the_recording(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.media.recording_process", str(tmp_path), "12000"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=30, check=True).stdout.splitlines()
    assert any(line.startswith("failed disk_full") for line in lines)
    files = [line.split()[1:] for line in lines if line.startswith("file ")]
    assert files
    for name, size, digest in files:
        content = (tmp_path / name).read_bytes()
        assert (str(len(content)), sha256(content).hexdigest()) == (size, digest)
    assert isinstance(journal.read(tmp_path / "0001.journal")[-1], Ended)


async def test_where_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotRecordError) as refused:
        await Recorder.start(tmp_path / "file" / "r1", "r1", print)
    assert refused.value.code == "cannot_write"


async def test_pictures_that_take_too_long_are_left_out_and_hold_up_neither_sound_nor_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who shares a screen may send pictures of 9 megapixels that cost 70 ms each and 130 bytes, a thousand a second."""
    monkeypatch.setattr(recorder, "TOO_LATE", 0.2)
    told, seen = Told(), []
    to = await Recorder.start(tmp_path, "r1", told.failed)
    video, advance, turns = to._segment.video, to._segment.advance, []

    def slowly(*packet: object) -> None:
        seen.append(packet)
        time.sleep(0.02)

    monkeypatch.setattr(to._segment, "video", slowly)
    monkeypatch.setattr(to._segment, "advance", lambda *now: (turns.append(now), advance(*now)))
    begin, fed = time.monotonic(), 0
    while time.monotonic() - begin < 2:
        to.on_video(b"\x10", fed, True, fed & 0xFFFF, time.monotonic())
        fed += 1
        await asyncio.sleep(0.002)
    assert len(turns) >= 3
    assert len(seen) < fed
    assert len(to._queue) < fed / 2
    assert not told.failures
    monkeypatch.setattr(to._segment, "video", video)
    await to.close()


async def test_a_stalled_disk_ends_the_recording_and_not_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_QUEUED", 20_000)
    told, stall = Told(), threading.Event()
    to = await Recorder.start(tmp_path, "r1", told.failed)
    monkeypatch.setattr(to._segment, "advance", lambda *_: stall.wait(20))
    for number in range(300):
        to.on_audio("an", bytes(200), number * FRAME, time.monotonic())
        await asyncio.sleep(0.001)
    assert told.failures == [("cannot_write", "the disk has stalled")]
    stall.set()
    assert [file.name for file in await to.close()] == ["0001-audio.webm"]
    ended = journal.read(tmp_path / "0001.journal")[-1]
    assert isinstance(ended, Ended)
    assert ended.reason == "cannot_write"
