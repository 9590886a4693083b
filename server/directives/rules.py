"""What may happen to a delivery, as a table; and how timeliness is computed from dates: pure.

A delivery is one directive × one recipient unit (DOMAIN, A delivery). A step that the table does not hold is illegal
and changes nothing; a receipt that comes late never moves a state back. `docs/directives.md` is drawn from this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, IntEnum, StrEnum


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
    RECALL_PENDING = "RECALL_PENDING"
    RECALLED = "RECALLED"
    SUPERSEDED = "SUPERSEDED"
    WAIVED = "WAIVED"


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
    ASK_EXTENSION = "ask_extension"
    GRANT_EXTENSION = "grant_extension"
    REFUSE_EXTENSION = "refuse_extension"
    RECALL = "recall"
    AGREE_RECALL = "agree_recall"
    REFUSE_RECALL = "refuse_recall"
    SUPERSEDE = "supersede"
    WAIVE = "waive"
    PRESS = "press"


class Actor(StrEnum):
    """Who makes an event happen."""

    DEVICE = "device"
    READER = "reader"
    CLERK = "clerk"
    LEADER = "leader"
    ASSIGNEE = "assignee"
    ISSUER = "issuer"


class Through(StrEnum):
    """By what a person confirms or answers, where that is no page."""

    TELEPHONE = "TELEPHONE"


class DirectiveState(StrEnum):
    """A directive is being written, waits for the leader, is signed for a later moment, or is issued for good."""

    DRAFT = "DRAFT"
    WAITING = "WAITING"
    SCHEDULED = "SCHEDULED"
    ISSUED = "ISSUED"


class DraftEvent(StrEnum):
    """What can happen to a directive before it is issued; `edit` stands for its deletion, too."""

    EDIT = "edit"
    SUBMIT = "submit"
    HAND_BACK = "hand_back"
    SIGN = "sign"
    ISSUE = "issue"
    TAKE_BACK = "take_back"
    HOLD = "hold"
    RELEASE = "release"


_WRITTEN = {DraftEvent.SIGN: DirectiveState.SCHEDULED, DraftEvent.ISSUE: DirectiveState.ISSUED}
DRAFT_STATES: Mapping[DirectiveState, Mapping[DraftEvent, DirectiveState]] = {
    DirectiveState.DRAFT: {
        DraftEvent.EDIT: DirectiveState.DRAFT,
        DraftEvent.SUBMIT: DirectiveState.WAITING,
        **_WRITTEN,
    },
    DirectiveState.WAITING: {
        DraftEvent.EDIT: DirectiveState.WAITING,
        DraftEvent.SUBMIT: DirectiveState.WAITING,
        DraftEvent.HAND_BACK: DirectiveState.DRAFT,
        **_WRITTEN,
    },
    DirectiveState.SCHEDULED: {
        DraftEvent.TAKE_BACK: DirectiveState.WAITING,
        DraftEvent.HOLD: DirectiveState.WAITING,
        DraftEvent.RELEASE: DirectiveState.ISSUED,
    },
    DirectiveState.ISSUED: {},
}
"""State × event → state of a directive until its issue; `sign` is for a later moment, at which it is released or held
back."""


class RecipientRole(StrEnum):
    """What a recipient is asked to do; with a lead the others assist (Nghị định 30/2020, Điều 24)."""

    EXECUTE = "execute"
    LEAD = "lead"
    ASSIST = "assist"
    INFO = "info"


class Relation(StrEnum):
    """What a directive is to an earlier one: a replacement has the same form (Nghị định 30/2020, Điều 18)."""

    REPLACES = "replaces"
    CORRECTS = "corrects"
    FORWARDS = "forwards"


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
    WAITING = "WAITING"
    DONE_ON_TIME = "DONE_ON_TIME"
    DONE_LATE = "DONE_LATE"


class IllegalStepError(Exception):
    """The table has no such step from this state."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{event} is not possible in {state}")
        self.state = state
        self.event = event


class _Back(Enum):
    BACK = "the state before"


BACK = _Back.BACK
"""Instead of a state: where the delivery stood before its recall was asked for."""

