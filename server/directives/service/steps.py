"""One step of a delivery: state, history and events together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.model import change_table, delivery_table
from server.directives.rules import RECEIPTS, Event, IllegalStepError, Position, State, advance
from server.directives.service.problems import wrong_state
from server.store import Transaction


def step(
    tx: Transaction, delivery: Any, event: Event, who: Principal, *, note: str | None = None, **values: Any
) -> State:
    """Move a locked delivery by `event` and set `values`. Raises ConflictError; a late receipt changes nothing."""
    before = position_of(delivery)
    try:
        after = advance(before, event)
    except IllegalStepError as error:
        raise wrong_state() from error
    if after == before and event in RECEIPTS:
        return before.state
    places = {"state": after.state.value, "state_before": after.before and after.before.value}
    tx.execute(sa.update(delivery_table).where(delivery_table.c.id == delivery.id).values(**places, **values))
    tx.insert(
        change_table,
        delivery_id=delivery.id,
        event=event.value,
        before=before.state.value,
        after=after.state.value,
        at=tx.now,
        account_id=who.account_id,
        account_name=who.name,
        note=note,
    )
    tell(tx, delivery.directive_id, delivery.issuer_id, [delivery.unit_id], after.state, to_units=[delivery.unit_id])
    return after.state


def position_of(delivery: Any) -> Position:
    """Where a delivery's row stands in the table."""
    return Position(State(delivery.state), State(delivery.state_before) if delivery.state_before else None)


def tell(
    tx: Transaction, directive_id: int, issuer_id: int, units: list[int], state: State, to_units: Iterable[int] = ()
) -> None:
    """Durable news to the issuer's unit and `to_units`; the live board is woken as well."""
    body = {"directive": directive_id, "units": units, "state": state.value, "href": f"/directives/{directive_id}"}
    tx.emit("delivery.changed", dict.fromkeys([issuer_id, *to_units]), body)
    tx.notify(f"board:{directive_id}", {"kind": "board.changed", **body})
