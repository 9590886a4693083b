"""Open work of units that have ended goes to their heirs: by the sweeper, on the day or once the tree says so.

What waits for the issuer's judgement stays where it was answered, and goes on only if it is sent back. What the unit
had issued itself is followed up by its heirs from then on. A directive that cannot be handed over (a mistake of ours)
does not hold up the others: it is set aside, logged, and tried again after a minute, two, four, up to an hour.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from server.directives.model import (
    change_table,
    delivery_table,
    directive_table,
    extension_table,
    handover_aside_table,
    handover_table,
)
from server.directives.policy import Policy
from server.directives.rules import CLOSED, STATES, UNREGISTERED, Event, RecipientRole, Stage, State
from server.directives.service.access import BOTH, d, v
from server.directives.service.aside import failure
from server.directives.service.issue import event_body
from server.directives.service.lateness import at
from server.directives.service.steps import position_of, step, tell
from server.directives.service.telling import tell_issued
from server.store import Transaction
from server.units import service as units

log = logging.getLogger("giaoban.directives")
_DUTIES = (RecipientRole.LEAD, RecipientRole.EXECUTE, RecipientRole.ASSIST, RecipientRole.INFO)
"""Where several units become one: it does what is most of theirs."""
_OPEN = frozenset(State) - CLOSED
_LONGEST_NOTE = 1000
_aside = handover_aside_table.c
Heirs = Mapping[int, tuple[int, ...]]


def hand_over(tx: Transaction, policy: Policy) -> bool:
    """Hand over what units that have ended still owe of one directive, or set it aside; gives whether there was any.

    Raises OperationalError when the database itself fails: that is no directive's fault.
    """
    heirs = units.heirs(tx)
    if not heirs:
        return False
    _try_to_follow_up(tx, heirs)
    owed = sa.and_(v.unit_id.in_(list(heirs)), at(Stage.WAITING, Stage.WORKING))
    waiting = sa.select(_aside.directive_id).where(_aside.again_at > tx.now)
    first = tx.one(sa.select(v.directive_id).where(owed, v.directive_id.not_in(waiting)).order_by(v.id).limit(1))
    if first is None:
        still = sa.select(v.directive_id).where(owed)
        tx.execute(sa.delete(handover_aside_table).where(_aside.directive_id.not_in(still)))
        return False
    try:
        with tx.savepoint():
            _hand_over(tx, policy, first.directive_id, owed, heirs)
    except sa.exc.OperationalError:
        raise
    except Exception as error:
        _set_aside(tx, first.directive_id, error)
    return True


def count_handovers_set_aside(tx: Transaction) -> int:
    """Directives that could not be handed over when that was last tried."""
    return int(tx.execute(sa.select(sa.func.count()).select_from(handover_aside_table)).scalar_one())


def _set_aside(tx: Transaction, directive_id: int, error: Exception) -> None:
    key = {"directive_id": directive_id}
    values, pause = failure(tx, handover_aside_table, key, error)
    said = "directive %d: its handing over failed (try %d), again in %s"
    log.error(said, directive_id, values["tries"], pause, exc_info=error)
    tx.upsert(handover_aside_table, key, **values, again_at=tx.now + pause)


def _hand_over(tx: Transaction, policy: Policy, directive_id: int, owed: sa.ColumnElement[bool], heirs: Heirs) -> None:
    locked = sa.select(directive_table).where(d.id == directive_id).with_for_update(key_share=True)
    directive: Any = tx.one(locked)
    mine = BOTH.where(v.directive_id == directive_id, owed).order_by(v.id).with_for_update(of=delivery_table)
    rows = tx.all(mine)
    wanted = {heir for row in rows for heir in heirs[row.unit_id]}
    names = units.units_by_ids(tx, wanted)
    has = {one.unit_id: one for one in tx.all(sa.select(delivery_table).where(v.directive_id == directive_id))}
    tx.will_tell({*wanted, *(unit for row in rows for unit in (row.unit_id, row.issuer_id))})
    for row in sorted(rows, key=_duty):
        state = _end(tx, row, ", ".join(names[heir].name for heir in heirs[row.unit_id])[:_LONGEST_NOTE])
        for place, heir in enumerate(heirs[row.unit_id]):
            if heir == row.issuer_id:  # it owes itself nothing
                continue
            role = RecipientRole(row.role)
            if place and role is RecipientRole.LEAD:  # a directive has one (Nghị định 30/2020, Điều 24)
                role = RecipientRole.ASSIST
            if heir not in has:
                has[heir] = _deliver(tx, policy, directive, row, heir, role)
            else:
                _raise_duty(tx, has[heir], role, row)
            values = {"state": state.value, "deadline": row.deadline, "at": tx.now}
            tx.insert(handover_table, from_id=row.id, to_id=has[heir].id, **values)
        log.info("delivery %d is handed over from unit %d to units %s", row.id, row.unit_id, heirs[row.unit_id])


def _end(tx: Transaction, row: Any, to: str) -> State:
    """The ended unit need not do it any more; gives where it stood. An undecided recall is the heirs' to answer."""
    state = position_of(row).underlying
    if row.state == State.RECALL_PENDING:
        step(tx, row, Event.REFUSE_RECALL, None, note=to)
        row = tx.one(BOTH.where(v.id == row.id))
    if Event.WAIVE in STATES[state]:
        step(tx, row, Event.WAIVE, None, note=to)
    return state