Target = State | _Back
_UNREGISTERED: dict[Event, Target] = {
    Event.REGISTER: State.REGISTERED,
    Event.REGISTER_INFO: State.CLOSED_INFO,
    Event.RETURN: State.RETURNED,
}
_BY_ISSUER: dict[Event, Target] = {
    Event.RECALL: State.RECALL_PENDING,
    Event.SUPERSEDE: State.SUPERSEDED,
    Event.WAIVE: State.WAIVED,
}
_WORK: dict[Event, Target] = {Event.ASSIGN: State.ASSIGNED, Event.REPORT: State.REPORTED}
_BEGIN: dict[Event, Target] = {**_WORK, Event.START: State.IN_PROGRESS}
_EXTENSIONS = (Event.ASK_EXTENSION, Event.GRANT_EXTENSION, Event.REFUSE_EXTENSION)


def _unregistered(state: State) -> dict[Event, Target]:
    return {**_UNREGISTERED, **_BY_ISSUER, Event.PRESS: state}


def _at_work(state: State, steps: Mapping[Event, Target]) -> dict[Event, Target]:
    return {**steps, **dict.fromkeys(_EXTENSIONS, state), **_BY_ISSUER, Event.PRESS: state}


_STEPS: dict[State, dict[Event, Target]] = {
    State.SENT: {Event.ARRIVE: State.ARRIVED, Event.SEE: State.SEEN, **_unregistered(State.SENT)},
    State.ARRIVED: {Event.SEE: State.SEEN, **_unregistered(State.ARRIVED)},
    State.SEEN: _unregistered(State.SEEN),
    State.RETURNED: {},
    State.REGISTERED: _at_work(State.REGISTERED, _BEGIN),
    State.ASSIGNED: _at_work(State.ASSIGNED, _BEGIN),
    State.IN_PROGRESS: _at_work(State.IN_PROGRESS, _WORK),
    State.REPORTED: {
        Event.REPORT: State.REPORTED,
        Event.ACCEPT: State.COMPLETED,
        Event.SEND_BACK: State.REWORK,
        **_BY_ISSUER,
    },
    State.REWORK: _at_work(State.REWORK, _BEGIN),
    State.COMPLETED: {},
    State.CLOSED_INFO: {Event.RECALL: State.RECALL_PENDING, Event.SUPERSEDE: State.SUPERSEDED},
    State.RECALL_PENDING: {
        Event.AGREE_RECALL: State.RECALLED,
        Event.REFUSE_RECALL: BACK,
        Event.SUPERSEDE: State.SUPERSEDED,
        Event.PRESS: State.RECALL_PENDING,
    },
    State.RECALLED: {},
    State.SUPERSEDED: {},
    State.WAIVED: {},
}
RECEIPTS = frozenset({Event.ARRIVE, Event.SEE})
"""What a device or a reader lets us know; it may come late, twice or never, and is never refused."""

STATES: dict[State, dict[Event, Target]] = {
    state: {**dict.fromkeys(RECEIPTS, state), **steps} for state, steps in _STEPS.items()
}
"""State × event → state. A receipt is known in every state; where nothing else is written it changes nothing."""

ACTORS: Mapping[Event, Actor] = {
    Event.ARRIVE: Actor.DEVICE,
    Event.SEE: Actor.READER,
    Event.REGISTER: Actor.CLERK,
    Event.REGISTER_INFO: Actor.CLERK,
    Event.RETURN: Actor.CLERK,
    Event.ASSIGN: Actor.LEADER,
    Event.START: Actor.ASSIGNEE,
    Event.REPORT: Actor.ASSIGNEE,
    Event.ASK_EXTENSION: Actor.ASSIGNEE,
    Event.AGREE_RECALL: Actor.CLERK,
    Event.REFUSE_RECALL: Actor.CLERK,
    Event.ACCEPT: Actor.ISSUER,
    Event.SEND_BACK: Actor.ISSUER,
    Event.GRANT_EXTENSION: Actor.ISSUER,
    Event.REFUSE_EXTENSION: Actor.ISSUER,
    Event.RECALL: Actor.ISSUER,
    Event.SUPERSEDE: Actor.ISSUER,
    Event.WAIVE: Actor.ISSUER,
    Event.PRESS: Actor.ISSUER,
}
"""Who makes each event happen; a village head is clerk, leader and assignee of the village in one.

It is the unit that answers: beside those who are named its leader and its clerk report and ask for more time, and as
long as nobody is named whoever works there. Only those who are named say that they have begun.
"""

