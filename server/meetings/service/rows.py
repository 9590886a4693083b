"""Finding rows with the caller's right to them, writing the log, and telling the room what changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.errors import ConflictError, NotAllowedError, NotFoundError, UserError
from server.http.i18n import _
from server.meetings import rules
from server.meetings.model import meeting, meeting_log, meeting_unit, participant
from server.meetings.rules import FloorMode, Role, Speaker, State
from server.meetings.service import view
from server.store import Transaction


def room_name(meeting_id: int) -> str:
    """The live room of a meeting's pages."""
    return f"meeting:{meeting_id}"


def seat_name(participant_id: int) -> str:
    """The live room of the pages of one participant."""
    return f"seat:{participant_id}"


def units_of(tx: Transaction, meeting_id: int) -> list[int]:
    """The invited units and the chair's."""
    invited = [
        r.unit_id for r in tx.all(sa.select(meeting_unit.c.unit_id).where(meeting_unit.c.meeting_id == meeting_id))
    ]
    chair = tx.one(sa.select(meeting.c.chair_unit_id).where(meeting.c.id == meeting_id))
    return sorted({*invited, chair.chair_unit_id}) if chair else invited


def known_to(who: Principal) -> sa.ColumnElement[bool]:
    """Meetings that this person may know of: of the unit acted for, or chaired, kept or made by the person."""
    invited = sa.select(meeting_unit.c.meeting_id).where(meeting_unit.c.unit_id == who.unit_id)
    m = meeting.c
    return sa.or_(
        m.chair_unit_id == who.unit_id,
        m.chair_id == who.account_id,
        m.secretary_id == who.account_id,
        m.id.in_(invited),
    )


def find(tx: Transaction, who: Principal, meeting_id: int) -> Any:
    """The meeting's row. Raises NotFoundError where the person is not invited."""
    row = tx.one(sa.select(meeting).where(meeting.c.id == meeting_id, known_to(who)))
    if row is None:
        raise NotFoundError(
            "not_invited",
            _("Đồng chí không được mời dự cuộc họp này, hoặc không có cuộc họp này."),
        )
    return row


def find_live(tx: Transaction, who: Principal, meeting_id: int) -> Any:
    """The meeting's row, which must be running. Raises ConflictError with where it stands."""
    return _live(find(tx, who, meeting_id))


def require_live(tx: Transaction, meeting_id: int) -> None:
    """Raise NotFoundError or ConflictError unless the meeting runs, whoever asks."""
    row = tx.one(sa.select(meeting).where(meeting.c.id == meeting_id))
    if row is None:
        raise NotFoundError("no_meeting", _("Không có cuộc họp này."))
    _live(row)


def _live(row: Any) -> Any:
    match State(row.state):
        case State.PLANNED:
            raise ConflictError("not_started", _("Cuộc họp chưa bắt đầu. Trang này sẽ tự mở khi chủ trì bắt đầu họp."))
        case State.ENDED:
            raise ConflictError("meeting_ended", _("Cuộc họp đã kết thúc."))
        case State.CANCELLED:
            raise ConflictError("meeting_cancelled", _("Cuộc họp đã hủy."))
        case State.LIVE:
            return row


def is_host(row: Any, who: Principal) -> bool:
    """Whether the person runs this meeting: chair, secretary, or who called it for the chair."""
    return who.account_id in (row.chair_id, row.secretary_id, row.created_by)


def require_host(row: Any, who: Principal) -> None:
    """Raise NotAllowedError unless the person runs this meeting."""
    if not is_host(row, who):
        raise NotAllowedError("only_chair", _("Chỉ chủ trì hoặc thư ký cuộc họp làm được việc này."))


def role_of(row: Any, who: Principal, *, hall: bool) -> Role:
    """The role that a person has in this meeting."""
    if who.account_id == row.chair_id:
        return Role.CHAIR
    if is_host(row, who):
        return Role.SECRETARY
    if who.role == "village_head":
        return Role.VILLAGE_HEAD
    return Role.HALL if hall else Role.DELEGATE


def own_seat(tx: Transaction, who: Principal, meeting_id: int) -> Any:
    """The person's own participant row in a running meeting. Raises ConflictError before joining."""
    row = tx.one(
        sa.select(participant).where(participant.c.meeting_id == meeting_id, participant.c.account_id == who.account_id)
    )
    if row is None or row.removed_at is not None or row.left_at is not None:
        raise ConflictError("not_in_meeting", _("Đồng chí chưa vào họp."))
    return row


