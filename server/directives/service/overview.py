"""How each unit below stands with all that was issued to it and to those under it: its worst state, for a wall."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from enum import StrEnum

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.policy import Policy
from server.directives.rules import Stage, Timeliness
from server.directives.service import standing
from server.directives.service.access import v
from server.directives.service.lateness import at, past_deadline
from server.directives.service.whom_to_call import out_of_reach
from server.store import Transaction
from server.units import service as units
from server.units.rules import Level

SOON_WITHIN = timedelta(days=14)
"""No deadline counts as soon due longer before (config/directives.toml)."""
_LEVELS = list(Level)


class Worst(StrEnum):
    """What of a unit a wall shows, the worst first."""

    LATE = "late"
    UNREACHED = "unreached"
    SOON = "soon"
    UNREGISTERED = "unregistered"
    WORKING = "working"
    CLEAR = "clear"


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """A unit directly below with those under it: deliveries in each state that is not good, exercises aside."""

    unit: int
    name: str
    counts: dict[Worst, int]

    @property
    def worst(self) -> Worst:
        """The first of Worst that there is any of."""
        return next((one for one in Worst if self.counts.get(one)), Worst.CLEAR)


def overview(tx: Transaction, who: Principal, policy: Policy) -> list[Tile]:
    """A tile for each unit directly below the person's own that is of a lower level, in the order of the tree."""
    who.require(Permission.WATCH_WALL)
    tree = units.tree(tx)
    own = tree.units[who.unit_id]
    below = [one for one in tree.children(own.id) if _LEVELS.index(one.level) > _LEVELS.index(own.level)]
    found = _standing(tx, who, policy)
    tiles = []
    for unit in below:
        members = [unit.id, *(one.id for one in tree.descendants(unit.id))]
        counts = {worst: sum(of[member] for member in members) for worst, of in found.items()}
        tiles.append(Tile(unit=unit.id, name=unit.short_name, counts=counts))
    return tiles


def _standing(tx: Transaction, who: Principal, policy: Policy) -> dict[Worst, Counter[int]]:
    """How many deliveries of what the unit issued stand how, by recipient; one may be counted for two states."""
    mine = sa.and_(v.issuer_id == who.unit_id, v.exercise.is_(False))
    unreached = sa.and_(v.arrived_at.is_(None), v.seen_at.is_(None), v.registered_at.is_(None))
    waiting = _counted(tx, sa.and_(mine, at(Stage.WAITING)), unreached)
    working = _counted(tx, sa.and_(mine, at(Stage.WORKING)), past_deadline(tx, who))
    lost = out_of_reach(tx, policy, {unit for unit, (_all, not_arrived) in waiting.items() if not_arrived})
    late = Counter({unit: late for unit, (_all, late) in working.items()})
    soon = Counter[int]()
    near = sa.and_(at(Stage.WORKING), v.deadline >= tx.now, v.deadline < tx.now + SOON_WITHIN)
    for which in (at(Stage.WAITING), near):
        for one in standing.judged(tx, policy, mine, which):
            soon.update(one.units if one.timeliness is Timeliness.SOON else ())
            late.update(one.units if one.timeliness is Timeliness.OVERDUE else ())
    return {
        Worst.LATE: late,
        Worst.UNREACHED: Counter({unit: waiting[unit][1] for unit in lost}),
        Worst.SOON: soon,
        Worst.UNREGISTERED: Counter({unit: count for unit, (count, _not_arrived) in waiting.items()}),
        Worst.WORKING: Counter({unit: count for unit, (count, _late) in working.items()}),
    }


def _counted(
    tx: Transaction, which: sa.ColumnElement[bool], some: sa.ColumnElement[bool]
) -> dict[int, tuple[int, int]]:
    """How many of these deliveries each recipient has, and for how many of them `some` is true."""
    unit = (v.unit_id + 0).label("unit")  # as a sum, or SQLite reads all rows in the order of units to group them
    count = sa.func.count()
    rows = tx.all(sa.select(unit, count.label("all"), count.filter(some).label("some")).where(which).group_by(unit))
    return {row.unit: (int(row.all), int(row.some)) for row in rows}