def _raise_duty(tx: Transaction, own: Any, role: RecipientRole, old: Any) -> None:
    """An heir that has the directive already does what the ended unit was to do, if that is more and not too late."""
    mine, state = RecipientRole(own.role), State(own.state)
    informed = mine is RecipientRole.INFO
    if _DUTIES.index(role) >= _DUTIES.index(mine) or state not in (UNREGISTERED if informed else _OPEN):
        return
    more = {"role": role.value, "alarm_at": tx.now} | ({"deadline": old.deadline} if informed else {})
    tx.execute(sa.update(delivery_table).where(v.id == own.id).values(**more))


def _duty(row: Any) -> tuple[int, bool, Any]:
    return _DUTIES.index(RecipientRole(row.role)), row.deadline is None, row.deadline or row.sent_at


def _deliver(tx: Transaction, policy: Policy, directive: Any, old: Any, heir: int, role: RecipientRole) -> Any:
    """What an heir gets in place of a delivery that has ended, told as a new one; gives its row."""
    issuer = units.unit(tx, old.issuer_id).name
    body = {**event_body(directive), "deadline": old.deadline, "role": role.value}
    body |= {"number": directive.number_text, "unit_name": issuer}
    (event,) = tx.emit_each("directive.issued", {heir: body})
    made = tx.insert(
        delivery_table,
        directive_id=directive.id,
        unit_id=heir,
        issuer_id=old.issuer_id,
        role=role.value,
        state=State.SENT.value,
        stage=Stage.WAITING.value,
        seq=event.seq,
        deadline=old.deadline,
        sent_at=tx.now,
        alarm_at=tx.now,
        exercise=old.exercise,
    )
    tell_issued(tx, policy, directive, {heir: old.deadline}, directive.number_text, issuer)
    tell(tx, directive.id, old.issuer_id, [heir], State.SENT)
    _carry_requests(tx, old, made)
    return tx.one(BOTH.where(v.id == made))


def _carry_requests(tx: Transaction, old: Any, made: int) -> None:
    """What was asked and not decided is asked of the heir, and by it: a recall, and more time."""
    x, c = extension_table.c, change_table.c
    if old.state == State.RECALL_PENDING:
        recalls = sa.select(c.note).where(c.delivery_id == old.id, c.event == Event.RECALL.value)
        asked: Any = tx.one(recalls.order_by(c.id.desc()).limit(1))
        row = tx.one(BOTH.where(v.id == made))
        step(tx, row, Event.RECALL, None, note=asked.note, recall_asked_at=old.recall_asked_at)
    if old.extension_asked_at is not None:
        mine = sa.and_(x.delivery_id == old.id, x.decided_at.is_(None), x.asked_at == old.extension_asked_at)
        for one in tx.all(sa.select(extension_table).where(mine)):
            values = {
                name: getattr(one, name) for name in ("asked_at", "asked_by", "reason", "deadline_before", "until")
            }
            tx.insert(extension_table, delivery_id=made, **values)
        waits = sa.update(delivery_table).where(v.id == made)
        tx.execute(waits.values(extension_asked_at=old.extension_asked_at))


def _try_to_follow_up(tx: Transaction, heirs: Heirs) -> None:
    """A mistake of ours here holds up no handing over: it is logged, and tried again by what sweeps next."""
    try:
        with tx.savepoint():
            _follow_up(tx, heirs)
    except sa.exc.OperationalError:
        raise
    except Exception:
        log.exception("what ended units have issued is not followed up by their heirs yet")


def _follow_up(tx: Transaction, heirs: Heirs) -> None:
    """What ended units have issued is owed to their heirs: to the one that a recipient is under, else to the first."""
    owed = tx.all(sa.select(v.issuer_id).distinct().where(v.issuer_id.in_(list(heirs))))
    for ended in sorted(row.issuer_id for row in owed):
        first, *others = heirs[ended]
        for heir in others:
            below = {heir, *units.ids_below(tx, heir)}
            theirs = sa.and_(v.issuer_id == ended, v.unit_id.in_(tx.among(below)))
            tx.execute(sa.update(delivery_table).where(theirs).values(issuer_id=heir))
        tx.execute(sa.update(delivery_table).where(v.issuer_id == ended).values(issuer_id=first))
