"""Questions about the tree. Each takes the day `on` (today if not given); history keeps the names of its own day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import msgspec
import sqlalchemy as sa

from server.errors import NotFoundError
from server.http.i18n import _
from server.store import Transaction, UtcDateTime, many
from server.units.model import successor_table, unit_table, version_table
from server.units.rules import BLOC_NAMES, Bloc, Level, day_of, sort_key

_BLOC_ORDER = {bloc: place for place, bloc in enumerate(Bloc)}
_LEVEL_ORDER = {level: place for place, level in enumerate(Level)}


class UnitInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A unit as it is on one day."""

    id: int
    code: str
    name: str
    short_name: str
    level: Level
    bloc: Bloc
    parent_id: int | None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A set of units to pick at once; `label` is a text of the catalogue with the field `{name}`."""

    key: str
    label: str
    name: str
    unit_ids: tuple[int, ...]


class Tree:
    """All units of one day, in their order: by bloc, level and name, each under its parent."""

    def __init__(self, units: Iterable[UnitInfo]) -> None:
        self.units: Mapping[int, UnitInfo] = {unit.id: unit for unit in units}
        self._children: dict[int | None, list[UnitInfo]] = {}
        for unit in sorted(self.units.values(), key=_order):
            above = unit.parent_id if unit.parent_id in self.units else None
            self._children.setdefault(above, []).append(unit)

    @property
    def roots(self) -> list[UnitInfo]:
        """The units above which there is none."""
        return self._children.get(None, [])

    def children(self, unit_id: int) -> list[UnitInfo]:
        """The units directly under one."""
        return self._children.get(unit_id, [])

    def descendants(self, unit_id: int) -> list[UnitInfo]:
        """All units under one, a parent before its children."""
        found: list[UnitInfo] = []
        for child in self.children(unit_id):
            found += [child, *self.descendants(child.id)]
        return found

    def ordered(self) -> list[UnitInfo]:
        """All units, a parent before its children."""
        return [unit for root in self.roots for unit in (root, *self.descendants(root.id))]

    def path(self, unit_id: int) -> list[UnitInfo]:
        """From the root to the unit."""
        found: list[UnitInfo] = []
        unit = self.units.get(unit_id)
        while unit is not None:
            found.insert(0, unit)
            unit = self.units.get(unit.parent_id) if unit.parent_id else None
        return found


def _order(unit: UnitInfo) -> tuple[object, ...]:
    return _BLOC_ORDER[unit.bloc], _LEVEL_ORDER[unit.level], sort_key(unit.short_name), unit.code


def select_versions(
    tx: Transaction, on: dt.date | None, known_at: dt.datetime | None = None
) -> sa.Select[tuple[object]]:
    """Units of the day `on` as we hold them for true now, or as we did at `known_at`."""
    v, day = version_table.c, on or day_of(tx.now)
    held: sa.ColumnElement[bool] = v.superseded_at.is_(None)
    if known_at is not None:
        held = sa.and_(v.recorded_at <= known_at, sa.or_(held, v.superseded_at > known_at))
    return (
        sa.select(unit_table.c.id, unit_table.c.code, v.name, v.short_name, v.level, v.bloc, v.parent_id)
        .join(version_table, v.unit_id == unit_table.c.id)
        .where(held, v.valid_from <= day, sa.or_(v.valid_to.is_(None), v.valid_to > day))
    )


_day = sa.bindparam("day", type_=sa.Date)
_v = version_table.c
_HELD = (_v.superseded_at.is_(None), _v.valid_from <= _day, sa.or_(_v.valid_to.is_(None), _v.valid_to > _day))
_OF_DAY = (
    sa.select(unit_table.c.id, unit_table.c.code, _v.name, _v.short_name, _v.level, _v.bloc, _v.parent_id)
    .join(version_table, _v.unit_id == unit_table.c.id)
    .where(*_HELD)
)
"""As `select_versions` of the parameter `day`, made once: to build a statement costs more than to run a small one."""
_BY_IDS = _OF_DAY.where(unit_table.c.id.in_(sa.bindparam("ids", expanding=True)))


def _below() -> sa.Select[tuple[int]]:
    """The ids of all units under `unit` on `day`."""
    of_day = sa.select(_v.unit_id.label("id"), _v.parent_id).where(*_HELD).subquery()
    below = sa.select(of_day.c.id).where(of_day.c.parent_id == sa.bindparam("unit")).cte(recursive=True)
    below = below.union(sa.select(of_day.c.id).join(below, of_day.c.parent_id == below.c.id))
    return sa.select(below.c.id)


def _changed() -> sa.Select[tuple[int]]:
    """A version by which the tree of `today` differs from that of `day`, or was not known at `moment`."""
    moment, today = sa.bindparam("moment", type_=UtcDateTime), sa.bindparam("today", type_=sa.Date)
    recorded = sa.or_(_v.recorded_at > moment, _v.superseded_at > moment)
    begun = sa.and_(_v.valid_from > _day, _v.valid_from <= today)
    ended = sa.and_(_v.valid_to > _day, _v.valid_to <= today)
    return sa.select(_v.id).where(sa.or_(recorded, begun, ended)).limit(1)


_BELOW, _CHANGED = _below(), _changed()


def _info(row: sa.Row[tuple[object]]) -> UnitInfo:
    m = row._mapping
    return UnitInfo(
        id=m["id"],
        code=m["code"],
        name=m["name"],
        short_name=m["short_name"],
        level=Level(m["level"]),
        bloc=Bloc(m["bloc"]),
        parent_id=m["parent_id"],
    )


def tree(tx: Transaction, on: dt.date | None = None, known_at: dt.datetime | None = None) -> Tree:
    """All units of a day."""
    return Tree(_info(row) for row in tx.all(select_versions(tx, on, known_at)))


def unit(tx: Transaction, unit_id: int, on: dt.date | None = None) -> UnitInfo:
    """One unit, also one that has ended (then as it last was). Raises NotFoundError."""
    found = units_by_ids(tx, [unit_id], on).get(unit_id)
    if found is None:
        raise NotFoundError("no_unit", _("Không có đơn vị này."))
    return found


def units_by_ids(tx: Transaction, unit_ids: Iterable[int], on: dt.date | None = None) -> dict[int, UnitInfo]:
    """Units by id as they are on a day; those that ended before as they last were; unknown ids are left out."""
    wanted = sorted(set(unit_ids))
    if not wanted:
        return {}
    rows = tx.all(_BY_IDS, {"day": on or day_of(tx.now), "ids": wanted})
    found = {row.id: _info(row) for row in rows}
    missing = [unit_id for unit_id in wanted if unit_id not in found]
    if missing:
        v = version_table.c
        rows = tx.all(
            sa.select(unit_table.c.id, unit_table.c.code, v.name, v.short_name, v.level, v.bloc, v.parent_id)
            .join(version_table, v.unit_id == unit_table.c.id)
            .where(unit_table.c.id.in_(missing), v.superseded_at.is_(None))
            .order_by(v.valid_from)
        )
        found.update((row.id, _info(row)) for row in rows)
    return found


def by_code(tx: Transaction, code: str, on: dt.date | None = None) -> UnitInfo | None:
    """The unit that bears a code on a day; codes are reused, so the day matters."""
    row = tx.one(select_versions(tx, on).where(unit_table.c.code == code))
    return _info(row) if row else None


def children(tx: Transaction, unit_id: int, on: dt.date | None = None) -> list[UnitInfo]:
    """The units directly under one, in order."""
    rows = tx.all(select_versions(tx, on).where(version_table.c.parent_id == unit_id))
    return sorted((_info(row) for row in rows), key=_order)


def descendants(tx: Transaction, unit_id: int, on: dt.date | None = None) -> list[UnitInfo]:
    """All units under one, a parent before its children."""
    return tree(tx, on).descendants(unit_id)


def ids_below(tx: Transaction, unit_id: int) -> frozenset[int]:
    """The ids of all units under one today, found by the database."""
    return frozenset(tx.connection.scalars(_BELOW, {"day": day_of(tx.now), "unit": unit_id}))


def all_below(tx: Transaction, unit_id: int, unit_ids: Iterable[int]) -> bool:
    """Whether all of some units are under one today; nobody else is read."""
    asked = {"units": tx.bound(unit_ids), "day": day_of(tx.now), "unit": unit_id}
    return tx.one(_not_below(tx.connection.dialect.name), asked) is None


@cache
def _not_below(dialect: str) -> sa.Select[tuple[int]]:
    """One of `units` that is not under `unit` on `day`."""
    asked = many.named(dialect, "units")
    return sa.select(asked.c.value).where(asked.c.value.not_in(_BELOW)).limit(1)


def current_ids(tx: Transaction, unit_ids: Iterable[int]) -> frozenset[int]:
    """Those of some units that there are today."""
    today = select_versions(tx, None).where(unit_table.c.id.in_(list(unit_ids)))
    return frozenset(row.id for row in tx.all(today))


def ancestors(tx: Transaction, unit_id: int, on: dt.date | None = None) -> list[UnitInfo]:
    """The units above one, nearest first."""
    found: list[UnitInfo] = []
    above = unit(tx, unit_id, on).parent_id
    while above is not None:
        found.append(unit(tx, above, on))
        above = found[-1].parent_id
    return found


def heirs(tx: Transaction) -> dict[int, tuple[int, ...]]:
    """Units that have ended and handed their open work over, each with those that have it today, in their order.

    An heir that has ended since stands for its own heirs.
    """
    if _HEIRS not in tx.known:
        tx.known[_HEIRS] = _heirs(tx)
    found: dict[int, tuple[int, ...]] = tx.known[_HEIRS]
    return found


def inherited(tx: Transaction, unit_id: int) -> tuple[int, ...]:
    """The units that have ended and whose open work this one has today."""
    return tuple(ended for ended, found in heirs(tx).items() if unit_id in found)


_HEIRS = ("unit_heirs",)


def _heirs(tx: Transaction) -> dict[int, tuple[int, ...]]:
    s = successor_table.c
    links: dict[int, list[int]] = {}
    for row in tx.all(sa.select(successor_table).where(s.since <= day_of(tx.now)).order_by(s.unit_id, s.successor_id)):
        links.setdefault(row.unit_id, []).append(row.successor_id)
    if not links:
        return {}
    named = {*links, *(heir for found in links.values() for heir in found)}
    rows = tx.all(select_versions(tx, None).where(unit_table.c.id.in_(named)))
    today = {row.id: _info(row) for row in rows}

    def living(unit_id: int, seen: frozenset[int]) -> set[int]:
        if unit_id in today:
            return {unit_id}
        return {one for heir in links.get(unit_id, ()) if heir not in seen for one in living(heir, seen | {heir})}

    found = {ended: living(ended, frozenset({ended})) for ended in links if ended not in today}
    return {ended: tuple(sorted(those, key=lambda one: _order(today[one]))) for ended, those in found.items() if those}


def changed_since(tx: Transaction, moment: dt.datetime) -> bool:
    """Whether the tree of today may be another than that of `moment`, as it was known then."""
    key = ("units_changed_since", moment)
    if key not in tx.known:
        tx.known[key] = _changed_since(tx, moment)
    return bool(tx.known[key])


def _changed_since(tx: Transaction, moment: dt.datetime) -> bool:
    return tx.one(_CHANGED, {"moment": moment, "day": day_of(moment), "today": day_of(tx.now)}) is not None


def groups(tx: Transaction, on: dt.date | None = None, known_at: dt.datetime | None = None) -> list[Group]:
    """Groups that a sender picks recipients by: all communes, the villages of each commune, all units of a bloc."""
    day = tree(tx, on, known_at)
    everything = day.ordered()
    communes = [u for u in everything if u.level is Level.COMMUNE and u.bloc is Bloc.GOVERNMENT]
    villages = [u for u in everything if u.level is Level.VILLAGE]
    found = [
        Group(key="communes", label=_("Tất cả các xã, thị trấn"), name="", unit_ids=_ids(communes)),
        Group(key="villages", label=_("Tất cả các thôn, khu phố"), name="", unit_ids=_ids(villages)),
    ]
    for commune in communes:
        below = [u for u in day.descendants(commune.id) if u.level is Level.VILLAGE]
        found.append(
            Group(
                key=f"villages:{commune.id}",
                label=_("Các thôn, khu phố của {name}"),
                name=commune.short_name,
                unit_ids=_ids(below),
            )
        )
    for bloc in Bloc:
        of_bloc = [u for u in everything if u.bloc is bloc and u.level is Level.DISTRICT]
        found.append(
            Group(key=f"bloc:{bloc}", label=_("Cấp huyện, khối {name}"), name=BLOC_NAMES[bloc], unit_ids=_ids(of_bloc))
        )
    return [group for group in found if group.unit_ids]


def _ids(units: Sequence[UnitInfo]) -> tuple[int, ...]:
    return tuple(unit.id for unit in units)
