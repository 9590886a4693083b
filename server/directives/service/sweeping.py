"""The sweeper's work: whatever came due is raised once, however many processes sweep, and caught up after a downtime.

Nothing is scheduled in memory. Each delivery has the moment at which it must be looked at next; what is due then
follows from its dates and the rules. A delivery that cannot be looked at (a row that nobody can read, a mistake of
ours) does not hold up the others: it is set aside, logged, and tried again after a minute, two, four, up to an hour.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from server.directives.model import delivery_table, set_aside_table, sweep_table
from server.directives.policy import Policy
from server.directives.rules import Stage
from server.directives.running import alarms
from server.directives.service.access import TIMED, d, v
from server.directives.service.alarms import raise_due, tell_raised
from server.directives.service.aside import failure
from server.store import Transaction

log = logging.getLogger("giaoban.directives")
BATCH = 200
t = set_aside_table.c


def sweep(tx: Transaction, policy: Policy, limit: int = BATCH) -> int:
    """Raise what is due of at most `limit` deliveries; gives how many were looked at or set aside.

    Raises OperationalError when the database itself fails: that is no delivery's fault.
    """
    due = sa.select(v.id).where(v.alarm_at <= tx.now).order_by(v.alarm_at).limit(limit)
    ids = [row.id for row in tx.all(due.with_for_update(skip_locked=True))]
    if ids and not _look_at(tx, policy, ids, alone=False):
        for one in ids:
            _look_at(tx, policy, [one], alone=True)
    return len(ids)


def _look_at(tx: Transaction, policy: Policy, ids: Sequence[int], *, alone: bool) -> bool:
    """Raise what is due of these and plan their next look, all or nothing. One that fails `alone` is set aside."""
    try:
        with tx.savepoint():
            rows = tx.all(TIMED.add_columns(d.number_text, d.subject).where(v.id.in_(ids)).order_by(v.alarm_at, v.id))
            plans = {row.id: alarms(policy, row) for row in rows}
            due = {key: [alarm for alarm in plan if alarm.at <= tx.now] for key, plan in plans.items()}
            raised = raise_due(tx, rows, due)
            nexts = {key: next((one.at for one in plan if one.at > tx.now), None) for key, plan in plans.items()}
            _schedule(tx, nexts)
            tell_raised(tx, policy, raised)
            tx.execute(sa.delete(set_aside_table).where(t.delivery_id.in_(ids)))
    except sa.exc.OperationalError:
        raise
    except Exception as error:
        if alone:
            _set_aside(tx, ids[0], error)
        else:
            log.warning("the alarms of %d deliveries failed together; trying one by one: %s", len(ids), error)
        return False
    return True


def _set_aside(tx: Transaction, delivery_id: int, error: Exception) -> None:
    key = {"delivery_id": delivery_id}
    values, pause = failure(tx, set_aside_table, key, error)
    log.error(
        "delivery %d: its alarms failed (try %d), again in %s", delivery_id, values["tries"], pause, exc_info=error
    )
    tx.upsert(set_aside_table, key, **values)
    _schedule(tx, {delivery_id: tx.now + pause})


def _schedule(tx: Transaction, moments: Mapping[int, datetime | None]) -> None:
    by_moment: dict[datetime | None, list[int]] = {}
    for key, moment in moments.items():
        by_moment.setdefault(moment, []).append(key)
    for moment, keys in by_moment.items():
        tx.execute(sa.update(delivery_table).where(v.id.in_(keys)).values(alarm_at=moment))


def count_set_aside(tx: Transaction) -> int:
    """Deliveries whose alarms failed when they were last looked at."""
    return int(tx.execute(sa.select(sa.func.count()).select_from(set_aside_table)).scalar_one())


def reschedule(tx: Transaction, policy: Policy) -> int:
    """After a change of the rules: look at every open delivery again. Gives how many; 0 if the rules are the same."""
    s = sweep_table.c
    before = tx.one(sa.select(s.value).where(s.name == "policy"))
    if before is not None and before.value == policy.digest:
        return 0
    tx.upsert(sweep_table, {"name": "policy"}, value=policy.digest)
    is_open = v.stage < Stage.CLOSED.value
    return int(tx.execute(sa.update(delivery_table).where(is_open).values(alarm_at=tx.now)).rowcount)
