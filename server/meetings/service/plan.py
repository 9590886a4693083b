"""Planning, starting, cancelling and ending a meeting, and the lists of meetings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.errors import ConflictError, UserError
from server.http.i18n import _
from server.meetings import rules
from server.meetings.model import agenda_item, meeting, meeting_unit, participant, recording
from server.meetings.rules import FloorMode, Recording, State, Step
from server.meetings.service import rows, secretary, view
from server.meetings.service.secretary import Candidate
from server.store import Transaction
from server.units import service as units

MOST_ITEMS = 50
MOST_AHEAD = timedelta(days=400)
PAST_SHOWN = 50
PAST_GRACE = timedelta(minutes=10)


class AgendaLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a planned agenda."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    minutes: Annotated[int, msgspec.Meta(ge=0, le=600)] = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of a new meeting says; without `starts_at` it starts at once."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    units: list[int]
    starts_at: datetime | None = None
    agenda: list[AgendaLine] = []
    floor_mode: FloorMode = FloorMode.OPEN
    secretary: int | None = None  # an account


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One meeting in a list."""

    id: int
    title: str
    state: State
    starts_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    chair_unit: str
    units: int
    people: int
    host: bool
    secretary: bool  # the person who asks is


class Lists(msgspec.Struct, frozen=True, kw_only=True):
    """A person's meetings: running, coming (next first), past (last first)."""

    live: list[Listed]
    planned: list[Listed]
    past: list[Listed]


def create(tx: Transaction, who: Principal, plan: Plan) -> int:
    """Plan a meeting with the caller in the chair, or start one now; the invited units are told. Gives its id."""
    title = " ".join(plan.title.split())
    if not title:
        raise UserError("no_title", _("Xin ghi tên cuộc họp."), field="title")
    rows.require_plain(title, "title")
    for line in plan.agenda:
        rows.require_plain(line.title, "agenda")
    invited = set(plan.units) - {who.unit_id}
    known = units.tree(tx).units
    if not invited or not invited <= set(known):
        raise UserError("no_units", _("Xin chọn ít nhất một đơn vị được mời."), field="units")
    if len(plan.agenda) > MOST_ITEMS:
        raise UserError("long_agenda", _("Chương trình dài quá {n} mục."), field="agenda", n=MOST_ITEMS)
    starts_at = plan.starts_at or tx.now
    if starts_at.tzinfo is None or not tx.now - PAST_GRACE <= starts_at <= tx.now + MOST_AHEAD:
        raise UserError("bad_time", _("Giờ họp phải ở phía trước và trong vòng một năm."), field="starts_at")
    if plan.secretary is not None:
        secretary.require_candidate(tx, invited | {who.unit_id}, who.account_id, plan.secretary)
    meeting_id = tx.insert(
        meeting,
        title=title,
        starts_at=starts_at,
        created_by=who.account_id,
        created_at=tx.now,
        chair_id=who.account_id,
        chair_unit_id=who.unit_id,
        secretary_id=plan.secretary,
        state=State.PLANNED,
        floor_mode=plan.floor_mode,
        version=0,
    )
    tx.execute(sa.insert(meeting_unit), [{"meeting_id": meeting_id, "unit_id": u} for u in sorted(invited)])
    for position, line in enumerate(plan.agenda):
        tx.insert(agenda_item, meeting_id=meeting_id, position=position, title=line.title, minutes=line.minutes)
    rows.write_log(tx, meeting_id, "planned", who)
    if plan.secretary is not None:
        secretary.note(tx, who, meeting_id, None, plan.secretary)
    _emit(tx, "meeting.invited", meeting_id)
    if plan.starts_at is None:
        start(tx, who, meeting_id)
    return meeting_id


def start(tx: Transaction, who: Principal, meeting_id: int) -> None:
    """Open the room; the invited units' pages show it at once. Starting a running meeting changes nothing."""
    row = rows.find(tx, who, meeting_id)
    rows.require_host(row, who)
    if row.state == State.LIVE:
        return
    _step(tx, row, Step.START, started_at=tx.now)
    rows.write_log(tx, meeting_id, "started", who)
    _emit(tx, "meeting.started", meeting_id)
    rows.tell(tx, meeting_id, head=True)


def cancel(tx: Transaction, who: Principal, meeting_id: int) -> None:
    """Take a planned meeting back; the invited units are told."""
    row = rows.find(tx, who, meeting_id)
    rows.require_host(row, who)
    _step(tx, row, Step.CANCEL, dial_in_code=None)
    rows.write_log(tx, meeting_id, "cancelled", who)
    _emit(tx, "meeting.cancelled", meeting_id)


