"""Calls to units about a directive, as its board and its deliveries show them."""

from __future__ import annotations

from server.calls import log
from server.calls.rules import Purpose
from server.directives.shapes import Called
from server.store import Transaction


def calls_about(tx: Transaction, directive_id: int) -> dict[int, list[Called]]:
    """By unit, each in its order."""
    found: dict[int, list[Called]] = {}
    for one in log.about(tx, directive_id):
        if one.unit_id is not None:
            shown = Called(
                at=one.call.started_at,
                person=one.call.person,
                outcome=one.call.outcome,
                for_clerk=one.call.purpose is Purpose.CLERK,
            )
            found.setdefault(one.unit_id, []).append(shown)
    return found
