"""Who hears beyond the page of work, requests, decisions, returns, waivers and drafts to sign; and who does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.model import membership_table
from server.directives import service
from server.directives.documents import Urgency
from server.directives.posts import Post
from server.directives.rules import ReturnReason
from server.directives.shapes import (
    AssignInput,
    Command,
    ExtensionDecision,
    ExtensionInput,
    HandBackInput,
    PostsInput,
    ReportInput,
    ReturnInput,
    SendBackInput,
    WaiveInput,
)
from server.reach.notice import FOR_KNOWLEDGE, NoticeKind
from server.reach.rules import Alphabet, Channel
from server.reach.words import Words
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import draft
from tests.reach.helpers import POLICY, ZONE, messages, notice, reach
from tests.reach.test_withdrawn import issue, told

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
NIGHT = WEDNESDAY + timedelta(hours=15)  # 23:00
NAMES = ("chutich", "vanthu", "chutich.camthuy", "camthuy", "vanthu.camthuy")


class Work:
    """A directive of the district to Cam Thủy, registered; all five people are reached by mail."""

    def __init__(self, store: Store, district: DistrictIds, clock: Clock) -> None:
        clock.set(WEDNESDAY)
        self.store, self.clock = store, clock
        self.people = {name: district.who(name) for name in NAMES}
        for who in self.people.values():
            reach(store, who, Channel.MAIL)
        self.unit = self.people["camthuy"].unit_id
        self.directive = issue(store, self.people["chutich"], [self.unit]).id
        clerk = self.people["vanthu.camthuy"]
        self.delivery = store.write_now(service.register, clerk, POLICY, self.directive).id

    def do(self, name: str, work: Any, number: int, *data: Any) -> Any:
        return self.store.write_now(work, self.people[name], POLICY, number, *data)

    def heard(self, kind: NoticeKind) -> list[str]:
        """Names of those who get a message of a kind that was not stopped."""
        names = {who.account_id: name for name, who in self.people.items()}
        waiting = {row.account_id for row in messages(self.store, state="waiting")}
        return sorted(names[account] for account, _way, _what in told(self.store, kind) if account in waiting)

    def assign(self, lead: str, *assists: str) -> None:
        others = [self.people[name].account_id for name in assists]
        data = AssignInput(lead=self.people[lead].account_id, assists=others)
        self.do("chutich.camthuy", service.assign, self.directive, data)

    def ask(self, name: str = "camthuy") -> ExtensionInput:
        asked = ExtensionInput(reason="Nước chưa rút", until=self.clock() + timedelta(days=12))
        self.do(name, service.ask_extension, self.directive, asked)
        return asked


@pytest.fixture
def work(store: Store, district: DistrictIds, clock: Clock) -> Work:
    return Work(store, district, clock)


def test_assigned_people_hear_it_until_one_begins(work: Work, store: Store) -> None:
    work.assign("camthuy", "vanthu.camthuy", "chutich.camthuy")
    assert work.heard(NoticeKind.ASSIGNED) == ["camthuy", "vanthu.camthuy"], "not who named them"
    what = told(store, NoticeKind.ASSIGNED)[0][2]
    assert (what.directive, what.href) == (work.directive, f"/directives/{work.directive}")
    assert what.due == WEDNESDAY + timedelta(days=7)
    work.assign("vanthu.camthuy")
    assert [row.state for row in messages(store)][-3:] == ["stopped", "stopped", "waiting"], "the work is another's now"
    store.write_now(service.start, work.people["vanthu.camthuy"], work.directive, Command())
    assert messages(store)[-1].state == "stopped"


def test_the_pages_of_assigned_people_hear_it(work: Work, store: Store) -> None:
    work.assign("camthuy", "chutich.camthuy")
    query = "SELECT body FROM event_content WHERE kind = 'delivery.assigned'"
    ((body,),) = store.read_now(lambda tx: tx.connection.exec_driver_sql(query).all())
    assert f'"accounts":[{work.people["camthuy"].account_id}]' in body
    assert '"subject":"Phòng, chống lụt bão"' in body


def test_more_is_asked_of_those_who_work_on_it(work: Work, store: Store) -> None:
    work.assign("camthuy")
    store.write_now(service.report, work.people["camthuy"], POLICY, work.directive, ReportInput(text="Xong."))
    due = WEDNESDAY + timedelta(days=9)
    work.do("vanthu", service.send_back, work.delivery, SendBackInput(note="Thêm số liệu", deadline=due))
    assert work.heard(NoticeKind.REWORK) == ["camthuy"]
    assert told(store, NoticeKind.REWORK)[0][2].due == due
    store.write_now(service.report, work.people["camthuy"], POLICY, work.directive, ReportInput(text="Đã thêm."))
    assert messages(store)[-1].state == "stopped"


def test_a_return_is_news_to_the_issuers_clerk(work: Work, store: Store) -> None:
    other = issue(store, work.people["chutich"], [work.unit], urgency=Urgency.FLASH).id
    data = ReturnInput(reason=ReturnReason.WRONG_RECIPIENT)
    work.do("vanthu.camthuy", service.return_delivery, other, data)
    assert work.heard(NoticeKind.RETURNED) == ["vanthu"]
    what = told(store, NoticeKind.RETURNED)[0][2]
    assert (what.unit_names, what.due) == (("Cam Thủy",), None)


@pytest.mark.parametrize(("assigned", "hears"), [(True, "vanthu.camthuy"), (False, "camthuy")])
def test_a_waiver_is_news_to_those_who_work_on_it(work: Work, assigned: bool, hears: str) -> None:
    if assigned:
        work.assign("vanthu.camthuy")
    work.do("chutich", service.waive, work.delivery, WaiveInput(note="Xã không có rừng"))
    assert work.heard(NoticeKind.WAIVED) == [hears]


def test_before_it_is_registered_the_clerk_hears_of_a_waiver(work: Work, store: Store) -> None:
    other = issue(store, work.people["chutich"], [work.unit]).id
    work.do("chutich", service.waive, work.delivery + 1, WaiveInput(note="Nhầm"))
    assert told(store, NoticeKind.WAIVED)[0][2].directive == other
    assert work.heard(NoticeKind.WAIVED) == ["vanthu.camthuy"]


def test_a_request_waits_for_the_issuers_clerk_until_it_is_decided(work: Work, store: Store) -> None:
    work.ask()
    assert work.heard(NoticeKind.ASKED) == ["vanthu"]
    what = told(store, NoticeKind.ASKED)[0][2]
    assert (what.unit_names, what.due) == (("Cam Thủy",), POLICY.review_due(WEDNESDAY, Urgency.NORMAL))
    work.do("chutich", service.decide_extension, work.delivery, ExtensionDecision(grant=True))
    assert [row.state for row in messages(store, account_id=work.people["vanthu"].account_id)] == ["stopped"]


@pytest.mark.parametrize("grants", [True, False])
def test_who_asked_hears_the_decision(work: Work, store: Store, grants: bool) -> None:
    asked = work.ask("vanthu.camthuy")
    work.do("vanthu", service.decide_extension, work.delivery, ExtensionDecision(grant=grants, note="Xem kỹ"))
    kind = NoticeKind.GRANTED if grants else NoticeKind.REFUSED
    assert work.heard(kind) == ["vanthu.camthuy"]
    assert told(store, kind)[0][2].due == (asked.until if grants else WEDNESDAY + timedelta(days=7))
    assert told(store, NoticeKind.REFUSED if grants else NoticeKind.GRANTED) == []
    assert "Xem kỹ" not in messages(store)[-1].notice, "what people write stays in the house"


def to_sign(work: Work, name: str = "vanthu", **changes: Any) -> int:
    made = draft([work.unit], deadline=work.clock() + timedelta(days=9), **changes)
    number: int = work.store.write_now(service.create_draft, work.people[name], POLICY, made).id
    work.do(name, service.submit, number)
    return number


def test_a_draft_waits_for_the_leader_until_it_is_signed(work: Work, store: Store) -> None:
    made = to_sign(work)
    assert work.heard(NoticeKind.TO_SIGN) == ["chutich"]
    what = told(store, NoticeKind.TO_SIGN)[0][2]
    assert (what.number, what.href) == ("", f"/directives/{made}")
    work.do("vanthu", service.submit, made)
    assert len(told(store, NoticeKind.TO_SIGN)) == 1, "told once, however often it is handed in"
    work.do("chutich", service.issue, made)
    assert work.heard(NoticeKind.TO_SIGN) == []


def test_an_author_hears_of_the_draft_that_was_handed_back_until_it_waits_again(work: Work) -> None:
    made = to_sign(work)
    work.do("chutich", service.hand_back, made, HandBackInput(note="Thiếu căn cứ"))
    assert work.heard(NoticeKind.TO_SIGN) == []
    assert work.heard(NoticeKind.HANDED_BACK) == ["vanthu"]
    work.do("vanthu", service.submit, made)
    assert work.heard(NoticeKind.HANDED_BACK) == []
    assert set(work.heard(NoticeKind.TO_SIGN)) == {"chutich"}, "once more"


def test_a_leader_who_hands_back_their_own_draft_is_told_nothing(work: Work) -> None:
    made = to_sign(work, "chutich")
    work.do("chutich", service.hand_back, made, HandBackInput(note="Thiếu căn cứ"))
    assert work.heard(NoticeKind.HANDED_BACK) == []


def test_a_draft_that_is_deleted_waits_for_nobody(work: Work, store: Store) -> None:
    store.write_now(service.delete_draft, work.people["vanthu"], to_sign(work))
    assert [row.state for row in messages(store)][-1] == "stopped"


def test_a_leader_who_hands_in_their_own_draft_is_told_nothing(work: Work) -> None:
    to_sign(work, "chutich")
    assert work.heard(NoticeKind.TO_SIGN) == []


def test_the_named_chair_is_told_alone(work: Work, store: Store) -> None:
    clerk, deputy = work.people["vanthu"], work.people["chutich.camthuy"].account_id
    values = {"account_id": deputy, "unit_id": clerk.unit_id, "role": "leader", "valid_from": WEDNESDAY}
    store.write_now(lambda tx: tx.execute(sa.insert(membership_table).values(**values)))
    to_sign(work)
    assert work.heard(NoticeKind.TO_SIGN) == ["chutich", "chutich.camthuy"]
    store.write_now(service.name_holders, clerk, PostsInput(post=Post.CHAIR, accounts=[deputy, clerk.account_id]))
    made = to_sign(work)
    last = [account for account, _way, what in told(store, NoticeKind.TO_SIGN) if what.directive == made]
    assert last == [deputy], "and no clerk, who cannot sign"


@pytest.mark.parametrize(("urgency", "waits"), [(Urgency.NORMAL, True), (Urgency.FLASH, False)])
def test_at_night_only_what_cannot_wait_goes_out(work: Work, store: Store, urgency: Urgency, waits: bool) -> None:
    work.clock.set(NIGHT)
    to_sign(work, urgency=urgency)
    due = messages(store)[-1].due_at
    assert due == (POLICY.after_quiet_hours(NIGHT, urgency) if waits else NIGHT)
    assert (due > NIGHT) is waits


def test_a_command_that_is_repeated_tells_once(work: Work, store: Store) -> None:
    asked = ExtensionInput(reason="Mưa", until=work.clock() + timedelta(days=12), command_id="once")
    for _each in range(2):
        work.do("camthuy", service.ask_extension, work.directive, asked)
    assert len(told(store, NoticeKind.ASKED)) == 1


NEWS = (
    *(NoticeKind.TO_SIGN, NoticeKind.HANDED_BACK, NoticeKind.ASSIGNED, NoticeKind.REWORK, NoticeKind.RETURNED),
    *(NoticeKind.WAIVED, NoticeKind.ASKED, NoticeKind.GRANTED, NoticeKind.REFUSED),
)


@pytest.mark.parametrize("kind", NEWS)
def test_their_words(kind: NoticeKind) -> None:
    vi, en = (Words(language, ZONE, "https://g.example") for language in ("vi", "en"))
    one = notice(kind=kind, due=None)
    body = vi.mail_body(one, "Hằng")
    assert ("Khi có người xác nhận" in body) is (kind not in FOR_KNOWLEDGE)
    assert vi.title(one) != en.title(one) and vi.title(one).startswith("[HỎA TỐC] ")
    assert len(vi.sms(one, Alphabet.GSM7)) <= 160
    assert vi.push(one).title == vi.title(one)
