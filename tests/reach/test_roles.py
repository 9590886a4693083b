"""What a message about a new directive says to whom: until when to answer, or, for information, to register."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from server.accounts.model import membership_table
from server.directives import service
from server.directives.documents import Urgency
from server.directives.rules import RecipientRole
from server.directives.shapes import Recipient
from server.reach.notice import NoticeKind
from server.reach.rules import Channel
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import draft
from tests.reach.helpers import POLICY, reach
from tests.reach.test_news import announced
from tests.reach.test_withdrawn import told

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
DUE = WEDNESDAY + timedelta(days=7)


class Two:
    """A directive that Cam Thủy carries out, and that is for Cam Hiếu's information."""

    def __init__(self, store: Store, district: DistrictIds, clock: Clock) -> None:
        clock.set(WEDNESDAY)
        self.store, self.leader = store, district.who("chutich")
        self.does, self.knows = district.who("vanthu.camthuy"), district.who("vanthu.camhieu")

    def issue(self, urgency: Urgency = Urgency.NORMAL) -> None:
        units = ((self.knows.unit_id, RecipientRole.INFO), (self.does.unit_id, RecipientRole.EXECUTE))
        recipients = [Recipient(unit=unit, role=role) for unit, role in units]
        made = draft([], recipients=recipients, deadline=DUE, urgency=urgency)
        self.store.write_now(service.create_and_issue, self.leader, POLICY, made)


@pytest.fixture
def two(store: Store, district: DistrictIds, clock: Clock) -> Two:
    return Two(store, district, clock)


@pytest.mark.parametrize("urgency", [Urgency.NORMAL, Urgency.FLASH])
def test_who_is_only_informed_reads_until_when_to_register(two: Two, store: Store, urgency: Urgency) -> None:
    for who in (two.does, two.knows):
        reach(store, who, Channel.MAIL)
    two.issue(urgency)
    due = {account: what.due for account, _way, what in told(store, NoticeKind.ISSUED)}
    register = POLICY.register_due(WEDNESDAY, urgency)
    assert due == {two.does.account_id: DUE, two.knows.account_id: register}


def test_pages_of_who_is_only_informed_hear_of_no_deadline(two: Two, store: Store) -> None:
    two.issue()
    found = {body["role"]: body["deadline"] for body in announced(store, "directive.issued")}
    assert found["info"] is None
    assert datetime.fromisoformat(found["execute"]) == DUE


def test_who_belongs_to_both_reads_once_until_when_to_answer(two: Two, store: Store) -> None:
    values = {"account_id": two.does.account_id, "unit_id": two.knows.unit_id, "role": "clerk", "position": ""}
    store.write_now(lambda tx: tx.insert(membership_table, valid_from=tx.now, **values))
    reach(store, two.does, Channel.MAIL)
    two.issue()
    assert [what.due for _account, _way, what in told(store, NoticeKind.ISSUED)] == [DUE]
