"""What pages and programs see of meetings. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.meetings import rules
from server.meetings.model import agenda_item, meeting, meeting_message, meeting_unit, participant, recording
from server.meetings.rules import State
from server.store import Transaction
from server.units import service as units

LAST_MESSAGES = 100


class ParticipantView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the roster."""

    id: int
    account: int | None
    unit: int
    name: str
    unit_name: str
    role: str
    present: bool
    removed: bool
    link: str
    session: str
    phone: bool
    help: datetime | None
    hand: datetime | None
    floor: bool
    floor_since: datetime | None
    muted: bool
    microphone: bool
    camera: bool
    screen: bool


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the last call to a unit: an outcome of `calls.rules`, `queued` or `no_number`."""

    outcome: str
    again_at: datetime | None


class UnitView(msgspec.Struct, frozen=True, kw_only=True):
    """One unit at the roll call; `people` counts those in the room now, `call` is told until one of them has come."""

    id: int
    name: str
    attendance: rules.Attendance
    people: int
    call: CallView | None


class AgendaView(msgspec.Struct, frozen=True, kw_only=True):
    """One agenda item with its planned minutes and its clock."""

    id: int
    title: str
    minutes: int
    started_at: datetime | None
    ended_at: datetime | None


class RecordingView(msgspec.Struct, frozen=True, kw_only=True):
    """The latest recording."""

    state: rules.Recording
    started_at: datetime
    failure: str = ""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The meeting without its people."""

    id: int
    title: str
    state: State
    starts_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    floor_mode: rules.FloorMode
    chair: int  # accounts
    secretary: int | None
    secretary_name: str
    recording: RecordingView | None


class SaidView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the chat (Trao đổi)."""

    id: int
    participant: int
    at: datetime
    text: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that the room shows, at one version."""

    version: int
    now: datetime
    head: Head
    participants: list[ParticipantView]
    queue: list[int]
    units: list[UnitView]
    agenda: list[AgendaView]
    messages: list[SaidView]


def participant_view(row: Any) -> ParticipantView:
    """A participant's row as the roster shows it."""
    return ParticipantView(
        id=row.id,
        account=row.account_id,
        unit=row.unit_id,
        name=row.name,
        unit_name=row.unit_name,
        role=row.role,
        present=row.left_at is None and row.removed_at is None,
        removed=row.removed_at is not None,
        link=row.link,
        session=row.session,
        phone=row.by_phone,
        help=row.help_wanted_at,
        hand=row.hand_raised_at,
        floor=row.has_floor,
        floor_since=row.floor_since,
        muted=row.muted,
        microphone=row.microphone,
        camera=row.camera,
        screen=row.screen,
    )


def hands(tx: Transaction, meeting_id: int) -> list[int]:
    """Who waits for the floor, first come first."""
    p = participant.c
    raised = tx.all(
        sa.select(p.id, p.hand_raised_at).where(
            p.meeting_id == meeting_id, p.hand_raised_at.is_not(None), p.left_at.is_(None), p.removed_at.is_(None)
        )
    )
    return rules.queue((row.id, row.hand_raised_at) for row in raised)


def roll_call(tx: Transaction, row: Any, only: Collection[int] | None = None) -> list[UnitView]:
    """The invited units (and the chair's) with who came; `only` restricts it to some units."""
    called = {r.unit_id: r for r in tx.all(_invited(row.id))}
    invited = called.keys() | {row.chair_unit_id}
    wanted = invited if only is None else set(only)
    p = participant.c
    people = tx.all(
        sa.select(p.unit_id, p.first_joined_at, p.joined_at, p.left_at, p.removed_at).where(
            p.meeting_id == row.id, p.unit_id.in_(wanted)
        )
    )
    names = units.units_by_ids(tx, wanted)
    found = []
    for unit_id in sorted(wanted, key=lambda u: names[u].id if u in names else u):
        own = [r for r in people if r.unit_id == unit_id]
        here = [r for r in own if r.left_at is None and r.removed_at is None]
        attendance = rules.attendance(
            started=row.started_at,
            joined=[r.first_joined_at for r in own],
            present=bool(here),
            state=State(row.state),
        )
        found.append(
            UnitView(
                id=unit_id,
                name=names[unit_id].short_name if unit_id in names else "",
                attendance=attendance,
                people=len(here),
                call=_call(called.get(unit_id), [r.joined_at for r in own]),
            )
        )
    return found


def _call(row: Any | None, joined: list[datetime]) -> CallView | None:
    if row is None or row.called_at is None or any(at >= row.called_at for at in joined):
        return None
    return CallView(outcome=row.call, again_at=row.called_again_at)


def _invited(meeting_id: int) -> sa.Select[Any]:
    return sa.select(meeting_unit).where(meeting_unit.c.meeting_id == meeting_id)


def agenda(tx: Transaction, meeting_id: int) -> list[AgendaView]:
    """The agenda in order."""
    rows = tx.all(sa.select(agenda_item).where(agenda_item.c.meeting_id == meeting_id).order_by(agenda_item.c.position))
    return [
        AgendaView(id=r.id, title=r.title, minutes=r.minutes, started_at=r.started_at, ended_at=r.ended_at)
        for r in rows
    ]


def last_recording(tx: Transaction, meeting_id: int) -> Any | None:
    """The row of the newest recording."""
    return tx.one(
        sa.select(recording).where(recording.c.meeting_id == meeting_id).order_by(recording.c.id.desc()).limit(1)
    )


def head(tx: Transaction, row: Any) -> Head:
    """The meeting without its people."""
    last = last_recording(tx, row.id)
    secretary = accounts.names(tx, [row.secretary_id]) if row.secretary_id is not None else {}
    return Head(
        id=row.id,
        title=row.title,
        state=State(row.state),
        starts_at=row.starts_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        floor_mode=rules.FloorMode(row.floor_mode),
        chair=row.chair_id,
        secretary=row.secretary_id,
        secretary_name=secretary.get(row.secretary_id, ""),
        recording=RecordingView(state=rules.Recording(last.state), started_at=last.started_at, failure=last.failure)
        if last
        else None,
    )


def messages(tx: Transaction, meeting_id: int) -> list[SaidView]:
    """The last lines of the chat, oldest first."""
    m = meeting_message.c
    rows = tx.all(
        sa.select(meeting_message).where(m.meeting_id == meeting_id).order_by(m.id.desc()).limit(LAST_MESSAGES)
    )
    return [SaidView(id=r.id, participant=r.participant_id, at=r.at, text=r.text) for r in reversed(rows)]


def snapshot(tx: Transaction, meeting_id: int) -> Snapshot:
    """All that the room shows; who may see it was checked by the caller."""
    row = tx.one(sa.select(meeting).where(meeting.c.id == meeting_id))
    assert row is not None  # noqa: S101 - callers have found it in this transaction
    people = tx.all(sa.select(participant).where(participant.c.meeting_id == meeting_id).order_by(participant.c.id))
    return Snapshot(
        version=row.version,
        now=tx.now,
        head=head(tx, row),
        participants=[participant_view(r) for r in people],
        queue=hands(tx, meeting_id),
        units=roll_call(tx, row),
        agenda=agenda(tx, meeting_id),
        messages=messages(tx, meeting_id),
    )
