"""Who wrote a directive and who signed it for a later moment hear by their channels whether it went out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from server.accounts.model import membership_table
from server.accounts.principal import Principal
from server.directives import service
from server.directives.shapes import ScheduleInput
from server.reach.notice import NoticeKind
from server.reach.rules import Alphabet, Channel
from server.reach.words import Words
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import draft
from tests.reach.helpers import POLICY, ZONE, messages, notice, reach
from tests.reach.test_withdrawn import told

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
MORNING = WEDNESDAY + timedelta(days=1)
MAIL, SMS = Channel.MAIL, Channel.SMS


@pytest.fixture
def people(store: Store, district: DistrictIds, clock: Clock) -> tuple[Principal, Principal]:
    """The leader, who can be reached by mail and SMS, and the clerk, by mail."""
    clock.set(WEDNESDAY)
    leader, clerk = district.who("chutich"), district.who("vanthu")
    reach(store, leader, MAIL, SMS)
    reach(store, clerk, MAIL)
    return leader, clerk


def sign(store: Store, people: tuple[Principal, Principal], district: DistrictIds, **changes: object) -> int:
    leader, clerk = people
    made = store.write_now(service.create_draft, clerk, POLICY, draft([district.unit("19606")], **changes)).id
    store.write_now(service.schedule, leader, made, ScheduleInput(at=MORNING))
    return made


def sweep(store: Store, clock: Clock) -> None:
    clock.set(MORNING)
    assert store.write_now(service.issue_due, POLICY)


def test_both_hear_that_it_went_out(
    store: Store, people: tuple[Principal, Principal], district: DistrictIds, clock: Clock
) -> None:
    made = sign(store, people, district)
    sweep(store, clock)
    heard = told(store, NoticeKind.RELEASED)
    assert [(account, channel) for account, channel, _what in heard] == [
        (who.account_id, "mail") for who in sorted(people, key=lambda who: who.account_id)
    ]
    what = heard[0][2]
    assert (what.directive, what.number, what.href) == (made, "01/KH-UBND", f"/directives/{made}")
    assert told(store, NoticeKind.HELD) == []


def leave(store: Store, who: Principal, when: datetime) -> None:
    """Their membership ends."""
    m = membership_table.c
    change = sa.update(membership_table).where(m.account_id == who.account_id).values(valid_to=when)
    store.write_now(lambda tx: tx.execute(change))


def test_both_hear_that_it_did_not_go_out_until_somebody_issues_it(
    store: Store, people: tuple[Principal, Principal], district: DistrictIds, clock: Clock
) -> None:
    leader, clerk = people
    made = sign(store, people, district, deadline=MORNING + timedelta(hours=1))
    clock.set(MORNING + timedelta(hours=2))  # nobody swept in time: its deadline is over
    assert store.write_now(service.issue_due, POLICY)
    heard = told(store, NoticeKind.HELD)
    assert {(account, channel) for account, channel, _what in heard} == {
        (leader.account_id, "mail"),
        (clerk.account_id, "mail"),
    }
    assert (heard[0][2].number, heard[0][2].directive) == ("", made)
    later = draft([district.unit("19606")], deadline=clock() + timedelta(days=2))
    assert {row.state for row in messages(store)} == {"waiting"}
    store.write_now(service.edit_draft, clerk, POLICY, made, later)
    assert {row.state for row in messages(store)} == {"stopped"}


@pytest.mark.parametrize("issues", [True, False], ids=["issued", "signed anew"])
def test_who_deals_with_it_stops_the_news(
    store: Store, people: tuple[Principal, Principal], district: DistrictIds, clock: Clock, issues: bool
) -> None:
    leader, clerk = people
    made = sign(store, people, district)
    leave(store, leader, MORNING - timedelta(minutes=1))
    sweep(store, clock)
    assert [row.account_id for row in messages(store)] == sorted([leader.account_id, clerk.account_id])
    leave(store, leader, MORNING + timedelta(days=9))
    if issues:
        store.write_now(service.issue, leader, POLICY, made)
    else:
        store.write_now(service.schedule, leader, made, ScheduleInput(at=clock() + timedelta(hours=1)))
    assert {row.state for row in messages(store)} == {"stopped"}


def test_its_words() -> None:
    vi, en = (Words(language, ZONE, "https://g.example") for language in ("vi", "en"))
    held = notice(kind=NoticeKind.HELD, number="", due=None, urgency="NORMAL", exercise=True)
    assert vi.mail_subject(held) == f"[DIỄN TẬP] Không ban hành được theo hẹn: {held.subject}"
    assert vi.sms(held, Alphabet.GSM7).startswith("[DIEN TAP] Khong ban hanh duoc theo hen: ")
    body = vi.mail_body(held, "A")
    assert "Xin mở để xem lý do" in body and "thôi báo" not in body and "Số, ký hiệu" not in body
    gone = notice(kind=NoticeKind.RELEASED, due=None)
    assert en.title(gone).endswith("Issued at its moment")
    assert gone.number in en.message(gone)
