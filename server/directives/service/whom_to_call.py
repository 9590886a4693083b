"""Who is called about a directive, and when; and whom no call reaches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
        found |= dict.fromkeys(_without_device(tx, policy, unit_ids), sooner)
    return found


def _without_device(tx: Transaction, policy: Policy, unit_ids: Collection[int]) -> set[int]:
    return set(unit_ids) - accounts.units_seen(tx, unit_ids, _since(tx, policy))


def _since(tx: Transaction, policy: Policy) -> datetime:
    """Whoever was signed in after this has a device."""
    return tx.now - timedelta(days=policy.file.device_days)


def calls_of_alarm(
    tx: Transaction, policy: Policy, notice: Notice, unit_ids: Collection[int], clock: ClockName
) -> list[reach.Telling]:
    """Calls about a reminder or an escalation to those of the units, its recipients, that have no device."""
    at = policy.call_without_device(Urgency(notice.urgency), tx.now)
    if Channel.PHONE not in policy.channels or at is None:
        return []
    reached = numbers.reach(tx, _without_device(tx, policy, unit_ids), CALLED)
    return [call_about(notice, one, at, clock) for one in reached.values()]


def out_of_reach(tx: Transaction, policy: Policy, unit_ids: Collection[int]) -> set[int]:
    """Units without a device and without a number; none where this server has no telephone that would need one."""
    if Channel.PHONE not in policy.channels or not unit_ids:
        return set()
    return numbers.out_of_reach(tx, unit_ids, _since(tx, policy))


def call_about(notice: Notice, to: numbers.Reach, at: datetime, clock: ClockName) -> reach.Telling:
    """One call; it is needless once the unit has stopped the clock."""
    plan = [(Channel.PHONE, at)]
    return reach.Telling(notice, {to.account}, plan, clock.value, [to.unit], {to.account: to.number})
