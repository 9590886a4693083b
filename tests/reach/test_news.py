"""Who hears beyond the page of work, requests, decisions, returns, waivers and drafts to sign; and who does not."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.model import membership_table
from server.config import ROOT
from server.directives import service
from server.directives.documents import Urgency
from server.directives.model import delivery_table
from server.directives.posts import Post
from server.directives.rules import RecipientRole, ReturnReason
from server.directives.shapes import (
    AcceptInput,
    AssignInput,
    Command,
    ExtensionDecision,
    ExtensionInput,
    HandBackInput,
    PostsInput,
    RecallAnswer,
    RecallInput,
    Recipient,
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
from tests.reach.test_withdrawn import issue, send, told

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


def deliveries(store: Store, directive: int) -> list[int]:
    """Its deliveries in the order of their ids."""
    c = delivery_table.c
    query = sa.select(c.id).where(c.directive_id == directive).order_by(c.id)
    return [row.id for row in store.read_now(lambda tx: tx.all(query))]


@pytest.fixture
def work(store: Store, district: DistrictIds, clock: Clock) -> Work:
    return Work(store, district, clock)


@pytest.mark.parametrize("urgency", list(Urgency))
async def test_the_leader_hears_that_it_waits_to_be_assigned_until_it_is(
    work: Work, store: Store, urgency: Urgency
) -> None:
    """Where the leader is not told of the issue itself."""
    other = issue(store, work.people["chutich"], [work.unit], urgency=urgency).id
    await send(store)
    work.do("vanthu.camthuy", service.register, other)
    mine = [what for _account, _way, what in told(store, NoticeKind.TO_ASSIGN) if what.directive == other]
    assert len(mine) == (urgency in (Urgency.NORMAL, Urgency.URGENT))
    assert all(what.due == POLICY.assign_due(WEDNESDAY, urgency, None) for what in mine)
    for number in (work.directive, other):
        data = AssignInput(lead=work.people["camthuy"].account_id)
        work.do("chutich.camthuy", service.assign, number, data)
    assert work.heard(NoticeKind.TO_ASSIGN) == []


def test_a_leader_hears_it_whom_no_message_about_it_has_reached(work: Work, store: Store) -> None:
    """The clerk opened it before the leader's messages had left, which stopped them."""
    other = issue(store, work.people["chutich"], [work.unit], urgency=Urgency.VERY_URGENT).id
    store.write_now(service.see, work.people["vanthu.camthuy"], other)
    work.do("vanthu.camthuy", service.register, other)
    mine = [account for account, _way, what in told(store, NoticeKind.TO_ASSIGN) if what.directive == other]
    assert mine == [work.people["chutich.camthuy"].account_id]


def test_the_leader_alone_hears_that_it_waits_to_be_assigned(work: Work, store: Store) -> None:
    assert work.heard(NoticeKind.TO_ASSIGN) == ["chutich.camthuy"]
    store.write_now(service.start, work.people["camthuy"], work.directive, Command())
    assert work.heard(NoticeKind.TO_ASSIGN) == []


def test_nobody_assigns_what_is_only_for_information(work: Work, store: Store) -> None:
    both = [Recipient(unit=work.unit, role=RecipientRole.INFO)]
    other = issue(store, work.people["chutich"], [], recipients=both).id
    work.do("vanthu.camthuy", service.register, other)
    assert [what.directive for _account, _way, what in told(store, NoticeKind.TO_ASSIGN)] == [work.directive]


def report(work: Work, name: str = "camthuy", directive: int = 0) -> None:
    work.do(name, service.report, directive or work.directive, ReportInput(text="Xong."))


@pytest.mark.parametrize("accepts", [True, False])
def test_an_answer_waits_for_the_issuers_clerk_until_it_is_judged(work: Work, store: Store, accepts: bool) -> None:
    report(work)
    assert work.heard(NoticeKind.ANSWERED) == ["chutich", "vanthu"], "the clerk, and who wrote the directive"
    what = told(store, NoticeKind.ANSWERED)[0][2]
    assert (what.unit_names, what.due) == (("Cam Thủy",), POLICY.review_due(WEDNESDAY, Urgency.NORMAL))
    report(work)
    assert len(told(store, NoticeKind.ANSWERED)) == 2, "told once, however often it answers"
    if accepts:
        work.do("vanthu", service.accept, work.delivery)
    else:
        work.do("vanthu", service.send_back, work.delivery, SendBackInput(note="Thêm số liệu"))
    assert work.heard(NoticeKind.ANSWERED) == []


def test_answers_of_several_units_are_told_together_until_all_are_judged(
    work: Work, store: Store, district: DistrictIds
) -> None:
    other = district.who("camhieu")
    both = issue(store, work.people["chutich"], [work.unit, other.unit_id]).id
    for who in (work.people["camthuy"], other):
        store.write_now(service.register, who, POLICY, both)
        store.write_now(service.report, who, POLICY, both, ReportInput(text="Xong."))
    assert work.heard(NoticeKind.ANSWERED) == ["chutich", "vanthu"]
    first, second = deliveries(store, both)
    work.do("vanthu", service.send_back, first, SendBackInput(note="Thêm số liệu"))
    report(work, directive=both)
    work.do("vanthu", service.send_back, second, SendBackInput(note="Thêm số liệu"))
    assert work.heard(NoticeKind.ANSWERED) == ["chutich", "vanthu"], "the first has answered again"
    store.write_now(service.report, other, POLICY, both, ReportInput(text="Xong."))
    work.do("vanthu", service.accept, first)
    assert work.heard(NoticeKind.ANSWERED) == ["chutich", "vanthu"], "the other still waits"
    work.do("vanthu", service.accept, second)
    assert work.heard(NoticeKind.ANSWERED) == []


