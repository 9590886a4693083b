"""The conductor: what pages and programs ask of a meeting with sound and picture, which needs the database and a node.

It puts the parts together: `pool` knows the media nodes, `alignment` keeps them in line with the database, `hearing`
turns what they say into rows and messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections import defaultdict
from collections.abc import Awaitable
from functools import partial

import msgspec
from aiohttp import web

from server.accounts.principal import Principal
from server.channel import Channel
from server.config import Settings
from server.errors import ConflictError, GiaoBanError, UnavailableError, UserError
from server.http.i18n import _
from server.http.limits import Limiter
from server.media import protocol
from server.media.protocol import Joined, Welcome
from server.meetings.alignment import Alignment
from server.meetings.hearing import Hearing
from server.meetings.line import MediaRefusedError, away
from server.meetings.names import name_of, room_of
from server.meetings.phones import Phones
from server.meetings.pool import MediaPool
from server.meetings.service import attend, plan, recording
from server.meetings.service.attend import Switches
from server.records import service as records
from server.store import Store, Transaction

log = logging.getLogger("giaoban.meetings")
JOINS_PER_MINUTE = 60  # of one account: a node reads each offer between two packets of others
JOIN_SECONDS = 5.0  # that a person waits at the door for a node
JOINS_AT_ONCE = 8  # that a node is asked for; of three hundred the last would be given up while the node works on them


class JoinAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs to connect: the answer to its offer, its slots, its seat."""

    participant: int
    session: str
    answer: str
    slots: list[protocol.SlotInfo]
    microphone: bool


class SlotWish(msgspec.Struct, frozen=True, kw_only=True):
    """What one video slot of a page shall show: a participant's camera or screen, about `width` pixels wide."""

    slot: int
    source: int | None = None
    kind: protocol.Picture = "camera"
    width: int = 640


class Conductor:
    """Meetings with media: joining and leaving, recording, the end."""

    def __init__(self, settings: Settings, store: Store, channel: Channel, pool: MediaPool) -> None:
        self.settings, self.store, self.pool = settings, store, pool
        self.joins = Limiter(JOINS_PER_MINUTE)
        self._doors: defaultdict[int | None, asyncio.Semaphore] = defaultdict(partial(asyncio.Semaphore, JOINS_AT_ONCE))
        self.alignment = Alignment(settings, store, channel, pool)
        self.hearing = Hearing(store, channel, pool, self.alignment)
        self.phones = Phones(pool)
        self._tasks: set[asyncio.Task[None]] = set()
        self._aligning: asyncio.Task[None] | None = None
        pool.on_up = self._up

    async def start(self) -> None:
        """Begin to look after the nodes and to listen to them."""
        self._spawn(self.hearing.run())
        self._aligning = self._spawn(self.alignment.run())
        await self.pool.start()

    async def close(self, *, keep_media: bool) -> None:
        """Stop listening; the nodes end too unless they are to be kept."""
        if self._aligning is not None:
            self._aligning.cancel()  # nothing is brought to another node while all of them end
        await self.pool.close(keep=keep_media)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _up(self, number: int, welcome: Welcome) -> None:
        await self.alignment.adopt(number, welcome)
        await self.phones.close_strangers(number, [info.call for info in welcome.calls])
        self._spawn(self._hand_over_waiting())

    # ---- joining and leaving

    async def join(self, who: Principal, meeting_id: int, offer: str, switches: Switches, *, hall: bool) -> JoinAnswer:
        """Seat a person and connect the page. Raises what `attend.enter` does, UnavailableError, UserError."""
        self.joins.check(str(who.account_id), time.monotonic())
        room = room_of(meeting_id)
        await self.pool.wait_for(room, JOIN_SECONDS)
        seated = await self.store.write(attend.enter, who, meeting_id, switches, hall=hall)
        command = protocol.Join(room=room, participant=name_of(seated.participant), offer=offer)
        try:
            await self.alignment.ensure(meeting_id)
            self.hearing.begin_anew(seated.participant)
            async with self._doors[self.pool.carrier(room)]:
                process = self.pool.process(room)
                joined = await self.pool.ask(room, command, Joined)
            await self.store.write(attend.seated, seated.participant, joined.session)
            if self.pool.process(room) != process:  # gone with this session, perhaps before that was known to be there
                raise away()
        except (MediaRefusedError, UnavailableError) as error:
            await self.store.write(attend.leave, who, meeting_id)
            raise _join_error(error) from error
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
        room = room_of(meeting_id)
        await self.pool.tell(room, protocol.Leave(room=room, participant=name_of(participant_id)))
        await self.sync(meeting_id)

    async def show(self, meeting_id: int, participant_id: int, wishes: list[SlotWish]) -> None:
        """What a page wants to see."""
        wants = [
            protocol.Want(
                slot=w.slot, source=None if w.source is None else name_of(w.source), kind=w.kind, width=w.width
            )
            for w in wishes
            if 0 <= w.slot < protocol.VIDEO_SLOTS
        ]
        room, name = room_of(meeting_id), name_of(participant_id)
        await self.hearing.show(participant_id, protocol.ShowSlots(room=room, participant=name, wants=wants))

    async def sync(self, meeting_id: int) -> None:
        """Tell the meeting's node what has changed in the database."""
        await self.alignment.sync(meeting_id)

    # ---- recording and the end

    def free_mb(self) -> int:
        """Free space where recordings are written."""
        return shutil.disk_usage(self.settings.path(self.settings.storage.recordings)).free >> 20

    async def record(self, who: Principal, meeting_id: int) -> None:
        """Start recording; everybody is told by the same transaction. Raises UnavailableError, ConflictError."""
        if not self.pool.can_carry(room_of(meeting_id)):
            raise away()
        needed = self.settings.storage.free_space_mb
        free = await asyncio.to_thread(self.free_mb)
        await self.store.write(recording.begin, who, meeting_id, free_mb=free, needed_mb=needed)
        with contextlib.suppress(UnavailableError, MediaRefusedError):  # it begins with the next node
            await self.alignment.ensure(meeting_id)
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

    async def _hand_over_waiting(self) -> None:
        """What ended while we were away is handed over when each node has closed what it had of it."""
        await self.pool.settled.wait()
        for meeting_id in await self.store.read(recording.waiting):
            if self.pool.carrier(room_of(meeting_id)) is None:
                await self._hand_over(meeting_id)

    async def _hand_over(self, meeting_id: int) -> None:
        """Give an ended meeting with recordings to the archive, once."""

        def work(tx: Transaction) -> None:
            if meeting_id not in recording.waiting(tx):
                return
            records.create_record(tx, recording.facts(tx, meeting_id))
            recording.handed_over(tx, meeting_id)

        await self.store.write(work)

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        async def run() -> None:
            try:
                await work
            except Exception:
                log.exception("background work of a meeting")

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


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
