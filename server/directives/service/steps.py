"""One step of a delivery: state, history and events together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.model import change_table, delivery_table
from server.directives.rules import RECEIPTS, Event, IllegalStepError, Position, State, Through, advance, stage_of
from server.directives.running import ended
from server.directives.service.problems import wrong_state
from server.reach import service as reach
from server.store import Transaction

_ENDS_REQUEST = frozenset({Event.REPORT, Event.GRANT_EXTENSION, Event.REFUSE_EXTENSION})
"""After these no request for more time is undecided."""


def step(
    tx: Transaction,
    delivery: Any,
    event: Event,
    who: Principal | None,
    *,
    note: str | None = None,
    through: Through | None = None,
    **values: Any,
) -> State:
    """Move a locked delivery by `event` and set `values`. Raises ConflictError; a late receipt changes nothing.

    Without a person the system does it. Its clocks may be others now, so the sweeper looks at it again.
    """
    before = position_of(delivery)
    try:
        after = advance(before, event)
    except IllegalStepError as error:
        raise wrong_state(before.state) from error
    if after == before and event in RECEIPTS:
        return before.state
    values = {**places(after), "alarm_at": tx.now, **values}
    if event in _ENDS_REQUEST:
        values["extension_asked_at"] = None
    tx.execute(sa.update(delivery_table).where(delivery_table.c.id == delivery.id).values(**values))
    tx.insert(
        change_table,
        delivery_id=delivery.id,
        event=event.value,
        before=before.state.value,
        after=after.state.value,
        at=tx.now,
        account_id=who and who.account_id,
        account_name=who and who.name,
        note=note,
        deadline=values.get("deadline"),
        through=through,
    )
    reach.stop(tx, delivery.directive_id, [delivery.unit_id], ended(event, after.state))
    tell(tx, delivery.directive_id, delivery.issuer_id, [delivery.unit_id], after.state, to_units=[delivery.unit_id])
    return after.state


def step_all(
    tx: Transaction, deliveries: Sequence[Any], event: Event, who: Principal, *, note: str | None = None, **values: Any
) -> None:
    """Move locked deliveries of one directive that the table lets move by `event`: one statement for each way.

    Raises ConflictError if one may not, and then changes none.
    """
    ways: dict[tuple[Position, Position], list[Any]] = {}
    for delivery in deliveries:
        before = position_of(delivery)
        try:
            ways.setdefault((before, advance(before, event)), []).append(delivery)
        except IllegalStepError as error:
            raise wrong_state(error.state) from error
    common = {"event": event.value, "at": tx.now, "account_id": who.account_id, "account_name": who.name, "note": note}
    for (before, after), rows in ways.items():
        mine = delivery_table.c.id.in_([row.id for row in rows])
        tx.execute(sa.update(delivery_table).where(mine).values(**{**places(after), "alarm_at": tx.now, **values}))
        names = {"before": before.state.value, "after": after.state.value}
        tx.execute(sa.insert(change_table), [{"delivery_id": row.id, **names, **common} for row in rows])
        reach.stop(tx, rows[0].directive_id, [row.unit_id for row in rows], ended(event, after.state))
    tx.will_tell([unit for row in deliveries for unit in (row.unit_id, row.issuer_id)])
    for state, rows in _by_state(ways).items():
        units = [row.unit_id for row in rows]
        tell(tx, rows[0].directive_id, rows[0].issuer_id, units, state, to_units=units)


def places(after: Position) -> dict[str, Any]:
    """The columns that say where a delivery stands."""
    return {
        "state": after.state.value,
        "state_before": after.before and after.before.value,
        "stage": stage_of(after.state).value,
    }


def _by_state(ways: dict[tuple[Position, Position], list[Any]]) -> dict[State, list[Any]]:
    found: dict[State, list[Any]] = {}
    for (_before, after), rows in ways.items():
        found.setdefault(after.state, []).extend(rows)
    return found


def position_of(delivery: Any) -> Position:
    """Where a delivery's row stands in the table."""
    return Position(State(delivery.state), State(delivery.state_before) if delivery.state_before else None)


def tell(
    tx: Transaction, directive_id: int, issuer_id: int, units: list[int], state: State, to_units: Iterable[int] = ()
) -> None:
    """Durable news to the issuer's unit and `to_units`; the live board is woken as well."""
    tx.emit("delivery.changed", dict.fromkeys([issuer_id, *to_units]), _news(directive_id, units, state))
    wake(tx, directive_id, units, state)


def wake(tx: Transaction, directive_id: int, units: list[int], state: State) -> None:
    """The live board alone, as where something was noted of these deliveries that moved none of them."""
    tx.notify(f"board:{directive_id}", {"kind": "board.changed", **_news(directive_id, units, state)})


def _news(directive_id: int, units: list[int], state: State) -> dict[str, Any]:
    return {"directive": directive_id, "units": units, "state": state.value, "href": f"/directives/{directive_id}"}
