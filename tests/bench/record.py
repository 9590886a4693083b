"""The recorder: CPU while it writes three voices and a 720p picture, and how soon a meeting of two hours can be played.

The two hours are written at once by the recorder's own parts, as they would be on disk at the meeting's end; then runs
what the archiver does from there to the file that a player opens.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from server.media.recording.journal import Beat, Begun, Ended, Journal
from server.media.recording.recorder import Recorder
from server.media.recording.webm import WebmFile
from server.media.wire.opus import FRAME
from server.records.facts import EndedMeeting, RecordingFacts
from server.records.joining import join
from tests.bench.figures import Figure
from tests.media.material import BLUE, RED, WALL, Picture, pictures, tone

SIZE = (1280, 720)
FRAME_BYTES = 5000  # 25 a second: 1 Mbit/s
KEY_EVERY = 250  # frames
VOICES = {"an": 300.0, "binh": 450.0, "chi": 800.0}  # Hz


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--seconds", type=float, default=20, help="how long to record in real time")
    parser.add_argument("--minutes", type=float, default=120, help="length of the meeting to join")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="a disk to measure (default: the temporary folder)")


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """CPU first, then the joining."""
    frames = _frames()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        share = await _cpu_share(Path(name), options.seconds, frames)
        yield Figure("record.cpu_share", round(share, 4), "cores", 1)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        root = Path(name)
        meeting = _write_meeting(root, round(options.minutes * 60), frames)
        spent = sorted([_join(root, meeting) for _ in range(options.runs)])
    yield Figure("record.playable_s", round(spent[len(spent) // 2], 2), "s", len(spent))


def _frames() -> list[bytes]:
    """Ten seconds of pictures; they are padded to a meeting's usual rate, which nobody decodes here."""
    noise = random.Random(1)
    frames = pictures([RED] * 125 + [BLUE] * 125, SIZE, key_every=KEY_EVERY)
    return [frame + noise.randbytes(max(0, FRAME_BYTES - len(frame))) for frame in frames]


async def _cpu_share(directory: Path, seconds: float, frames: list[bytes]) -> float:
    """Cores that a recording takes, in real time; the feeding itself is in it."""
    voices, picture = {name: tone(hertz, 2) for name, hertz in VOICES.items()}, Picture()
    packets = [list(picture.packets(frame, number * 0.04)) for number, frame in enumerate(frames)]
    recorder = await Recorder.start(directory, "bench", lambda code, message: None)
    begin, used, number = time.monotonic(), time.process_time(), 0
    while number < seconds * 50:
        now = time.monotonic()
        for name, voice in voices.items():
            recorder.on_audio(name, voice[number % len(voice)], number * FRAME, now)
        for payload, _timestamp, marker, sequence in packets[number // 2 % len(packets)] if number % 2 == 0 else ():
            turn = number // 2 // len(packets) * sum(map(len, packets))
            recorder.on_video(payload, number * 1800, marker, sequence + turn & 0xFFFF, now)
        number += 1
        await asyncio.sleep(max(0.0, begin + number * 0.02 - time.monotonic()))
    files = await recorder.close()
    if recorder.failed or len(files) != 2 or min(file.media_ms for file in files) < 1000 * seconds - 500:
        raise RuntimeError(f"the recording is not whole: {files}")
    return (time.process_time() - used) / seconds


def _write_meeting(root: Path, seconds: int, frames: list[bytes]) -> EndedMeeting:
    """One segment of the length, and what the archive would be told of it."""
    directory = root / "meeting"
    directory.mkdir()
    journal = Journal(directory / "0001.journal")
    journal.write(Begun(recording="r1", segment=1, wall=WALL))
    video = WebmFile(directory / "0001-video.webm", "vp8", *SIZE)
    audio = WebmFile(directory / "0001-audio.webm", "opus")
    voice = tone(VOICES["an"], 20)
    for second in range(seconds):
        for number in range(second * 25, second * 25 + 25):
            place = number % len(frames)
            video.add(frames[place], number * 40, 40, place % 125 == 0)
        for number in range(second * 50, second * 50 + 50):
            audio.add(voice[number % len(voice)], number * 20, 20, True)
        wall = WALL + dt.timedelta(seconds=second + 1)
        files = [video.state, audio.state]
        journal.write(Beat(media_ms=1000 * second + 1000, wall=wall, files=files, voices=["an"]))
    end = WALL + dt.timedelta(seconds=seconds)
    journal.close(Ended(media_ms=1000 * seconds, wall=end, files=[video.close(), audio.close()]))
    recording = RecordingFacts(id="r1", directory="meeting", started_at=WALL, stopped_at=end)
    return EndedMeeting(
        id=1,
        title="Giao ban",
        started_at=WALL,
        ended_at=end,
        unit_id=1,
        unit_name="UBND huyện Cam Lộ",
        chair="An",
        recordings=[recording],
    )


def _join(root: Path, meeting: EndedMeeting) -> float:
    """Seconds from the meeting's end to the file that a player opens."""
    begin = time.monotonic()
    archived = join(root, "record", meeting)
    spent = time.monotonic() - begin
    if abs(archived.duration_ms - 1000 * (meeting.ended_at - meeting.started_at).total_seconds()) > 1000:
        raise RuntimeError(f"joined {archived.duration_ms} ms")
    shutil.rmtree(root / "record")
    return spent
