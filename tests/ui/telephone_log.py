"""Calls of a morning in the demo district, so that the operator's log and the boards show what they show in use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.calls import log, numbers
from server.calls.model import phone_call
from server.calls.rules import Direction, Outcome, Purpose
from server.directives.model import delivery_table
from server.directives.rules import State
from server.store import Store

IN, OUT = Direction.IN, Direction.OUT
HEADS = {"thon1.camthuy": "0912 000 111", "thon2.camthuy": "0912 000 222", "vanthu.camthuy": "0233 3873 114"}
CALLS = [
    (IN, Purpose.MEETING, Outcome.MET, 200, None, "thon1.camthuy"),
    (IN, Purpose.MEETING, Outcome.WRONG_PIN, 200, None, ""),
    (OUT, Purpose.MEETING, Outcome.NO_KEY, 200, None, "thon2.camthuy"),
    (OUT, Purpose.MEETING, Outcome.BUSY, 486, 17, "thon2.camthuy"),
    (OUT, Purpose.BACK, Outcome.MET, 200, None, "thon1.camthuy"),
    (OUT, Purpose.DIRECTIVE, Outcome.CONFIRMED, 200, None, "thon1.camthuy"),
    (OUT, Purpose.DIRECTIVE, Outcome.NO_ANSWER, 480, 19, "vanthu.camthuy"),
    (OUT, Purpose.CLERK, Outcome.TALKED, 200, None, "vanthu.camthuy"),
    (OUT, Purpose.TEST, Outcome.TRUNK, 503, 38, ""),
]


def write_calls(store: Store) -> None:
    """Numbers of some people, and a call of each kind about them; one about a directive that nobody has registered."""
    store.write_now(_write)


def _write(tx: Any) -> None:
    people = {name: accounts.principal_of(tx, name) for name in HEADS}
    for name, number in HEADS.items():
        numbers.give(tx, people[name].account_id, number)
    v = delivery_table.c
    clerk = people["vanthu.camthuy"]
    waiting = tx.one(sa.select(v.directive_id).where(v.unit_id == clerk.unit_id, v.state == State.ARRIVED.value))
    for number, (way, purpose, outcome, status, cause, name) in enumerate(CALLS):
        who = people.get(name)
        known: dict[str, int | None] = {"account_id": who.account_id, "unit_id": who.unit_id} if who else {}
        if purpose is Purpose.DIRECTIVE and waiting is not None and who is clerk:
            known["directive_id"] = waiting.directive_id
        row = log.begin(tx, f"demo{number}", way, purpose, numbers.clean(HEADS.get(name, "0905 333 444")), **known)
        if status == 200:
            log.answered(tx, row)
        log.ended(tx, row, outcome, status, cause)
        began = tx.now - timedelta(minutes=9 * (len(CALLS) - number))
        times = {"started_at": began, "ended_at": began + timedelta(seconds=40 + 31 * number)}
        times |= {"answered_at": began + timedelta(seconds=9)} if status == 200 else {}
        tx.execute(sa.update(phone_call).where(phone_call.c.id == row).values(**times))
