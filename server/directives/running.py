"""Which clocks run for a delivery, and when reminders and escalations are due: pure, from dates alone.

T1 register by, T2 assign by, T3 respond by, T4 the issuer's review (DOMAIN, Clocks); beside them the answer to a recall
and the decision on an extension. Whoever acts stops the clock, and with it all that it would still have raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from server.directives.clocks import due_after, notice_before
from server.directives.documents import Urgency
from server.directives.policy import Policy
from server.directives.posts import Duty
from server.directives.rules import UNREGISTERED, Event, RecipientRole, State


class ClockName(StrEnum):
    """The clocks of a delivery; the value is stored with each alarm."""

    REGISTER = "register"
    ASSIGN = "assign"
    RESPOND = "respond"
    REVIEW = "review"
    RECALL = "recall"
    EXTENSION = "extension"


class AlarmKind(StrEnum):
    """Before the time, or after it has passed."""

    REMINDER = "reminder"
    ESCALATION = "escalation"


@dataclass(frozen=True)
class Facts:
    """What of a delivery's row the clocks look at; `urgency` is that of its directive. Rows serve as they are."""

    role: Any
    urgency: Any
    sent_at: datetime
    deadline: datetime | None
    state: Any = State.SENT
    registered_at: datetime | None = None
    registry_number: int | None = None
    reported_at: datetime | None = None
    recall_asked_at: datetime | None = None
    extension_asked_at: datetime | None = None
    renewed_at: datetime | None = None
    """When the issuer last sent it back or granted more time: the time for the answer runs from then on."""


@dataclass(frozen=True)
class Running:
    """A clock that runs: since when and until when."""

    clock: ClockName
    begin: datetime
    due: datetime


@dataclass(frozen=True)
class Alarm:
    """One reminder or escalation: the `step`-th of its clock, for a duty, at a moment."""

    clock: ClockName
    due: datetime
    kind: AlarmKind
    step: int
    at: datetime
    duty: Duty


_AT_WORK = frozenset({State.REGISTERED, State.ASSIGNED, State.IN_PROGRESS, State.REWORK})
ISSUED, ASSIGNED, REWORK, ANSWERED = "issued", "assigned", "rework", "answered"
"""Beside the clocks: somebody must be made aware of a new directive, of work given or asked for again, of an answer."""

HOLDS: Mapping[str, frozenset[State]] = {
    ISSUED: frozenset({State.SENT, State.ARRIVED}),
    ASSIGNED: frozenset({State.ASSIGNED}),
    REWORK: frozenset({State.REWORK}),
    ANSWERED: frozenset({State.REPORTED}),
    ClockName.REGISTER: UNREGISTERED,
    ClockName.ASSIGN: frozenset({State.REGISTERED}),
    ClockName.RESPOND: UNREGISTERED | _AT_WORK,
    ClockName.EXTENSION: _AT_WORK,
    ClockName.REVIEW: frozenset({State.REPORTED}),
    ClockName.RECALL: frozenset({State.RECALL_PENDING}),
}
"""In which states each can run at all; in every other state what it would still have told is needless."""

_ENDS = {
    Event.GRANT_EXTENSION: (ClockName.EXTENSION, ClockName.RESPOND),
    Event.REFUSE_EXTENSION: (ClockName.EXTENSION,),
}


def ended(event: Event, after: State) -> list[str]:
    """Clocks that a step has ended, whether or not they ran: nobody needs to be told of them any more."""
    return sorted({*(clock for clock, states in HOLDS.items() if after not in states), *_ENDS.get(event, ())})


def running(policy: Policy, row: Facts) -> list[Running]:
    """The clocks of a delivery that run in its state."""
    state, urgency = State(row.state), Urgency(row.urgency)
    found: list[Running] = []

    def run(clock: ClockName, begin: datetime | None, due: datetime) -> None:
        if begin is not None:
            found.append(Running(clock, begin, due))

    if state in HOLDS[ClockName.REGISTER]:
        due = policy.register_due(row.sent_at, urgency)
        run(ClockName.REGISTER, row.sent_at, min(due, row.deadline) if row.deadline else due)
    if state in HOLDS[ClockName.ASSIGN] and row.registered_at and row.registry_number is not None:
        run(ClockName.ASSIGN, row.registered_at, policy.assign_due(row.registered_at, urgency, row.deadline))
    if state in HOLDS[ClockName.RESPOND] and row.deadline and row.role != RecipientRole.INFO:
        run(ClockName.RESPOND, row.renewed_at or row.sent_at, row.deadline)
    if state in HOLDS[ClockName.EXTENSION] and row.extension_asked_at:
        run(ClockName.EXTENSION, row.extension_asked_at, policy.review_due(row.extension_asked_at, urgency))
    if state in HOLDS[ClockName.REVIEW] and row.reported_at:
        run(ClockName.REVIEW, row.reported_at, policy.review_due(row.reported_at, urgency))
    if state in HOLDS[ClockName.RECALL] and row.recall_asked_at:
        run(ClockName.RECALL, row.recall_asked_at, policy.register_due(row.recall_asked_at, urgency))
    return found


def alarms(policy: Policy, row: Facts) -> list[Alarm]:
    """All reminders and escalations of the clocks that run, past and to come, in their order."""
    urgency = Urgency(row.urgency)
    found = [alarm for one in running(policy, row) for alarm in _of_clock(policy, urgency, one)]
    return sorted(found, key=lambda alarm: (alarm.at, alarm.due, alarm.clock, alarm.step))


def _of_clock(policy: Policy, urgency: Urgency, one: Running) -> list[Alarm]:
    clocks, calendar = policy.file.clocks[urgency], policy.calendar
    found = []
    if one.clock is ClockName.RESPOND:
        for step, span in enumerate(clocks.remind):
            at = one.due - notice_before(one.due, one.begin, span, calendar)
            if at > one.begin:
                quiet = policy.after_quiet_hours(at, urgency)
                if quiet < one.due:
                    found.append(Alarm(one.clock, one.due, AlarmKind.REMINDER, step, quiet, Duty.ASSIGNEE))
    for step, (span, duty) in enumerate(clocks.missed(one.clock.value)):
        at = policy.after_quiet_hours(due_after(one.due, span, calendar), urgency)
        found.append(Alarm(one.clock, one.due, AlarmKind.ESCALATION, step, at, duty))
    return found


def to_tell(due_now: list[Alarm]) -> list[Alarm]:
    """Those of several alarms due at once (after a downtime) that people are told: no reminder that is overtaken."""
    last: dict[ClockName, Alarm] = {}
    escalated = {alarm.clock for alarm in due_now if alarm.kind is AlarmKind.ESCALATION}
    for alarm in due_now:
        if alarm.kind is AlarmKind.REMINDER and alarm.clock not in escalated:
            last[alarm.clock] = alarm
    return [alarm for alarm in due_now if alarm.kind is AlarmKind.ESCALATION or alarm is last.get(alarm.clock)]
