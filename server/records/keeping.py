"""What people do with a sealed record, each a custody event: play, download, export, verify, hold, give a period."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.errors import ConflictError, NotAllowedError, UserError
from server.http.i18n import _
from server.records import custody, facts, finding, retention, service
from server.records.custody import What
from server.records.model import State, custody_event, record
from server.records.views import ChapterLine, FileLine, GapLine, Verdict
from server.store import Transaction
from server.units.rules import day_of

VIEW_LASTS = dt.timedelta(hours=1)
"""Within this time a person's range requests and reloads count as one view."""


class Playable(msgspec.Struct, frozen=True, kw_only=True):
    """The file to play, relative to the recordings folder, and whether this view stands in the log already."""

    name: str
    media_type: str
    title: str
    logged: bool


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What a check or an export works with, taken from the database in one reading."""

    id: int
    title: str
    folder: str
    state: State
    merkle_root: str
    facts: facts.EndedMeeting
    files: list[FileLine]
    chapters: list[ChapterLine]
    gaps: list[GapLine]
    custody: list[dict[str, Any]]
    broken_link: int | None


def playable(tx: Transaction, who: Principal, record_id: int) -> Playable:
    """The file to play. Raises NotFoundError, or ConflictError while there is none."""
    row = finding.visible_row(tx, who, record_id)
    if row.playable is None:
        raise ConflictError("not_ready", _("Bản ghi chưa sẵn sàng để xem."))
    return Playable(name=row.playable, media_type=row.media_type, title=row.title, logged=_saw(tx, who, record_id))


def _saw(tx: Transaction, who: Principal, record_id: int) -> bool:
    query = sa.select(custody_event.c.n).where(
        custody_event.c.record_id == record_id,
        custody_event.c.account_id == who.account_id,
        custody_event.c.what == What.VIEWED.value,
        custody_event.c.at > tx.now - VIEW_LASTS,
    )
    return tx.one(query.limit(1)) is not None


def log_view(tx: Transaction, who: Principal, record_id: int) -> None:
    """Put a view into the chain, once within VIEW_LASTS; its purpose is to watch."""
    finding.visible_row(tx, who, record_id, lock=True)
    if not _saw(tx, who, record_id):
        custody.add(tx, record_id, What.VIEWED, who=who, purpose=_("xem"))


def log_download(tx: Transaction, who: Principal, record_id: int, purpose: str) -> Playable:
    """Put a download with its purpose into the chain and give the file."""
    found = playable(tx, who, record_id)
    custody.add(tx, record_id, What.DOWNLOADED, who=who, purpose=_said(purpose))
    return found


def log_export(tx: Transaction, who: Principal | str, record_id: int, purpose: str) -> Sealed:
    """Put an export into the chain and give what goes into the package, this link included."""
    row = _kept(tx, who, record_id)
    if row.state == State.ASSEMBLING:
        raise ConflictError("not_ready", _("Hồ sơ đang được lập. Xin xuất gói sau ít giây."))
    custody.add(tx, record_id, What.EXPORTED, who=who, purpose=_said(purpose))
    return _sealed(tx, row)


def to_verify(tx: Transaction, who: Principal | str, record_id: int) -> Sealed:
    """What the files are compared with. Raises ConflictError while they are being joined."""
    row = _seen(tx, who, record_id)
    if row.sealed_at is None:
        raise ConflictError("not_ready", _("Hồ sơ chưa được niêm phong nên chưa kiểm tra được."))
    return _sealed(tx, row)


def log_verdict(tx: Transaction, who: Principal | str, verdict: Verdict) -> None:
    """Keep the outcome of a check: in the chain, and as the record's state. New damage is told to its keeper."""
    row = _seen(tx, who, verdict.record)
    state = State.READY if verdict.intact else State.DAMAGED
    problem = ", ".join(f"{p.name} ({p.what})" for p in verdict.problems)[:500]
    values = {"state": state.value, "problem": problem, "verified_at": tx.now}
    tx.execute(sa.update(record).where(record.c.id == row.id).values(**values))
    custody.add(tx, row.id, What.VERIFIED if verdict.intact else What.FOUND_DAMAGED, who=who, purpose=problem)
    if state is State.DAMAGED and row.state != State.DAMAGED:
        body = {"record": row.id, "meeting": row.meeting_id, "title": row.title}
        tx.emit("record.damaged", [row.unit_id], body)


def hold(tx: Transaction, who: Principal, record_id: int, reason: str) -> None:
    """A legal hold: nothing of the record may be destroyed until it is lifted."""
    text = _reason(reason)
    _change(tx, who, record_id, What.HELD, text, hold=text)


def release(tx: Transaction, who: Principal, record_id: int, reason: str) -> None:
    """Lift the hold."""
    if not _kept(tx, who, record_id).hold:
        raise ConflictError("not_held", _("Hồ sơ này không bị tạm giữ."))
    _change(tx, who, record_id, What.RELEASED, _reason(reason), hold="")


def change_retention(tx: Transaction, who: Principal, record_id: int, code: str) -> None:
    """Give the record another period; it counts from the end of the meeting as before."""
    row = _kept(tx, who, record_id)
    ended = day_of(row.ended_at)
    rule = retention.load().find(code, ended)
    if rule is None:
        raise UserError("no_rule", _("Không có thời hạn bảo quản này."), field="retention")
    if rule.code != row.retention:
        purpose = f"{row.retention} → {rule.code}"
        _change(tx, who, record_id, What.RETENTION_CHANGED, purpose, retention=rule.code, due_on=rule.due_on(ended))


def _change(tx: Transaction, who: Principal, record_id: int, what: What, purpose: str, **values: Any) -> None:
    row = _kept(tx, who, record_id)
    tx.execute(sa.update(record).where(record.c.id == row.id).values(**values))
    custody.add(tx, row.id, what, who=who, purpose=purpose)


def _said(purpose: str) -> str:
    text = " ".join(purpose.split())
    if not text:
        raise UserError(
            "no_purpose", _("Xin ghi mục đích: mỗi lần tải hay xuất hồ sơ đều được lưu lại."), field="purpose"
        )
    return text[:500]


def _reason(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise UserError("no_reason", _("Xin ghi lý do."), field="hold")
    return text[:500]


def _seen(tx: Transaction, who: Principal | str, record_id: int) -> Any:
    """The row for a person who may see it, or for an operator (a text) at the server itself."""
    return service.row_of(tx, record_id) if isinstance(who, str) else finding.visible_row(tx, who, record_id)


def _kept(tx: Transaction, who: Principal | str, record_id: int) -> Any:
    row = _seen(tx, who, record_id)
    if isinstance(who, Principal) and not finding.may_keep(who, row):
        raise NotAllowedError("not_keeper", _("Chỉ văn thư – lưu trữ của đơn vị chủ trì được làm việc này."))
    return row


def _sealed(tx: Transaction, row: Any) -> Sealed:
    return Sealed(
        id=row.id,
        title=row.title,
        folder=row.folder,
        state=State(row.state),
        merkle_root=row.merkle_root,
        facts=facts.from_text(row.facts),
        files=finding.files_of(tx, row.id),
        chapters=finding.chapters_of(tx, row.id),
        gaps=finding.gaps_of(tx, row.id),
        custody=custody.lines(tx, row.id),
        broken_link=custody.check(tx, row.id),
    )
