"""Taking part by telephone: finding the meeting, a seat without a page, and what the keys of a telephone do."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.errors import ConflictError, NotAllowedError
from server.http.i18n import _
from server.meetings.model import meeting, participant
from server.meetings.rules import Role, State
from server.meetings.service import calling, plan, rows, view
from server.store import Transaction
from server.telephony.numbers import same
from server.units import service as units

EARLY = timedelta(minutes=30)
"""Who calls at most so long before the planned time waits for the chair on the line."""

CODE_DIGITS = 8
"""As many as a person's, from which it is told apart by looking; should both be the same, it is the meeting's. All
callers together can try 28,800 a day (`calls.guessing`), so that one of 20 meetings' is found after 165 days in
the mean.
"""
_TRIES = 20


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The meeting that a caller means, and as whom; `who` is None for a unit whose person has not said so by a code.

    `name` is what such a one is called, where the number tells it.
    """

    meeting: int
    who: Principal | None
    unit: int
    name: str = ""


class Waiting(StrEnum):
    """How a meeting stands for one who calls: open, not begun yet, or over."""

    OPEN = "open"
    LATER = "later"
    OVER = "over"


class Switched(StrEnum):
    """What became of a wish to switch the microphone."""

    ON = "on"
    OFF = "off"
    NO_FLOOR = "no_floor"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks and on which agenda item, counted from 1; None where nobody does or none is open."""

    speaker: str | None
    item: int | None
    title: str


# ---- finding the meeting


def meeting_of(tx: Transaction, people: Sequence[Principal]) -> Found | None:
    """The meeting of a person (in each of their roles): one that runs, the newest first, else the next within `EARLY`.

    Meetings that the chair has taken this person out of are told as NotAllowedError, if there is no other.
    """
    taken_out = False
    for state, order in ((State.LIVE, meeting.c.started_at.desc()), (State.PLANNED, meeting.c.starts_at)):
        for who in people:
            query = sa.select(meeting).where(rows.known_to(who), meeting.c.state == state).order_by(order)
            if state is State.PLANNED:
                query = query.where(meeting.c.starts_at <= tx.now + EARLY)
            for row in tx.all(query):
                if not _is_out(tx, row.id, who.account_id):
                    return Found(meeting=row.id, who=who, unit=who.unit_id)
                taken_out = True
    if taken_out:
        raise NotAllowedError("removed", _("Chủ trì đã mời đồng chí ra khỏi cuộc họp này."))
    return None


def _is_out(tx: Transaction, meeting_id: int, account_id: int) -> bool:
    p = participant.c
    query = sa.select(p.id).where(p.meeting_id == meeting_id, p.account_id == account_id, p.removed_at.is_not(None))
    return tx.one(query) is not None


def as_whom(tx: Transaction, people: Sequence[Principal], meeting_id: int) -> Found | None:
    """In which role a person takes part in a meeting; None where they are not invited."""
    for who in people:
        if tx.one(sa.select(meeting.c.id).where(rows.known_to(who), meeting.c.id == meeting_id)) is not None:
            return Found(meeting=meeting_id, who=who, unit=who.unit_id)
    return None


def meeting_by_code(tx: Transaction, code: str) -> int | None:
    """The meeting with this code, as long as it has not ended."""
    row = tx.one(sa.select(meeting.c.id).where(meeting.c.dial_in_code == code))
    return int(row.id) if row else None


def unit_by_code(tx: Transaction, meeting_id: int, digits: str) -> Found | None:
    """The invited unit whose code has these digits: codes may hold letters and dots, telephones have none."""
    invited = units.units_by_ids(tx, rows.units_of(tx, meeting_id)).values()
    found = [unit for unit in invited if digits and "".join(filter(str.isdigit, unit.code)) == digits]
    return Found(meeting=meeting_id, who=None, unit=found[0].id) if len(found) == 1 else None


def give_code(tx: Transaction, meeting_id: int) -> str:
    """The meeting's code for telephones, made when it is first asked for; it is nobody's once the meeting is over."""
    row = tx.one(sa.select(meeting.c.dial_in_code, meeting.c.state).where(meeting.c.id == meeting_id))
    if row is None or row.state not in (State.PLANNED, State.LIVE):
        raise ConflictError("meeting_ended", _("Cuộc họp đã kết thúc."))
    if row.dial_in_code:
        return str(row.dial_in_code)
    for _try in range(_TRIES):
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        if meeting_by_code(tx, code) is None:
            tx.execute(sa.update(meeting).where(meeting.c.id == meeting_id).values(dial_in_code=code))
            return code
    raise ConflictError("no_code", _("Chưa tạo được mã dự họp. Xin thử lại."))


def waiting(tx: Transaction, found: Found) -> Waiting:
    """Whether one who calls may go in: not before somebody who runs the meeting is there, or calls."""
    row = tx.one(sa.select(meeting).where(meeting.c.id == found.meeting))
    if row is None or row.state in (State.ENDED, State.CANCELLED):
        return Waiting.OVER
    if found.who is not None and rows.is_host(row, found.who):
        return Waiting.OPEN
    if row.state == State.PLANNED:
        return Waiting.LATER
    here = {seat.account_id for seat in rows.present(rows.seats(tx, found.meeting))}
    return Waiting.OPEN if here & _hosts(row) else Waiting.LATER


# ---- the seat


def enter(tx: Transaction, found: Found, call: str, number: str) -> int:
    """Sit down; a person's seat is the same by page and by telephone. A unit's telephone has the one again that its
    number had, unless it is taken: there may be several behind one number. Who hides it has a seat for this call alone.
    Gives the participant.

    A host's coming starts a planned meeting. Raises ConflictError (not running), NotAllowedError (taken out).
    """
    row = tx.one(sa.select(meeting).where(meeting.c.id == found.meeting))
    if row is not None and row.state == State.PLANNED and found.who is not None and rows.is_host(row, found.who):
        plan.start(tx, found.who, found.meeting)
    rows.require_live(tx, found.meeting)
    old = _seat_before(tx, found, number)
    values = {
        "joined_at": tx.now, "left_at": None, "session": call, "link": "connected", "by_phone": True,
        "microphone": False, "camera": False, "screen": False,
    }  # fmt: skip
    if old is None:
        seat_id = tx.insert(
            participant,
            meeting_id=found.meeting,
            account_id=found.who.account_id if found.who else None,
            unit_id=found.unit,
            name=found.who.name if found.who else found.name or caller_name(number),
            number="" if found.who else number,
            unit_name=units.unit(tx, found.unit).short_name,
            role=rows.role_of(row, found.who, hall=False) if found.who else Role.GUEST,
            first_joined_at=tx.now,
            has_floor=False,
            muted=False,
            **values,
        )
    elif old.removed_at is not None:
        raise NotAllowedError("removed", _("Chủ trì đã mời đồng chí ra khỏi cuộc họp này."))
    else:
        seat_id = old.id
        rows.change_seat(tx, seat_id, **values)
    kind = "joined" if old is None else "returned"
    rows.write_log(tx, found.meeting, kind, found.who, seat_id, "telephone")
    rows.tell(tx, found.meeting, participants=[seat_id])
    return int(seat_id)


def enter_once(tx: Transaction, found: Found, call: str, number: str) -> int:
    """The same, for a call that may sit there already: nobody knows, as the database went away while it sat down."""
    p = participant.c
    mine = sa.and_(p.meeting_id == found.meeting, p.session == call, p.left_at.is_(None), p.removed_at.is_(None))
    seat = tx.one(sa.select(p.id).where(mine))
    return int(seat.id) if seat is not None else enter(tx, found, call, number)


def _seat_before(tx: Transaction, found: Found, number: str) -> Any | None:
    if found.who is not None:
        return _of_account(tx, found.meeting, found.who.account_id)
    theirs = [seat for seat in rows.seats(tx, found.meeting) if same(seat.number, number)]
    out = [seat for seat in theirs if seat.removed_at is not None]  # for whatever unit: the telephone was taken out
    free = [seat for seat in theirs if seat.left_at is not None and seat.unit_id == found.unit]
    return next(iter(out + free), None)


def caller_name(number: str) -> str:
    """What a caller is called whose name is not known; of the number, only its end is for everybody's eyes."""
    digits = "".join(filter(str.isdigit, number))
    return f"Điện thoại …{digits[-3:]}" if len(digits) >= 3 else "Điện thoại giấu số"


