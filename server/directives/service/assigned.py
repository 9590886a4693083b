"""Who works on a delivery, and who may speak for the unit about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission, Role
from server.accounts.principal import Principal
from server.directives.model import assignment_table
from server.directives.shapes import Assigned
from server.errors import NotAllowedError
from server.http.i18n import _
from server.store import Transaction

s = assignment_table.c
LEAD, ASSIST = "lead", "assist"
_FOR_THE_UNIT = frozenset({Role.LEADER, Role.CLERK})


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


def accounts_of(working: Mapping[int, Collection[Assigned]]) -> dict[int, list[int]]:
    """Their accounts alone."""
    return {key: [one.account for one in people] for key, people in working.items()}


def may_answer(who: Principal, people: Collection[Assigned]) -> bool:
    """Whether a person of the unit may report or ask for more time, where `people` work on it.

    It is the unit that answers: once people are named it is one of them, its leader or its clerk.
    """
    named = not people or who.account_id in {one.account for one in people}
    return who.may(Permission.ANSWER_DELIVERY) and (named or who.role in _FOR_THE_UNIT)


def require_may_answer(tx: Transaction, who: Principal, delivery: Any) -> None:
    """Raise NotAllowedError unless the person may report or ask for more time on a delivery (its row)."""
    if not may_answer(who, assigned(tx, [delivery.id]).get(delivery.id, [])):
        raise not_assigned()


def not_assigned() -> NotAllowedError:
    """The work is others' of the same unit."""
    return NotAllowedError("not_assigned", _("Việc này được giao cho người khác trong đơn vị."))
