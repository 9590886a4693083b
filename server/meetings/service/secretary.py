"""The secretary (thư ký) of a meeting: who may be one, and the appointment by the chair or who called the meeting."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission, roles_with
from server.accounts.principal import Principal
from server.errors import ConflictError, NotAllowedError, UserError
from server.http.i18n import _
from server.meetings.model import meeting, participant
from server.meetings.rules import Role, State
from server.meetings.service import rows
from server.store import Transaction
from server.units import service as units

_ROLES = roles_with([Permission.JOIN_MEETING, Permission.CHAIR_MEETING])


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may be chosen: an official of a unit that takes part."""

    account: int
    name: str
    unit: int
    unit_name: str


def candidates(tx: Transaction, taking_part: Collection[int], chair_id: int, first: int) -> list[Candidate]:
    """Who may be secretary of a meeting of these units: their officials but the chair, unit `first` before others."""
    found: dict[int, Candidate] = {}
    for one in _officials(tx, taking_part, chair_id, first):
        found.setdefault(one.account, one)
    return list(found.values())


def of_all_units(tx: Transaction, who: Principal) -> list[Candidate]:
    """Whom the form of a new meeting offers as its units are chosen: people once for each of their units."""
    return _officials(tx, units.tree(tx).units, who.account_id, who.unit_id)


def _officials(tx: Transaction, unit_ids: Collection[int], chair_id: int, first: int) -> list[Candidate]:
    members = [one for one in accounts.members(tx, unit_ids, _ROLES) if one.account_id != chair_id]
    names = units.units_by_ids(tx, {one.unit_id for one in members})
    return [
        Candidate(
            account=one.account_id,
            name=one.name,
            unit=one.unit_id,
            unit_name=names[one.unit_id].short_name if one.unit_id in names else "",
        )
        for one in sorted(members, key=lambda one: (one.unit_id != first, one.unit_id))
    ]


def require_candidate(tx: Transaction, taking_part: Collection[int], chair_id: int, account: int) -> None:
    """Raise UserError unless this person may be secretary of a meeting of these units."""
    if account == chair_id:
        raise UserError("secretary_is_chair", _("Chủ trì không kiêm thư ký. Xin chọn người khác."), field="secretary")
    if all(one.account_id != account for one in accounts.members(tx, taking_part, _ROLES)):
        raise UserError(
            "no_secretary",
            _("Thư ký phải là lãnh đạo, cán bộ hoặc văn thư của một đơn vị dự họp."),
            field="secretary",
        )


def may_appoint(row: Any, who: Principal) -> bool:
    """Whether the person names the secretary: the chair, and who called the meeting; a secretary names no other."""
    return who.account_id in (row.chair_id, row.created_by)


def appoint(tx: Transaction, who: Principal, meeting_id: int, account: int | None) -> None:
    """Make somebody the secretary, from now on; None: nobody. The same again changes nothing.

    Raises NotFoundError, NotAllowedError, ConflictError (over), UserError (who may not be one).
    """
    row = rows.find(tx, who, meeting_id)
    if not may_appoint(row, who):
        raise NotAllowedError("only_chair_appoints", _("Chỉ chủ trì hoặc người triệu tập cuộc họp chọn được thư ký."))
    if row.state not in (State.PLANNED, State.LIVE):
        raise ConflictError("meeting_state", _("Cuộc họp không còn ở trạng thái làm được việc này."))
    if account == row.secretary_id:
        return
    if account is not None:
        require_candidate(tx, rows.units_of(tx, meeting_id), row.chair_id, account)
    tx.execute(sa.update(meeting).where(meeting.c.id == meeting_id).values(secretary_id=account))
    note(tx, who, meeting_id, row.secretary_id, account)
    changed = _seat_anew(tx, row, account)
    rows.tell(tx, meeting_id, participants=changed, head=True)


def appoint_seated(tx: Transaction, who: Principal, meeting_id: int, participant_id: int | None) -> None:
    """The same, of somebody in the room. Raises also NotFoundError for no such seat, UserError for a mere telephone."""
    account = None
    if participant_id is not None:
        rows.find_live(tx, who, meeting_id)
        account = rows.seat(tx, meeting_id, participant_id).account_id
        if account is None:
            raise UserError("no_account", _("Chỉ người đăng nhập bằng tài khoản mới làm thư ký được."))
    appoint(tx, who, meeting_id, account)


def note(tx: Transaction, who: Principal, meeting_id: int, before: int | None, after: int | None) -> None:
    """Write into the meeting's log who is secretary from now on, and tell the person's open pages."""
    names = accounts.names(tx, {one for one in (before, after) if one is not None})
    words = [names.get(one, "–") if one is not None else "–" for one in (before, after)]
    rows.write_log(tx, meeting_id, "secretary", who, detail=" → ".join(words))
    for account in (before, after):
        if account is not None:
            body = {"kind": "meeting.secretary", "meeting": meeting_id, "appointed": account == after}
            tx.notify(f"account:{account}", body)


def _seat_anew(tx: Transaction, row: Any, account: int | None) -> list[int]:
    """Give those who are or were secretary their roles in the room."""
    p = participant.c
    changed = []
    for seat in tx.all(
        sa.select(participant).where(p.meeting_id == row.id, p.account_id.in_([row.secretary_id or 0, account or 0]))
    ):
        role = Role.SECRETARY if seat.account_id in (account, row.created_by) else Role.DELEGATE
        rows.change_seat(tx, seat.id, role=role)
        changed.append(seat.id)
    return changed
