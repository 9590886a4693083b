"""The diary in which the demo district's directives are written down, each thing at its own time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from server.accounts.principal import Principal
from server.directives import service
from server.directives.policy import Policy
from server.directives.rules import RecipientRole
from server.directives.shapes import DraftInput, Recipient, Upload
from server.store import Transaction

SATURDAY = 5


class Diary:
    """What people do, each thing at its own time: kept in any order and done in the order of time, as registers are."""

    def __init__(self, tx: Transaction, policy: Policy) -> None:
        self.tx, self.policy, self.now = tx, policy, tx.now
        self._entries: list[tuple[datetime, Callable[[], object]]] = []

    def at(self, moment: datetime, do: Callable[[], object]) -> None:
        """Note it."""
        self._entries.append((moment, do))

    def live(self) -> None:
        """Do it all."""
        for moment, do in sorted(self._entries, key=lambda entry: entry[0]):
            self.tx.now = moment
            do()
        self.tx.now = self.now


class Issued:
    """A directive of the diary; it has its id once it is issued."""

    id = 0

    def issue(self, diary: Diary, leader: Principal, draft: DraftInput, uploads: Sequence[Upload] = ()) -> None:
        """Write and issue it, with files that are stored already."""
        self.id = service.create_and_issue(diary.tx, leader, diary.policy, draft, uploads).id


def to(people: Sequence[Principal], role: RecipientRole = RecipientRole.EXECUTE) -> list[Recipient]:
    """Their units as recipients."""
    return [Recipient(unit=person.unit_id, role=role) for person in people]


def deadline_in(policy: Policy, now: datetime, hours: float | None) -> datetime | None:
    """A deadline as a leader sets it: within the day at a full hour, else at the end of a day of work."""
    if hours is None:
        return None
    due = (now + timedelta(hours=hours)).astimezone(policy.zone).replace(minute=0, second=0, microsecond=0)
    if abs(hours) < 24:
        return due
    while due.weekday() >= SATURDAY:
        due += timedelta(days=1 if hours > 0 else -1)
    return due.replace(hour=17)
