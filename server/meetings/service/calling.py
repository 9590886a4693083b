"""Calling units into a running meeting: which are missing, and how the calls go, for the roster of those who run it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.errors import NotFoundError
from server.http.i18n import _
from server.meetings.model import meeting, meeting_unit
from server.meetings.rules import State
from server.meetings.service import rows
from server.store import Transaction

QUEUED, NO_NUMBER = "queued", "no_number"
"""What is said of a unit beside the outcomes of calls: it waits for its turn; nobody there has a number."""


def missing(tx: Transaction, who: Principal, meeting_id: int) -> list[int]:
    """Invited units of which nobody is there now, for a host of a running meeting."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    invited = {r.unit_id for r in tx.all(sa.select(meeting_unit).where(meeting_unit.c.meeting_id == meeting_id))}
    here = {seat.unit_id for seat in rows.present(rows.seats(tx, meeting_id))}
    return sorted(invited - here)


def here(tx: Transaction, meeting_id: int) -> list[Any] | None:
    """The seats of who is there now; None when the meeting does not run."""
    row = tx.one(sa.select(meeting.c.state).where(meeting.c.id == meeting_id))
    if row is None or row.state != State.LIVE:
        return None
    return rows.present(rows.seats(tx, meeting_id))


def invited(tx: Transaction, who: Principal, meeting_id: int) -> list[int]:
    """All units that can be called, whether missing now or not, for a host of a running meeting."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    return rows.units_of(tx, meeting_id)


def require_invited(tx: Transaction, who: Principal, meeting_id: int, unit_id: int) -> None:
    """Raise unless a host of a running meeting asks for an invited unit."""
    row = rows.find_live(tx, who, meeting_id)
    rows.require_host(row, who)
    if unit_id not in rows.units_of(tx, meeting_id):
        raise NotFoundError("not_invited", _("Đơn vị này không được mời dự họp."))


def note(tx: Transaction, meeting_id: int, queued: Collection[int], without_number: Collection[int]) -> None:
    """Some units will be called, and for some there is no number."""
    _mark(tx, meeting_id, queued, QUEUED)
    _mark(tx, meeting_id, without_number, NO_NUMBER)
    if queued or without_number:
        rows.tell(tx, meeting_id, units={*queued, *without_number})


def tell(
    tx: Transaction,
    meeting_id: int,
    unit_id: int,
    outcome: str,
    again_at: datetime | None = None,
    at: datetime | None = None,
) -> None:
    """How a call to a unit goes, and when it is called again: to be seen in the roster, and as news to the pages.

    `at` is since when, where it is told later.     With an empty `outcome` there is nothing to be said of it any more.
    """
    _mark(tx, meeting_id, [unit_id], outcome, again_at, at)
    rows.tell(tx, meeting_id, units=[unit_id])
    body = {"kind": "meeting.calling", "meeting": meeting_id, "unit": unit_id, "outcome": outcome}
    tx.notify(rows.room_name(meeting_id), body)


def nobody_is_called(tx: Transaction) -> None:
    """The server has begun anew: whoever was being called, or was to be called again, is not."""
    c = meeting_unit.c
    pending = sa.or_(c.call.in_([QUEUED, "running"]), c.called_again_at.is_not(None))
    tx.execute(sa.update(meeting_unit).where(pending).values(call="", called_at=None, called_again_at=None))


def _mark(
    tx: Transaction,
    meeting_id: int,
    unit_ids: Iterable[int],
    outcome: str,
    again_at: datetime | None = None,
    at: datetime | None = None,
) -> None:
    c = meeting_unit.c
    tx.execute(
        sa.update(meeting_unit)
        .where(c.meeting_id == meeting_id, c.unit_id.in_(sorted(unit_ids)))
        .values(call=outcome, called_at=at or tx.now, called_again_at=again_at)
    )
