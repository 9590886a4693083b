"""Deliveries that were handed over when a unit ended: from whom, to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from server.directives.model import delivery_table, handover_table
from server.directives.rules import State
from server.directives.shapes import HandedOver
from server.store import Transaction
from server.units import service as units

h, v = handover_table.c, delivery_table.c


class Handovers(msgspec.Struct, frozen=True):
    """By the ids of deliveries: what they go on with, and by what they are gone on with. Others are left out."""

    taken_over: dict[int, list[HandedOver]]
    handed_to: dict[int, list[HandedOver]]


NO_HANDOVERS = Handovers({}, {})


def handovers_of(tx: Transaction, delivery_ids: Sequence[int]) -> Handovers:
    """The handovers in which some deliveries had part."""
    return Handovers(
        _others(tx, h.to_id, h.from_id, delivery_ids),
        _others(tx, h.from_id, h.to_id, delivery_ids),
    )


def _others(
    tx: Transaction, own: sa.Column[int], other: sa.Column[int], delivery_ids: Iterable[int]
) -> dict[int, list[HandedOver]]:
    query = sa.select(own.label("own"), other.label("other"), h.state, h.deadline, h.at, v.unit_id)
    query = query.join_from(handover_table, delivery_table, v.id == other).where(own.in_(tx.among(delivery_ids)))
    rows = tx.all(query.order_by(own, other))
    names = units.units_by_ids(tx, {row.unit_id for row in rows})
    found: dict[int, list[HandedOver]] = {}
    for row in rows:
        found.setdefault(row.own, []).append(_shape(row, names[row.unit_id].name))
    return found


def _shape(row: Any, unit_name: str) -> HandedOver:
    return HandedOver(
        delivery=row.other,
        unit=row.unit_id,
        unit_name=unit_name,
        state=State(row.state),
        deadline=row.deadline,
        at=row.at,
    )


def goes_on_with(tx: Transaction, delivery_id: int, unit_id: int) -> bool:
    """Whether a delivery was handed over to a unit: then it reads what was answered before."""
    query = sa.select(v.id).join(handover_table, h.to_id == v.id)
    return tx.one(query.where(h.from_id == delivery_id, v.unit_id == unit_id)) is not None
