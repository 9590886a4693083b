"""From an ended meeting to a sealed record. `create_record` is called by the meetings feature in its own transaction;
the archiver (`archive.py`) joins the files outside any transaction and then calls `seal` or `fail`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from server.errors import NotFoundError
from server.http.i18n import _
from server.records import custody, retention
from server.records.custody import What
from server.records.facts import EndedMeeting, UnitFacts, from_text, to_text
from server.records.model import State, record, record_chapter, record_file, record_gap, record_unit
from server.records.views import ChapterLine, FileLine, GapLine, Problem
from server.store import Transaction, search
from server.units.rules import day_of

_NOT_SEALED = record.c.sealed_at.is_(None)
CREATED = "record.created"
"""The note after the commit that wakes the archiver (room `records`)."""


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """What the archiver made of a meeting's recordings; names are relative to the recordings folder.

    `problems` are the masters that were missing or not as they were captured.
    """

    playable: str
    media_type: str
    duration_ms: int
    merkle_root: str
    files: list[FileLine]
    chapters: list[ChapterLine]
    gaps: list[GapLine]
    problems: list[Problem] = []


def create_record(tx: Transaction, ended: EndedMeeting) -> int | None:
    """The record of a meeting that ended, at once and without its files; the archiver is woken by the commit.

    Idempotent: a meeting has one record. None if nothing was recorded.
    """
    existing = of_meeting(tx, ended.id)
    if existing is not None or not ended.recordings:
        return existing
    rules = retention.load()
    day = day_of(ended.ended_at)
    rule = rules.find(rules.default, day)
    words = _words(ended)
    record_id = tx.insert(
        record,
        meeting_id=ended.id,
        unit_id=ended.unit_id,
        title=ended.title,
        kind=ended.kind,
        chair=ended.chair,
        started_at=ended.started_at,
        ended_at=ended.ended_at,
        state=State.ASSEMBLING.value,
        facts=to_text(ended),
        folder=f"record-{ended.id}",
        retention=rules.default,
        due_on=rule.due_on(day) if rule else None,
        search_exact=search.exact(words),
        search_plain=search.plain(words),
    )
    keeper = UnitFacts(id=ended.unit_id, name=ended.unit_name)
    by_id = {unit.id: unit for unit in (keeper, *ended.units)}
    tx.execute(
        sa.insert(record_unit),
        [{"record_id": record_id, "unit_id": u.id, "name": u.name, "present": u.present} for u in by_id.values()],
    )
    custody.add(tx, record_id, What.CREATED, purpose=", ".join(r.directory for r in ended.recordings)[:500])
    tx.notify("records", {"kind": CREATED, "record": record_id})
    return record_id


def of_meeting(tx: Transaction, meeting_id: int) -> int | None:
    """The id of a meeting's record."""
    row = tx.one(sa.select(record.c.id).where(record.c.meeting_id == meeting_id))
    return int(row.id) if row else None


def row_of(tx: Transaction, record_id: int) -> Any:
    """A record's row, for an operator at the server. Raises NotFoundError."""
    row = tx.one(sa.select(record).where(record.c.id == record_id))
    if row is None:
        raise NotFoundError("no_record", _("Không có hồ sơ số {id}."), id=record_id)
    return row


def unfinished(tx: Transaction) -> list[int]:
    """Records that are not sealed: new ones, those whose work was interrupted, and those where it failed."""
    rows = tx.all(sa.select(record.c.id).where(_NOT_SEALED).order_by(record.c.id))
    return [int(row.id) for row in rows]


def to_assemble(tx: Transaction, record_id: int) -> tuple[EndedMeeting, str] | None:
    """The meeting's facts and the folder for what is made; None if the record is sealed."""
    row = tx.one(sa.select(record).where(record.c.id == record_id, _NOT_SEALED))
    return (from_text(row.facts), str(row.folder)) if row else None


def seal(tx: Transaction, record_id: int, archived: Archived) -> None:
    """Write what the archiver found and made, and tell the units. Nothing if the record is already sealed."""
    row = _not_sealed(tx, record_id)
    if row is None:
        return
    _add_lines(tx, record_file, record_id, archived.files)
    _add_lines(tx, record_chapter, record_id, archived.chapters)
    _add_lines(tx, record_gap, record_id, archived.gaps)
    problem = ", ".join(f"{p.name} ({p.what})" for p in archived.problems)[:500]
    _set(
        tx,
        record_id,
        state=State.DAMAGED.value if problem else State.READY.value,
        problem=problem,
        playable=archived.playable,
        media_type=archived.media_type,
        duration_ms=archived.duration_ms,
        bytes=sum(file.bytes for file in archived.files),
        merkle_root=archived.merkle_root,
        sealed_at=tx.now,
    )
    recovered = [file.name for file in archived.files if file.recovered]
    if recovered:
        custody.add(tx, record_id, What.RECOVERED, purpose=", ".join(recovered)[:500])
    custody.add(tx, record_id, What.SEALED, purpose=archived.merkle_root)
    if problem:
        custody.add(tx, record_id, What.FOUND_DAMAGED, purpose=problem)
    _tell(tx, row, "record.damaged" if problem else "record.ready")


def fail(tx: Transaction, record_id: int, problem: str) -> None:
    """The files could not be joined: the record stays, says so, and its keeper is told."""
    row = _not_sealed(tx, record_id)
    if row is None:
        return
    _set(tx, record_id, state=State.DAMAGED.value, problem=problem[:500])
    custody.add(tx, record_id, What.FAILED, purpose=problem[:500])
    _tell(tx, row, "record.damaged")


def _add_lines(tx: Transaction, table: sa.Table, record_id: int, lines: Sequence[msgspec.Struct]) -> None:
    if lines:
        tx.execute(sa.insert(table), [{"record_id": record_id, **msgspec.structs.asdict(line)} for line in lines])


def _not_sealed(tx: Transaction, record_id: int) -> Any | None:
    return tx.one(sa.select(record).where(record.c.id == record_id, _NOT_SEALED).with_for_update())


def _set(tx: Transaction, record_id: int, **values: Any) -> None:
    tx.execute(sa.update(record).where(record.c.id == record_id).values(**values))


def _tell(tx: Transaction, row: Any, kind: str) -> None:
    members = tx.all(sa.select(record_unit.c.unit_id).where(record_unit.c.record_id == row.id))
    body = {"record": row.id, "meeting": row.meeting_id, "title": row.title}
    tx.emit(kind, [member.unit_id for member in members], body)


def _words(ended: EndedMeeting) -> str:
    """Everything that a clerk may look for."""
    texts = [ended.title, ended.chair, ended.secretary, ended.unit_name]
    texts += [unit.name for unit in ended.units]
    texts += [person.name for person in ended.people]
    texts += [item.title for item in ended.agenda]
    # One line each, so that a phrase in quotation marks does not run from one name into the next.
    return "\n".join(texts)
