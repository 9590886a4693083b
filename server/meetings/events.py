"""Messages of the room's pages; each is acknowledged with its result or an error. One short handler a message."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.channel import Message
from server.channel.channel import Channel
from server.channel.messages import Announcement, Caller, Empty
from server.errors import NotAllowedError
from server.http.i18n import _
from server.meetings.board import Board
from server.meetings.conductor import Conductor, SlotWish
from server.meetings.health import Report
from server.meetings.rules import FloorMode
from server.meetings.service import attend, floor, plan, rows, secretary
from server.meetings.service.attend import Switches, Words
from server.meetings.turn import ice_servers
from server.store import Transaction


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    meeting: int


class About(_Data, frozen=True, kw_only=True):
    """A message about a meeting as a whole."""


class JoinData(_Data, frozen=True, kw_only=True):
    """The page's one offer, what is switched on, and whether a whole hall sits before it."""

    offer: Annotated[str, msgspec.Meta(max_length=200_000)]
    microphone: bool = False
    camera: bool = False
    hall: bool = False


class SlotsData(_Data, frozen=True, kw_only=True):
    """What the page's video slots shall show; slots not named show nothing."""

    wants: Annotated[list[SlotWish], msgspec.Meta(max_length=12)]


class HealthData(_Data, frozen=True, kw_only=True):
    """How the page fares, every ten seconds."""

    report: Report


class StateData(_Data, frozen=True, kw_only=True):
    """What the person has switched on."""

    microphone: bool
    camera: bool
    screen: bool


class Whom(_Data, frozen=True, kw_only=True):
    """A participant; without one: everybody, oneself or nobody, as the message says."""

    participant: int | None = None


class NameData(_Data, frozen=True, kw_only=True):
    """A participant's name, as the chair says it."""

    participant: int
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class ModeData(_Data, frozen=True, kw_only=True):
    """How the floor is kept."""

    mode: FloorMode


