"""The exchange: SIP on one side, media nodes and meetings on the other; each call is a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from server.calls import dial_in, in_meeting, restart, wiring
from server.calls import log as call_log
from server.calls.ended import Ended
from server.calls.endings import Endings
from server.calls.guessing import Gate
from server.calls.line import NODE_SECONDS, UP_SECONDS, Line
from server.calls.patience import Owed, patiently
from server.calls.places import Places
from server.calls.prompts import Voice
from server.calls.restart import Cut
from server.calls.rules import Direction, Outcome, Purpose
from server.config import Settings
from server.errors import ProtocolError, UnavailableError
from server.meetings.conductor import Conductor
from server.meetings.names import room_of
from server.meetings.phones import CallTerms
from server.meetings.service import telephone
from server.meetings.service.view import Head, ParticipantView
from server.store import Store, StoredEvent
from server.telephony.sip.call import Call, Ending
from server.telephony.sip.incoming import IncomingCall
from server.telephony.sip.outgoing import OutgoingCall
from server.telephony.sip.registration import Standing

log = logging.getLogger("giaoban.calls")
T = TypeVar("T")

MOST_CALLERS = 200
BEGIN_SECONDS = 5.0  # that a caller is kept waiting for the database; longer is refused
MOST_NODES = 3  # that a talk is held at, when they die one after the other
PORTS_SECONDS = 5.0  # until ports that another program has are tried again
GOODBYE_SECONDS = 3.0  # for calls to end when the server does
GOODBYE_LOOK, GOODBYE_LOOKS = 0.02, 50  # s and how often: a second for the answers to our last BYEs


class Exchange:
    """`on_dropped` is told of lines that broke while they were in a meeting."""

    def __init__(self, settings: Settings, store: Store, conductor: Conductor, key: bytes) -> None:
        self.settings, self.store, self.conductor, self.key = settings, store, conductor, key
        self.phones = conductor.phones
        self.voice = Voice(settings.path(settings.storage.data) / "speech")
        self.endpoint = wiring.endpoint(settings.telephone, self)
        self.trunk = wiring.Trunk(settings.telephone, self.endpoint, store.clock)
        self.places = Places(settings.telephone.most_calls)
        self.gate = Gate(store, settings.telephone.wrong_codes_an_hour)
        self.owed = Owed()
        self.endings = Endings(settings.path(settings.storage.data) / "calls-ended.json")
        self.lines: dict[str, Line] = {}
        self.on_dropped: list[Callable[[Cut], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.closing = False
        self.open = False  # whether calls can come
        self.opened = asyncio.Event()  # once they could, and what the server before us has left is in order
        self.phones.on_key = self._pressed
        self.phones.on_played = self._played
        self.phones.on_lost = self._lost
        self.phones.on_silent = self._fell_silent
        store.listeners.append(self._committed)

    # ---- beginning and end

    async def start(self) -> None:
        """Open the ports. While another program has one of them the rest of the server runs, and it is tried again."""
        refused = await self._open_ports()
        if refused is None:
            await self._begin()
        else:
            log.error("no telephone until a port of SIP can be opened: %s", refused)
            self.spawn(self._wait_for_ports(refused))

    async def _open_ports(self) -> OSError | None:
        try:
            self.endpoint.start()
        except OSError as error:
            await self.endpoint.close()
            return error
        return None

    async def _wait_for_ports(self, refused: OSError | None) -> None:
        while refused is not None:
            await asyncio.sleep(PORTS_SECONDS)
            refused = await self._open_ports()
        log.info("the ports of SIP are open by now")
        await patiently(self._begin)

    async def _begin(self) -> None:
        """After the ports: until then the calls in the database may be another process's."""
        await self.endings.take_over(self.store)
        await self.store.write(telephone.all_gone)
        left = await self.store.write(restart.cut_off)
        self.open = True
        self.trunk.start(self.now())
        restart.clean_up(self, left)
        self.opened.set()

    async def close(self) -> None:
        """Hang up, tell the trunk, close the ports."""
        self.closing = True
        patience = GOODBYE_SECONDS if self.open else 0.0
        if self.open:
            self.trunk.stop(self.now())
        self.open = False
        for line in list(self.lines.values()):
            if line.up and line.meeting is not None:
                line.outcome = Outcome.RESTARTED
            if line.call is not None:
                line.call.hang_up(self.now(), restart.REASON)
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=patience)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.owed.close()
        self.endings.leave()
        for _ in range(GOODBYE_LOOKS):
            if not self.endpoint.layer.asking:
                break
            await asyncio.sleep(GOODBYE_LOOK)
        await self.endpoint.close()

    def now(self) -> float:
        """SIP's clock."""
        return self.endpoint.now

    @property
    def standing(self) -> Standing | None:
        """How the trunk stands; None as long as it has not answered, or without one."""
        return self.trunk.standing

    def spawn(self, work: Awaitable[None]) -> None:
        """Do it in a task that `close` waits for."""

        async def run() -> None:
            try:
                await work
            except Exception:  # whatever it is: nobody awaits this task, and it would be told only when it is collected
                log.exception("a task of the telephone failed; its call has ended or goes on without it")

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- calls

    def new_line(self, number: str) -> Line:
        """A call begins, from or to a number."""
        line = Line(self.phones, number, self.now)
        self.lines[line.name] = line
        return line

    def on_call(self, call: IncomingCall, now: float) -> None:
        """Somebody calls."""
        if self.closing or not self.open or len(self.lines) >= MOST_CALLERS:
            call.refuse(503, now)
            return
        line = self.new_line(call.number)
        line.asserted = call.asserted
        line.call, call.mark = call, line
        self.spawn(self._incoming(line, call))

    async def _incoming(self, line: Line, call: IncomingCall) -> None:
        async with self.ending(line):
            try:
                await self.begin(line, Direction.IN, Purpose.MEETING)
                side = await line.open(self.settings.telephone.address)
                if call.offer:
                    terms, body = side.answer(call.offer)
                    await line.agree(terms)
                else:
                    body = side.offer()
                call.answer(body, self.now())
            except UnavailableError:
                line.outcome = Outcome.NO_NODE
                call.refuse(503, self.now())
                raise
            except ProtocolError as error:
                if line.ending is not None:  # the caller gave up while the port was opened
                    return
                log.info("call %s from %s: %s", line.name, line.number, error)
                line.outcome = Outcome.NO_SOUND
                call.refuse(488, self.now())
                return
            if not await line.until(lambda: line.up, UP_SECONDS):
                return
            if not call.offer:
                await line.agree(side.accept(line.answered or b""))
            await self.answered(line)
            found = await dial_in.serve(self, line)
            if found is not None:
                await in_meeting.take_part(self, line, found)

    async def begin(self, line: Line, direction: Direction, purpose: Purpose, **known: int | None) -> None:
        """Write the first line of its log. Raises UnavailableError, HungUpError."""
        asked = line.name, direction, purpose, line.number, self.store.clock()
        line.row = await line.patient(lambda: self.store.write(call_log.begin, *asked, **known), BEGIN_SECONDS)

    async def answered(self, line: Line) -> None:
        """Write that it is up."""
        at = self.store.clock()
        await self.owed.do(lambda: self.store.write(call_log.answered, line.row, line.dialog, at))

    def ended_at(self, line: Line) -> datetime:
        """When it was hung up; now, if it was not."""
        return line.ended_at or self.store.clock()

    async def through_nodes(self, line: Line, talk: Callable[[], Awaitable[T]]) -> T:
        """Hold a talk that can be begun anew: it is, at another node, when its own is gone.

        Raises HungUpError, UnavailableError, ProtocolError.
        """
        for _node in range(MOST_NODES - 1):
            try:
                return await talk()
            except UnavailableError:
                if not line.lost:
                    raise
            log.info("call %s goes on at another node", line.name)
            await self.pool_ready(line)
            await line.move(line.meeting, self.now)
        return await talk()

    def dropped(self, cut: Cut) -> None:
        """A line broke."""
        for tell in self.on_dropped:
            tell(cut)

    def ending(self, line: Line) -> Ended:
        """Around all that happens in a call."""
        return Ended(self, line)

    def seated(self, line: Line) -> None:
        """It sits in a meeting: changes of its seat are for it."""
        line.view, line.seen, line.over = None, None, False

    def rose(self, line: Line) -> None:
        """It sits there no more."""
        line.participant = None

    async def pool_ready(self, line: Line) -> None:
        """Until a node can carry its meeting. Raises UnavailableError."""
        await self.conductor.pool.wait_for(room_of(line.meeting or 0), NODE_SECONDS)

    def loudest(self, meeting_id: int) -> list[int]:
        """Participants that are heard now."""
        return self.conductor.hearing.loudest.get(meeting_id, [])

    # ---- what SIP says

    def on_ringing(self, call: OutgoingCall, description: bytes, now: float) -> None:
        """Nobody listens to the ringing tone."""

    def on_up(self, call: Call, description: bytes, now: float) -> None:
        """It is up, or what we offered is agreed."""
        line = call.mark
        if isinstance(line, Line):
            awaited = line.moving or not line.up
            line.up = True
            if description:
                line.answered = description
                if not awaited:
                    self._accept(line, description)
            line.touch()

    def _accept(self, line: Line, answer: bytes) -> None:
        """What nobody waits for: an answer in the ACK, or to an INVITE that refreshes the session."""
        if line.side is None:
            return
        try:
            terms = line.side.accept(answer)
        except ProtocolError as error:
            log.info("call %s: an answer: %s", line.name, error)
            return
        if terms != line.terms:
            self.spawn(_agree(line, terms))

    def on_offer(self, call: Call, description: bytes, now: float) -> bytes | None:
        """Hold, resume, another address."""
        line = call.mark
        if not isinstance(line, Line) or line.side is None:
            return None
        if not description:
            return line.side.offer()
        try:
            terms, body = line.side.answer(description)
        except ProtocolError as error:
            log.info("call %s: a new description: %s", line.name, error)
            return None
        self.spawn(_agree(line, terms))
        return body

    def on_key(self, call: Call, key: str, now: float) -> None:
        """Told by INFO."""
        if isinstance(call.mark, Line):
            call.mark.press(key, "info")

    def on_ended(self, call: Call, ending: Ending, now: float) -> None:
        """It is over."""
        if isinstance(call.mark, Line):
            call.mark.ended_at = self.store.clock()
            call.mark.hung_up(ending)

    # ---- what the nodes and the database say

    def _pressed(self, call: str, key: str) -> None:
        if call in self.lines:
            self.lines[call].press(key, "rtp")

    def _played(self, call: str, number: int) -> None:
        if call in self.lines:
            self.lines[call].played(number)

    def _fell_silent(self, calls: list[str]) -> None:
        for line in [self.lines[call] for call in calls if call in self.lines]:
            if line.call is not None:
                line.call.watch.doubt(self.now())

    def _lost(self, calls: list[str]) -> None:
        for line in [self.lines[call] for call in calls if call in self.lines]:
            line.lost = True
            line.touch()

    def _committed(self, events: Sequence[StoredEvent], after: Sequence[tuple[str, dict[str, Any]]]) -> None:
        cancelled = (msgspec.json.decode(event.body) for event in events if event.kind == "meeting.cancelled")
        called_off = {body["meeting"] for body in cancelled}
        for line in [line for line in self.lines.values() if line.meeting in called_off]:
            line.news = True
            line.touch()
        for _room, body in after:
            if body.get("kind") == "meeting.changed":
                self._changed(body)

    def _changed(self, body: dict[str, Any]) -> None:
        head: Head | None = body.get("head")
        views: dict[int, ParticipantView] = {view.id: view for view in body.get("participants", [])}
        for line in self.lines.values():
            if line.meeting != body["meeting"]:
                continue
            line.news = True
            if line.participant in views:
                line.view = views[line.participant]
            line.over |= head is not None and head.ended_at is not None
            line.touch()


async def _agree(line: Line, terms: CallTerms) -> None:
    try:
        await line.agree(terms)
    except UnavailableError as error:
        log.info("call %s: %s", line.name, error)


EXCHANGE = web.AppKey("exchange", Exchange)
