"""Who works on a delivery."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from server.accounts import service as accounts
from server.directives.model import assignment_table
from server.directives.shapes import Assigned
from server.store import Transaction

s = assignment_table.c
LEAD, ASSIST = "lead", "assist"


def assigned(tx: Transaction, delivery_ids: Iterable[int]) -> dict[int, list[Assigned]]:
    """Who works on deliveries, the one who leads first; those without anybody are left out."""
    wanted = s.delivery_id.in_(tx.among(sorted(set(delivery_ids))))
    rows = tx.all(sa.select(assignment_table).where(wanted).order_by(s.delivery_id, s.part.desc(), s.account_id))
    names = accounts.names(tx, [row.account_id for row in rows])
    found: dict[int, list[Assigned]] = {}
    for row in rows:
        one = Assigned(account=row.account_id, name=names[row.account_id], lead=row.part == LEAD, note=row.note or "")
        found.setdefault(row.delivery_id, []).append(one)
    return found
