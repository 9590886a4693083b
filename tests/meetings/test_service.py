"""Meetings in the database: who may know, come, speak; what is told to whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from server.accounts.principal import Principal
from server.errors import ConflictError, NotAllowedError, NotFoundError, UnavailableError, UserError
from server.meetings.rules import Attendance, FloorMode, Recording, State
from server.meetings.service import attend, floor, plan, recording, view
from server.meetings.service.attend import SessionNews, Switches, Words
from server.meetings.service.plan import AgendaLine, Plan
from server.store import Store, StoredEvent
from tests.conftest import Clock, DistrictIds

ON = Switches(microphone=True, camera=True)


class Room:
    """A meeting of the district with Cam Thủy and one of its villages, and what was told of it."""

    def __init__(self, store: Store, clock: Clock, district: DistrictIds) -> None:
        self.store, self.clock = store, clock
        self.chair, self.commune = district.who("chutich"), district.who("camthuy")
        self.village, self.stranger = district.who("thon1.camthuy"), district.who("camtuyen")
        self.events: list[StoredEvent] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []
        store.listeners.append(self._hear)
        self.units = [self.commune.unit_id, self.village.unit_id]
        self.id = self.do(plan.create, self.chair, Plan(title="Giao ban tuần", units=self.units))

    def _hear(self, events: Sequence[StoredEvent], notes: Sequence[tuple[str, dict[str, Any]]]) -> None:
        self.events += events
        self.notes += notes

    def do(self, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
        self.clock.advance(seconds=1)
        return self.store.write_now(work, *args, **options)

    def read(self, work: Callable[..., Any], *args: Any) -> Any:
        return self.store.read_now(work, *args)

    def enter(self, who: Principal, switches: Switches = ON) -> int:
        return int(self.do(attend.enter, who, self.id, switches, hall=False).participant)

    def passed(self) -> dict[int, floor.Passed]:
        wanted: floor.Wanted = self.read(floor.wanted, self.id)
        return wanted.passed

    def seat(self, participant: int) -> view.ParticipantView:
        snapshot: view.Snapshot = self.read(view.snapshot, self.id)
        return next(p for p in snapshot.participants if p.id == participant)


@pytest.fixture
def room(store: Store, clock: Clock, district: DistrictIds) -> Room:
    return Room(store, clock, district)


def test_a_meeting_started_now_is_told_to_every_invited_unit_and_the_chairs(room: Room) -> None:
    told = {(event.kind, event.unit_id) for event in room.events}
    units = {*room.units, room.chair.unit_id}
    assert told == {(kind, unit) for kind in ("meeting.invited", "meeting.started") for unit in units}


def test_a_planned_meeting_starts_when_the_chair_comes_and_not_before(room: Room, clock: Clock) -> None:
    later = Plan(title="Chiều", units=room.units, starts_at=clock() + timedelta(hours=1))
    room.id = room.do(plan.create, room.chair, later)
    with pytest.raises(ConflictError, match="not_started"):
        room.enter(room.commune)
    room.enter(room.chair)
    assert room.enter(room.commune)
    assert room.read(view.snapshot, room.id).head.state is State.LIVE


@pytest.mark.parametrize("change", ["past", "far", "nobody", "only_self", "unknown_unit", "blank"])
def test_a_wrong_plan_is_refused(room: Room, clock: Clock, change: str) -> None:
    wrong = {
        "past": Plan(title="x", units=room.units, starts_at=clock() - timedelta(hours=1)),
        "far": Plan(title="x", units=room.units, starts_at=clock() + timedelta(days=900)),
        "nobody": Plan(title="x", units=[]),
        "only_self": Plan(title="x", units=[room.chair.unit_id]),
        "unknown_unit": Plan(title="x", units=[10**6]),
        "blank": Plan(title=" \t ", units=room.units),
    }[change]
    with pytest.raises(UserError):
        room.do(plan.create, room.chair, wrong)


def test_who_is_not_invited_does_not_even_see_the_meeting(room: Room) -> None:
    for work in (lambda: room.enter(room.stranger), lambda: room.read(plan.detail, room.stranger, room.id)):
        with pytest.raises(NotFoundError, match="not_invited"):
            work()
    assert room.read(plan.lists, room.stranger).live == []
    assert [m.id for m in room.read(plan.lists, room.commune).live] == [room.id]


def test_coming_back_takes_the_same_seat(room: Room) -> None:
    first = room.enter(room.commune)
    room.do(attend.leave, room.commune, room.id)
    assert not room.seat(first).present
    assert room.enter(room.commune) == first
    assert room.seat(first).present


def test_news_of_a_replaced_connection_change_nothing(room: Room) -> None:
    seat = room.enter(room.commune)
    room.do(attend.seated, seat, "old")
    room.enter(room.commune)
    news = SessionNews(meeting=room.id, participant=seat, session="old", state="closed")
    room.do(attend.sessions_changed, [news])
    assert room.seat(seat).present
    room.do(attend.seated, seat, "new")
    for state in ("connected", "lost"):
        room.do(attend.sessions_changed, [SessionNews(meeting=room.id, participant=seat, session="new", state=state)])
        assert room.seat(seat).link == state
    room.do(attend.sessions_changed, [SessionNews(meeting=room.id, participant=seat, session="new", state="closed")])
    assert not room.seat(seat).present


def test_changes_of_the_room_are_numbered_without_holes(room: Room) -> None:
    room.enter(room.chair)
    seat = room.enter(room.commune)
    room.do(floor.raise_hand, room.commune, room.id)
    room.do(floor.give, room.chair, room.id, seat)
    versions = [body["version"] for name, body in room.notes if body["kind"] == "meeting.changed"]
    assert versions == list(range(versions[0], versions[0] + len(versions)))
    assert room.read(view.snapshot, room.id).version == versions[-1]


def test_hands_floor_and_microphones_by_invitation(room: Room) -> None:
    room.enter(room.chair)
    commune, village = room.enter(room.commune), room.enter(room.village)
    room.do(floor.set_mode, room.chair, room.id, FloorMode.INVITATION)
    assert not room.seat(commune).microphone
    with pytest.raises(NotAllowedError, match="no_floor"):
        room.do(attend.switch, room.commune, room.id, ON)
    room.do(floor.raise_hand, room.village, room.id)
    room.do(floor.raise_hand, room.commune, room.id)
    assert room.read(view.snapshot, room.id).queue == [village, commune]
    room.do(floor.give, room.chair, room.id, village)
    assert room.read(view.snapshot, room.id).queue == [commune]
    assert room.do(attend.switch, room.village, room.id, ON).microphone
    room.do(floor.give, room.chair, room.id, commune)
    assert room.seat(commune).floor
    assert not room.seat(village).floor
    assert not room.seat(village).microphone
    wanted = room.read(floor.wanted, room.id)
    assert wanted.floor is not None
    assert commune in wanted.floor
    assert village not in wanted.floor


def test_a_mute_holds_until_the_person_switches_on_again_where_speaking_is_open(room: Room) -> None:
    chair, commune = room.enter(room.chair), room.enter(room.commune)
    for seat in (chair, commune):
        room.do(attend.seated, seat, f"session{seat}")
    room.do(floor.mute, room.chair, room.id, None)
    assert room.seat(chair).microphone
    assert room.seat(commune).muted
    assert {seat: passed.microphone for seat, passed in room.passed().items()} == {chair: True, commune: False}
    room.do(attend.switch, room.commune, room.id, ON)
    assert not room.seat(commune).muted
    assert room.passed()[commune].microphone


def test_only_hosts_run_the_meeting(room: Room) -> None:
    chair = room.enter(room.chair)
    room.enter(room.commune)
    for work, args in (
        (floor.mute, (None,)),
        (floor.give, (chair,)),
        (floor.set_mode, (FloorMode.INVITATION,)),
        (floor.remove, (chair,)),
        (floor.agenda_next, ()),
        (plan.end, ()),
        (recording.stop, ()),
    ):
        with pytest.raises(NotAllowedError, match="only_chair"):
            room.do(work, room.commune, room.id, *args)


def test_who_was_taken_out_comes_back_only_when_let_in(room: Room) -> None:
    room.enter(room.chair)
    seat = room.enter(room.commune)
    room.do(floor.remove, room.chair, room.id, seat)
    assert (f"account:{room.commune.account_id}", {"kind": "meeting.removed", "meeting": room.id}) in room.notes
    with pytest.raises(NotAllowedError, match="removed"):
        room.enter(room.commune)
    with pytest.raises(NotAllowedError, match="removed"):
        room.read(attend.look, room.commune, room.id)
    room.do(floor.readmit, room.chair, room.id, seat)
    assert room.enter(room.commune) == seat


def test_one_shared_screen_at_a_time(room: Room) -> None:
    room.enter(room.chair)
    room.enter(room.commune)
    share = Switches(microphone=True, camera=True, screen=True)
    room.do(attend.switch, room.commune, room.id, share)
    with pytest.raises(ConflictError, match="screen_taken"):
        room.do(attend.switch, room.chair, room.id, share)
    room.do(attend.leave, room.commune, room.id)
    assert room.do(attend.switch, room.chair, room.id, share).screen


def test_only_what_is_switched_on_is_passed_on(room: Room) -> None:
    seat = room.enter(room.commune, Switches(microphone=True))
    assert room.passed() == {}, "there is no connection yet"
    room.do(attend.seated, seat, "abc")
    assert room.passed()[seat] == floor.Passed(session="abc", microphone=True, camera=False, screen=False)
    room.do(attend.switch, room.commune, room.id, Switches(camera=True, screen=True))
    assert room.passed()[seat] == floor.Passed(session="abc", microphone=True, camera=True, screen=True)
    room.do(attend.switch, room.commune, room.id, Switches(camera=True))
    assert not room.passed()[seat].screen
    room.do(attend.leave, room.commune, room.id)
    assert room.passed() == {}


def test_roll_call_by_unit(room: Room, clock: Clock) -> None:
    room.enter(room.chair)
    clock.advance(minutes=6)
    room.enter(room.village)
    units = {u.id: u.attendance for u in room.read(view.snapshot, room.id).units}
    assert units == {
        room.chair.unit_id: Attendance.PRESENT,
        room.commune.unit_id: Attendance.ABSENT,
        room.village.unit_id: Attendance.LATE,
    }


def test_chat_is_for_those_in_the_room(room: Room) -> None:
    with pytest.raises(ConflictError, match="not_in_meeting"):
        room.do(attend.say, room.commune, Words(meeting=room.id, text="chào"))
    room.enter(room.commune)
    room.do(attend.say, room.commune, Words(meeting=room.id, text=" <b>chào</b> "))
    assert [m.text for m in room.read(view.snapshot, room.id).messages] == ["<b>chào</b>"]


def test_a_recording_needs_space_is_one_at_a_time_and_survives_the_node(room: Room) -> None:
    room.enter(room.chair)
    with pytest.raises(UnavailableError, match="disk_full"):
        room.do(recording.begin, room.chair, room.id, free_mb=10, needed_mb=500)
    number, directory = room.do(recording.begin, room.chair, room.id, free_mb=900, needed_mb=500)
    assert room.read(floor.wanted, room.id).recording == (number, directory)
    with pytest.raises(ConflictError, match="already_recording"):
        room.do(recording.begin, room.chair, room.id, free_mb=900, needed_mb=500)
    room.do(recording.paused, room.id)
    assert room.read(view.snapshot, room.id).head.recording.state is Recording.PAUSED
    room.do(recording.resumed, number)
    assert room.read(view.snapshot, room.id).head.recording.state is Recording.RUNNING
    room.do(recording.failed, number, "disk_full")
    assert room.read(floor.wanted, room.id).recording is None
    assert room.read(view.snapshot, room.id).head.recording.failure == "disk_full"


def test_the_archive_is_told_everything_once(room: Room) -> None:
    lines = [AgendaLine(title="Một", minutes=5), AgendaLine(title="Hai")]
    room.id = room.do(plan.create, room.chair, Plan(title="Có chương trình", units=room.units, agenda=lines))
    room.enter(room.chair)
    seat = room.enter(room.commune)
    number, directory = room.do(recording.begin, room.chair, room.id, free_mb=900, needed_mb=500)
    room.do(floor.agenda_next, room.chair, room.id)
    room.do(floor.give, room.chair, room.id, seat)
    room.do(floor.give, room.chair, room.id, None)
    assert room.read(recording.waiting) == []
    room.do(plan.end, room.chair, room.id)
    assert room.read(recording.waiting) == [room.id]
    facts = room.read(recording.facts, room.id)
    assert (facts.title, facts.chair, facts.unit_id) == ("Có chương trình", room.chair.name, room.chair.unit_id)
    assert [(r.id, r.directory) for r in facts.recordings] == [(f"r{number}", directory)]
    assert facts.recordings[0].stopped_at == facts.ended_at
    assert [(a.title, a.started_at is not None, a.ended_at) for a in facts.agenda] == [
        ("Một", True, facts.ended_at),
        ("Hai", False, None),
    ]
    assert [(s.name, s.started_at < s.ended_at) for s in facts.speeches] == [(room.commune.name, True)]
    assert {u.id: u.present for u in facts.units}[room.village.unit_id] is False
    room.do(recording.handed_over, room.id)
    assert room.read(recording.waiting) == []


def test_the_end_is_for_all_and_for_good(room: Room) -> None:
    seat = room.enter(room.commune)
    room.do(plan.end, room.chair, room.id)
    assert not room.seat(seat).present
    with pytest.raises(ConflictError, match="meeting_ended"):
        room.enter(room.commune)
    with pytest.raises(ConflictError, match="meeting_state"):
        room.do(plan.end, room.chair, room.id)
    assert {e.unit_id for e in room.events if e.kind == "meeting.ended"} == {*room.units, room.chair.unit_id}
