"""A directive by telephone: only a key confirms, whatever happens meanwhile; and when it is called again."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from server.calls import conversation, numbers
from server.calls.rules import Outcome
from server.directives import service
from server.directives.documents import Urgency
from server.directives.rules import Relation, State, Through
from server.directives.shapes import RecallInput
from server.reach import service as reach
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import Channel, Reason
from server.telephony.sip.registration import Standing
from tests.calls.directives.desk import NUMBER, POLICY, Desk
from tests.calls.test_dial_out import Registering, broken
from tests.directives.helpers import WEEK, draft
from tests.telephony.sip.making import SDP
from tests.waiting import until


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a key, and changes are noticed at once."""
    monkeypatch.setattr(conversation, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(conversation, "LOOK_EVERY", 0.05)


async def test_a_village_head_hears_it_and_confirms_by_a_key(at: Desk) -> None:
    done = at.issue()
    name = await at.up()
    assert (at.rang[0].dialled, at.rang[0].caller.uri.user) == (NUMBER, "02333873100")
    assert "number_is" not in at.pool.heard(name), "nothing of it is said before a key"
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    said = at.pool.heard(name)
    read = ["number_is", "n1", "deadline_is", "n8", "hour", "day", "n2", "month", "n12", "ask_the_clerk"]
    assert said[said.index("number_is") :][: len(read)] == read, "there is no synthesiser here"
    await at.line.press(name, "2")
    await at.line.hears(name, "confirmed")
    delivery = at.delivery(done.id)
    assert (delivery.state, delivery.registered_through) == (State.REGISTERED, Through.TELEPHONE)
    step = delivery.changes[-1]
    assert (step.event, step.person, step.through) == ("register", at.head.name, Through.TELEPHONE)
    at.rang[0].hang_up(at.line.handsets.endpoint.now)
    await at.idle()
    assert at.logged() == [Outcome.CONFIRMED]
    assert [(one.outcome, one.person) for one in at.delivery(done.id).called] == [(Outcome.CONFIRMED, at.head.name)]
    assert at.store.read_now(reach.tallies)[-1].sent == 1


async def test_a_key_stops_what_would_still_be_sent_by_other_channels(at: Desk) -> None:
    done = at.issue()
    plan = [(Channel.SMS, at.clock())]
    sms = reach.Telling(_notice(at, done.id), {at.head.account_id}, plan, "register", [at.village])
    _has_sms(at)
    assert at.store.write_now(reach.put, [sms]) == 1
    name = await at.up()
    await at.line.press(name, "12")
    await at.line.hears(name, "confirmed")
    tally = {one.channel: one for one in at.store.read_now(reach.tallies)}
    assert (tally[Channel.SMS].waiting, tally[Channel.SMS].sent) == (0, 0)


def _notice(at: Desk, directive: int) -> Notice:
    return Notice(kind=NoticeKind.ISSUED, directive=directive, number="01", subject="Bão")


def _has_sms(at: Desk) -> None:
    import sqlalchemy as sa

    from server.reach.model import choice_table, contact_table

    def note(tx: Any) -> None:
        common = {"account_id": at.head.account_id}
        counts = {"code_tries": 0, "codes": 0, "verified_at": tx.now}
        tx.execute(sa.insert(contact_table).values(kind="phone", address="+84912000111", **common, **counts))
        tx.execute(sa.insert(choice_table).values(channel="sms", **common))

    at.store.write_now(note)


async def test_voice_mail_hears_nothing_and_confirms_nothing(at: Desk, hurried: None) -> None:
    done = at.issue()
    await until(lambda: at.logged() == [Outcome.NO_KEY])
    await at.idle()
    assert "number_is" not in at.pool.heard()
    at.clock.advance(minutes=2, seconds=59)
    assert not at.store.read_now(reach.something_due, Channel.PHONE)
    at.clock.advance(seconds=1)
    await until(lambda: at.logged() == [Outcome.NO_KEY] * 2)
    await at.idle()
    (dead,) = at.store.read_now(reach.dead_letters)
    assert (dead.reason, dead.channel) == (Reason.NO_KEY, Channel.PHONE)
    assert at.delivery(done.id).state is State.SENT


@pytest.mark.parametrize(
    ("status", "outcome", "pause", "times", "reason"),
    [
        (486, Outcome.BUSY, 60, 3, Reason.LINE_BUSY),
        (480, Outcome.NO_ANSWER, 120, 3, Reason.NO_ANSWER),
        (603, Outcome.REFUSED, 0, 1, Reason.WRONG_NUMBER),
        (404, Outcome.WRONG_NUMBER, 0, 1, Reason.WRONG_NUMBER),
    ],
)
async def test_when_it_is_called_again(
    at: Desk, status: int, outcome: Outcome, pause: int, times: int, reason: Reason
) -> None:
    at.line.handsets.answers = lambda call, now: call.refuse(status, now)
    at.issue()
    for time in range(1, times + 1):
        await until(lambda time=time: at.logged() == [outcome] * time)
        await at.idle()
        at.clock.advance(seconds=pause)
    (dead,) = at.store.read_now(reach.dead_letters)
    assert (dead.reason, dead.tries) == (reason, times)


@pytest.mark.parametrize(("urgency", "hours"), [(Urgency.NORMAL, 9.5), (Urgency.FLASH, 1 / 60)])
async def test_nobody_is_called_again_at_night_about_what_can_wait(at: Desk, urgency: Urgency, hours: float) -> None:
    at.line.handsets.answers = lambda call, now: call.refuse(486, now)
    at.clock.advance(hours=13)  # 21:00
    at.issue(urgency=urgency)
    await until(lambda: at.logged() == [Outcome.BUSY])
    await at.idle()
    at.clock.advance(hours=hours, seconds=-1)
    assert not at.store.read_now(reach.something_due, Channel.PHONE)
    at.clock.advance(seconds=1)
    assert at.store.read_now(reach.something_due, Channel.PHONE)


async def test_who_hears_it_and_hangs_up_is_called_again(at: Desk) -> None:
    at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    at.rang[0].hang_up(at.line.handsets.endpoint.now)
    await at.idle()
    assert at.logged() == [Outcome.UNCONFIRMED]
    at.clock.advance(minutes=5)
    await at.up()
    assert len(at.rang) == 2


async def test_who_confirms_nothing_is_told_that_we_call_again(at: Desk, hurried: None) -> None:
    done = at.issue()
    name = await until(lambda: next(iter(at.line.exchange.lines), None))
    await at.line.press(name, "1")
    await at.idle()
    assert "not_confirmed" in at.pool.heard(name)
    assert (at.logged(), at.delivery(done.id).state) == ([Outcome.UNCONFIRMED], State.SENT)


async def test_who_has_heard_it_and_not_confirmed_is_called_when_it_is_recalled(at: Desk) -> None:
    done = at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    at.rang[0].hang_up(at.line.handsets.endpoint.now)
    await at.idle()
    assert at.logged() == [Outcome.UNCONFIRMED]
    at.store.write_now(service.recall, at.leader, POLICY, done.id, RecallInput(note="Nhầm", units=[]))
    name = await at.up()
    assert at.pool.heard(name)[:2] == ["directive_recall", "press_to_hear"]


async def test_who_has_heard_nothing_of_it_is_not_called_when_it_is_recalled(at: Desk) -> None:
    at.line.handsets.answers = lambda call, now: call.refuse(486, now)
    done = at.issue()
    await until(lambda: at.logged() == [Outcome.BUSY])
    await at.idle()
    at.store.write_now(service.recall, at.leader, POLICY, done.id, RecallInput(note="Nhầm", units=[]))
    at.clock.advance(minutes=30)
    assert not at.store.read_now(reach.something_due, Channel.PHONE)


async def test_keys_outside_the_menu_and_a_key_before_anything_was_heard(at: Desk) -> None:
    done = at.issue()
    name = await at.up()
    await at.line.press(name, "2")
    await at.line.hears(name, "directive_menu")
    assert at.delivery(done.id).state is State.SENT, "nobody confirms what was not read"
    for key in "4780*#":
        await at.line.press(name, key)
    await until(lambda: at.pool.heard(name).count("unknown_key") == 6)
    await at.line.press(name, "2")
    await at.line.hears(name, "confirmed")


async def test_it_is_read_again_as_often_as_wished(at: Desk) -> None:
    at.issue()
    name = await at.up()
    await at.line.press(name, "111")
    await until(lambda: at.pool.heard(name).count("number_is") == 3)
    await at.line.press(name, "21")
    await until(lambda: at.pool.heard(name).count("number_is") == 4, seconds=10)
    assert at.pool.heard(name).count("confirmed") == 1


async def test_confirmed_elsewhere_while_it_is_read(at: Desk, hurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "ANSWER_SECONDS", 5)
    done = at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    at.store.write_now(service.register, at.head, POLICY, done.id)
    await at.line.hears(name, "confirmed_elsewhere")
    await at.line.press(name, "2")
    await at.line.hears(name, "confirmed")
    at.rang[0].hang_up(at.line.handsets.endpoint.now)
    await at.idle()
    assert at.logged() == [Outcome.ELSEWHERE]
    assert at.delivery(done.id).registered_through is None
    at.clock.advance(hours=2)
    assert not at.store.read_now(reach.something_due, Channel.PHONE)


async def test_nobody_is_called_before_the_trunk_has_taken_our_registration(at: Desk) -> None:
    trunk = at.line.exchange.trunk
    trunk._registration = Registering()  # type: ignore[assignment]
    at.issue()
    await asyncio.sleep(0.2)
    assert at.rang == []
    trunk._stands(Standing(True, 200, "OK"), 0.0)
    await at.up()


async def test_confirmed_elsewhere_before_it_rings(at: Desk) -> None:
    at.line.exchange.trunk.standing = Standing(False, 503, "down")
    done = at.issue()
    at.store.write_now(service.register, at.head, POLICY, done.id)
    at.line.exchange.trunk.standing = None
    assert not at.store.read_now(reach.something_due, Channel.PHONE)
    assert at.rang == []


@pytest.mark.parametrize("how", ["recalled", "replaced"])
async def test_withdrawn_while_it_is_read(at: Desk, hurried: None, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(conversation, "ANSWER_SECONDS", 5)
    done = at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    if how == "recalled":
        at.store.write_now(service.recall, at.leader, POLICY, done.id, RecallInput(note="Nhầm", units=[]))
    else:
        newer = draft([at.village], deadline=at.clock() + WEEK, relation=Relation.REPLACES, related=done.id)
        at.store.write_now(service.create_and_issue, at.leader, POLICY, newer)
    await at.line.hears(name, "goodbye")
    said = at.pool.heard(name)
    if how == "recalled":
        assert "withdrawn" in said
    else:
        said = said[said.index("replaced_by") :]
        assert said == ["replaced_by", "n2", "follow_the_new", "goodbye"], "its number, and that the old one is void"
    await until(lambda: at.logged()[:1] == [Outcome.WITHDRAWN])
    assert at.delivery(done.id).registered_at is None


@pytest.mark.parametrize("how", ["recalled", "replaced", "registered"])
async def test_what_changed_while_it_rang_is_said_after_the_greeting(at: Desk, how: str) -> None:
    at.line.handsets.answers = lambda call, now: None
    done = at.issue()
    await until(lambda: at.rang)
    if how == "recalled":
        at.store.write_now(service.recall, at.leader, POLICY, done.id, RecallInput(note="Nhầm", units=[]))
    elif how == "replaced":
        newer = draft([at.village], deadline=at.clock() + WEEK, relation=Relation.REPLACES, related=done.id)
        at.store.write_now(service.create_and_issue, at.leader, POLICY, newer)
    else:
        at.store.write_now(service.register, at.head, POLICY, done.id)
    name = next(iter(at.line.exchange.lines))
    at.rang[0].answer(SDP, at.line.handsets.endpoint.now)
    says = {"recalled": "withdrawn", "replaced": "replaced_by", "registered": "confirmed_elsewhere"}[how]
    await at.line.hears(name, says)
    assert at.pool.heard(name)[:2] == ["directive_issued", says], "nothing of what is void is read"
    if how == "registered":
        await at.line.press(name, "2")
        at.rang[0].hang_up(at.line.handsets.endpoint.now)
    await until(lambda: name not in at.line.exchange.lines)
    assert at.logged()[0] is (Outcome.ELSEWHERE if how == "registered" else Outcome.WITHDRAWN)


async def test_a_call_about_a_recall_is_no_change(at: Desk) -> None:
    at.line.exchange.trunk.standing = Standing(False, 503, "down")
    done = at.issue()
    at.store.write_now(service.recall, at.leader, POLICY, done.id, RecallInput(note="Nhầm", units=[]))
    notice = msgspec.structs.replace(_notice(at, done.id), kind=NoticeKind.RECALL)
    plan, account = [(Channel.PHONE, at.clock())], at.head.account_id
    at.store.write_now(reach.put, [reach.Telling(notice, {account}, plan, "", [at.village], {account: NUMBER})])
    at.line.exchange.trunk.standing = None
    name = await at.up()
    assert at.pool.heard(name)[:2] == ["directive_recall", "press_to_hear"]


async def test_withdrawn_at_the_moment_of_the_key(at: Desk) -> None:
    done = at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    at.store.write_now(service.recall, at.leader, POLICY, done.id, RecallInput(note="Nhầm", units=[]))
    await at.line.press(name, "2")
    await at.line.hears(name, "withdrawn")
    assert "confirmed" not in at.pool.heard(name)
    assert at.delivery(done.id).state is State.RECALL_PENDING


async def test_a_broken_line_and_a_node_that_dies_are_called_again(at: Desk) -> None:
    at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    broken(at.rang[0], at.line.handsets.endpoint.now)
    await at.idle()
    at.clock.advance(minutes=5)
    name = await at.up()
    at.line.exchange.phones._lost(1)
    await at.idle()
    assert at.logged() == [Outcome.UNCONFIRMED, Outcome.NO_NODE]
    at.clock.advance(minutes=1)
    assert at.store.read_now(reach.something_due, Channel.PHONE)


async def test_a_number_that_was_mended_counts_and_one_that_was_taken_away_is_not_called(at: Desk) -> None:
    at.line.handsets.answers = lambda call, now: call.refuse(486, now)
    at.issue()
    await until(lambda: at.logged() == [Outcome.BUSY])
    await at.idle()
    at.store.write_now(numbers.give, at.head.account_id, "0912 000 222")
    at.clock.advance(minutes=1)
    await until(lambda: len(at.rang) == 2)
    assert [call.dialled for call in at.rang] == [NUMBER, "0912000222"]
    await at.idle()
    at.store.write_now(numbers.give, at.head.account_id, "")
    at.clock.advance(minutes=1)
    (dead,) = await until(lambda: at.store.read_now(reach.dead_letters))
    assert (dead.reason, len(at.rang)) == (Reason.WRONG_NUMBER, 2)


async def test_a_call_that_fails_in_a_way_we_do_not_know_is_tried_again(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(service, "reading_of", fails)
    done = at.issue()
    await until(lambda: not at.store.read_now(reach.something_due, Channel.PHONE))
    await at.idle()
    monkeypatch.undo()
    at.clock.advance(seconds=30)
    name = await at.up()
    await at.line.press(name, "12")
    await at.line.hears(name, "confirmed")
    assert at.delivery(done.id).state is State.REGISTERED


async def test_at_most_so_many_at_once_and_the_urgent_first(at: Desk) -> None:
    at.line.handsets.answers = lambda call, now: None  # it rings
    at.line.exchange.trunk.standing = Standing(False, 503, "down")
    for number, urgency in enumerate([Urgency.NORMAL, Urgency.URGENT, Urgency.FLASH]):
        at.issue(subject=f"Việc {number}", urgency=urgency)
    at.line.exchange.trunk.standing = None
    await until(lambda: len(at.rang) == 2)
    subjects = [at.delivery(one).called for one in (1, 2, 3)]
    assert [len(called) for called in subjects] == [0, 1, 1]
    at.rang[0].refuse(603, at.line.handsets.endpoint.now)
    await until(lambda: len(at.rang) == 3)


async def test_a_text_is_read_by_the_synthesiser_piece_by_piece(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[str] = []

    async def speak(text: str) -> str:
        spoken.append(text)
        return f"/speech/{len(spoken)}.wav"

    at.line.exchange.voice.able = True
    monkeypatch.setattr(at.line.exchange.voice, "speak", speak)
    at.issue(subject="Họp lúc 19h30", body="UBND xã mời 25 hộ. " * 40)
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    assert "Họp lúc mười chín giờ ba mươi phút" in spoken
    assert spoken[-1].endswith("Ủy ban nhân dân xã mời hai mươi lăm hộ.")
    assert len(spoken) > 5
    assert "ask_the_clerk" not in at.pool.heard(name)


@pytest.mark.parametrize("keys", ["", "1"])
async def test_who_is_cut_off_by_a_stop_is_called_again_soon_and_the_log_says_why(at: Desk, keys: str) -> None:
    at.issue()
    name = await at.up()
    await at.line.press(name, keys)
    if keys:
        await at.line.hears(name, "directive_menu")
    await at.line.exchange.close()
    assert at.logged() == [Outcome.STOPPED]
    at.clock.advance(seconds=30)
    assert at.store.read_now(reach.something_due, Channel.PHONE)


@pytest.mark.parametrize(
    ("urgency", "asked_at", "rings"),
    [(Urgency.NORMAL, 20.9, False), (Urgency.FLASH, 20.9, True), (Urgency.NORMAL, 22.0, True)],
)
async def test_nobody_is_called_late_at_night_unless_asked_for_then(
    at: Desk, urgency: Urgency, asked_at: float, rings: bool
) -> None:
    at.line.exchange.trunk.standing = Standing(False, 503, "down")
    at.clock.advance(hours=asked_at - 8)
    at.issue(urgency=urgency)
    at.clock.advance(hours=23.5 - asked_at)
    at.line.exchange.trunk.standing = None
    if rings:
        await at.up()
        return
    await until(lambda: not at.store.read_now(reach.something_due, Channel.PHONE))
    at.clock.advance(hours=7, seconds=-1)
    assert not at.store.read_now(reach.something_due, Channel.PHONE) and not at.rang
    at.clock.advance(seconds=1)
    await at.up()


async def test_a_call_whose_process_died_in_the_evening_is_made_in_the_morning(at: Desk) -> None:
    at.line.exchange.trunk.standing = Standing(False, 503, "down")
    at.clock.advance(hours=12.99)
    done = at.issue()
    assert at.store.write_now(reach.claim, Channel.PHONE, "of one that died", 1)
    at.clock.advance(minutes=4)
    at.line.exchange.trunk.standing = None
    await until(lambda: not at.store.read_now(reach.something_due, Channel.PHONE))
    await asyncio.sleep(0.2)
    assert at.rang == []
    at.clock.advance(hours=9.5)
    await at.up()
    assert at.delivery(done.id).state is State.SENT
