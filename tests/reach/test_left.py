"""Who has left a unit, or is locked out, is told nothing more of its work; others stand in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.model import account_table, membership_table
from server.accounts.principal import Principal
from server.calls import numbers
from server.directives import service
from server.directives.documents import Urgency
from server.directives.shapes import AssignInput, PressInput, ReportInput
from server.reach import service as outbox
from server.reach.notice import NoticeKind
from server.reach.rules import Channel
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.reach.helpers import POLICY, messages, reach
from tests.reach.test_news import Work
from tests.reach.test_withdrawn import issue, told

FRIDAY_NIGHT = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)  # 22:00 in Vietnam


def leave(store: Store, who: Principal) -> None:
    m = membership_table.c
    ended = sa.update(membership_table).where(m.account_id == who.account_id)
    store.write_now(lambda tx: tx.execute(ended.values(valid_to=tx.now)))


def lock(store: Store, who: Principal) -> None:
    locked = sa.update(account_table).where(account_table.c.id == who.account_id)
    store.write_now(lambda tx: tx.execute(locked.values(locked_at=tx.now)))


def join(store: Store, who: Principal, unit: int) -> None:
    values = {"account_id": who.account_id, "unit_id": unit, "role": "cadre", "position": ""}
    store.write_now(lambda tx: tx.execute(sa.insert(membership_table).values(**values, valid_from=tx.now)))


def claimed(store: Store, channel: Channel = Channel.MAIL) -> list[int]:
    return [letter.account for letter in store.write_now(outbox.claim, channel, "x" * 32, 50)]


@pytest.fixture
def work(store: Store, district: DistrictIds, clock: Clock) -> Work:
    return Work(store, district, clock)


@pytest.mark.parametrize("goes", [leave, lock])
def test_a_reminder_goes_to_others_when_who_was_named_has_gone(work: Work, store: Store, goes: Any) -> None:
    work.assign("vanthu.camthuy")
    goes(store, work.people["vanthu.camthuy"])
    work.clock.advance(days=6, hours=23, minutes=30)
    while store.write_now(service.sweep, POLICY):
        pass
    assert work.heard(NoticeKind.REMINDER) == ["camthuy"], "as if nobody had been named"


def test_of_several_those_are_told_who_are_left(work: Work, store: Store) -> None:
    work.assign("camthuy", "vanthu.camthuy")
    leave(store, work.people["camthuy"])
    store.write_now(service.report, work.people["vanthu.camthuy"], POLICY, work.directive, ReportInput(text="Xong."))
    work.do("vanthu", service.accept, work.delivery)
    assert work.heard(NoticeKind.ACCEPTED) == ["vanthu.camthuy"]


def test_who_has_left_is_not_pressed(work: Work, store: Store) -> None:
    work.assign("camthuy")
    leave(store, work.people["camthuy"])
    work.clock.advance(days=8)
    store.write_now(service.press, work.people["vanthu"], POLICY, work.directive, PressInput())
    assert work.heard(NoticeKind.PRESSED) == ["chutich.camthuy", "vanthu.camthuy"]


@pytest.mark.parametrize("channel", [Channel.MAIL, Channel.PHONE])
def test_what_waits_for_who_leaves_meanwhile_is_not_sent(
    store: Store, district: DistrictIds, clock: Clock, channel: Channel
) -> None:
    boss, clerk = district.who("chutich"), district.who("vanthu.camthuy")
    reach(store, clerk, Channel.MAIL)
    store.write_now(numbers.give, clerk.account_id, "0912000111")
    clock.set(FRIDAY_NIGHT)
    issue(store, boss, [clerk.unit_id])
    leave(store, clerk)
    join(store, clerk, district.unit("19615"))
    clock.advance(days=3)
    assert claimed(store, channel) == []
    assert [row.state for row in messages(store, channel=channel.value)] == ["stopped"]


def test_the_issuers_people_are_told_of_units_that_they_are_not_in(work: Work, store: Store) -> None:
    work.do("camthuy", service.report, work.directive, ReportInput(text="Xong."))
    work.clock.advance(minutes=1)
    people = work.people
    mine = {account for account, _way, _what in told(store, NoticeKind.ANSWERED)}
    assert mine == {people["chutich"].account_id, people["vanthu"].account_id}
    leave(store, people["vanthu"])
    assert mine & set(claimed(store)) == {people["chutich"].account_id}


def test_who_has_moved_to_the_issuer_is_told(store: Store, district: DistrictIds, clock: Clock) -> None:
    boss, clerk = district.who("chutich"), district.who("vanthu.camthuy")
    reach(store, clerk, Channel.MAIL)
    clock.set(FRIDAY_NIGHT)
    issue(store, boss, [clerk.unit_id], urgency=Urgency.FLASH, deadline=clock() + timedelta(hours=9))
    leave(store, clerk)
    join(store, clerk, boss.unit_id)
    assert claimed(store) == [clerk.account_id]


def test_the_assigned_of_another_unit_are_no_strangers_to_it(work: Work, store: Store) -> None:
    """Who holds roles in two units is told of either."""
    join(store, work.people["camthuy"], work.people["vanthu"].unit_id)
    data = AssignInput(lead=work.people["camthuy"].account_id)
    work.do("chutich.camthuy", service.assign, work.directive, data)
    assert work.people["camthuy"].account_id in claimed(store)
