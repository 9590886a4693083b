"""Import of a tree from a TOML file (config/districts/*.toml): the first one, a correction, or a reform.

A file holds for the day `valid_from`. Importing it again changes nothing. A unit that differs gets a new version from
that day on and keeps the old one for days before; a code in `reused` starts a new unit; `ended` lists codes that cease
on that day; `[successors]` says who takes over the open work.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from server.errors import UserError
from server.http.i18n import _
from server.store import Transaction
from server.units.model import successor_table, unit_table, version_table
from server.units.rules import Bloc, Level
from server.units.service import by_code

Values = dict[str, Any]


class UnitEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[units]]` of a file. `villages` is a short form for made-up villages: CODE.01, CODE.02, ..."""

    code: str
    name: str
    short_name: str
    level: Level
    bloc: Bloc = Bloc.GOVERNMENT
    parent: str | None = None
    slug: str = ""
    villages: list[str] = []


class District(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parsed file. `demo` is read by the accounts of the demo district only."""

    name: str
    valid_from: dt.date
    units: list[UnitEntry]
    reused: list[str] = []
    ended: list[str] = []
    successors: dict[str, list[str]] = {}
    demo: dict[str, Any] = {}

    def entries(self) -> list[UnitEntry]:
        """All units with the villages written out, parents first as in the file."""
        return [entry for unit in self.units for entry in (unit, *_villages(unit))]


class ImportReport(msgspec.Struct):
    """What an import did, by number of units."""

    added: int = 0
    changed: int = 0
    same: int = 0
    ended: int = 0


def read_district(path: Path) -> District:
    """Parse and check a file. Raises UserError that names the file and what is wrong."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), District)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UserError(
            "bad_district_file", _("Tệp {path} không đọc được: {reason}"), path=str(path), reason=str(error)
        ) from error


def _villages(commune: UnitEntry) -> list[UnitEntry]:
    place = commune.name[0].lower() + commune.name[1:]
    return [
        UnitEntry(
            code=f"{commune.code}.{number:02}",
            name=f"{village}, {place} (mẫu)",
            short_name=f"{village} {commune.short_name}",
            level=Level.VILLAGE,
            parent=commune.code,
        )
        for number, village in enumerate(commune.villages, start=1)
    ]


def import_tree(tx: Transaction, district: District) -> ImportReport:
    """Bring the tree to what the file says from its day on. Raises UserError for an unknown parent or code."""
    report = ImportReport()
    ids: dict[str, int] = {}
    predecessors = {code: _existing(tx, code, district.valid_from) for code in district.successors}
    for entry in district.entries():
        if entry.code in ids:
            raise UserError("code_twice", _("Mã đơn vị {unit} có hai lần trong tệp."), unit=entry.code)
        parent = None
        if entry.parent is not None:
            parent = ids.get(entry.parent) or _existing(tx, entry.parent, district.valid_from)
        ids[entry.code] = _put(tx, entry, parent, district, report)
    for code in district.ended:
        _end(tx, code, district.valid_from, report)
    _hand_over(tx, district, predecessors, ids)
    return report


def _existing(tx: Transaction, code: str, day: dt.date) -> int:
    """The unit with this code on the day, or on the day before (it may end or be replaced by this very file)."""
    found = by_code(tx, code, day) or by_code(tx, code, day - dt.timedelta(days=1))
    if found is None:
        raise UserError("unknown_unit_code", _("Không có đơn vị mang mã {unit}."), unit=code)
    return found.id


def _put(tx: Transaction, entry: UnitEntry, parent: int | None, district: District, report: ImportReport) -> int:
    day = district.valid_from
    values: Values = {
        "name": entry.name,
        "short_name": entry.short_name,
        "level": entry.level.value,
        "bloc": entry.bloc.value,
        "parent_id": parent,
    }
    current = by_code(tx, entry.code, day)
    if current and entry.code in district.reused and not _begins_on(tx, current.id, day):
        _close(tx, current.id, day)
        current = None
    if current is None:
        unit_id = tx.insert(unit_table, code=entry.code, valid_from=day)
        _record(tx, unit_id, values, day, None)
        report.added += 1
        return unit_id
    if msgspec.to_builtins(current) | values == msgspec.to_builtins(current):
        report.same += 1
        return current.id
    until = _close(tx, current.id, day)
    _record(tx, current.id, values, day, until)
    report.changed += 1
    return current.id


def _begins_on(tx: Transaction, unit_id: int, day: dt.date) -> bool:
    return bool(tx.one(sa.select(unit_table).where(unit_table.c.id == unit_id, unit_table.c.valid_from == day)))


def _record(tx: Transaction, unit_id: int, values: Mapping[str, Any], start: dt.date, end: dt.date | None) -> None:
    tx.insert(version_table, unit_id=unit_id, valid_from=start, valid_to=end, recorded_at=tx.now, **values)


def _close(tx: Transaction, unit_id: int, day: dt.date) -> dt.date | None:
    """What holds on `day` holds only until it; gives the day when it was to end. The old row stays as it was known."""
    v = version_table.c
    held = sa.and_(v.unit_id == unit_id, v.superseded_at.is_(None), sa.or_(v.valid_to.is_(None), v.valid_to > day))
    row = tx.one(sa.select(version_table).where(held, v.valid_from <= day))
    if row is None:
        return None
    tx.execute(sa.update(version_table).where(v.id == row.id).values(superseded_at=tx.now))
    if row.valid_from < day:
        values = {name: row._mapping[name] for name in ("name", "short_name", "level", "bloc", "parent_id")}
        _record(tx, unit_id, values, row.valid_from, day)
    end: dt.date | None = row.valid_to
    return end


def _end(tx: Transaction, code: str, day: dt.date, report: ImportReport) -> None:
    current = by_code(tx, code, day)
    if current is not None:
        _close(tx, current.id, day)
        report.ended += 1


def _hand_over(tx: Transaction, district: District, predecessors: Mapping[str, int], ids: Mapping[str, int]) -> None:
    known = {(row.unit_id, row.successor_id) for row in tx.all(sa.select(successor_table))}
    for code, heirs in district.successors.items():
        for heir in heirs:
            pair = predecessors[code], ids.get(heir) or _existing(tx, heir, district.valid_from)
            if pair not in known and pair[0] != pair[1]:
                tx.insert(successor_table, unit_id=pair[0], successor_id=pair[1], since=district.valid_from)
