"""A database that is away for a while: no call ends by it, and what is to be written is written when it is back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.calls import dial_in, exchange, in_meeting, log, patience
from server.calls.rules import Direction, Outcome, Purpose
from server.config import Settings
from server.errors import UnavailableError
from server.meetings.model import meeting_unit
from server.meetings.service import attend, telephone
from server.meetings.service.attend import Switches
from server.store import Store
from server.telephony.sip.call import CallState
from tests.calls.making import Village, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_dial_in import live, logged, pin_of, seats
from tests.calls.test_dial_out import HOST, NUMBER, Desk, broken
from tests.conftest import DistrictIds
from tests.telephony.sip.making import SDP
from tests.waiting import until


class Away:
    """What is asked of the database meanwhile."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def refuse(self, work: Any, *args: Any, **more: Any) -> Any:
        self.asked.append(work)
        raise UnavailableError("database_away", "it restarts")


@contextmanager
def away(store: Store) -> Iterator[Away]:
    """No database."""
    gone = Away()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "read", gone.refuse)
        patch.setattr(store, "write", gone.refuse)
        yield gone


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


@pytest.fixture
async def desk(settings: Settings, store: Store, district: DistrictIds) -> AsyncIterator[Desk]:
    async with village(settings, store) as line:
        trunk = f"{HOST}:{line.handsets.endpoint.port('udp')}"
        trunked = with_telephone(trunk=trunk, user="02333873100", most_calls_out=2)
        line.exchange.settings = msgspec.structs.replace(settings, telephone=trunked)
        line.exchange.trunk._settings = trunked
        yield Desk(line, district)


def mark(desk: Desk) -> str:
    """How the roster says that the call to the village goes."""
    c = meeting_unit.c
    query = sa.select(c.call).where(c.meeting_id == desk.meeting, c.unit_id == desk.village)
    return desk.line.store.read_now(lambda tx: str(tx.execute(query).scalar_one()))


async def test_who_sits_in_a_meeting_stays_there(line: Village, district: DistrictIds) -> None:
    number, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
    call, name = await line.dial()
    await line.press(name, pin)
    await line.hears(name, "joined")
    with away(line.store) as gone:
        await until(lambda: len(gone.asked) > 3)
        await line.press(name, "*9")
        await line.hears(name, "not_now")
    await line.press(name, "*9")
    await line.hears(name, "hand_up")
    assert call.state is CallState.UP and seats(line, number)[-1].left_at is None


async def test_who_waits_for_the_chair_waits_on(line: Village, district: DistrictIds) -> None:
    number, pin = live(line, district, chair=False), pin_of(line, district, "thon1.camthuy")
    _call, name = await line.dial()
    await line.press(name, pin)
    await line.hears(name, "music")
    with away(line.store) as gone:
        await until(lambda: len(gone.asked) > 3)
    line.store.write_now(attend.enter, district.who("chutich"), number, Switches(), hall=False)
    await line.hears(name, "joined")


async def test_who_dials_a_code_meanwhile_is_let_in_afterwards(line: Village, district: DistrictIds) -> None:
    live(line, district)
    pin = pin_of(line, district, "thon1.camthuy")
    _call, name = await line.dial()
    await line.hears(name, "enter_pin")
    with away(line.store) as gone:
        await line.press(name, pin)
        await until(lambda: len(gone.asked) > 3)
    await line.hears(name, "joined")
    assert "wrong_pin" not in line.pool.heard(name)


async def test_who_hangs_up_meanwhile_leaves_no_line_no_seat_and_no_row(line: Village, district: DistrictIds) -> None:
    number, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
    call, name = await line.dial()
    await line.press(name, pin)
    await line.hears(name, "joined")
    with away(line.store):
        call.hang_up(line.handsets.endpoint.now)
        await until(lambda: not line.exchange.lines and not line.exchange._tasks)
    await until(lambda: logged(line).ended_at)
    assert logged(line).outcome is Outcome.MET
    assert seats(line, number)[-1].left_at is not None


async def test_a_line_that_breaks_meanwhile_is_called_back(desk: Desk) -> None:
    line, chair = desk.line, desk.district.who("chutich")
    line.store.write_now(telephone.allow_calling_back, chair, desk.meeting, True)
    desk.dialler.call([desk.job])
    name = await until(lambda: next(iter(line.exchange.lines), None))
    await line.press(name, "1")
    await line.hears(name, "joined")
    with away(line.store):
        broken(desk.rang[0], line.handsets.endpoint.now)
        await until(lambda: not line.exchange.lines)
    await until(lambda: len(desk.rang) == 2)
    name = await until(lambda: next(iter(line.exchange.lines), None))
    await line.hears(name, "called_back")
    assert [one.outcome for one in desk.logged()][::-1] == [Outcome.DROPPED, Outcome.RUNNING]


async def test_who_calls_when_it_is_away_is_refused_and_leaves_nothing(
    line: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "BEGIN_SECONDS", 0.1)
    with away(line.store):
        call = line.handsets.call(line.port)
        assert (await line.ended(call)).status == 503
        await until(lambda: not line.exchange.lines and not line.exchange._tasks)
    await until(lambda: not line.exchange.owed._left)
    assert line.store.read_now(log.latest, 9) == []


async def test_who_calls_when_it_is_away_for_a_moment_is_answered(line: Village) -> None:
    with away(line.store) as gone:
        call = line.handsets.call(line.port)
        await until(lambda: len(gone.asked) > 1)
    await until(lambda: call in line.handsets.ups)
    assert len(line.store.read_now(log.latest, 9)) == 1


