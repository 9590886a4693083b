"""The conductor keeps the media node in line with the database, and turns the node's events into rows and messages.

After each change of a meeting `sync` compares what the database wants with what the node was last told and sends the
difference; after a start or adoption of a node, `bring_up` does so for all running meetings.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections import defaultdict
from collections.abc import Awaitable
from typing import Any

import msgspec
from aiohttp import web

from server.accounts.principal import Principal
from server.channel import Channel
from server.config import Settings
from server.errors import ConflictError, GiaoBanError, UnavailableError, UserError
from server.http.i18n import _
from server.media import protocol
from server.media.protocol import Done, Joined, RecordingClosed, Welcome
from server.meetings.link import MediaLink, MediaRefusedError, away
from server.meetings.service import attend, floor, plan, recording, rows
from server.meetings.service.attend import SessionNews, Switches
from server.records import service as records
from server.store import Store, Transaction

log = logging.getLogger("giaoban.meetings")
CLOSE_SECONDS = 10.0


class JoinAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs to connect: the answer to its offer, its slots, its seat."""

    participant: int
    session: str
    answer: str
    slots: list[protocol.SlotInfo]
    microphone: bool
    ice: list[dict[str, Any]] = []


class SlotWish(msgspec.Struct, frozen=True, kw_only=True):
    """What one video slot of a page shall show: a participant's camera or screen, about `width` pixels wide."""

    slot: int
    source: int | None = None
    kind: protocol.Picture = "camera"
    width: int = 640


class _Told:
    """What the node was last told about a meeting."""

    def __init__(self) -> None:
        self.floor: list[int] | None = None
        self.passed: dict[int, floor.Passed] = {}
        self.recording: int | None = None


def room_of(meeting_id: int) -> str:
    """The node's name of a meeting's room."""
    return f"m{meeting_id}"


def name_of(participant_id: int) -> str:
    """The node's name of a participant."""
    return f"p{participant_id}"


def _number(name: str) -> int:
    return int(name[1:])


def _set_publish(room: str, seat: int, passed: floor.Passed) -> protocol.SetPublish:
    return protocol.SetPublish(
        room=room,
        participant=name_of(seat),
        microphone=passed.microphone,
        camera=passed.camera,
        screen=passed.screen,
    )


