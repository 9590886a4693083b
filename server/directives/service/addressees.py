"""Who else a document went to, for a recipient: its foot (Nơi nhận), and for the lead how those who assist stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from server.directives.policy import Policy
from server.directives.rules import RecipientRole, State
from server.directives.service.access import v
from server.directives.service.drafts import recipients_of
from server.directives.shapes import Addressee
from server.store import Transaction
from server.units import service as units

_PLACES = {role: place for place, role in enumerate((RecipientRole.LEAD, RecipientRole.ASSIST))}


def addressees(tx: Transaction, policy: Policy, directive: Any, role: RecipientRole) -> list[Addressee]:
    """All recipients of an issued directive (its row) with the names of that day: the lead, who assists, the others.

    A recipient in the `role` of the lead sees the states of those who assist. The rest is the issuer's to follow.
    """
    roles = {one.unit: one.role for one in recipients_of(tx, directive.id)}
    names = units.units_by_ids(tx, roles, directive.issued_at.astimezone(policy.zone).date())
    states = _assisting(tx, directive.id) if role is RecipientRole.LEAD else {}
    places = {unit.id: place for place, unit in enumerate(units.tree(tx).ordered())}
    order = sorted(
        roles, key=lambda unit: (_PLACES.get(roles[unit], len(_PLACES)), places.get(unit, len(places)), unit)
    )
    return [Addressee(unit=unit, name=names[unit].name, role=roles[unit], state=states.get(unit)) for unit in order]


def _assisting(tx: Transaction, directive_id: int) -> Mapping[int, State]:
    wanted = sa.and_(v.directive_id == directive_id, v.role == RecipientRole.ASSIST.value)
    return {row.unit_id: State(row.state) for row in tx.all(sa.select(v.unit_id, v.state).where(wanted))}
