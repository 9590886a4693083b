"""What stands under a document: who signs it, in which capacity and position."""

from __future__ import annotations

from typing import Any

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.capacity import Capacity, authority, usual
from server.directives.service.access import own_unit
from server.store import Transaction

UNSIGNED = dict.fromkeys(("signer_id", "signer_name", "signer_position", "signer_capacity", "signer_authority"))
"""The columns of a directive that nobody has signed."""
SIGNED = tuple(UNSIGNED)


def signature(tx: Transaction, who: Principal, capacity: Capacity | None) -> dict[str, Any]:
    """The columns of a directive that somebody signs now for the unit; without a capacity the usual one."""
    own, position = own_unit(tx, who), who.acting.position
    meant = capacity or usual(own.bloc, position)
    return {
        "signer_id": who.account_id,
        "signer_name": who.name,
        "signer_position": position,
        "signer_capacity": meant.value,
        "signer_authority": authority(meant, own.bloc, own.name, position),
    }


def capacities(tx: Transaction, who: Principal) -> list[tuple[Capacity, str]]:
    """Those in which somebody may sign, the usual one first, with the line that each writes; none for who may not."""
    if not who.may(Permission.ISSUE_DIRECTIVE):
        return []
    own, position = own_unit(tx, who), who.acting.position
    first = usual(own.bloc, position)
    order = [first, *(one for one in Capacity if one is not first)]
    return [(one, authority(one, own.bloc, own.name, position)) for one in order]
