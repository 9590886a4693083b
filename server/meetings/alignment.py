"""Keeps the media nodes in line with the database, which is the truth.

After each change of a meeting `sync` compares what the database wants with what the meeting's node was last told, and
sends the difference. A node that is adopted says what it carries (`adopt`); a meeting whose node is gone is bereft, and
brought to another node as soon as one is ready (`run`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable

from server.channel import Channel
from server.config import Settings
from server.errors import UnavailableError
from server.media import protocol
from server.media.protocol import Done, RecordingClosed, RoomInfo, Welcome
from server.meetings.line import MediaRefusedError
from server.meetings.names import is_meeting, name_of, number_of, recording_name, room_of
from server.meetings.pool import MediaPool
from server.meetings.service import attend, floor, recording, rows
from server.meetings.service.attend import SessionNews
from server.store import Store

log = logging.getLogger("giaoban.meetings")
CLOSE_SECONDS = 10.0
AGAIN_SECONDS = 5.0  # a node that could not take a meeting up is asked again
_NOT_KNOWN = [-1]  # a floor that nobody holds: it is said in any case


class _Told:
    """What a meeting's node was last told about it."""

    def __init__(self) -> None:
        self.floor: list[int] | None = _NOT_KNOWN
        self.passed: dict[int, floor.Passed] = {}
        self.recording: int | None = None