def _own(tx: Transaction, participant_id: int, call: str) -> Any | None:
    """The seat, as long as this call sits in it."""
    p = participant.c
    return tx.one(
        sa.select(participant).where(
            p.id == participant_id, p.session == call, p.left_at.is_(None), p.removed_at.is_(None)
        )
    )


def seat_view(tx: Transaction, participant_id: int) -> view.ParticipantView | None:
    """The seat as pages are told it."""
    row = tx.one(sa.select(participant).where(participant.c.id == participant_id))
    return view.participant_view(row) if row is not None else None


def leave(tx: Transaction, participant_id: int, call: str, detail: str = "", at: datetime | None = None) -> None:
    """The call is over, since `at`. A seat that somebody else sits in by now stays."""
    seat = _own(tx, participant_id, call)
    if seat is not None:
        rows.vacate(tx, seat, None, detail=detail, at=at)


def leave_whatever(tx: Transaction, meeting_id: int, call: str, at: datetime) -> bool:
    """The same, where nobody knows whether the call had sat down; gives whether it had."""
    p = participant.c
    seat = tx.one(sa.select(p.id).where(p.meeting_id == meeting_id, p.session == call, p.left_at.is_(None)))
    if seat is not None:
        leave(tx, seat.id, call, "telephone", at)
    return seat is not None