def end(tx: Transaction, who: Principal, meeting_id: int) -> None:
    """End the meeting for all: everybody has left, clocks stop, the recording is closed."""
    row = rows.find(tx, who, meeting_id)
    rows.require_host(row, who)
    _step(tx, row, Step.END, ended_at=tx.now, dial_in_code=None)
    p, a, r = participant.c, agenda_item.c, recording.c
    tx.execute(
        sa.update(participant)
        .where(p.meeting_id == meeting_id, p.left_at.is_(None))
        .values(left_at=tx.now, has_floor=False, hand_raised_at=None, microphone=False, camera=False, screen=False)
    )
    tx.execute(
        sa.update(agenda_item)
        .where(a.meeting_id == meeting_id, a.started_at.is_not(None), a.ended_at.is_(None))
        .values(ended_at=tx.now)
    )
    tx.execute(
        sa.update(recording)
        .where(r.meeting_id == meeting_id, r.state.in_([Recording.RUNNING, Recording.PAUSED]))
        .values(state=Recording.STOPPED, stopped_at=tx.now)
    )
    rows.write_log(tx, meeting_id, "ended", who)
    _emit(tx, "meeting.ended", meeting_id)
    rows.tell(tx, meeting_id, head=True, agenda=True)


def _step(tx: Transaction, row: Any, step: Step, **values: Any) -> None:
    try:
        state = rules.after(State(row.state), step)
    except rules.IllegalStepError as error:
        raise ConflictError("meeting_state", _("Cuộc họp không còn ở trạng thái làm được việc này.")) from error
    tx.execute(sa.update(meeting).where(meeting.c.id == row.id).values(state=state, **values))


def _emit(tx: Transaction, kind: str, meeting_id: int) -> None:
    row = tx.one(sa.select(meeting).where(meeting.c.id == meeting_id))
    assert row is not None  # noqa: S101 - just written
    chair_unit = units.unit(tx, row.chair_unit_id)
    body = {
        "meeting": meeting_id,
        "title": row.title,
        "starts_at": row.starts_at.isoformat(),
        "chair_unit": chair_unit.short_name,
        "state": row.state,
    }
    tx.emit(kind, rows.units_of(tx, meeting_id), body)


# ---- lists


def lists(tx: Transaction, who: Principal) -> Lists:
    """The person's meetings."""
    m = meeting.c
    known = sa.select(meeting).where(rows.known_to(who))
    live = tx.all(known.where(m.state == State.LIVE).order_by(m.started_at))
    planned = tx.all(known.where(m.state == State.PLANNED).order_by(m.starts_at))
    past = tx.all(
        known.where(m.state.in_([State.ENDED, State.CANCELLED])).order_by(m.starts_at.desc()).limit(PAST_SHOWN)
    )
    counts = _counts(tx, [r.id for r in (*live, *planned, *past)])
    names = units.units_by_ids(tx, {r.chair_unit_id for r in (*live, *planned, *past)})

    def listed(found: Sequence[Any]) -> list[Listed]:
        return [_listed(r, counts, names[r.chair_unit_id].short_name, who) for r in found]

    return Lists(live=listed(live), planned=listed(planned), past=listed(past))


def _counts(tx: Transaction, ids: list[int]) -> dict[int, tuple[int, int]]:
    u, p = meeting_unit.c, participant.c
    invited = tx.all(sa.select(u.meeting_id, sa.func.count()).where(u.meeting_id.in_(ids)).group_by(u.meeting_id))
    came = tx.all(sa.select(p.meeting_id, sa.func.count()).where(p.meeting_id.in_(ids)).group_by(p.meeting_id))
    people = {row[0]: row[1] for row in came}
    return {row[0]: (row[1], people.get(row[0], 0)) for row in invited}


def _listed(row: Any, counts: dict[int, tuple[int, int]], chair_unit: str, who: Principal) -> Listed:
    invited, people = counts.get(row.id, (0, 0))
    return Listed(
        id=row.id,
        title=row.title,
        state=State(row.state),
        starts_at=row.starts_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        chair_unit=chair_unit,
        units=invited + 1,
        people=people,
        host=rows.is_host(row, who),
        secretary=row.secretary_id == who.account_id,
    )


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One meeting's own page. `candidates` for secretary are told to who may appoint one, as long as that may be."""

    head: view.Head
    agenda: list[view.AgendaView]
    units: list[view.UnitView]
    people: list[view.ParticipantView]
    chair_unit: str
    host: bool
    secretary: bool  # the person who asks is
    appoints: bool
    candidates: list[Candidate]
    removed: bool
    dial_in_code: str | None
    calls_back: bool


def detail(tx: Transaction, who: Principal, meeting_id: int) -> Detail:
    """All about one meeting. Raises NotFoundError where the person is not invited."""
    row = rows.find(tx, who, meeting_id)
    people = [view.participant_view(r) for r in rows.seats(tx, meeting_id)]
    appoints = secretary.may_appoint(row, who) and row.state in (State.PLANNED, State.LIVE)
    taking_part = rows.units_of(tx, meeting_id) if appoints else []
    return Detail(
        head=view.head(tx, row),
        agenda=view.agenda(tx, meeting_id),
        units=view.roll_call(tx, row),
        people=people,
        chair_unit=units.unit(tx, row.chair_unit_id).short_name,
        host=rows.is_host(row, who),
        secretary=row.secretary_id == who.account_id,
        appoints=appoints,
        candidates=secretary.candidates(tx, taking_part, row.chair_id, row.chair_unit_id),
        dial_in_code=row.dial_in_code,
        calls_back=row.calls_back,
        removed=any(p.account == who.account_id and p.removed for p in people),
    )
