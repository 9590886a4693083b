"""Who is called about a new directive, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from server.accounts import service as accounts
from server.accounts.permissions import Role
from server.calls import numbers
from server.directives.documents import Urgency
from server.directives.policy import Policy
from server.directives.running import ClockName
from server.reach import service as reach
from server.reach.notice import Notice
from server.reach.rules import Channel
from server.store import Transaction

CALLED = (Role.VILLAGE_HEAD, Role.CLERK, Role.CADRE, Role.LEADER)
"""Whom to call for a unit: who may register comes first."""


def calls_of_issue(tx: Transaction, policy: Policy, notice: Notice, unit_ids: Sequence[int]) -> list[reach.Telling]:
    """Calls about a new directive: to all units where its urgency asks for it, sooner to those without a device."""
    if Channel.PHONE not in policy.channels:
        return []
    moments = _moments(tx, policy, Urgency(notice.urgency), unit_ids)
    reached = numbers.reach(tx, moments, CALLED) if moments else {}
    return [call_about(notice, one, moments[one.unit], ClockName.REGISTER) for one in reached.values()]


def _moments(tx: Transaction, policy: Policy, urgency: Urgency, unit_ids: Sequence[int]) -> dict[int, datetime]:
    ladder = policy.ladder("issued", urgency, tx.now)
    asked = next((at for channel, at in ladder if channel is Channel.PHONE), None)
    found = dict.fromkeys(unit_ids, asked) if asked is not None else {}
    sooner = policy.call_without_device(urgency, tx.now)
    if sooner is not None and (asked is None or sooner < asked):
        seen = accounts.units_seen(tx, unit_ids, tx.now - timedelta(days=policy.file.device_days))
        found |= dict.fromkeys(set(unit_ids) - seen, sooner)
    return found


def call_about(notice: Notice, to: numbers.Reach, at: datetime, clock: ClockName) -> reach.Telling:
    """One call; it is needless once the unit has stopped the clock."""
    plan = [(Channel.PHONE, at)]
    return reach.Telling(notice, {to.account}, plan, clock.value, [to.unit], {to.account: to.number})