def all_gone(tx: Transaction) -> None:
    """The server has begun anew: no call goes on."""
    for seat in tx.all(sa.select(participant).where(participant.c.by_phone, participant.c.left_at.is_(None))):
        rows.vacate(tx, seat, None, detail="restart")
    calling.nobody_is_called(tx)


# ---- keys


def turn_hand(tx: Transaction, participant_id: int, call: str) -> bool | None:
    """Raise the hand, or take it down when it is up; gives whether it is up. None: the seat is gone."""
    seat = _own(tx, participant_id, call)
    if seat is None:
        return None
    up = seat.hand_raised_at is None
    rows.change_seat(tx, seat.id, hand_raised_at=tx.now if up else None)
    rows.tell(tx, seat.meeting_id, participants=[seat.id])
    return up


def turn_microphone(tx: Transaction, participant_id: int, call: str) -> Switched | None:
    """Switch the microphone on, as far as the floor allows, or off. None: the seat is gone."""
    seat = _own(tx, participant_id, call)
    if seat is None:
        return None
    row = tx.one(sa.select(meeting).where(meeting.c.id == seat.meeting_id))
    on = not seat.microphone
    if on and not rows.may_speak(row, seat):
        return Switched.NO_FLOOR
    rows.change_seat(tx, seat.id, microphone=on, muted=seat.muted and not on)
    rows.tell(tx, seat.meeting_id, participants=[seat.id])
    return Switched.ON if on else Switched.OFF


def standing(tx: Transaction, meeting_id: int, loudest: Sequence[int]) -> Standing:
    """Who holds the floor, else who is heard, the loudest first; and the agenda's open item."""
    people = {seat.id: seat for seat in rows.present(rows.seats(tx, meeting_id))}
    speaking = [seat for seat in people.values() if seat.has_floor] or [people[p] for p in loudest if p in people]
    items = view.agenda(tx, meeting_id)
    place = next((n for n, item in enumerate(items) if item.started_at and not item.ended_at), None)
    return Standing(
        speaker=f"{speaking[0].unit_name}, {speaking[0].name}" if speaking else None,
        item=None if place is None else place + 1,
        title="" if place is None else items[place].title,
    )


def call_secretary(tx: Transaction, participant_id: int, call: str) -> bool | None:
    """Tell those who run the meeting that this participant needs them, and mark it until one of them has answered.

    Gives whether one of them has the room's page open. None: the seat is gone.
    """
    seat = _own(tx, participant_id, call)
    if seat is None:
        return None
    rows.change_seat(tx, seat.id, help_wanted_at=tx.now)
    rows.write_log(tx, seat.meeting_id, "secretary_wanted", None, seat.id)
    rows.tell(tx, seat.meeting_id, participants=[seat.id])
    body = {"kind": "meeting.secretary_wanted", "meeting": seat.meeting_id, "participant": seat.id}
    tx.notify(rows.room_name(seat.meeting_id), body)
    row = tx.one(sa.select(meeting).where(meeting.c.id == seat.meeting_id))
    pages = {one.account_id for one in rows.present(rows.seats(tx, seat.meeting_id)) if not one.by_phone}
    return bool(pages & _hosts(row))


def _hosts(row: Any) -> set[int]:
    return {row.chair_id, row.secretary_id, row.created_by} - {None}