def test_who_works_on_it_hears_that_the_answer_was_accepted(work: Work, store: Store) -> None:
    work.assign("camthuy")
    report(work)
    for _each in range(2):
        work.do("vanthu", service.accept, work.delivery, AcceptInput(command_id="once"))
    assert work.heard(NoticeKind.ACCEPTED) == ["camthuy"]
    assert told(store, NoticeKind.ACCEPTED)[0][2].due is None


def test_a_refused_recall_is_news_to_the_clerk_and_who_asked_for_it(work: Work, store: Store) -> None:
    work.do("chutich", service.recall, work.directive, RecallInput(note="Nhầm"))
    work.do("vanthu.camthuy", service.answer_recall, work.directive, RecallAnswer(agree=False, note="Đã làm"))
    assert work.heard(NoticeKind.RECALL_REFUSED) == ["chutich", "vanthu"]
    assert told(store, NoticeKind.RECALL_REFUSED)[0][2].unit_names == ("Cam Thủy",)
    other = issue(store, work.people["chutich"], [work.unit]).id
    work.do("chutich", service.recall, other, RecallInput(note="Nhầm"))
    work.do("vanthu.camthuy", service.answer_recall, other, RecallAnswer(agree=True))
    assert len(told(store, NoticeKind.RECALL_REFUSED)) == 2, "a recall that is agreed to is not refused"


def announced(store: Store, kind: str) -> list[dict[str, Any]]:
    query = f"SELECT body FROM event_content WHERE kind = '{kind}' ORDER BY id"
    found = store.read_now(lambda tx: tx.connection.exec_driver_sql(query).all())
    return [json.loads(body) for (body,) in found]


def test_open_pages_hear_it_also_of_people_with_no_channel(store: Store, district: DistrictIds, clock: Clock) -> None:
    clock.set(WEDNESDAY)
    leader, clerk, cadre = (district.who(name) for name in ("chutich", "vanthu", "camthuy"))
    made = issue(store, leader, [cadre.unit_id]).id
    delivery = store.write_now(service.register, cadre, POLICY, made).id
    store.write_now(service.report, cadre, POLICY, made, ReportInput(text="Xong."))
    store.write_now(service.accept, clerk, POLICY, delivery)
    heard = [(one["what"], one["accounts"], one["unit_names"]) for one in announced(store, "delivery.news")]
    assert heard == [
        ("to_assign", [district.who("chutich.camthuy").account_id], []),
        ("answered", sorted([leader.account_id, clerk.account_id]), ["Cam Thủy"]),
        ("accepted", [cadre.account_id], []),
    ]
    assert messages(store) == []
    other = issue(store, leader, [cadre.unit_id]).id
    store.write_now(service.recall, leader, POLICY, other, RecallInput(note="Nhầm"))
    (recalled,) = announced(store, "directive.recalled")
    assert (recalled["directive"], recalled["subject"]) == (other, "Phòng, chống lụt bão")


def test_pages_have_words_for_all_that_is_announced() -> None:
    script = (ROOT / "web" / "static" / "js" / "live.js").read_text("utf-8")
    named = dict(re.findall(r"^  (\w+): \"(\w+)\",$", script.partition("const NEWS = {")[2].partition("};")[0], re.M))
    assert sorted(named) == sorted(kind.value for kind in NEWS if kind not in _OF_THEIR_OWN)
    shell = (ROOT / "web" / "templates" / "components" / "shell.html").read_text("utf-8")
    for name in named.values():
        attribute = re.sub("([A-Z])", r"-\1", name).lower()
        assert f"data-{attribute}=" in shell


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
    assert work.heard(NoticeKind.REWORK) == []


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
    store.write_now(
        service.name_holders, clerk, POLICY, PostsInput(post=Post.CHAIR, accounts=[deputy, clerk.account_id])
    )
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
    *(NoticeKind.REPLACED, NoticeKind.WAIVED, NoticeKind.ASKED, NoticeKind.GRANTED, NoticeKind.REFUSED),
    *(NoticeKind.PRESSED, NoticeKind.TO_ASSIGN, NoticeKind.ANSWERED, NoticeKind.ACCEPTED, NoticeKind.RECALL_REFUSED),
)
_OF_THEIR_OWN = (NoticeKind.TO_SIGN, NoticeKind.HANDED_BACK, NoticeKind.ASSIGNED)  # announced under other names


@pytest.mark.parametrize("kind", NEWS)
def test_their_words(kind: NoticeKind) -> None:
    vi, en = (Words(language, ZONE, "https://g.example") for language in ("vi", "en"))
    one = notice(kind=kind, due=None)
    body = vi.mail_body(one, "Hằng")
    assert ("Khi có người xác nhận" in body) is (kind not in FOR_KNOWLEDGE)
    assert vi.title(one) != en.title(one) and vi.title(one).startswith("[HỎA TỐC] ")
    assert len(vi.sms(one, Alphabet.GSM7)) <= 160
    assert vi.push(one).title == vi.title(one)
