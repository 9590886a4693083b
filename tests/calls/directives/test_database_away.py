"""A directive by telephone while the database is away: keys, answers and wishes count when it is back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.calls import conversation, patience
from server.calls.rules import Outcome
from server.directives import service
from server.directives.rules import State, Through
from server.errors import UnavailableError
from server.reach import service as reach
from server.reach.rules import Channel
from server.telephony.sip.registration import Standing
from tests.calls.directives.desk import Desk
from tests.calls.directives.test_answering import speaking
from tests.calls.directives.test_clerk import notes
from tests.calls.test_database_away import away
from tests.waiting import until


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is asked again at once."""
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(conversation, "LOOK_EVERY", 0.05)


async def test_a_key_that_confirms_counts_when_it_is_back(at: Desk) -> None:
    done = at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    with away(at.store) as gone:
        await at.line.press(name, "2")
        await until(lambda: gone.asked.count(service.confirm_by_phone) > 2)
    await at.line.hears(name, "confirmed")
    assert at.delivery(done.id).registered_through is Through.TELEPHONE
    assert len(at.rang) == 1


async def test_what_became_of_the_call_is_settled_when_it_is_back(at: Desk) -> None:
    at.issue()
    name = await at.up()
    await at.line.press(name, "12")
    await at.line.hears(name, "confirmed")
    with away(at.store):
        at.rang[0].hang_up(at.line.handsets.endpoint.now)
        await at.idle()
    await until(lambda: not at.line.exchange.owed._left)
    assert at.logged() == [Outcome.CONFIRMED]
    assert at.store.read_now(reach.tallies)[-1].sent == 1


async def test_nobody_is_called_twice_though_the_database_is_away_longer_than_a_lease(at: Desk) -> None:
    at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    with away(at.store):
        at.clock.advance(minutes=4)
    await asyncio.sleep(0.2)
    assert len(at.rang) == 1, "while the call runs"
    await at.line.press(name, "2")
    await at.line.hears(name, "confirmed")
    with away(at.store):
        at.rang[0].hang_up(at.line.handsets.endpoint.now)
        await at.idle()
        at.clock.advance(minutes=4)
    await until(lambda: not at.line.exchange.owed._left)
    await at.idle()
    assert (len(at.rang), at.logged()) == (1, [Outcome.CONFIRMED])
    assert at.store.read_now(reach.tallies)[-1].sent == 1
    assert not at.errands._in_hand


async def test_a_message_whose_process_died_is_called_when_its_lease_is_over(at: Desk) -> None:
    at.line.exchange.trunk.standing = Standing(False, 503, "down")
    at.issue()
    (lost,) = at.store.write_now(reach.claim, Channel.PHONE, "of one that died", 1)
    at.line.exchange.trunk.standing = None
    assert at.store.read_now(reach.first_due, Channel.PHONE) is None
    at.clock.advance(minutes=3)
    assert at.store.read_now(reach.first_due, Channel.PHONE, {lost.id}) is None
    await at.up()


async def test_a_call_that_has_just_been_claimed_is_made_when_it_is_back(at: Desk) -> None:
    claim, gone = reach.claim, []

    async def in_between(work: Any, *args: Any, **more: Any) -> Any:
        if len(gone) in range(1, 4):
            gone.append(work)
            raise UnavailableError("database_away", "it restarts")
        done = await write(work, *args, **more)
        if work is claim and done:
            gone.append(work)
        return done

    write, at.store.write = at.store.write, in_between  # type: ignore[assignment, method-assign]
    try:
        at.issue()
        name = await at.up()
        await at.line.press(name, "12")
        await at.line.hears(name, "confirmed")
        at.rang[0].hang_up(at.line.handsets.endpoint.now)
        await at.idle()
    finally:
        at.store.write = write  # type: ignore[method-assign]
    assert len(gone) == 4 and at.logged() == [Outcome.CONFIRMED]


async def test_an_answer_that_ends_meanwhile_is_kept_and_sent_when_it_is_back(at: Desk) -> None:
    done = at.issue()
    name = await speaking(at)
    with away(at.store) as gone:
        await at.line.press(name, "#")
        await until(lambda: gone.asked.count(service.keep_spoken) > 2)
    await at.line.hears(name, "answer_menu")
    with away(at.store) as gone:
        await at.line.press(name, "1")
        await until(lambda: gone.asked.count(service.send_spoken) > 2)
    await at.line.hears(name, "answer_sent")
    assert at.delivery(done.id).state is State.REPORTED


async def test_an_answer_that_was_sent_though_nobody_said_so_is_sent(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done = at.issue()
    name = await speaking(at)
    await at.line.press(name, "#")
    await at.line.hears(name, "answer_menu")
    write, lost = at.store.write, []

    async def in_doubt(work: Any, *args: Any, **more: Any) -> Any:
        made = await write(work, *args, **more)
        if work is service.send_spoken and not lost:
            lost.append(made)
            raise UnavailableError("database_away", "it went as it answered")
        return made

    monkeypatch.setattr(at.store, "write", in_doubt)
    await at.line.press(name, "1")
    await at.line.hears(name, "answer_sent")
    assert at.delivery(done.id).state is State.REPORTED and lost


async def test_a_wish_for_the_clerk_is_told_when_it_is_back(at: Desk) -> None:
    at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    with away(at.store):
        await at.line.press(name, "9")
        await at.line.hears(name, "clerk_away")
        assert notes(at) == []
    await until(lambda: len(notes(at)) == 1)
