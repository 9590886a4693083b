"""The recorder: a sink of a room that writes the programme to disk in a thread of its own.

The event loop only puts packets into a queue; a thread takes them ten times a second, mixes, encodes and writes, so
that a slow disk never delays the packets of a meeting. A disk that fails or stalls ends the recording, never the
meeting: `on_failed` is called in the loop, and what was written stays.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import math
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.media.protocol import Codec, RecordingFile
from server.media.recording.segment import Segment, error_code

log = logging.getLogger(__name__)

PERIOD = 0.1  # s between two turns of the thread
TOO_LATE = 8.0  # s after which a picture is left out: somebody's take longer to translate than they last
MOST_QUEUED = 16 << 20  # bytes; the disk has stalled for a minute or more
LEAST_FREE = 1 << 20  # bytes without which a recording does not begin
ASK_EVERY = 1.0  # s between two wishes for a key frame


class CannotRecordError(Exception):
    """The recording does not begin; `code` is `disk_full` or `cannot_write`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Recorder:
    """A running recording. Made by `start`; every method belongs to the event loop's thread.

    `on_failed(code, message)` is called once if writing ends by itself; `on_key_frame_wanted()` at most each second
    while the picture cannot be written without a key frame.
    """

    def __init__(
        self,
        segment: Segment,
        recording: str,
        on_failed: Callable[[str, str], None],
        on_key_frame_wanted: Callable[[], None] | None = None,
    ) -> None:
        self.recording = recording
        self.segment = segment.number
        self.failed = False
        self._segment = segment
        self._on_failed = on_failed
        self._on_key_frame_wanted = on_key_frame_wanted
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[Callable[..., None], tuple[Any, ...], int, float]] = deque()
        self._put = self._taken = 0  # bytes; each is changed by one thread only
        self._key_frame_asked = float("-inf")
        self._reason = ""  # why writing ended by itself
        self._stop = threading.Event()
        self._files: list[RecordingFile] = []
        self._thread = threading.Thread(target=self._run, name=f"recorder-{recording}", daemon=True)
        self._thread.start()

    @classmethod
    async def start(
        cls,
        directory: Path,
        recording: str,
        on_failed: Callable[[str, str], None],
        on_key_frame_wanted: Callable[[], None] | None = None,
    ) -> Recorder:
        """Begin the next segment in `directory`. Raises CannotRecordError."""
        try:
            segment = await asyncio.to_thread(_begin, directory, recording)
        except OSError as error:
            raise CannotRecordError(error_code(error), str(error)) from error
        return cls(segment, recording, on_failed, on_key_frame_wanted)

    def on_audio(self, participant: str, payload: bytes, rtp_timestamp: int, arrival: float) -> None:
        """One Opus packet of somebody who may be heard (48 kHz)."""
        self._enqueue(self._segment.audio, (participant, payload, rtp_timestamp, arrival), len(payload))

    def on_video(
        self, payload: bytes, rtp_timestamp: int, marker: bool, sequence: int, arrival: float, codec: Codec = "vp8"
    ) -> None:
        """One RTP payload of the programme (with its descriptor, 90 kHz)."""
        packet = (payload, rtp_timestamp, marker, sequence, arrival, codec)
        self._enqueue(self._segment.video, packet, len(payload), arrival + TOO_LATE)

    def on_programme(self, source: str | None, kind: str) -> None:
        """The programme shows this from now on."""
        self._enqueue(self._segment.programme, (source, kind, time.monotonic()), 0)

    async def close(self) -> list[RecordingFile]:
        """Write what is queued, complete the files; a second call gives the same answer."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)
        return self._files

    def _enqueue(
        self, write: Callable[..., None], arguments: tuple[Any, ...], size: int, until: float = math.inf
    ) -> None:
        if self.failed or self._stop.is_set():
            return
        self._queue.append((write, arguments, size, until))
        self._put += size
        if self._put - self._taken > MOST_QUEUED:
            self._reason = "cannot_write"
            self._stop.set()
            self._tell_failed(self._reason, "the disk has stalled")

    def _tell_failed(self, code: str, message: str) -> None:
        if not self.failed:
            self.failed = True
            self._on_failed(code, message)

    # ---- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        problem = ""
        try:
            while not self._stop.wait(PERIOD):
                self._turn()
            self._turn()
        except OSError as error:
            self._reason, problem = error_code(error), str(error)
        except Exception as error:  # whatever it is, the files are closed and the chair is told
            log.exception("recording %s", self.recording)
            self._reason, problem = "cannot_write", repr(error)
        self._files = self._segment.close(time.monotonic(), _utc_now(), self._reason)
        if problem:
            log.warning("recording %s: %s: %s", self.recording, self._reason, problem)
            self._loop.call_soon_threadsafe(self._tell_failed, self._reason, problem)

    def _turn(self) -> None:
        for _ in range(len(self._queue)):  # what comes meanwhile waits until the sound was written
            write, arguments, size, until = self._queue.popleft()
            if time.monotonic() < until:
                write(*arguments)
            self._taken += size
        now = time.monotonic()
        self._segment.advance(now, _utc_now())
        wanted = self._on_key_frame_wanted
        if wanted is not None and self._segment.needs_key_frame and now - self._key_frame_asked > ASK_EVERY:
            self._key_frame_asked = now
            self._loop.call_soon_threadsafe(wanted)


def _begin(directory: Path, recording: str) -> Segment:
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE:
        raise CannotRecordError("disk_full", f"{free} bytes are free")
    return Segment(directory, recording, time.monotonic(), _utc_now())


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
