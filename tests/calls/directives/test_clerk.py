"""Asking for the clerk in a call about a directive: put through after a key, or told that the clerk calls back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from server.calls import clerk, numbers
from server.calls.rules import Outcome, Purpose
from server.media import protocol_calls as c
from server.telephony.sip.incoming import IncomingCall
from tests.calls.directives.desk import CLERK_NUMBER, NUMBER, Desk
from tests.telephony.sip.making import SDP
from tests.waiting import until


@pytest.fixture
def at(at: Desk) -> Desk:
    at.store.write_now(numbers.give, at.clerk.account_id, CLERK_NUMBER)
    return at


async def asking(at: Desk) -> str:
    """Somebody has pressed 9."""
    at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    await at.line.press(name, "9")
    await at.line.hears(name, "calling_clerk")
    return name


async def clerk_s(at: Desk, name: str) -> str:
    """The clerk's call has been answered: its name."""
    other = await until(lambda: next((one for one in at.line.exchange.lines if one != name), None))
    await at.line.hears(other, "clerk_wanted")
    assert [call.dialled for call in at.rang] == [NUMBER, CLERK_NUMBER]
    return other


def notes(at: Desk) -> list[dict[str, Any]]:
    """What the issuer's unit was told."""
    found = at.store.read_now(
        lambda tx: tx.connection.exec_driver_sql(
            "SELECT body FROM event_content WHERE kind = 'directive.clerk_wanted' ORDER BY id"
        ).all()
    )
    return [msgspec.json.decode(row[0]) for row in found]


async def test_both_are_put_through_and_the_caller_goes_on_when_the_clerk_hangs_up(at: Desk) -> None:
    name = await asking(at)
    other = await clerk_s(at, name)
    assert at.pool.of(c.JoinCalls) == []
    await at.line.press(other, "1")
    joined = await until(lambda: at.pool.of(c.JoinCalls))
    assert [(one.call, one.other) for one in joined] == [(name, other)]
    at.rang[1].hang_up(at.line.handsets.endpoint.now)
    await at.line.hears(name, "clerk_gone")
    await at.line.press(name, "2")
    await at.line.hears(name, "confirmed")
    assert (at.logged(Purpose.CLERK), notes(at)) == ([Outcome.TALKED], [])


async def test_when_the_caller_hangs_up_so_do_we_with_the_clerk(at: Desk) -> None:
    name = await asking(at)
    other = await clerk_s(at, name)
    await at.line.press(other, "5")
    await until(lambda: at.pool.of(c.JoinCalls))
    at.rang[0].hang_up(at.line.handsets.endpoint.now)
    await at.idle()
    assert at.rang[1].id in at.line.handsets.endings
    assert (at.logged(Purpose.CLERK), at.logged()) == ([Outcome.TALKED], [Outcome.UNCONFIRMED])


def only_the_village_answers(call: IncomingCall, now: float) -> None:
    if call.dialled == NUMBER:
        call.answer(SDP, now)
    else:
        call.refuse(486, now)


async def test_a_clerk_who_does_not_answer_is_to_call_back(at: Desk) -> None:
    at.line.handsets.answers = only_the_village_answers
    name = await asking(at)
    await at.line.hears(name, "clerk_away")
    (note,) = notes(at)
    assert (note["person"], note["telephone"], note["accounts"]) == (at.head.name, NUMBER, [at.clerk.account_id])
    assert at.logged(Purpose.CLERK) == [Outcome.BUSY]
    assert [(one.for_clerk, one.outcome) for one in at.delivery(1).called][1:] == [(True, Outcome.BUSY)]


async def test_the_clerk_s_voice_mail_is_no_clerk(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clerk, "ANSWER_SECONDS", 0.05)
    name = await asking(at)
    await at.line.hears(name, "clerk_away")
    assert (at.logged(Purpose.CLERK), at.pool.of(c.JoinCalls)) == ([Outcome.NO_KEY], [])
    assert len(notes(at)) == 1


async def test_without_a_number_of_any_clerk(at: Desk) -> None:
    at.store.write_now(numbers.give, at.clerk.account_id, "")
    name = await asking(at)
    await at.line.hears(name, "clerk_away")
    assert (len(at.rang), len(notes(at))) == (1, 1)
    assert [one.for_clerk for one in at.delivery(1).called] == [False, True]


async def test_a_key_ends_the_waiting(at: Desk) -> None:
    at.line.handsets.answers = lambda call, now: call.answer(SDP, now) if call.dialled == NUMBER else None
    name = await asking(at)
    await until(lambda: len(at.rang) == 2)
    await at.line.press(name, "2")
    await until(lambda: at.rang[1].id in at.line.handsets.endings)
    await at.line.press(name, "2")
    await at.line.hears(name, "confirmed")
    assert notes(at) == []


async def test_who_has_only_asked_for_the_clerk_has_heard_nothing_to_confirm(at: Desk) -> None:
    at.line.handsets.answers = only_the_village_answers
    done = at.issue()
    name = await at.up()
    await at.line.press(name, "9")
    await at.line.hears(name, "clerk_away")
    await at.line.press(name, "2")
    await at.line.hears(name, "directive_menu")
    assert at.delivery(done.id).registered_at is None


async def test_keys_pressed_while_both_talk_are_for_nobody(at: Desk) -> None:
    name = await asking(at)
    other = await clerk_s(at, name)
    await at.line.press(other, "1")
    await until(lambda: at.pool.of(c.JoinCalls))
    at.line.pool.on_call_event(c.KeyPressed(call=name, key="2"))
    at.rang[1].hang_up(at.line.handsets.endpoint.now)
    await at.line.hears(name, "clerk_gone")
    await until(lambda: at.pool.heard(name).count("directive_menu") == 2)
    assert "confirmed" not in at.pool.heard(name)
