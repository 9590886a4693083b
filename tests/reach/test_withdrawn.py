"""Who was told of a directive beyond the page is told of its recall or replacement, by the same channels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.documents import Urgency
from server.directives.rules import Relation
from server.directives.shapes import RecallAnswer, RecallInput, ReportInput
from server.reach.notice import Notice, NoticeKind, Tie
from server.reach.rules import Alphabet, Channel
from server.reach.words import Words
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import draft
from tests.reach.helpers import POLICY, ZONE, Obedient, messages, notice, reach, worker

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
MAIL, SMS, ZALO = Channel.MAIL, Channel.SMS, Channel.ZALO
ASK = RecallInput(note="Sai số liệu")


@pytest.fixture(autouse=True)
def on_a_working_day(clock: Clock) -> None:
    clock.set(WEDNESDAY)


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    names = ("chutich", "vanthu", "vanthu.camthuy", "vanthu.camhieu", "chutich.camthuy")
    return {name: district.who(name) for name in names}


def issue(store: Store, who: Principal, units: list[int], **changes: Any) -> Any:
    changes.setdefault("deadline", store.clock() + timedelta(days=7))
    return store.write_now(service.create_and_issue, who, POLICY, draft(units, **changes))


async def send(store: Store) -> None:
    """Whatever is due leaves."""
    for channel in (MAIL, SMS, ZALO):
        while await worker(store).turn(Obedient(channel)):
            pass


def told(store: Store, kind: NoticeKind) -> list[tuple[int, str, Notice]]:
    """Account, channel and notice of each message of a kind."""
    found = [(row.account_id, row.channel, msgspec.json.decode(row.notice, type=Notice)) for row in messages(store)]
    return sorted((one for one in found if one[2].kind is kind), key=lambda one: one[:2])


async def test_a_recall_follows_what_was_sent(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    clerk, other = people["vanthu.camthuy"], people["vanthu.camhieu"]
    reach(store, clerk, MAIL, SMS)
    reach(store, other, MAIL)
    done = issue(store, people["chutich"], [clerk.unit_id, other.unit_id], urgency=Urgency.URGENT)
    await send(store)  # the e-mails; SMS would follow after half an hour
    reach(store, people["chutich.camthuy"], MAIL)  # nobody has told them
    only = RecallInput(note="Sai số liệu", units=[clerk.unit_id])
    store.write_now(service.recall, people["chutich"], POLICY, done.id, only)
    ((account, channel, what),) = told(store, NoticeKind.RECALL)
    assert (account, channel) == (clerk.account_id, "mail")
    assert (what.number, what.directive, what.sender) == (done.number_text, done.id, "Ủy ban nhân dân huyện Cam Lộ")
    assert what.due == POLICY.register_due(clock(), Urgency.URGENT)


async def test_nobody_hears_of_the_recall_of_what_they_were_not_told(
    store: Store, people: dict[str, Principal]
) -> None:
    clerk = people["vanthu.camthuy"]
    reach(store, clerk, MAIL)
    done = issue(store, people["chutich"], [clerk.unit_id])
    store.write_now(service.recall, people["chutich"], POLICY, done.id, ASK)  # before the e-mail has left
    assert told(store, NoticeKind.RECALL) == []
    assert [row.state for row in messages(store)] == ["stopped"]


async def test_who_answers_a_recall_hears_no_more_of_it(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    clerk = people["vanthu.camthuy"]
    reach(store, clerk, MAIL)
    done = issue(store, people["chutich"], [clerk.unit_id])
    await send(store)
    clock.set(WEDNESDAY + timedelta(hours=14))  # 22:00: a normal one waits for the morning
    store.write_now(service.recall, people["chutich"], POLICY, done.id, ASK)
    waits = messages(store)[-1]
    assert (waits.state, waits.due_at) == ("waiting", POLICY.after_quiet_hours(clock(), Urgency.NORMAL))
    assert waits.due_at > clock()
    store.write_now(service.answer_recall, clerk, POLICY, done.id, RecallAnswer(agree=True))
    assert messages(store)[-1].state == "stopped"


async def test_a_recall_that_fails_tells_nobody(store: Store, people: dict[str, Principal]) -> None:
    clerk = people["vanthu.camthuy"]
    reach(store, clerk, MAIL)
    done = issue(store, people["chutich"], [clerk.unit_id])
    await send(store)

    def fails(tx: Any) -> None:
        service.recall(tx, people["chutich"], POLICY, done.id, ASK)
        raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        store.write_now(fails)
    assert told(store, NoticeKind.RECALL) == []


async def test_a_repeated_command_tells_once(store: Store, people: dict[str, Principal]) -> None:
    clerk = people["vanthu.camthuy"]
    reach(store, clerk, MAIL)
    done = issue(store, people["chutich"], [clerk.unit_id])
    await send(store)
    ask = RecallInput(note="Sai số liệu", command_id="once")
    for _each in range(2):
        store.write_now(service.recall, people["chutich"], POLICY, done.id, ask)
    assert len(told(store, NoticeKind.RECALL)) == 1


async def test_a_replacement_is_told_to_all_once(store: Store, people: dict[str, Principal]) -> None:
    """Who gets the new document reads there what it replaces; who does not, reads that the old one is replaced."""
    clerk, left_out = people["vanthu.camthuy"], people["vanthu.camhieu"]
    for one in (clerk, left_out):
        reach(store, one, MAIL)
    leader = people["chutich"]
    old = issue(store, leader, [clerk.unit_id, left_out.unit_id], exercise=True)
    await send(store)
    new = issue(store, leader, [clerk.unit_id], relation=Relation.REPLACES, related=old.id, exercise=True)
    ((account, channel, what),) = told(store, NoticeKind.REPLACED)
    assert (account, channel, what.exercise) == (left_out.account_id, "mail", True)
    assert (what.number, what.tie, what.other) == (old.number_text, Tie.REPLACED_BY, new.number_text)
    (fresh,) = [one for one in told(store, NoticeKind.ISSUED) if one[2].directive == new.id]
    assert (fresh[0], fresh[2].tie, fresh[2].other) == (clerk.account_id, Tie.REPLACES, old.number_text)


async def test_who_has_completed_it_is_told_of_the_replacement(store: Store, people: dict[str, Principal]) -> None:
    clerk, leader = people["vanthu.camthuy"], people["chutich"]
    reach(store, clerk, MAIL)
    old = issue(store, leader, [clerk.unit_id])
    await send(store)
    store.write_now(service.register, clerk, POLICY, old.id)
    answer = store.write_now(service.report, clerk, POLICY, old.id, ReportInput(text="Xong."))
    store.write_now(service.accept, leader, POLICY, answer.id)
    new = issue(store, leader, [people["vanthu.camhieu"].unit_id], relation=Relation.REPLACES, related=old.id)
    ((account, channel, what),) = told(store, NoticeKind.REPLACED)
    assert (account, channel, what.directive, what.other) == (clerk.account_id, "mail", old.id, new.number_text)


async def test_a_correction_names_what_it_corrects(store: Store, people: dict[str, Principal]) -> None:
    clerk = people["vanthu.camthuy"]
    reach(store, clerk, MAIL)
    old = issue(store, people["chutich"], [clerk.unit_id])
    await send(store)
    issue(store, people["chutich"], [clerk.unit_id], relation=Relation.CORRECTS, related=old.id)
    last = told(store, NoticeKind.ISSUED)[-1][2]
    assert (last.tie, last.other) == (Tie.CORRECTS, old.number_text)


def test_the_words() -> None:
    words = Words("vi", ZONE, "https://giaoban.camlo.example")
    recalled, replaced = (
        notice(kind=NoticeKind.RECALL),
        notice(kind=NoticeKind.REPLACED, due=None, tie=Tie.REPLACED_BY, other="06/CĐ-UBND"),
    )
    assert words.title(recalled) == "[HỎA TỐC] Yêu cầu thu hồi văn bản"
    assert "hủy bản đã nhận và trả lời" in words.mail_body(recalled, "Hằng")
    for text in (words.mail_body(replaced, "Hằng"), words.message(replaced), words.push(replaced).body):
        assert "Văn bản thay thế: 06/CĐ-UBND" in text
    assert "Khi có người xác nhận" not in words.mail_body(replaced, "Hằng")
    short = words.sms(replaced, Alphabet.GSM7)
    assert "Van ban thay the: 06/CD-UBND." in short and len(short) <= 160
    english = Words("en", ZONE, "https://giaoban.camlo.example")
    assert "Replaces document 05/CĐ-UBND" in english.message(notice(tie=Tie.REPLACES, other="05/CĐ-UBND"))