class RoomMessages:
    """Handlers of the room's messages; `seats` says which connection sits where (rebuilt by `meeting.snapshot`)."""

    def __init__(self, channel: Channel, conductor: Conductor, board: Board) -> None:
        self.channel, self.conductor, self.store, self.board = channel, conductor, conductor.store, board
        self.seats: dict[str, tuple[int, int]] = {}
        channel.on_leave.append(self._forget)
        channel.may_watch["meeting"] = self._may_watch

    def _forget(self, caller: Caller) -> None:
        self.seats.pop(caller.sid, None)

    async def _may_watch(self, who: Principal, room: str) -> bool:
        number = room.partition(":")[2]
        if not number.isdecimal():
            return False
        await self.store.read(attend.look, who, int(number))
        return True

    async def ice(self, caller: Caller, _data: Empty) -> dict[str, Any]:
        """Relays for this person, before the offer."""
        return msgspec.structs.asdict(ice_servers(self.conductor.settings.turn, caller.who, self.store.clock()))

    def _sit(self, caller: Caller, meeting: int, participant: int) -> None:
        if self.channel.enter(caller.sid, rows.seat_name(participant)):  # else nobody would take it out of the seats
            self.seats[caller.sid] = (meeting, participant)

    async def join(self, caller: Caller, data: JoinData) -> dict[str, Any]:
        """Take the seat and connect."""
        switches = Switches(microphone=data.microphone, camera=data.camera)
        answer = await self.conductor.join(caller.who, data.meeting, data.offer, switches, hall=data.hall)
        self.channel.enter(caller.sid, rows.room_name(data.meeting))
        self._sit(caller, data.meeting, answer.participant)
        entrance = await self.store.read(attend.look, caller.who, data.meeting)
        return {**msgspec.structs.asdict(answer), "snapshot": entrance.snapshot, "host": entrance.host}

    async def snapshot(self, caller: Caller, data: About) -> dict[str, Any]:
        """The room as it is; the page gets its news from now on."""
        self.channel.enter(caller.sid, rows.room_name(data.meeting))
        try:
            entrance = await self.store.read(attend.look, caller.who, data.meeting)
        except Exception:
            self.channel.leave(caller.sid, rows.room_name(data.meeting))
            raise
        if entrance.me is not None:
            self._sit(caller, data.meeting, entrance.me)
            await self.conductor.hearing.repeat(entrance.me)
        return msgspec.structs.asdict(entrance)

    async def leave(self, caller: Caller, data: About) -> None:
        """Go out of the room."""
        self.seats.pop(caller.sid, None)
        self.channel.leave(caller.sid, rows.room_name(data.meeting))
        await self.conductor.leave(caller.who, data.meeting)

    def _seat(self, caller: Caller, meeting: int) -> int:
        """Which participant the page is. Raises NotAllowedError."""
        seat = self.seats.get(caller.sid)
        if seat is None or seat[0] != meeting:
            raise NotAllowedError("not_in_meeting", _("Đồng chí chưa vào họp."))
        return seat[1]

    async def slots(self, caller: Caller, data: SlotsData) -> None:
        """What the page wants to see."""
        await self.conductor.show(data.meeting, self._seat(caller, data.meeting), data.wants)

    async def health(self, caller: Caller, data: HealthData) -> None:
        """How the page fares."""
        self.board.hear(data.meeting, self._seat(caller, data.meeting), data.report)

    async def stats(self, caller: Caller, data: About) -> dict[str, Any]:
        """Everybody's line."""
        return {"lines": await self.board.look(caller.who, data.meeting)}

    async def state(self, caller: Caller, data: StateData) -> dict[str, Any]:
        """The person's switches; the answer is what they are now."""
        switches = Switches(microphone=data.microphone, camera=data.camera, screen=data.screen)
        now = await self.store.write(attend.switch, caller.who, data.meeting, switches)
        await self.conductor.sync(data.meeting)
        return msgspec.structs.asdict(now)

    async def say(self, caller: Caller, data: Words) -> None:
        """A line of chat."""
        await self.store.write(attend.say, caller.who, data)

    async def raise_hand(self, caller: Caller, data: About) -> None:
        """Ask for the floor."""
        await self.store.write(floor.raise_hand, caller.who, data.meeting)

    async def lower_hand(self, caller: Caller, data: Whom) -> None:
        """Take the hand down."""
        await self.store.write(floor.lower_hand, caller.who, data.meeting, data.participant)

    async def mute(self, caller: Caller, data: Whom) -> None:
        """Switch one microphone off, or all."""
        await self._change(floor.mute, caller, data.meeting, data.participant)

    async def give_floor(self, caller: Caller, data: Whom) -> None:
        """Invite somebody to speak, or take the floor back."""
        await self._change(floor.give, caller, data.meeting, data.participant)

    async def floor_mode(self, caller: Caller, data: ModeData) -> None:
        """Everybody may speak, or only the invited."""
        await self._change(floor.set_mode, caller, data.meeting, data.mode)

    async def remove(self, caller: Caller, data: Whom) -> None:
        """Take somebody out."""
        if data.participant is not None:
            await self.store.write(floor.remove, caller.who, data.meeting, data.participant)
            await self.conductor.take_out(data.meeting, data.participant)

    async def rename(self, caller: Caller, data: NameData) -> None:
        """Say who sits there."""
        await self.store.write(floor.rename, caller.who, data.meeting, data.participant, data.name)

    async def readmit(self, caller: Caller, data: Whom) -> None:
        """Let somebody in again."""
        if data.participant is not None:
            await self.store.write(floor.readmit, caller.who, data.meeting, data.participant)

    async def appoint(self, caller: Caller, data: Whom) -> None:
        """Make somebody in the room the secretary, or nobody."""
        await self.store.write(secretary.appoint_seated, caller.who, data.meeting, data.participant)

    async def answer_help(self, caller: Caller, data: Whom) -> None:
        """Somebody sees to who has asked for help by telephone."""
        if data.participant is not None:
            await self.store.write(floor.answer_help, caller.who, data.meeting, data.participant)

    async def agenda_next(self, caller: Caller, data: About) -> None:
        """The next agenda item."""
        await self.store.write(floor.agenda_next, caller.who, data.meeting)

    async def record_start(self, caller: Caller, data: About) -> None:
        """Record from now on."""
        await self.conductor.record(caller.who, data.meeting)

    async def record_stop(self, caller: Caller, data: About) -> None:
        """Stop recording."""
        await self.conductor.stop_recording(caller.who, data.meeting)

    async def start(self, caller: Caller, data: About) -> None:
        """Start a planned meeting."""
        await self.store.write(plan.start, caller.who, data.meeting)

    async def end(self, caller: Caller, data: About) -> None:
        """End the meeting for all."""
        await self.conductor.end(caller.who, data.meeting)

    async def _change(self, work: Any, caller: Caller, meeting_id: int, *args: Any) -> None:
        def apply(tx: Transaction) -> None:
            work(tx, caller.who, meeting_id, *args)

        await self.store.write(apply)
        await self.conductor.sync(meeting_id)

    def messages(self) -> list[Message]:
        """All messages with who may send them; the chair's are checked against the meeting by the service."""
        join, chair = Permission.JOIN_MEETING, Permission.CHAIR_MEETING
        return [
            Message(
                "meeting.ice", self.ice, Permission.SIGNED_IN, summary="Relays (TURN), to be asked before the offer"
            ),
            Message("meeting.join", self.join, join, JoinData, "Take the seat with one offer for the whole meeting"),
            Message("meeting.snapshot", self.snapshot, join, About, "The room as it is; follow it from now on"),
            Message("meeting.leave", self.leave, join, About, "Go out of the room"),
            Message("meeting.slots", self.slots, join, SlotsData, "What the video slots shall show"),
            Message("meeting.health", self.health, join, HealthData, "How the page fares: freezes, concealment, CPU"),
            Message("meeting.stats", self.stats, Permission.WATCH_LINKS, About, "Everybody's line, every few seconds"),
            Message("meeting.state", self.state, join, StateData, "What is switched on: microphone, camera, screen"),
            Message("meeting.say", self.say, join, Words, "A line of chat"),
            Message("meeting.raise_hand", self.raise_hand, join, About, "Ask for the floor"),
            Message("meeting.lower_hand", self.lower_hand, join, Whom, "Take the own hand down, or another's"),
            Message("meeting.mute", self.mute, chair, Whom, "Switch off one microphone, or all"),
            Message("meeting.give_floor", self.give_floor, chair, Whom, "Invite one to speak, or take the floor back"),
            Message("meeting.floor_mode", self.floor_mode, chair, ModeData, "Everybody may speak, or the invited"),
            Message("meeting.remove", self.remove, chair, Whom, "Take somebody out"),
            Message("meeting.rename", self.rename, chair, NameData, "Say who sits at a unit's telephone or in a hall"),
            Message("meeting.readmit", self.readmit, chair, Whom, "Let somebody in again"),
            Message("meeting.appoint", self.appoint, chair, Whom, "Make one in the room the secretary, or nobody"),
            Message("meeting.answer_help", self.answer_help, chair, Whom, "See to who has asked for help by telephone"),
            Message("meeting.agenda_next", self.agenda_next, chair, About, "End the agenda item, begin the next"),
            Message("meeting.record_start", self.record_start, chair, About, "Record from now on"),
            Message("meeting.record_stop", self.record_stop, chair, About, "Stop recording"),
            Message("meeting.start", self.start, chair, About, "Start a planned meeting"),
            Message("meeting.end", self.end, chair, About, "End the meeting for all"),
        ]


