"""What is late of what a unit issued: the longest first, a page at a time, and how much by unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.policy import Policy
from server.directives.service.access import BOTH, d, v
from server.directives.service.assemble import changes_of
from server.directives.service.lateness import (
    LISTED,
    Place,
    ToConfirm,
    first_places,
    late_by_unit,
    late_rows,
    late_to_confirm,
    past_deadline,
)
from server.directives.service.places import key_of, place_of
from server.directives.service.received import received_line
from server.directives.shapes import Late, LatePage, LateUnit, ReceivedLine
from server.store import Transaction
from server.units import service as units

PAGE = 50


def late(tx: Transaction, who: Principal, policy: Policy, most: int) -> Late:
    """Overdue deliveries of what the unit issued: `most` of them, exercises last, and counts without exercises."""
    rows = late_rows(tx, who, policy, most)
    names = units.units_by_ids(tx, [row.unit_id for row, _due in rows.first])
    lines = [
        received_line(tx, policy, row, names[row.unit_id].name, names[row.unit_id].name) for row, _due in rows.first
    ]
    return Late(lines=lines, more=rows.total - len(lines), by_unit=dict(rows.by_unit))


def late_page(tx: Transaction, who: Principal, policy: Policy, *, unit: int | None = None, after: str = "") -> LatePage:
    """A page of all that is overdue, or of what one `unit` owes, behind the line `after`: `next` of the page before."""
    who.require(Permission.FOLLOW_DIRECTIVE)
    confirm = late_to_confirm(tx, who, policy)
    real, exercises = late_by_unit(tx, who, confirm)
    mine = confirm if unit is None else late_to_confirm(tx, who, policy, v.unit_id == unit)
    places = _places(tx, who, mine, unit, _place(after))
    return LatePage(
        lines=_lines(tx, who, policy, [key[1] for _exercise, key in places[:PAGE]]),
        total=sum(of.total() if unit is None else of[unit] for of in (real, exercises)),
        units=_units(tx, real),
        next=_address(places[PAGE - 1]) if len(places) > PAGE else "",
    )


def has_late(tx: Transaction, who: Principal, policy: Policy) -> sa.ColumnElement[bool]:
    """Directives that somebody is late with."""
    confirm = {one.directive for one in late_to_confirm(tx, who, policy)}
    dated = sa.select(v.directive_id).where(past_deadline(tx, who))
    key = d.id + 0  # as a sum, or SQLite looks up each of them instead of reading the index that lists what is ours
    return sa.or_(key.in_(dated), key.in_(tx.among(confirm)))


def _places(
    tx: Transaction, who: Principal, confirm: Sequence[ToConfirm], unit: int | None, after: Place | None
) -> list[Place]:
    """The first places behind `after`, one more than a page holds."""
    found = first_places(confirm, PAGE + 1, after)
    for exercise in (False, True):
        passed = after is not None and exercise < after[0]
        if passed or sum(place[0] < exercise for place in found) > PAGE:
            continue
        wanted = [past_deadline(tx, who), v.exercise.is_(exercise)]
        if unit is not None:
            wanted.append(v.unit_id == unit)
        if after is not None and exercise == after[0]:
            moment, delivery = after[1]
            wanted += [v.deadline >= moment, sa.or_(v.deadline > moment, v.id > delivery)]
        rows = tx.all(sa.select(v.deadline, v.id).where(*wanted).order_by(v.deadline, v.id).limit(PAGE + 1))
        found += [(exercise, (row.deadline, row.id)) for row in rows]
    return sorted(found)[: PAGE + 1]


def _lines(tx: Transaction, who: Principal, policy: Policy, deliveries: list[int]) -> list[ReceivedLine]:
    """Each with who held it when; between the person's unit and the one that owes it."""
    rows = {row.id: row for row in tx.all(BOTH.add_columns(*LISTED).where(v.id.in_(tx.among(deliveries))))}
    names = units.units_by_ids(tx, [row.unit_id for row in rows.values()])
    history = changes_of(tx, deliveries)
    return [
        received_line(
            tx,
            policy,
            rows[key],
            who.acting.unit_name,
            names[rows[key].unit_id].name,
            history.get(key, []),
        )
        for key in deliveries
    ]


def _units(tx: Transaction, counts: Counter[int]) -> list[LateUnit]:
    """Who owes something, most late first."""
    names: dict[int, Any] = units.units_by_ids(tx, counts)
    found = [LateUnit(unit=unit, name=names[unit].name, late=late) for unit, late in counts.items()]
    return sorted(found, key=lambda one: (-one.late, one.name))


def _address(place: Place) -> str:
    return f"{int(place[0])}.{place_of(place[1])}"


def _place(address: str) -> Place | None:
    exercise, _dot, rest = address.partition(".")
    key = key_of(rest)
    return None if key is None else (exercise == "1", key)