EDXML_CODES: Mapping[State, str] = {
    State.ARRIVED: "01",
    State.RETURNED: "02",
    State.REGISTERED: "03",
    State.CLOSED_INFO: "03",
    State.ASSIGNED: "04",
    State.IN_PROGRESS: "05",
    State.REWORK: "05",
    State.COMPLETED: "06",
    State.RECALL_PENDING: "13",
    State.RECALLED: "15",
}
"""Status codes of the exchange format edXML (QCVN 102:2016); states without one are our own."""

UNREGISTERED = frozenset({State.SENT, State.ARRIVED, State.SEEN})
"""The unit has no duty to handle it yet (Nghị định 30/2020, Điều 22)."""

FINAL = frozenset({State.RETURNED, State.COMPLETED, State.RECALLED, State.SUPERSEDED, State.WAIVED})
"""Nothing leads out of these."""

CLOSED = FINAL | {State.CLOSED_INFO}
"""Nothing more is expected of the recipient."""


HOLDS_COPY = frozenset({State.COMPLETED, State.WAIVED, State.SUPERSEDED})
"""The unit is done with it and has its copy still: a replacement is said beside these, and moves none of them."""


class Stage(IntEnum):
    """What a delivery waits for; stored beside the state, so that a receipt moves it in no index."""

    WAITING = 0
    WORKING = 1
    ANSWERED = 2
    CLOSED = 3


def stage_of(state: State) -> Stage:
    """To be registered or given back, to be worked on, to be judged by the issuer, or nothing more."""
    if state in CLOSED:
        return Stage.CLOSED
    if state is State.REPORTED:
        return Stage.ANSWERED
    return Stage.WAITING if state in UNREGISTERED or state is State.RECALL_PENDING else Stage.WORKING


@dataclass(frozen=True)
class Position:
    """Where a delivery stands; `before` is where it stood when its undecided recall was asked for."""

    state: State
    before: State | None = None

    @property
    def underlying(self) -> State:
        """Where the delivery stands apart from an undecided recall."""
        return self.before or self.state


def advance(position: Position, event: Event) -> Position:
    """The position after an event. Raises IllegalStepError.

    A receipt during an undecided recall moves what lies under it: a refused recall goes back to there.
    """
    state, before = position.state, position.before
    target = STATES[state].get(event)
    if target is None:
        raise IllegalStepError(state, event)
    if before is not None and event in RECEIPTS:
        return Position(state, advance(Position(before), event).state)
    if target is state:
        return position
    if target is _Back.BACK:
        return Position(position.underlying)
    return Position(target, state if target is State.RECALL_PENDING else None)


def possible(state: State, events: Iterable[Event] = Event) -> frozenset[Event]:
    """Those of `events` that the table holds for the state."""
    return frozenset(event for event in events if event in STATES[state])


def registering(role: RecipientRole) -> Event:
    """Who is told for information only is done with it by registering it."""
    return Event.REGISTER_INFO if role is RecipientRole.INFO else Event.REGISTER


def timeliness(
    due: datetime | None, done: datetime | None, now: datetime, notice: timedelta, *, asked: bool = False
) -> Timeliness:
    """How a duty stands at `now`; `notice` is how long before `due` it counts as due soon.

    `asked` says that more time was asked for in time and is not decided: what is late meanwhile waits for the issuer.
    """
    if due is None:
        return Timeliness.NONE
    if done is not None:
        return Timeliness.DONE_ON_TIME if done <= due else Timeliness.DONE_LATE
    if now > due:
        return Timeliness.WAITING if asked else Timeliness.OVERDUE
    return Timeliness.SOON if due - now <= notice else Timeliness.ON_TIME