def seat(tx: Transaction, meeting_id: int, participant_id: int) -> Any:
    """A participant of the meeting. Raises NotFoundError."""
    row = tx.one(
        sa.select(participant).where(participant.c.meeting_id == meeting_id, participant.c.id == participant_id)
    )
    if row is None:
        raise NotFoundError("no_participant", _("Không có người này trong cuộc họp."))
    return row


def seats(tx: Transaction, meeting_id: int) -> list[Any]:
    """Everybody who has ever joined, in the order of joining."""
    return tx.all(sa.select(participant).where(participant.c.meeting_id == meeting_id).order_by(participant.c.id))


def present(rows: Iterable[Any]) -> list[Any]:
    """Those who are in the meeting now."""
    return [row for row in rows if row.left_at is None and row.removed_at is None]


def speaker(row: Any) -> Speaker:
    """A participant as the floor rule sees it."""
    return Speaker(participant=row.id, role=Role(row.role), has_floor=row.has_floor, muted=row.muted)


def may_speak(row: Any, seat_row: Any) -> bool:
    """Whether this participant may switch the microphone on now."""
    return rules.may_unmute(FloorMode(row.floor_mode), speaker(seat_row))


def require_plain(text: str, field: str) -> None:
    """Raises UserError for a text with marks that are not seen."""
    if rules.has_hidden_marks(text):
        raise UserError(
            "hidden_marks", _("Nội dung có ký tự ẩn làm chữ hiển thị sai. Xin gõ lại phần này."), field=field
        )


def write_log(
    tx: Transaction,
    meeting_id: int,
    kind: str,
    who: Principal | None,
    participant_id: int | None = None,
    detail: str = "",
) -> None:
    """Who did what when; None is the system."""
    tx.insert(
        meeting_log,
        meeting_id=meeting_id,
        at=tx.now,
        account_id=who.account_id if who else None,
        kind=kind,
        participant_id=participant_id,
        detail=detail[:300],
    )


def change_seat(tx: Transaction, participant_id: int, **values: Any) -> None:
    """Change one participant's row."""
    tx.execute(sa.update(participant).where(participant.c.id == participant_id).values(**values))


def gone(tx: Transaction, at: datetime | None = None) -> dict[str, Any]:
    """What a seat is when nobody sits in it, now or since `at`."""
    return {
        "left_at": at or tx.now,
        "link": "closed",
        "hand_raised_at": None,
        "help_wanted_at": None,
        "has_floor": False,
        "floor_since": None,
        "microphone": False,
        "camera": False,
        "screen": False,
    }


def vacate(tx: Transaction, row: Any, who: Principal | None, *, detail: str = "", at: datetime | None = None) -> None:
    """Somebody has gone, now or at a moment that has passed."""
    change_seat(tx, row.id, **gone(tx, at))
    write_log(tx, row.meeting_id, "left", who, row.id, detail)
    tell(tx, row.meeting_id, participants=[row.id])


def tell(
    tx: Transaction,
    meeting_id: int,
    *,
    participants: Iterable[int] = (),
    units: Iterable[int] = (),
    head: bool = False,
    agenda: bool = False,
) -> None:
    """Number this change of the room and tell its pages what is new; a page that misses a number asks for all."""
    version = tx.execute(
        sa.update(meeting)
        .where(meeting.c.id == meeting_id)
        .values(version=meeting.c.version + 1)
        .returning(meeting.c.version)
    ).scalar_one()
    row = tx.one(sa.select(meeting).where(meeting.c.id == meeting_id))
    body: dict[str, Any] = {"kind": "meeting.changed", "meeting": meeting_id, "version": version}
    changed, of_units = sorted(set(participants)), set(units)
    if changed:
        rows = tx.all(sa.select(participant).where(participant.c.id.in_(changed)))
        body["participants"] = [view.participant_view(r) for r in rows]
        of_units |= {r.unit_id for r in rows}
        body["queue"] = view.hands(tx, meeting_id)
    if of_units:
        body["units"] = view.roll_call(tx, row, of_units)
    if head:
        body["head"] = view.head(tx, row)
    if agenda:
        body["agenda"] = view.agenda(tx, meeting_id)
    tx.notify(room_name(meeting_id), body)