class Conductor:
    """Meetings with media: everything that needs both the database and the node."""

    def __init__(self, settings: Settings, store: Store, channel: Channel, link: MediaLink) -> None:
        self.settings = settings
        self.store = store
        self.channel = channel
        self.link = link
        self._told: dict[int, _Told] = {}
        self._wishes: dict[int, protocol.ShowSlots] = {}
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._news: asyncio.Queue[protocol.Event] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None
        link.on_up = self._bring_up
        link.on_event = self._heard

    async def start(self) -> None:
        """Begin to listen to the node."""
        self._worker = asyncio.create_task(self._work(), name="meeting events")
        if self.settings.media.socket:
            await self.link.start()

    async def close(self, *, keep_media: bool) -> None:
        """Stop listening; the node ends too unless it is to be kept."""
        await self.link.close(keep=keep_media)
        for task in [self._worker, *self._tasks]:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    # ---- joining and leaving

    async def join(self, who: Principal, meeting_id: int, offer: str, switches: Switches, *, hall: bool) -> JoinAnswer:
        """Seat a person and connect the page. Raises what `attend.enter` does, UnavailableError, UserError."""
        await self.link.wait_ready(5)
        seated = await self.store.write(attend.enter, who, meeting_id, switches, hall=hall)
        room, name = room_of(meeting_id), name_of(seated.participant)
        try:
            await self.link.ask(protocol.OpenRoom(room=room), Done)
            joined = await self.link.ask(protocol.Join(room=room, participant=name, offer=offer), Joined)
        except (MediaRefusedError, UnavailableError) as error:
            await self.store.write(attend.leave, who, meeting_id)
            raise _join_error(error) from error
        await self.store.write(attend.seated, seated.participant, joined.session)
        await self.sync(meeting_id)
        return JoinAnswer(
            participant=seated.participant,
            session=joined.session,
            answer=joined.answer,
            slots=joined.slots,
            microphone=seated.microphone,
        )

    async def leave(self, who: Principal, meeting_id: int) -> None:
        """The person goes."""
        seat = await self.store.write(attend.leave, who, meeting_id)
        if seat is not None:
            await self.take_out(meeting_id, seat)

    async def take_out(self, meeting_id: int, participant_id: int) -> None:
        """End a participant's connection."""
        await self._try(protocol.Leave(room=room_of(meeting_id), participant=name_of(participant_id)))
        await self.sync(meeting_id)

    async def show(self, meeting_id: int, participant_id: int, wishes: list[SlotWish]) -> None:
        """What a page wants to see; said again when its connection is there, if it was not yet."""
        wants = [
            protocol.Want(
                slot=w.slot, source=None if w.source is None else name_of(w.source), kind=w.kind, width=w.width
            )
            for w in wishes
            if 0 <= w.slot < protocol.VIDEO_SLOTS
        ]
        command = protocol.ShowSlots(room=room_of(meeting_id), participant=name_of(participant_id), wants=wants)
        self._wishes[participant_id] = command
        await self._try(command)

    # ---- recording and the end

    def free_mb(self) -> int:
        """Free space where recordings are written."""
        return shutil.disk_usage(self.settings.path(self.settings.storage.recordings)).free >> 20

    async def record(self, who: Principal, meeting_id: int) -> None:
        """Start recording; everybody is told by the same transaction. Raises UnavailableError, ConflictError."""
        if not self.link.ready:
            raise away()
        needed = self.settings.storage.free_space_mb
        free = await asyncio.to_thread(self.free_mb)
        await self.store.write(recording.begin, who, meeting_id, free_mb=free, needed_mb=needed)
        await self.sync(meeting_id)

    async def stop_recording(self, who: Principal, meeting_id: int) -> None:
        """Stop recording; the files are complete when this returns."""
        await self.store.write(recording.stop, who, meeting_id)
        await self.sync(meeting_id)

    async def end(self, who: Principal, meeting_id: int) -> None:
        """End the meeting for all. The recording is closed and handed to the archive in the background."""
        await self.store.write(plan.end, who, meeting_id)
        self._spawn(self._finish(meeting_id))

    async def _finish(self, meeting_id: int) -> None:
        await self.sync(meeting_id)
        await self._hand_over(meeting_id)

    async def _hand_over(self, meeting_id: int) -> None:
        """Give an ended meeting with recordings to the archive, once."""

        def work(tx: Transaction) -> None:
            if meeting_id not in recording.waiting(tx):
                return
            records.create_record(tx, recording.facts(tx, meeting_id))
            recording.handed_over(tx, meeting_id)

        await self.store.write(work)

    # ---- keeping the node in line

    async def sync(self, meeting_id: int) -> None:
        """Tell the node what has changed in a meeting; without a node nothing is lost, `_bring_up` will do it."""
        async with self._locks[meeting_id]:
            try:
                await self._sync(meeting_id)
            except UnavailableError as error:
                log.warning("meeting %d: %s", meeting_id, error)

    async def _sync(self, meeting_id: int) -> None:
        wanted = await self.store.read(floor.wanted, meeting_id)
        told = self._told.setdefault(meeting_id, _Told())
        room = room_of(meeting_id)
        await self._sync_recording(meeting_id, wanted, told)
        if not wanted.live:
            await self.link.ask(protocol.CloseRoom(room=room), Done, CLOSE_SECONDS)
            self._told.pop(meeting_id, None)
            return
        if wanted.floor != told.floor:
            holders = None if wanted.floor is None else [name_of(p) for p in wanted.floor]
            await self.link.ask(protocol.SetFloor(room=room, holders=holders), Done)
            told.floor = wanted.floor
        told.passed = {seat: passed for seat, passed in told.passed.items() if seat in wanted.passed}
        for seat, passed in wanted.passed.items():
            if told.passed.get(seat) != passed:
                await self.link.ask(_set_publish(room, seat, passed), Done)
                told.passed[seat] = passed

    async def _sync_recording(self, meeting_id: int, wanted: floor.Wanted, told: _Told) -> None:
        room = room_of(meeting_id)
        wanted_id = wanted.recording[0] if wanted.recording else None
        if told.recording is not None and told.recording != wanted_id:
            command = protocol.StopRecording(room=room, recording=f"r{told.recording}")
            try:
                closed = await self.link.ask(command, RecordingClosed, CLOSE_SECONDS)
                log.info("recording %s closed, %d files", closed.recording, len(closed.files))
            except MediaRefusedError as error:
                log.warning("recording r%d: %s", told.recording, error)
            told.recording = None
        if wanted.recording is not None and told.recording is None:
            number, directory = wanted.recording
            folder = self.settings.path(self.settings.storage.recordings) / directory
            await self.link.ask(protocol.OpenRoom(room=room), Done)
            try:
                await self.link.ask(
                    protocol.StartRecording(room=room, recording=f"r{number}", directory=str(folder)), Done
                )
            except MediaRefusedError as error:
                await self.store.write(recording.failed, number, error.code)
                return
            told.recording = number
            await self.store.write(recording.resumed, number)

    async def _bring_up(self, welcome: Welcome) -> None:
        """A node was started or adopted: open what must be open, close what must not, and tell pages to come back."""
        live = await self.store.read(attend.live_meetings)
        carried = {info.room: info for info in welcome.rooms}
        for name in carried:
            if _number(name) not in live:
                await self._try(protocol.CloseRoom(room=name))
        for meeting_id in live:
            info = carried.get(room_of(meeting_id))
            await self.link.ask(protocol.OpenRoom(room=room_of(meeting_id)), Done)
            told = self._told[meeting_id] = _Told()
            told.floor = [-1]  # not known what an adopted node was told: say it again
            if info is not None and info.recording is not None:
                told.recording = _number(info.recording)
            else:
                await self.store.write(recording.paused, meeting_id)
            await self.sync(meeting_id)
            await self._reconcile(meeting_id, info)
        for meeting_id in await self.store.read(recording.waiting):
            self._spawn(self._hand_over(meeting_id))

    async def _reconcile(self, meeting_id: int, info: protocol.RoomInfo | None) -> None:
        """Compare connections: those that the node does not have are lost, and their pages are asked to come back."""
        wanted = await self.store.read(floor.wanted, meeting_id)
        known = {_number(s.participant): s for s in info.sessions} if info else {}
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

    # ---- what the node says

    def _heard(self, event: protocol.Event) -> None:
        self._news.put_nowait(event)

    async def _work(self) -> None:
        """Events in their order; those that arrived together share one transaction."""
        while True:
            events = [await self._news.get()]
            while not self._news.empty():
                events.append(self._news.get_nowait())
            try:
                await self._take(events)
            except Exception:
                log.exception("events of the media node")

    async def _take(self, events: list[protocol.Event]) -> None:
        news: list[SessionNews] = []
        for event in events:
            match event:
                case protocol.SessionChanged():
                    meeting_id, seat = _number(event.room), _number(event.participant)
                    news.append(
                        SessionNews(meeting=meeting_id, participant=seat, session=event.session, state=event.state)
                    )
                    log.info("p%d %s %s %s", seat, event.session, event.state, event.reason)
                    await self._repeat_wishes(seat, event.state)
                case protocol.Speaking():
                    await self._tell_speaking(event)
                case protocol.ProgrammeChanged() | protocol.TrackChanged():
                    pass  # the pages see it in the picture; the recorder writes the programme itself
                case protocol.RecordingFailed():
                    await self.store.write(recording.failed, _number(event.recording), event.code)
                    self._told.setdefault(_number(event.room), _Told()).recording = None
        if news:
            await self.store.write(attend.sessions_changed, news)
            for meeting_id in {item.meeting for item in news if item.state == "connected"}:
                await self.sync(meeting_id)

    async def _repeat_wishes(self, participant_id: int, state: protocol.SessionState) -> None:
        wishes = self._wishes.get(participant_id)
        if wishes is not None and state == "connected":
            await self._try(wishes)
        elif state == "closed":
            self._wishes.pop(participant_id, None)

    async def _tell_speaking(self, event: protocol.Speaking) -> None:
        meeting_id = _number(event.room)
        loudest = [{"participant": _number(level.participant), "level": level.level} for level in event.loudest]
        await self.channel.send(
            rows.room_name(meeting_id), "meeting.speaking", {"meeting": meeting_id, "loudest": loudest}
        )

    # ---- helpers

    async def _try(self, command: protocol.Command) -> None:
        """Send a command whose failure needs nobody's attention: the node that is away has nothing to be told."""
        try:
            await self.link.ask(command, Done)
        except (MediaRefusedError, UnavailableError) as error:
            log.info("%s: %s", type(command).__name__, error)

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception:
                log.exception("background work of a meeting")

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _join_error(error: Exception) -> GiaoBanError:
    code = error.code if isinstance(error, MediaRefusedError | GiaoBanError) else ""
    match code:
        case "bad_offer":
            return UserError("bad_offer", _("Trình duyệt này không kết nối được. Xin cập nhật rồi thử lại."))
        case "full":
            return ConflictError("room_full", _("Phòng họp đã đủ người."))
        case _:
            return away()


CONDUCTOR = web.AppKey("conductor", Conductor)
