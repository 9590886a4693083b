"""The recordings that run: one a room at most, each a sink of its room."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from server.media.protocol import Event, RecordingClosed, RecordingFailed
from server.media.recording.recorder import CannotRecordError, Recorder
from server.media.room import Room

log = logging.getLogger(__name__)


class Recordings:
    """Starts and stops them; a recording that fails by itself leaves its room and is told by `tell`."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._running: dict[str, tuple[Room, Recorder]] = {}
        self._starting: set[str] = set()

    def of(self, room: str) -> str | None:
        """The recording of a room that runs."""
        found = self._running.get(room)
        return found[1].recording if found and not found[1].failed else None

    async def start(self, room: Room, recording: str, directory: Path) -> None:
        """Record from now on. Raises CannotRecordError (`already_recording`, `disk_full`, `cannot_write`)."""
        if self.of(room.name) is not None or room.name in self._starting:
            raise CannotRecordError("already_recording", room.name)
        self._starting.add(room.name)
        try:
            await self.stop(room.name)
            recorder = await Recorder.start(
                directory,
                recording,
                lambda code, message: self._failed(room, recording, code, message),
                lambda: room.screening.refresh(time.monotonic()),
            )
        finally:
            self._starting.discard(room.name)
        self._running[room.name] = (room, recorder)
        room.screening.begin(recorder, time.monotonic())
        log.info("%s: recording %s, segment %d", room.name, recording, recorder.segment)

    async def stop(self, room: str, recording: str | None = None) -> RecordingClosed | None:
        """Complete the files of the room's recording; None when there is none, or not this one."""
        found = self._running.get(room)
        if found is None or recording not in (None, found[1].recording):
            return None
        place, recorder = self._running.pop(room)
        if recorder in place.sinks:
            place.screening.end(recorder, time.monotonic())
        files = await recorder.close()
        log.info("%s: recording %s closed, %d files", room, recorder.recording, len(files))
        return RecordingClosed(room=room, recording=recorder.recording, segment=recorder.segment, files=files)

    async def stop_all(self) -> None:
        """Complete all files; the process ends."""
        for room in list(self._running):
            await self.stop(room)

    def _failed(self, room: Room, recording: str, code: str, message: str) -> None:
        """It stays in the table until it is stopped, so that its files are told of."""
        found = self._running.get(room.name)
        if found is not None and found[1] in room.sinks:
            room.screening.end(found[1], time.monotonic())
        log.error("%s: recording %s ended by itself: %s %s", room.name, recording, code, message)
        self._tell(RecordingFailed(room=room.name, recording=recording, code=code, message=message))
