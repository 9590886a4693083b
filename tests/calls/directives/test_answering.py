"""A spoken answer: sent as the report by a key, and kept whatever ends the call."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from server.app import make_app
from server.calls import answering, conversation
from server.calls.answering import salvage
from server.calls.errands import Errands
from server.calls.exchange import EXCHANGE
from server.calls.rules import Outcome
from server.directives import service
from server.directives.questions import Question, QuestionKind
from server.directives.rules import RecipientRole, State, Through
from server.directives.shapes import WhyKept
from server.errors import ConflictError, NotFoundError
from server.media import protocol_calls as c
from tests.calls.directives.desk import POLICY, Desk
from tests.calls.making import with_nodes
from tests.calls.test_dial_out import broken
from tests.conftest import DistrictIds
from tests.waiting import until


async def speaking(at: Desk) -> str:
    """A village head who has heard it begins to speak."""
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    await at.line.press(name, "3")
    await at.line.hears(name, "enter")
    return name


def recorded(at: Desk) -> list[str]:
    return [one.file for one in at.pool.of(c.DictateCall)]


async def test_an_answer_is_the_report_with_its_sound(at: Desk) -> None:
    done = at.issue()
    name = await speaking(at)
    assert at.delivery(done.id).state is State.SENT
    await at.line.press(name, "#")
    await at.line.hears(name, "answer_menu")
    await at.line.press(name, "1")
    await at.line.hears(name, "answer_sent")
    delivery = at.delivery(done.id)
    assert (delivery.state, delivery.registered_through) == (State.REPORTED, Through.TELEPHONE)
    (response,) = delivery.responses
    (sound,) = response.attachments
    assert (response.author, response.text) == (at.head.name, "Trả lời bằng lời qua điện thoại, dài 0:04.")
    assert (sound.content_type, sound.size) == ("audio/webm", at.files.path(sound.sha256).stat().st_size)
    assert [one.through for one in delivery.changes] == [Through.TELEPHONE] * 2
    assert (delivery.spoken, list(at.means.answers.iterdir())) == ([], [])
    at.rang[0].hang_up(at.line.handsets.endpoint.now)
    await at.idle()
    assert at.logged() == [Outcome.CONFIRMED]


async def test_who_hangs_up_while_it_is_sent_has_answered(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done = at.issue()
    name = await speaking(at)
    await at.line.press(name, "#")
    await at.line.hears(name, "answer_menu")
    line = at.line.exchange.lines[name]
    say = line.say

    async def say_until_hung_up(*names: str) -> None:
        if "answer_sent" in names:
            at.rang[0].hang_up(at.line.handsets.endpoint.now)
            await line.until(lambda: False)
        await say(*names)

    monkeypatch.setattr(line, "say", say_until_hung_up)
    await at.line.press(name, "1")
    await at.idle()
    assert (at.delivery(done.id).state, at.logged()) == (State.REPORTED, [Outcome.CONFIRMED])


async def test_it_is_heard_and_said_again_before_it_is_sent(at: Desk) -> None:
    done = at.issue()
    name = await speaking(at)
    await at.line.press(name, "#")
    await at.line.hears(name, "answer_menu")
    await at.line.press(name, "2")
    stored = [file.name for file in at.files.folder.glob("*/*")]
    await until(lambda: any(file in at.pool.heard(name) for file in stored))
    await at.line.press(name, "3")
    await until(lambda: len(recorded(at)) == 2 and at.pool.heard(name).count("enter") == 2)
    await at.line.press(name, "#")
    await until(lambda: at.pool.heard(name).count("answer_menu") >= 3)
    await at.line.press(name, "1")
    await at.line.hears(name, "answer_sent")
    (response,) = at.delivery(done.id).responses
    assert at.files.path(response.attachments[0].sha256).read_bytes().endswith(b"-2.webm")
    assert at.delivery(done.id).spoken == []


@pytest.mark.parametrize("how", ["hangs up", "line breaks", "node dies"])
async def test_what_was_said_when_the_call_ends_is_kept(at: Desk, how: str) -> None:
    done = at.issue()
    await speaking(at)
    if how == "hangs up":
        at.rang[0].hang_up(at.line.handsets.endpoint.now)
    elif how == "line breaks":
        broken(at.rang[0], at.line.handsets.endpoint.now)
    else:
        at.line.exchange.phones._lost(1)
    await at.idle()
    delivery = at.delivery(done.id)
    assert (delivery.state, delivery.responses) == (State.SENT, [])
    (kept,) = delivery.spoken
    assert (kept.person, kept.why) == (at.head.name, WhyKept.CUT)
    sound = at.store.read_now(service.spoken_file, at.head, kept.id)
    assert at.files.path(sound.sha256).read_bytes().endswith(b"-1.webm")
    assert at.logged()[0] in (Outcome.UNCONFIRMED, Outcome.NO_NODE)

    sent = at.store.write_now(service.send_spoken, at.head, POLICY, kept.id)
    assert sent.state is State.REPORTED
    assert at.delivery(done.id).registered_through is None, "this time it was a page"
    with pytest.raises(ConflictError):
        at.store.write_now(service.send_spoken, at.head, POLICY, kept.id)


async def test_silence_is_no_answer(at: Desk) -> None:
    at.pool.said_ms = 100
    done = at.issue()
    name = await speaking(at)
    await at.line.press(name, "#")
    await at.line.hears(name, "nothing_heard")
    assert (at.delivery(done.id).spoken, list(at.means.answers.iterdir())) == ([], [])


async def test_questions_are_answered_in_writing_so_the_voice_is_kept(at: Desk) -> None:
    done = at.issue(questions=[Question(kind=QuestionKind.NUMBER, label="Số hộ", unit="hộ")])
    name = await speaking(at)
    await at.line.press(name, "#")
    await at.line.hears(name, "answer_menu")
    await at.line.press(name, "1")
    await at.line.hears(name, "answer_kept")
    delivery = at.delivery(done.id)
    assert [one.why for one in delivery.spoken] == [WhyKept.REFUSED]
    assert delivery.state is State.SENT, "nothing was done by halves"
    assert "answer_sent" not in at.pool.heard(name)


async def test_who_is_only_informed_has_nothing_to_answer(at: Desk) -> None:
    at.issue(role=RecipientRole.INFO)
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "short_menu")
    await at.line.press(name, "3")
    await at.line.hears(name, "unknown_key")
    assert recorded(at) == []
    await at.line.press(name, "2")
    await at.line.hears(name, "confirmed")
    assert at.delivery(1).state is State.CLOSED_INFO


async def test_an_answer_that_nobody_chooses_to_send_is_kept(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done = at.issue()
    name = await speaking(at)
    monkeypatch.setattr(conversation, "ANSWER_SECONDS", 0.05)
    await at.line.press(name, "#")
    await at.line.hears(name, "answer_kept")
    await at.idle()
    assert [one.why for one in at.delivery(done.id).spoken] == [WhyKept.CUT]


async def test_what_was_being_said_when_the_server_died_is_found_at_the_start(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "STILL_SECONDS", 0.0)
    done = at.issue()
    name = await speaking(at)
    key = at.store.read_now(service.unfinished_spoken)[0].id
    other = at.store.write_now(service.begin_spoken, at.head, done.id, "never-written.webm")
    assert await salvage(at.means) == 1
    (kept,) = at.delivery(done.id).spoken
    assert (kept.id, kept.why, kept.ms) == (key, WhyKept.CUT, 0)
    with pytest.raises(NotFoundError):
        at.store.read_now(service.spoken_file, at.head, other)
    assert at.store.read_now(service.unfinished_spoken) == []
    assert name in at.line.exchange.lines


async def test_it_is_kept_whole_though_a_node_outlives_its_server(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "STILL_SECONDS", 0.2)
    done = at.issue()
    await speaking(at)
    (path,) = at.means.answers.iterdir()
    found = asyncio.ensure_future(salvage(at.means))
    with path.open("ab") as node:
        for _ in range(5):
            await asyncio.sleep(0.1)
            node.write(b" and the rest")
            node.flush()
    assert await found == 1
    (kept,) = at.delivery(done.id).spoken
    sound = at.store.read_now(service.spoken_file, at.head, kept.id)
    assert at.files.path(sound.sha256).read_bytes().endswith(b" and the rest" * 5)


async def test_a_process_without_the_line_leaves_answers_to_the_one_that_has_it(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "STILL_SECONDS", 0.0)
    done = at.issue()
    name = await speaking(at)
    closed = make_app(with_nodes(at.line.exchange.settings), at.store)[EXCHANGE]
    other = Errands(replace(at.means, exchange=closed), pause=0.02)
    await other.start()
    await asyncio.sleep(0.1)
    await at.line.press(name, "#")
    await at.line.hears(name, "answer_menu")
    await at.line.press(name, "1")
    await at.line.hears(name, "answer_sent")
    assert at.delivery(done.id).state is State.REPORTED
    await other.close()


async def test_others_do_not_hear_it_nor_send_it(at: Desk, district: DistrictIds) -> None:
    at.issue()
    await speaking(at)
    at.rang[0].hang_up(at.line.handsets.endpoint.now)
    await at.idle()
    at.store.read_now(service.spoken_file, at.clerk, 1)
    with pytest.raises(NotFoundError):
        at.store.read_now(service.spoken_file, district.who("vanthu.thanhan"), 1)
    with pytest.raises(NotFoundError):
        at.store.write_now(service.send_spoken, at.clerk, POLICY, 1)