# ---- for those who run the meeting


class DialIn(msgspec.Struct, frozen=True, kw_only=True):
    """What hosts tell people: the meeting's code, and whether calls that drop are called back."""

    code: str
    calls_back: bool


def dial_in(tx: Transaction, who: Principal, meeting_id: int) -> DialIn:
    """For a host; the code is made by it. Raises NotFoundError, NotAllowedError, ConflictError."""
    row = rows.find(tx, who, meeting_id)
    rows.require_host(row, who)
    code = give_code(tx, meeting_id)
    if not row.dial_in_code:
        _tell_of_code(tx, who, meeting_id, "made")
    return DialIn(code=code, calls_back=row.calls_back)


def change_code(tx: Transaction, who: Principal, meeting_id: int) -> DialIn:
    """Another code in place of the one that the wrong people know; who has come by it stays. As `dial_in`."""
    row = rows.find(tx, who, meeting_id)
    rows.require_host(row, who)
    tx.execute(sa.update(meeting).where(meeting.c.id == meeting_id).values(dial_in_code=None))
    code = give_code(tx, meeting_id)
    _tell_of_code(tx, who, meeting_id, "changed")
    return DialIn(code=code, calls_back=row.calls_back)


def _tell_of_code(tx: Transaction, who: Principal, meeting_id: int, what: str) -> None:
    """The room's pages ask for it anew, each for what it may know."""
    rows.write_log(tx, meeting_id, "dial_in_code", who, detail=what)
    tx.notify(rows.room_name(meeting_id), {"kind": "meeting.dial_in_changed", "meeting": meeting_id})


def code_for_host(tx: Transaction, who: Principal, meeting_id: int) -> str:
    """The running meeting's code, empty as long as the hosts have made none.

    Raises NotFoundError, ConflictError (not running), NotAllowedError (who asks does not run it, or no longer).
    """
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    return row.dial_in_code or ""


def allow_calling_back(tx: Transaction, who: Principal, meeting_id: int, allowed: bool) -> None:
    """Whether a call that drops is called back, once."""
    row = rows.find(tx, who, meeting_id)
    rows.require_host(row, who)
    tx.execute(sa.update(meeting).where(meeting.c.id == meeting_id).values(calls_back=allowed))
    rows.write_log(tx, meeting_id, "calls_back", who, detail="on" if allowed else "off")


def may_call_back(tx: Transaction, meeting_id: int) -> bool:
    """Whether the chair allows it, and the meeting still runs."""
    row = tx.one(sa.select(meeting.c.calls_back, meeting.c.state).where(meeting.c.id == meeting_id))
    return row is not None and row.calls_back and row.state == State.LIVE


# ---- for who sits in the room


def codes(tx: Transaction, who: Principal, meeting_id: int) -> tuple[str, str]:
    """The meeting's code, empty as long as the hosts have made none, and the digits that stand for the person's unit.

    Raises NotFoundError, ConflictError (not running, not in the room).
    """
    row = rows.find_live(tx, who, meeting_id)
    seat = rows.own_seat(tx, who, meeting_id)
    return row.dial_in_code or "", "".join(filter(str.isdigit, units.unit(tx, seat.unit_id).code))


def is_beside(tx: Transaction, meeting_id: int, account_id: int) -> bool:
    """Whether the meeting runs and this person's telephone is not in it; a page may be, whose line is weak."""
    row = tx.one(sa.select(meeting.c.state).where(meeting.c.id == meeting_id))
    seat = _of_account(tx, meeting_id, account_id)
    if row is None or row.state != State.LIVE or seat is None or seat.removed_at is not None:
        return False
    return seat.left_at is not None or not seat.by_phone


def tell_own_call(tx: Transaction, meeting_id: int, account_id: int, outcome: str) -> None:
    """How the call goes that a person has asked for, for the own page alone."""
    seat = _of_account(tx, meeting_id, account_id)
    if seat is not None:
        body = {"kind": "meeting.own_call", "meeting": meeting_id, "participant": seat.id, "outcome": outcome}
        tx.notify(rows.seat_name(seat.id), body)


def _of_account(tx: Transaction, meeting_id: int, account_id: int) -> Any | None:
    p = participant.c
    return tx.one(sa.select(participant).where(p.meeting_id == meeting_id, p.account_id == account_id))