async def test_who_gives_up_while_it_is_away_leaves_nothing(line: Village) -> None:
    with away(line.store) as gone:
        call = line.handsets.call(line.port)
        await until(lambda: gone.asked and call.state is CallState.CALLING)
        call.hang_up(line.handsets.endpoint.now)
        await until(lambda: not line.exchange.lines and not line.exchange._tasks)
    await until(lambda: not line.exchange.owed._left)
    assert line.store.read_now(log.latest, 9) == []


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_row_that_was_written_though_nobody_said_so(
    line: Village, monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    """The commit was made and its answer lost: the call goes on with this row, or ends it."""
    monkeypatch.setattr(exchange, "BEGIN_SECONDS", 5.0 if comes_back else 0.0)
    write, lost = line.store.write, []

    async def in_doubt(work: Any, *args: Any, **more: Any) -> Any:
        done = await write(work, *args, **more)
        if work is log.begin and not lost:
            lost.append(done)
            raise UnavailableError("database_away", "it went as it answered")
        return done

    monkeypatch.setattr(line.store, "write", in_doubt)
    call = line.handsets.call(line.port)
    if comes_back:
        await until(lambda: call in line.handsets.ups)
        call.hang_up(line.handsets.endpoint.now)
    await line.ended(call)
    await until(lambda: not line.exchange.lines)
    (row,) = line.store.read_now(log.latest, 9)
    assert row.id == lost[0] and row.ended_at is not None


async def test_a_seat_that_was_taken_though_nobody_said_so(line: Village, district: DistrictIds) -> None:
    number = live(line, district)
    found = telephone.Found(meeting=number, who=None, unit=district.unit("19606.01"))
    first = line.store.write_now(telephone.enter_once, found, "a call", "")
    assert line.store.write_now(telephone.enter_once, found, "a call", "") == first
    assert line.store.write_now(telephone.enter_once, found, "another call", "") != first


async def test_who_is_to_be_called_is_called_when_it_answers_again(desk: Desk) -> None:
    with away(desk.line.store) as gone:
        desk.dialler.call([desk.job])
        await until(lambda: len(gone.asked) > 3)
    name = await until(lambda: next(iter(desk.line.exchange.lines), None))
    await desk.line.hears(name, "invitation")


async def test_who_is_called_when_it_goes_away_is_connected(desk: Desk) -> None:
    line = desk.line
    line.handsets.answers = lambda call, now: None  # it rings
    desk.dialler.call([desk.job])
    call = await until(lambda: desk.rang[0] if desk.rang else None)
    with away(line.store):
        call.answer(SDP, line.handsets.endpoint.now)
        name = next(iter(line.exchange.lines))
        await line.hears(name, "invitation")
    await line.press(name, "1")
    await line.hears(name, "joined")
    assert mark(desk) == Outcome.RUNNING


async def test_what_became_of_a_call_is_told_when_it_answers_again(desk: Desk) -> None:
    line = desk.line
    line.handsets.answers = lambda call, now: None
    desk.dialler.call([desk.job])
    call = await until(lambda: desk.rang[0] if desk.rang else None)
    await until(lambda: mark(desk) == Outcome.RUNNING)
    with away(line.store):
        call.refuse(603, line.handsets.endpoint.now)
        await until(lambda: not desk.dialler.busy)
        assert not line.exchange.lines and mark(desk) == Outcome.RUNNING
    await until(lambda: mark(desk) == Outcome.REFUSED)
    assert await desk.done() == [Outcome.REFUSED]


async def test_what_cannot_be_written_before_the_server_ends_is_found_by_the_next(
    line: Village, district: DistrictIds, settings: Settings
) -> None:
    number, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
    _call, name = await line.dial()
    await line.press(name, pin)
    await line.hears(name, "joined")
    with away(line.store):
        await line.exchange.close()
        assert not line.exchange._tasks and not line.exchange.owed._trying and line.exchange.owed._left
        assert line.exchange.owed._paying is None or line.exchange.owed._paying.done()
    assert logged(line).outcome is Outcome.RUNNING and seats(line, number)[-1].left_at is None
    async with village(settings, line.store):
        assert logged(line).outcome is Outcome.RESTARTED
        assert seats(line, number)[-1].left_at is not None


async def test_what_is_owed_is_done_in_its_order_and_once(line: Village) -> None:
    done: list[str] = []

    def note(tx: Any, what: str) -> None:
        if what == "nonsense":
            raise ValueError(what)
        done.append(what)

    owed, store = line.exchange.owed, line.store
    with away(store):
        for what in ("a", "nonsense", "b"):
            await owed.do(lambda what=what: store.write(note, what))  # type: ignore[misc]
    await owed.do(lambda: store.write(note, "c"))
    await until(lambda: not owed._left)
    assert done == ["a", "b", "c"]


async def test_it_is_asked_more_and_more_seldom_and_not_for_longer_than_allowed() -> None:
    pauses: list[float] = []

    async def wait(seconds: float) -> None:
        pauses.append(seconds)

    async def ask(code: str = "database_away") -> None:
        raise UnavailableError(code, "")

    with pytest.raises(UnavailableError):
        await patience.patiently(ask, 20.0, wait)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    with pytest.raises(UnavailableError):
        await patience.patiently(lambda: ask("media_away"), 20.0, wait)
    assert len(pauses) == 6, "nothing else is waited for"


async def test_a_call_that_is_begun_twice_has_one_row_until_it_ends(line: Village) -> None:
    begin = log.begin, "a call", Direction.OUT, Purpose.TEST, NUMBER
    first = line.store.write_now(*begin)
    assert line.store.write_now(*begin) == first
    line.store.write_now(log.ended, 0, Outcome.NO_NODE, 503, None, "a call")
    assert line.store.write_now(*begin) != first
