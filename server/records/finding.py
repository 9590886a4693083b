"""Who may see which records, and finding them by words, dates and unit.

A record is seen by the units that were in the meeting and by those above them, and there by officials only (the
permission of the routes). To everybody else it does not exist.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.errors import NotFoundError
from server.http.i18n import _
from server.records import facts, retention
from server.records.model import (
    State,
    custody_event,
    record,
    record_chapter,
    record_file,
    record_gap,
    record_unit,
)
from server.records.views import (
    ChapterLine,
    CustodyLine,
    FileLine,
    GapLine,
    RecordInfo,
    RecordLine,
    RecordsPage,
    UnitLine,
)
from server.store import Transaction, search
from server.units import service as units

PER_PAGE = 20
RECENT_CUSTODY = 200


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for: meetings that began in [since, until), with a unit, with these words."""

    words: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    unit_id: int | None = None
    page: int = 1


def _visible_to(tx: Transaction, who: Principal) -> sa.ColumnElement[bool]:
    seen = [who.unit_id, *(unit.id for unit in units.descendants(tx, who.unit_id))]
    return record.c.id.in_(sa.select(record_unit.c.record_id).where(record_unit.c.unit_id.in_(seen)))


def _matches(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    for diacritics_count, word in search.terms(wanted.words):
        column = record.c.search_exact if diacritics_count else record.c.search_plain
        found.append(column.like(search.like(word), escape="\\"))
    if wanted.since:
        found.append(record.c.started_at >= wanted.since)
    if wanted.until:
        found.append(record.c.started_at < wanted.until)
    if wanted.unit_id is not None:
        with_unit = sa.select(record_unit.c.record_id).where(record_unit.c.unit_id == wanted.unit_id)
        found.append(record.c.id.in_(with_unit))
    return found


def find(tx: Transaction, who: Principal, wanted: Wanted) -> RecordsPage:
    """The newest first, PER_PAGE at a time; a page beyond the last is the last."""
    where = sa.and_(_visible_to(tx, who), *_matches(wanted))
    total = int(tx.execute(sa.select(sa.func.count()).select_from(record).where(where)).scalar_one())
    pages = max(1, -(-total // PER_PAGE))
    page = min(max(1, wanted.page), pages)
    count = sa.select(sa.func.count()).where(record_unit.c.record_id == record.c.id, record_unit.c.present)
    rows = tx.all(
        sa.select(record, count.scalar_subquery().label("units"))
        .where(where)
        .order_by(record.c.started_at.desc(), record.c.id.desc())
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return RecordsPage(records=[_line(row) for row in rows], total=total, page=page, pages=pages)


def _line(row: Any) -> RecordLine:
    return RecordLine(
        id=row.id,
        meeting_id=row.meeting_id,
        title=row.title,
        chair=row.chair,
        unit_id=row.unit_id,
        units=row.units,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_ms=row.duration_ms,
        state=State(row.state),
        bytes=row.bytes,
        due_on=row.due_on,
        on_hold=bool(row.hold),
    )


def falling_due(tx: Transaction, who: Principal, until: dt.date) -> list[RecordLine]:
    """Records of the person's own unit whose keeping ends on or before a day, without those on hold; at most 20."""
    rows = tx.all(
        sa.select(record, sa.literal(0).label("units"))
        .where(record.c.unit_id == who.unit_id, record.c.due_on <= until, record.c.hold == "")
        .order_by(record.c.due_on)
        .limit(PER_PAGE)
    )
    return [_line(row) for row in rows]


def count_new(tx: Transaction, who: Principal, since: dt.datetime) -> int:
    """How many records that the person may see were sealed since a moment."""
    query = sa.select(sa.func.count()).select_from(record).where(_visible_to(tx, who), record.c.sealed_at >= since)
    return int(tx.execute(query).scalar_one())


def units_seen(tx: Transaction, who: Principal) -> list[tuple[int, str]]:
    """The units that occur in records which the person may see, by their present names, to filter by."""
    rows = tx.all(
        sa.select(record_unit.c.unit_id)
        .join(record, record.c.id == record_unit.c.record_id)
        .where(_visible_to(tx, who))
        .distinct()
    )
    known = units.units_by_ids(tx, [row.unit_id for row in rows])
    order = {unit.id: place for place, unit in enumerate(units.tree(tx).ordered())}
    found = sorted(known.values(), key=lambda unit: order.get(unit.id, len(order)))
    return [(unit.id, unit.name) for unit in found]


def visible_row(tx: Transaction, who: Principal, record_id: int, *, lock: bool = False) -> Any:
    """The record's row. Raises NotFoundError where there is none or the person may not know of it."""
    query = sa.select(record).where(record.c.id == record_id, _visible_to(tx, who))
    row = tx.one(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError("no_record", _("Không có hồ sơ này, hoặc đồng chí không được xem."))
    return row


def may_keep(who: Principal, row: Any) -> bool:
    """Keeping (hold, period, export) is for the clerks of the chair's unit."""
    return who.may(Permission.KEEP_RECORDS) and who.unit_id == row.unit_id


def get(tx: Transaction, who: Principal, record_id: int) -> RecordInfo:
    """A record in full; its custody log is shown to those who keep it, the newest RECENT_CUSTODY links."""
    return describe(tx, visible_row(tx, who, record_id), keeps=lambda row: may_keep(who, row))


def describe(tx: Transaction, row: Any, *, keeps: Any) -> RecordInfo:
    """A row with all that belongs to it; `keeps(row)` says whether for a keeper."""
    told = facts.from_text(row.facts)
    is_keeper = bool(keeps(row))
    return RecordInfo(
        id=row.id,
        meeting_id=row.meeting_id,
        unit_id=row.unit_id,
        title=row.title,
        kind=row.kind,
        chair=row.chair,
        started_at=row.started_at,
        ended_at=row.ended_at,
        state=State(row.state),
        problem=row.problem,
        media_type=row.media_type,
        playable=row.playable is not None,
        duration_ms=row.duration_ms,
        bytes=row.bytes,
        merkle_root=row.merkle_root,
        retention=row.retention,
        retention_name=retention.load().name(row.retention),
        due_on=row.due_on,
        hold=row.hold,
        sealed_at=row.sealed_at,
        verified_at=row.verified_at,
        units=_units(tx, row.id, told),
        files=files_of(tx, row.id),
        chapters=chapters_of(tx, row.id),
        gaps=gaps_of(tx, row.id),
        custody=_custody(tx, row.id) if is_keeper else [],
        facts=told,
        may_keep=is_keeper,
    )


def _of(tx: Transaction, table: sa.Table, record_id: int, *order: sa.ColumnElement[Any]) -> list[Any]:
    return tx.all(sa.select(table).where(table.c.record_id == record_id).order_by(*order))


def files_of(tx: Transaction, record_id: int) -> list[FileLine]:
    """The record's files, masters first, in the order of their segments."""
    rows = _of(tx, record_file, record_id, record_file.c.role.desc(), record_file.c.segment, record_file.c.name)
    return [
        FileLine(
            name=f.name,
            role=f.role,
            bytes=f.bytes,
            sha256=f.sha256,
            segment=f.segment,
            media_ms=f.media_ms,
            recovered=f.recovered,
        )
        for f in rows
    ]


def chapters_of(tx: Transaction, record_id: int) -> list[ChapterLine]:
    """The record's chapters in the order of the playable file."""
    rows = _of(tx, record_chapter, record_id, record_chapter.c.start_ms, record_chapter.c.id)
    return [ChapterLine(start_ms=row.start_ms, title=row.title, kind=row.kind) for row in rows]


def gaps_of(tx: Transaction, record_id: int) -> list[GapLine]:
    """What the record declares as missing."""
    rows = _of(tx, record_gap, record_id, record_gap.c.started_at)
    return [GapLine(at_ms=g.at_ms, started_at=g.started_at, ended_at=g.ended_at, reason=g.reason) for g in rows]


def _units(tx: Transaction, record_id: int, told: facts.EndedMeeting) -> list[UnitLine]:
    order = {unit.id: place for place, unit in enumerate(told.units)}
    rows = _of(tx, record_unit, record_id, record_unit.c.unit_id)
    people: dict[int, list[str]] = {}
    for person in told.people:
        people.setdefault(person.unit_id, []).append(person.name)
    return [
        UnitLine(id=row.unit_id, name=row.name, present=row.present, people=people.get(row.unit_id, []))
        for row in sorted(rows, key=lambda row: order.get(row.unit_id, -1))
    ]


def _custody(tx: Transaction, record_id: int) -> list[CustodyLine]:
    rows = tx.all(
        sa.select(custody_event)
        .where(custody_event.c.record_id == record_id)
        .order_by(custody_event.c.n.desc())
        .limit(RECENT_CUSTODY)
    )
    return [CustodyLine(n=e.n, what=e.what, who=e.who, at=e.at, purpose=e.purpose, hash=e.hash) for e in rows]