ANNOUNCEMENTS = [
    Announcement("meeting.invited", "The unit is invited to a meeting", durable=True),
    Announcement("meeting.started", "A meeting to which the unit is invited runs now", durable=True),
    Announcement("meeting.ended", "The meeting is over", durable=True),
    Announcement("meeting.cancelled", "The planned meeting will not take place", durable=True),
    Announcement("meeting.changed", "What is new in the room, numbered; after a gap ask meeting.snapshot"),
    Announcement("meeting.speaking", "Who is heard from now on, the loudest first"),
    Announcement(
        "meeting.layers", "Send these layers of the own camera or screen (`rids`) and no others, in `codec` if it can"
    ),
    Announcement("meeting.voice", "Send the own voice at so many `kbps`, in packets of `frame_ms`"),
    Announcement(
        "meeting.link", "How well the own link carries the meeting: `quality`, `rung`, slots `paused`, `still`"
    ),
    Announcement("meeting.said", "A line of chat"),
    Announcement(
        "meeting.calling",
        "A unit is called by telephone (`outcome` running), or what became of it; empty: nothing to be said any more",
    ),
    Announcement("meeting.own_call", "How the call goes that this page has asked for (`outcome`), as meeting.calling"),
    Announcement("meeting.dial_in_changed", "There is a first or another code to dial in by: ask for it anew"),
    Announcement("meeting.secretary_wanted", "Somebody on the telephone asks for those who run the meeting"),
    Announcement("meeting.media_restarted", "Sound and picture were interrupted: send a new meeting.join"),
    Announcement("meeting.secretary", "This person is the secretary from now on (`appointed`), or no longer"),
    Announcement("meeting.removed", "The chair has taken this person out"),
]
