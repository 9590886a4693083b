"""Who held the ball when: every minute of a delivery belongs to the network, clerk, leader, assignee or issuer: pure.

Each is judged by their own clock: network and clerk by T1, the leader by T2, neither beyond the deadline in force then;
the assignee by that deadline (T3), the issuer by T4, which begins anew with each report. A request for more time moves
nothing while it is undecided, but what is late meanwhile, the leader's part as well, belongs to the issuer. What was
pressed without a network is the network's from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from server.directives.documents import Urgency
from server.directives.policy import Policy
from server.directives.rules import CLOSED, UNREGISTERED, Event, Position, State, advance


class Holder(StrEnum):
    """Whose turn it was."""

    NETWORK = "network"
    CLERK = "clerk"
    LEADER = "leader"
    ASSIGNEE = "assignee"
    ISSUER = "issuer"


@dataclass(frozen=True)
class Piece:
    """A stretch of time with one holder, all of it in time or all of it late."""

    holder: Holder
    begin: datetime
    end: datetime
    late: bool

    @property
    def length(self) -> timedelta:
        """How long it lasted."""
        return self.end - self.begin


class Happened(Protocol):
    """A line of the history."""

    event: str
    at: datetime
    deadline: datetime | None


@dataclass(frozen=True)
class _Stand:
    """How things stand between two lines of the history."""

    position: Position
    since: datetime
    deadline: datetime | None
    asked_at: datetime | None = None
    registered_at: datetime | None = None


def pieces(
    policy: Policy,
    urgency: Urgency,
    sent_at: datetime,
    deadline: datetime | None,
    changes: Iterable[Happened],
    now: datetime,
    *,
    assigns: bool,
    confirmed_at: datetime | None = None,
) -> list[Piece]:
    """The time from `sent_at` until the delivery was closed, or until now, without a gap.

    A line that is earlier than the one before it, because the server's clock was set back, begins where that one did.
    `deadline` is the first one; `assigns` says whether a leader names who works on it (a village does not).
    `confirmed_at` is when the button was pressed by which it was registered, if that was without a network.
    """
    found: list[Piece] = []
    stand = _Stand(Position(State.SENT), sent_at, deadline)

    def hold(end: datetime) -> None:
        holder, due, charged = _turn(policy, urgency, stand, sent_at, assigns=assigns)
        pressed = end
        if confirmed_at is not None and stand.position.state in UNREGISTERED:
            pressed = min(max(confirmed_at, stand.since), end)
        found.extend(_cut(holder, charged, stand.since, pressed, due))
        found.extend(_cut(Holder.NETWORK, Holder.NETWORK, pressed, end, due))

    for change in changes:
        after = _after(stand, change)
        if _differs(stand, after) or change.event == Event.REPORT:
            hold(change.at)
            stand = replace(after, since=max(change.at, stand.since))
    if stand.position.state not in CLOSED:
        hold(now)
    return list(_joined(found))


def _differs(one: _Stand, other: _Stand) -> bool:
    return (one.position, one.deadline, one.asked_at) != (other.position, other.deadline, other.asked_at)


def _after(stand: _Stand, change: Happened) -> _Stand:
    event = Event(change.event)
    asked = stand.asked_at
    if event is Event.ASK_EXTENSION:
        asked = change.at
    elif event in (Event.GRANT_EXTENSION, Event.REFUSE_EXTENSION, Event.REPORT):
        asked = None
    registered = change.at if event in (Event.REGISTER, Event.REGISTER_INFO) else stand.registered_at
    return _Stand(advance(stand.position, event), stand.since, change.deadline or stand.deadline, asked, registered)


def _turn(
    policy: Policy, urgency: Urgency, stand: _Stand, sent_at: datetime, *, assigns: bool
) -> tuple[Holder, datetime | None, Holder]:
    """Whose turn it is, until when in time, and who is charged with what is beyond."""
    state = stand.position.state
    if state in UNREGISTERED:
        holder = Holder.NETWORK if state is State.SENT else Holder.CLERK
        return holder, _sooner(policy.register_due(sent_at, urgency), stand.deadline), holder
    if state is State.RECALL_PENDING:
        return Holder.CLERK, policy.register_due(stand.since, urgency), Holder.CLERK
    if state is State.REPORTED:
        return Holder.ISSUER, policy.review_due(stand.since, urgency), Holder.ISSUER
    holder, due = Holder.ASSIGNEE, stand.deadline
    if state is State.REGISTERED and assigns and stand.registered_at:
        holder, due = Holder.LEADER, policy.assign_due(stand.registered_at, urgency, stand.deadline)
    return holder, due, Holder.ISSUER if stand.asked_at else holder


def _sooner(due: datetime, deadline: datetime | None) -> datetime:
    return due if deadline is None else min(due, deadline)


def _cut(holder: Holder, charged: Holder, begin: datetime, end: datetime, due: datetime | None) -> Iterator[Piece]:
    """What is in time, and what is beyond it."""
    edge = end if due is None else min(max(due, begin), end)
    yield Piece(holder, begin, edge, late=False)
    yield Piece(charged, edge, end, late=True)


def _joined(found: Sequence[Piece]) -> Iterator[Piece]:
    """Without empty pieces, and equal neighbours as one."""
    last: Piece | None = None
    for piece in found:
        if piece.begin >= piece.end:
            continue
        if last is not None and (last.holder, last.late) == (piece.holder, piece.late):
            last = replace(last, end=piece.end)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last
