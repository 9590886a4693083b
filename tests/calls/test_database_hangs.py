"""A database that takes what it is asked and says nothing: calls go on or end as if it were away, and nothing is lost.

What is written when it goes on has the time at which it happened.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.calls import dial_in, exchange, in_meeting, log, patience
from server.calls import line as lines
from server.calls.rules import Outcome
from server.config import Settings
from server.errors import UnavailableError
from server.meetings.model import meeting_unit
from server.meetings.service import telephone
from server.store import Store
from server.telephony.sip.call import CallState
from tests.calls.making import HOST, Village, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_database_away import away, desk
from tests.calls.test_dial_in import live, logged, pin_of, seats
from tests.calls.test_dial_out import Desk
from tests.conftest import START, Clock, DistrictIds
from tests.waiting import until

__all__ = ["desk"]  # a fixture
SECONDS = 1.5  # of the machine, within which what is patient for 0.1 s has given up


@contextmanager
def hanging(store: Store, begin: float = 0.1) -> Iterator[list[Any]]:
    """It takes everything and does it later. We are less patient meanwhile (with a call that begins, `begin` seconds);
    a busy machine may well take longer for what is asked before and after.
    """
    read, write, on, asked = store.read, store.write, asyncio.Event(), list[Any]()

    def later(real: Any) -> Any:
        async def wait(work: Any, *args: Any, **more: Any) -> Any:
            asked.append(work)
            await on.wait()
            return await real(work, *args, **more)

        return lambda *args, **more: asyncio.shield(asyncio.ensure_future(wait(*args, **more)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "read", later(read))
        patch.setattr(store, "write", later(write))
        patch.setattr(patience, "TRY_SECONDS", 0.1)
        patch.setattr(lines, "LAST_SECONDS", 0.1)
        patch.setattr(lines, "ONCE_SECONDS", 0.1)
        patch.setattr(exchange, "BEGIN_SECONDS", begin)
        yield asked
    on.set()


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(in_meeting, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(dial_in, "LOOK_EVERY", 0.05)
    return msgspec.structs.replace(settings, telephone=with_telephone())


@pytest.fixture
async def line(settings: Settings, store: Store, district: DistrictIds) -> AsyncIterator[Village]:
    async with village(settings, store) as made:
        yield made


async def in_a_meeting(line: Village, district: DistrictIds) -> tuple[int, Any, str]:
    number, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
    call, name = await line.dial()
    await line.press(name, pin)
    await line.hears(name, "joined")
    return number, call, name


async def free(line: Village) -> None:
    """Until no line is taken, and no task is left."""
    async with asyncio.timeout(SECONDS):
        await until(lambda: not line.exchange.lines and not line.exchange._tasks)


async def paid(line: Village) -> None:
    await until(lambda: not line.exchange.owed._left and not line.exchange.owed._trying)


async def test_who_calls_is_refused_and_leaves_no_line_and_no_open_row(line: Village) -> None:
    with hanging(line.store):
        call = line.handsets.call(line.port)
        async with asyncio.timeout(SECONDS):
            assert (await line.ended(call)).status == 503
        await free(line)
    await paid(line)
    (row,) = line.store.read_now(log.latest, 9)
    assert row.outcome is Outcome.NO_NODE and row.ended_at is not None


async def test_who_gives_up_leaves_no_line_and_no_open_row(line: Village) -> None:
    with hanging(line.store, begin=60.0) as asked:
        call = line.handsets.call(line.port)
        await until(lambda: asked and call.state is CallState.CALLING)
        call.hang_up(line.handsets.endpoint.now)
        await free(line)
    await paid(line)
    (row,) = line.store.read_now(log.latest, 9)
    assert row.outcome is Outcome.GAVE_UP and row.ended_at is not None


async def test_who_sits_in_a_meeting_stays_and_is_told_that_a_key_does_nothing_now(
    line: Village, district: DistrictIds
) -> None:
    number, call, name = await in_a_meeting(line, district)
    with hanging(line.store) as asked:
        await until(lambda: len(asked) > 3)  # it looks again and again
        await line.press(name, "*9")
        await line.hears(name, "not_now")
    await line.press(name, "*6")
    await until(lambda: not line.exchange.lines[name].keys)
    assert call.state is CallState.UP and seats(line, number)[-1].left_at is None


async def test_who_hangs_up_has_left_at_that_moment(line: Village, district: DistrictIds, clock: Clock) -> None:
    number, call, _name = await in_a_meeting(line, district)
    with hanging(line.store):
        call.hang_up(line.handsets.endpoint.now)
        await free(line)
        clock.advance(minutes=20)
    await paid(line)
    assert (logged(line).outcome, logged(line).ended_at) == (Outcome.MET, START)
    assert seats(line, number)[-1].left_at == START


async def test_who_hangs_up_while_sitting_down_has_no_seat(
    line: Village, district: DistrictIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
    call, name = await line.dial()
    write, on, asked = line.store.write, asyncio.Event(), []

    async def slow(work: Any, *args: Any, **more: Any) -> Any:
        if work is telephone.enter_once:
            asked.append(work)
            await on.wait()
        return await write(work, *args, **more)

    monkeypatch.setattr(line.store, "write", slow)
    monkeypatch.setattr(lines, "ONCE_SECONDS", 0.1)
    monkeypatch.setattr(lines, "LAST_SECONDS", 0.1)
    monkeypatch.setattr(patience, "TRY_SECONDS", 0.1)
    await line.press(name, pin)
    await until(lambda: asked)
    call.hang_up(line.handsets.endpoint.now)
    await free(line)
    on.set()
    await paid(line)
    (seat,) = [one for one in seats(line, number) if one.by_phone]
    assert seat.left_at is not None


async def test_what_happened_meanwhile_has_its_own_time(
    line: Village, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = line.store.write

    async def refuse(work: Any, *args: Any, **more: Any) -> Any:
        if work is not log.begin:
            raise UnavailableError("database_away", "it went after the call had begun")
        return await write(work, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(line.store, "write", refuse)
        call, _name = await line.dial()
        await until(lambda: line.exchange.owed._left)
        clock.advance(minutes=3)
        call.hang_up(line.handsets.endpoint.now)
        await free(line)
        clock.advance(minutes=20)
    await paid(line)
    row = logged(line)
    assert (row.started_at, row.answered_at, row.ended_at) == (START, START, START + timedelta(minutes=3))


async def test_a_call_that_will_be_made_again_is_so_by_the_time_at_which_it_failed(desk: Desk, clock: Clock) -> None:
    line = desk.line
    line.handsets.answers = lambda call, now: None
    desk.dialler.sleep = lambda seconds: asyncio.sleep(60)
    desk.dialler.call([desk.job])
    call = await until(lambda: desk.rang[0] if desk.rang else None)
    with away(line.store):
        call.refuse(486, line.handsets.endpoint.now)
        await until(lambda: not line.exchange.lines)
        await until(lambda: len(line.exchange.owed._left) >= 2)
        clock.advance(minutes=3)
    await paid(line)
    c = meeting_unit.c
    query = sa.select(c.call, c.called_at, c.called_again_at).where(c.unit_id == desk.village)
    row = line.store.read_now(lambda tx: tx.one(query))
    assert row.call == Outcome.BUSY
    assert (row.called_at, row.called_again_at) == (START, START + timedelta(minutes=1))


async def test_who_hung_up_before_the_server_ended_is_not_called_back(
    settings: Settings, store: Store, district: DistrictIds, clock: Clock
) -> None:
    async with village(settings, store) as line:
        number, call, _name = await in_a_meeting(line, district)
        store.write_now(telephone.allow_calling_back, district.who("chutich"), number, True)
        port = line.handsets.endpoint.port("udp")
        with away(store):
            call.hang_up(line.handsets.endpoint.now)
            await free(line)
            clock.advance(minutes=1)
            await line.exchange.close()
        assert logged(line).outcome is Outcome.RUNNING
        settings = msgspec.structs.replace(settings, telephone=with_telephone(trunk=f"{HOST}:{port}"))
        async with village(settings, store) as after:
            await until(lambda: not after.exchange._tasks)
            assert not line.handsets.incoming
            assert (logged(after).outcome, logged(after).ended_at) == (Outcome.MET, START)
            assert not list(settings.path(settings.storage.data).glob("calls-ended*")), "it is told once"


async def test_a_file_of_endings_that_cannot_be_read_stops_nothing(
    settings: Settings, store: Store, district: DistrictIds, caplog: pytest.LogCaptureFixture
) -> None:
    file = settings.path(settings.storage.data) / "calls-ended.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{")
    async with village(settings, store) as line:
        assert line.exchange.open
    assert "cannot be read" in caplog.text


async def test_what_is_owed_is_in_order_once_and_never_twice_at_the_same_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "TRY_SECONDS", 0.1)
    owed, on, done = patience.Owed(), asyncio.Event(), list[str]()

    async def hang(what: str) -> None:
        done.append(f"{what} begins")
        await on.wait()
        done.append(what)

    begun = time.monotonic()
    await owed.do(lambda: hang("a"))
    await owed.do(lambda: hang("b"))
    assert time.monotonic() - begun < SECONDS
    await asyncio.sleep(0.2)
    assert done == ["a begins"]
    on.set()
    await until(lambda: not owed._left)
    assert done == ["a begins", "a", "b begins", "b"]


async def test_what_hangs_when_the_server_ends_is_told_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(patience, "TRY_SECONDS", 60.0)
    monkeypatch.setattr(patience, "CLOSING_SECONDS", 0.1)
    owed = patience.Owed()
    doing = asyncio.ensure_future(owed.do(asyncio.Event().wait))
    await asyncio.sleep(0)
    await owed.close()
    assert "1 entries about calls are left" in caplog.text
    await asyncio.gather(doing, return_exceptions=True)


async def test_who_is_asked_and_says_nothing_is_away_when_the_time_is_over() -> None:
    begun = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        await patience.patiently(asyncio.Event().wait, 0.2)
    assert patience.is_away(caught.value) and time.monotonic() - begun < SECONDS

    async def late() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await patience.patiently(late, 5.0)
