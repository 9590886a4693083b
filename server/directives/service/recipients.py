"""To whom a draft goes: what goes to a whole group goes to the whole of it on the day of the issue.

Which groups those are is not kept beside the recipients but seen in them, as the form shows it: all who were in the
group when the draft was last changed are recipients. So it holds for drafts that programs write, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from server.directives.rules import RecipientRole
from server.directives.service.drafts import reachable_ids, recipients_of, set_recipients
from server.directives.shapes import Recipient
from server.store import Transaction
from server.units import service as units
from server.units.rules import day_of

LEAST = 2  # units that make a group: one of them was meant by itself


def recipients_now(tx: Transaction, row: Any) -> list[Recipient]:
    """The recipients of a draft (its row) by the tree of today."""
    stored = recipients_of(tx, row.id)
    if not stored or not units.changed_since(tx, row.changed_at):
        return stored
    allowed = reachable_ids(tx, row.unit_id)
    before = _members(units.groups(tx, day_of(row.changed_at), known_at=row.changed_at))
    now = _members(units.groups(tx))
    roles = {one.unit: one.role for one in stored}
    found = dict(roles)
    for key in before.keys() & now.keys():
        members = {unit for unit in before[key] if unit in allowed or unit in roles}
        role = _role_of_all(roles, members)
        if role is not None:
            found.update((unit, role) for unit in now[key] & allowed if unit not in found)
            for unit in members - now[key] - allowed:
                if found.get(unit) is not RecipientRole.LEAD:  # whoever is to lead is for people to say
                    found.pop(unit, None)
    return [Recipient(unit=unit, role=role) for unit, role in sorted(found.items())]


def settle_recipients(tx: Transaction, row: Any) -> None:
    """Keep the recipients of today with a draft, before what it was last changed at is noted anew."""
    if not units.changed_since(tx, row.changed_at):
        return
    now = recipients_now(tx, row)
    if now != recipients_of(tx, row.id):
        set_recipients(tx, row.id, now)


def _members(groups: Iterable[Any]) -> Mapping[str, frozenset[int]]:
    return {group.key: frozenset(group.unit_ids) for group in groups}


def _role_of_all(roles: Mapping[int, RecipientRole], members: Iterable[int]) -> RecipientRole | None:
    """The role that a whole group has, the lead among them aside; None if one is missing, or their roles differ."""
    theirs = [roles.get(unit) for unit in members]
    others = {role for role in theirs if role is not RecipientRole.LEAD}
    return others.pop() if len(theirs) >= LEAST and len(others) == 1 else None
