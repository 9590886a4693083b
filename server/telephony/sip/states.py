"""The four transactions as tables: state × event → state (RFC 3261 §17, with RFC 6026's Accepted).

What a table does not name changes nothing and is passed over: the network repeats and reorders.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class State(Enum):
    """Where a transaction stands."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


UNANSWERED = frozenset({State.CALLING, State.TRYING, State.PROCEEDING})
"""A client's before a final response; later ones only take its repetitions."""


class Event(Enum):
    """What happens to one: its own message again, a response's class, ACK, and time."""

    REQUEST = auto()
    PROVISIONAL = auto()
    SUCCESS = auto()
    FAILURE = auto()
    ACK = auto()
    TIMEOUT = auto()  # nobody answered: its user is told
    EXPIRED = auto()  # it has waited long enough for repetitions
    BROKEN = auto()  # the connection is gone


Table = Mapping[tuple[State, Event], State]

INVITE_CLIENT: Table = {
    (State.CALLING, Event.PROVISIONAL): State.PROCEEDING,
    (State.CALLING, Event.SUCCESS): State.ACCEPTED,
    (State.CALLING, Event.FAILURE): State.COMPLETED,
    (State.CALLING, Event.TIMEOUT): State.TERMINATED,
    (State.CALLING, Event.BROKEN): State.TERMINATED,
    (State.PROCEEDING, Event.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Event.SUCCESS): State.ACCEPTED,
    (State.PROCEEDING, Event.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Event.TIMEOUT): State.TERMINATED,
    (State.PROCEEDING, Event.BROKEN): State.TERMINATED,
    (State.ACCEPTED, Event.SUCCESS): State.ACCEPTED,
    (State.ACCEPTED, Event.EXPIRED): State.TERMINATED,
    (State.COMPLETED, Event.FAILURE): State.COMPLETED,
    (State.COMPLETED, Event.EXPIRED): State.TERMINATED,
}

CLIENT: Table = {
    (State.TRYING, Event.PROVISIONAL): State.PROCEEDING,
    (State.TRYING, Event.SUCCESS): State.COMPLETED,
    (State.TRYING, Event.FAILURE): State.COMPLETED,
    (State.TRYING, Event.TIMEOUT): State.TERMINATED,
    (State.TRYING, Event.BROKEN): State.TERMINATED,
    (State.PROCEEDING, Event.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Event.SUCCESS): State.COMPLETED,
    (State.PROCEEDING, Event.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Event.TIMEOUT): State.TERMINATED,
    (State.PROCEEDING, Event.BROKEN): State.TERMINATED,
    (State.COMPLETED, Event.EXPIRED): State.TERMINATED,
}

INVITE_SERVER: Table = {
    (State.PROCEEDING, Event.REQUEST): State.PROCEEDING,
    (State.PROCEEDING, Event.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Event.SUCCESS): State.ACCEPTED,
    (State.PROCEEDING, Event.FAILURE): State.COMPLETED,
    (State.ACCEPTED, Event.REQUEST): State.ACCEPTED,
    (State.ACCEPTED, Event.SUCCESS): State.ACCEPTED,
    (State.ACCEPTED, Event.ACK): State.ACCEPTED,
    (State.ACCEPTED, Event.EXPIRED): State.TERMINATED,
    (State.COMPLETED, Event.REQUEST): State.COMPLETED,
    (State.COMPLETED, Event.ACK): State.CONFIRMED,
    (State.COMPLETED, Event.TIMEOUT): State.TERMINATED,
    (State.CONFIRMED, Event.REQUEST): State.CONFIRMED,
    (State.CONFIRMED, Event.ACK): State.CONFIRMED,
    (State.CONFIRMED, Event.EXPIRED): State.TERMINATED,
}

SERVER: Table = {
    (State.TRYING, Event.REQUEST): State.TRYING,
    (State.TRYING, Event.PROVISIONAL): State.PROCEEDING,
    (State.TRYING, Event.SUCCESS): State.COMPLETED,
    (State.TRYING, Event.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Event.REQUEST): State.PROCEEDING,
    (State.PROCEEDING, Event.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Event.SUCCESS): State.COMPLETED,
    (State.PROCEEDING, Event.FAILURE): State.COMPLETED,
    (State.COMPLETED, Event.REQUEST): State.COMPLETED,
    (State.COMPLETED, Event.EXPIRED): State.TERMINATED,
}


def event_of(status: int) -> Event:
    """What a response of this status is to a transaction."""
    if status < 200:
        return Event.PROVISIONAL
    return Event.SUCCESS if status < 300 else Event.FAILURE