class Alignment:
    """What each node was told of each meeting. One change of a meeting at a time; meetings do not wait for others."""

    def __init__(self, settings: Settings, store: Store, channel: Channel, pool: MediaPool) -> None:
        self.settings, self.store, self.channel, self.pool = settings, store, channel, pool
        self._told: dict[int, _Told] = {}  # of meetings that a node carries, or carried until it was lost
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._wake = asyncio.Event()
        self.on_bereft: Callable[[int], Awaitable[None]] | None = None
        pool.on_change = self._wake.set

    # ---- meetings

    async def ensure(self, meeting_id: int) -> None:
        """See that a node carries the running meeting. Raises UnavailableError, MediaRefusedError."""
        async with self._locks[meeting_id]:
            if self.pool.carrier(room_of(meeting_id)) is None:
                await self._place(meeting_id)

    async def sync(self, meeting_id: int) -> None:
        """Tell the node what has changed in a meeting; without a node nothing is lost, the next one is told all."""
        async with self._locks[meeting_id]:
            try:
                await self._sync(meeting_id)
            except UnavailableError as error:
                log.warning("meeting %d: %s", meeting_id, error)

    def recording_ended(self, meeting_id: int) -> None:
        """The node has ended the meeting's recording by itself."""
        if meeting_id in self._told:
            self._told[meeting_id].recording = None

    # ---- nodes

    async def run(self) -> None:
        """For ever: bring each bereft meeting to another node as soon as there is one."""
        await self.pool.settled.wait()
        looked = False
        while True:
            self._wake.clear()
            looked = looked or await self._look_for_lost()
            if self.pool.ready:
                bereft = [number for number in self._told if self.pool.carrier(room_of(number)) is None]
                await asyncio.gather(*(self._bring_back(number) for number in bereft))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS):
                    await self._wake.wait()

    async def _look_for_lost(self) -> bool:
        """Running meetings of which no node has said that it carries them; False if the database is away."""
        try:
            live = await self.store.read(attend.live_meetings)
        except UnavailableError as error:
            log.warning("not known which meetings run: %s", error)
            return False
        for meeting_id in live:
            self._told.setdefault(meeting_id, _Told())
        return True

    async def adopt(self, number: int, welcome: Welcome) -> None:
        """A node was started or found: close what must not be open in it, take up what it carries."""
        live = set(await self.store.read(attend.live_meetings))
        for info in welcome.rooms:
            if not is_meeting(info.room):  # somebody tried a place; nobody here knows of it any more
                await self._close(number, info.room)
                continue
            meeting_id = number_of(info.room)
            async with self._locks[meeting_id]:
                if meeting_id in live:
                    await self._take_up(meeting_id, number, info)
                else:
                    await self._close(number, info.room)
                    self._told.pop(meeting_id, None)
                    if self.pool.carrier(info.room) == number:
                        self.pool.release(info.room)

    async def _take_up(self, meeting_id: int, number: int, info: RoomInfo) -> None:
        """The meeting goes on in a node that was found with it; what the node was told is not known."""
        before = self.pool.carrier(info.room)
        if not await self.pool.claim(info.room, number, len(info.sessions)):
            await self._close(number, info.room)
            return
        if before is not None and before != number:
            await self._close(before, info.room)
        told = self._told[meeting_id] = _Told()
        if info.recording is not None:
            told.recording = number_of(info.recording)
        else:
            await self.store.write(recording.paused, meeting_id)
        await self._sync(meeting_id)
        await self._reconcile(meeting_id, info)

    async def _bring_back(self, meeting_id: int) -> None:
        try:
            await self.ensure(meeting_id)
        except (UnavailableError, MediaRefusedError) as error:
            log.warning("meeting %d: %s", meeting_id, error)
        except Exception:
            log.exception("meeting %d could not be brought to another media node", meeting_id)

    async def _place(self, meeting_id: int) -> None:
        """Open the meeting in the least loaded node; if another has lost it, tell the pages to come back."""
        wanted = await self.store.read(floor.wanted, meeting_id)
        bereft = self._told.pop(meeting_id, None) is not None
        if not wanted.live:
            return
        room = room_of(meeting_id)
        try:
            self.pool.place(room)
            if bereft:
                await self.store.write(recording.paused, meeting_id)
                if self.on_bereft is not None:
                    await self.on_bereft(meeting_id)
            await self.pool.ask(room, protocol.OpenRoom(room=room), Done)
            await self._sync(meeting_id)
            if bereft:
                await self._reconcile(meeting_id, None)
        except (UnavailableError, MediaRefusedError):
            self.pool.release(room)
            self._told[meeting_id] = _Told()  # bereft: `run` tries again
            raise

    async def _close(self, number: int, room: str) -> None:
        """Close a room in a node that shall not have it; if the node is away, it is told when it comes back."""
        try:
            await self.pool.ask_node(number, protocol.CloseRoom(room=room), Done, CLOSE_SECONDS)
        except (UnavailableError, MediaRefusedError) as error:
            log.info("%s in media node %d: %s", room, number, error)

    async def _reconcile(self, meeting_id: int, info: RoomInfo | None) -> None:
        """Compare connections: those that the node does not have are lost, and their pages are asked to come back."""
        wanted = await self.store.read(floor.wanted, meeting_id)
        known = {number_of(s.participant): s for s in info.sessions} if info else {}
        news = []
        for seat, session in wanted.sessions.items():
            has = known.get(seat)
            state = has.state if has is not None and has.session == session else "lost"
            news.append(SessionNews(meeting=meeting_id, participant=seat, session=session, state=state))
        await self.store.write(attend.sessions_changed, news)
        lost = [item.participant for item in news if item.state in ("lost", "closed")]
        if lost:
            body = {"meeting": meeting_id, "participants": lost}
            await self.channel.send(rows.room_name(meeting_id), "meeting.media_restarted", body)

    # ---- what a meeting's node is told

    async def _sync(self, meeting_id: int) -> None:
        wanted = await self.store.read(floor.wanted, meeting_id)
        room = room_of(meeting_id)
        if self.pool.carrier(room) is None:
            return  # nobody has come yet, or it is bereft: `_place` tells all
        told = self._told.setdefault(meeting_id, _Told())
        await self._sync_recording(meeting_id, wanted, told)
        if not wanted.live:
            await self.pool.ask(room, protocol.CloseRoom(room=room), Done, CLOSE_SECONDS)
            self._told.pop(meeting_id, None)
            self.pool.release(room)
            return
        if wanted.floor != told.floor:
            holders = None if wanted.floor is None else [name_of(p) for p in wanted.floor]
            await self.pool.ask(room, protocol.SetFloor(room=room, holders=holders), Done)
            told.floor = wanted.floor
        told.passed = {seat: passed for seat, passed in told.passed.items() if seat in wanted.passed}
        for seat, passed in wanted.passed.items():
            if told.passed.get(seat) != passed:
                await self.pool.ask(room, _set_publish(room, seat, passed), Done)
                told.passed[seat] = passed

    async def _sync_recording(self, meeting_id: int, wanted: floor.Wanted, told: _Told) -> None:
        wanted_id = wanted.recording[0] if wanted.recording else None
        if told.recording is not None and told.recording != wanted_id:
            await self._stop_recording(room_of(meeting_id), told.recording)
            told.recording = None
        if wanted.recording is not None and told.recording is None:
            number, directory = wanted.recording
            if await self._start_recording(room_of(meeting_id), number, directory):
                told.recording = number

    async def _stop_recording(self, room: str, number: int) -> None:
        command = protocol.StopRecording(room=room, recording=recording_name(number))
        try:
            closed = await self.pool.ask(room, command, RecordingClosed, CLOSE_SECONDS)
            log.info("recording %s closed, %d files", closed.recording, len(closed.files))
        except MediaRefusedError as error:
            log.warning("recording %s: %s", command.recording, error)

    async def _start_recording(self, room: str, number: int, directory: str) -> bool:
        """Begin, or go on in a new segment; False if the node cannot, which the meeting is told."""
        folder = self.settings.path(self.settings.storage.recordings) / directory
        command = protocol.StartRecording(room=room, recording=recording_name(number), directory=str(folder))
        try:
            await self.pool.ask(room, command, Done)
        except MediaRefusedError as error:
            await self.store.write(recording.failed, number, error.code)
            return False
        await self.store.write(recording.resumed, number)
        return True


def _set_publish(room: str, seat: int, passed: floor.Passed) -> protocol.SetPublish:
    return protocol.SetPublish(
        room=room,
        participant=name_of(seat),
        microphone=passed.microphone,
        camera=passed.camera,
        screen=passed.screen,
    )
