"""What may happen to a delivery, as a table; and how timeliness is computed from dates: pure.

A delivery is one directive × one recipient unit (DOMAIN, A delivery). A step that the table does not hold is illegal
and changes nothing; a receipt that comes late never moves a state back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """States of a delivery."""

    SENT = "SENT"
    ARRIVED = "ARRIVED"
    SEEN = "SEEN"
    REGISTERED = "REGISTERED"
    RETURNED = "RETURNED"
    ASSIGNED = "ASSIGNED"
    IN_PROGRESS = "IN_PROGRESS"
    REPORTED = "REPORTED"
    REWORK = "REWORK"
    COMPLETED = "COMPLETED"
    CLOSED_INFO = "CLOSED_INFO"


class Event(StrEnum):
    """What can happen to a delivery."""

    ARRIVE = "arrive"
    SEE = "see"
    REGISTER = "register"
    REGISTER_INFO = "register_info"
    RETURN = "return"
    ASSIGN = "assign"
    START = "start"
    REPORT = "report"
    ACCEPT = "accept"
    SEND_BACK = "send_back"


class DirectiveState(StrEnum):
    """A directive is being written, waits for the leader, or is issued for good."""

    DRAFT = "DRAFT"
    WAITING = "WAITING"
    ISSUED = "ISSUED"


class RecipientRole(StrEnum):
    """What a recipient is asked to do; with a lead the others assist (Nghị định 30/2020, Điều 24)."""

    EXECUTE = "execute"
    LEAD = "lead"
    ASSIST = "assist"
    INFO = "info"


class ReturnReason(StrEnum):
    """Why a unit returns a document before it registers it (DOMAIN, `RETURNED`)."""

    WRONG_RECIPIENT = "wrong_recipient"
    NOT_AUTHENTIC = "not_authentic"
    DAMAGED = "damaged"
    DUPLICATE = "duplicate"


class Timeliness(StrEnum):
    """Computed from dates whenever it is shown, never stored."""

    NONE = "NONE"
    ON_TIME = "ON_TIME"
    SOON = "SOON"
    OVERDUE = "OVERDUE"
    DONE_ON_TIME = "DONE_ON_TIME"
    DONE_LATE = "DONE_LATE"


class IllegalStepError(Exception):
    """The table has no such step from this state."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{event} is not possible in {state}")
        self.state = state
        self.event = event


_UNREGISTERED = {
    Event.REGISTER: State.REGISTERED,
    Event.REGISTER_INFO: State.CLOSED_INFO,
    Event.RETURN: State.RETURNED,
}
_STEPS: dict[State, dict[Event, State]] = {
    State.SENT: {Event.ARRIVE: State.ARRIVED, Event.SEE: State.SEEN, **_UNREGISTERED},
    State.ARRIVED: {Event.SEE: State.SEEN, **_UNREGISTERED},
    State.SEEN: _UNREGISTERED,
    State.REGISTERED: {Event.ASSIGN: State.ASSIGNED, Event.START: State.IN_PROGRESS, Event.REPORT: State.REPORTED},
    State.ASSIGNED: {Event.ASSIGN: State.ASSIGNED, Event.START: State.IN_PROGRESS, Event.REPORT: State.REPORTED},
    State.IN_PROGRESS: {Event.ASSIGN: State.ASSIGNED, Event.REPORT: State.REPORTED},
    State.REPORTED: {Event.REPORT: State.REPORTED, Event.ACCEPT: State.COMPLETED, Event.SEND_BACK: State.REWORK},
    State.REWORK: {Event.ASSIGN: State.ASSIGNED, Event.REPORT: State.REPORTED},
    State.RETURNED: {},
    State.COMPLETED: {},
    State.CLOSED_INFO: {},
}
_RECEIPTS = (Event.ARRIVE, Event.SEE)

STATES: dict[State, dict[Event, State]] = {
    state: {**dict.fromkeys(_RECEIPTS, state), **steps} for state, steps in _STEPS.items()
}
"""State × event → state. A receipt is known in every state; where nothing else is written it changes nothing."""

EDXML_CODES: Mapping[State, str] = {
    State.ARRIVED: "01",
    State.RETURNED: "02",
    State.REGISTERED: "03",
    State.CLOSED_INFO: "03",
    State.ASSIGNED: "04",
    State.IN_PROGRESS: "05",
    State.REWORK: "05",
    State.COMPLETED: "06",
}
"""Status codes of the exchange format edXML (QCVN 102:2016); states without one are our own."""

UNREGISTERED = frozenset({State.SENT, State.ARRIVED, State.SEEN})
"""The unit has no duty to handle it yet (Nghị định 30/2020, Điều 22)."""

CLOSED = frozenset({State.RETURNED, State.COMPLETED, State.CLOSED_INFO})
"""Nothing more is expected of the recipient."""


def next_state(state: State, event: Event) -> State:
    """The state after an event. Raises IllegalStepError."""
    try:
        return STATES[state][event]
    except KeyError:
        raise IllegalStepError(state, event) from None


def possible(state: State, events: Iterable[Event]) -> frozenset[Event]:
    """Those of `events` that the table holds for the state."""
    return frozenset(event for event in events if event in STATES[state])


def registering(role: RecipientRole) -> Event:
    """Who is told for information only is done with it by registering it."""
    return Event.REGISTER_INFO if role is RecipientRole.INFO else Event.REGISTER


def timeliness(due: datetime | None, done: datetime | None, now: datetime, notice: timedelta) -> Timeliness:
    """How a duty stands at `now`; `notice` is how long before `due` it counts as due soon."""
    if due is None:
        return Timeliness.NONE
    if done is not None:
        return Timeliness.DONE_ON_TIME if done <= due else Timeliness.DONE_LATE
    if now > due:
        return Timeliness.OVERDUE
    return Timeliness.SOON if due - now <= notice else Timeliness.ON_TIME
