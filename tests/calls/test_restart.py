"""A server that is stopped, or killed, while people are in a meeting by telephone; and the one after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from server.calls import exchange, log, restart
from server.calls.rules import Outcome, Purpose
from server.config import Settings
from server.meetings.service import telephone
from server.store import Store
from server.telephony.sip.call import CallState
from server.telephony.sip.incoming import IncomingCall
from tests.calls.making import HOST, Village, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_dial_in import live, seats
from tests.calls.test_dial_out import NUMBER, Job
from tests.conftest import Clock, DistrictIds
from tests.waiting import until


class Before:
    """A village head sits in a meeting by telephone; `again` is the next server, with the same trunk."""

    def __init__(self, line: Village, store: Store, district: DistrictIds, settings: Settings) -> None:
        self.line, self.store, self.settings = line, store, settings
        self.meeting = live(line, district)
        self.job = Job(
            number=NUMBER,
            meeting=self.meeting,
            unit=district.unit("19606.01"),
            account=district.who("thon1.camthuy").account_id,
        )
        store.write_now(telephone.allow_calling_back, district.who("chutich"), self.meeting, True)

    async def sit(self) -> IncomingCall:
        line = self.line
        (dialler,) = [tell.__self__ for tell in line.exchange.on_dropped]  # type: ignore[attr-defined]
        dialler.call([self.job])
        name = await until(lambda: next(iter(line.exchange.lines), None))
        await line.press(name, "1")
        await line.hears(name, "joined")
        return line.handsets.incoming[-1]

    def logged(self) -> list[log.Logged]:
        return self.store.read_now(log.latest, 20)

    async def kill(self) -> None:
        """As kill -9: nothing is said, nothing is written."""
        exchange = self.line.exchange
        for line in list(exchange.lines.values()):
            line.call, line.row = None, -1  # what its task says and writes while it is taken down goes nowhere
        for task in list(exchange._tasks):
            task.cancel()
        await asyncio.gather(*exchange._tasks, return_exceptions=True)
        await exchange.endpoint.close()
        exchange.open = False


@pytest.fixture
async def before(settings: Settings, store: Store, district: DistrictIds) -> AsyncIterator[Before]:
    settings = msgspec.structs.replace(settings, telephone=with_telephone())
    async with village(settings, store) as line:
        port = line.handsets.endpoint.port("udp")
        settings = msgspec.structs.replace(settings, telephone=with_telephone(trunk=f"{HOST}:{port}"))
        line.exchange.settings, line.exchange.trunk._settings = settings, settings.telephone
        yield Before(line, store, district, settings)


async def test_a_server_that_stops_says_so_and_its_successor_calls_back_once(before: Before) -> None:
    call = await before.sit()
    await before.line.exchange.close()
    await until(lambda: call.state is CallState.ENDED)
    assert before.line.handsets.endings[call.id].reason == "BYE"
    assert [one.outcome for one in before.logged()] == [Outcome.RESTARTED]
    async with village(before.settings, before.store) as after:
        rung = before.line.handsets.incoming
        await until(lambda: len(rung) == 2)
        name = await until(lambda: next(iter(after.exchange.lines), None))
        await after.hears(name, "called_back")
        await after.press(name, "1")
        await after.hears(name, "joined")
        here = [seat.session for seat in seats(after, before.meeting) if seat.by_phone and seat.left_at is None]
        assert here == [name]
    async with village(before.settings, before.store) as third:
        await until(lambda: not third.exchange._tasks)
        assert len(rung) == 2, "once is enough"
    assert [one.purpose for one in before.logged()] == [Purpose.BACK, Purpose.MEETING]


async def test_calls_of_a_server_that_was_killed_are_ended_by_the_next(before: Before) -> None:
    call = await before.sit()
    await before.kill()
    assert call.state is CallState.UP, "the telephone does not know"
    async with village(before.settings, before.store) as after:
        await until(lambda: call.state is CallState.ENDED)
        assert before.line.handsets.endings[call.id].by_us is False
        await until(lambda: len(before.line.handsets.incoming) == 2)
        assert [one.outcome for one in before.logged()][-1] is Outcome.RESTARTED
        assert after.exchange.open


async def test_nobody_is_called_back_long_after(before: Before, clock: Clock) -> None:
    await before.sit()
    await before.line.exchange.close()
    clock.advance(seconds=restart.CALLED_BACK_WITHIN.total_seconds() + 1)
    async with village(before.settings, before.store) as after:
        await until(lambda: not after.exchange._tasks)
    assert len(before.line.handsets.incoming) == 1


async def test_a_dialog_that_cannot_be_read_stops_nothing(before: Before, caplog: pytest.LogCaptureFixture) -> None:
    store = before.store
    row = store.write_now(log.begin, "x", log.Direction.IN, Purpose.MEETING, "0901")
    store.write_now(log.answered, row, "no dialog")
    async with village(before.settings, store) as after:
        assert after.exchange.open
    assert "cannot be ended" in caplog.text
    assert [one.outcome for one in before.logged()] == [Outcome.STOPPED]


async def test_a_process_that_finds_the_ports_taken_harms_no_call_and_takes_over_when_they_are_free(
    before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PORTS_SECONDS", 0.1)
    call = await before.sit()
    first = before.line.exchange.endpoint
    taken = with_telephone(
        udp_port=first.port("udp"), tcp_port=first.port("tcp"), trunk=before.settings.telephone.trunk
    )
    async with village(msgspec.structs.replace(before.settings, telephone=taken), before.store) as second:
        await asyncio.sleep(0.3)
        assert not second.exchange.open
        assert [one.outcome for one in before.logged()] == [Outcome.RUNNING]
        assert [seat.left_at for seat in seats(second, before.meeting) if seat.by_phone] == [None]
        assert call.state is CallState.UP
        await before.kill()
        await until(lambda: second.exchange.open)
        await until(lambda: call.state is CallState.ENDED)
        await until(lambda: len(before.line.handsets.incoming) == 2)
        assert [one.outcome for one in before.logged()][-1] is Outcome.RESTARTED
    third = msgspec.structs.replace(before.settings, telephone=taken)
    async with village(third, before.store) as after, village(third, before.store) as waits:
        assert after.exchange.open and not waits.exchange.open, "it ends though it never had the ports"


async def test_what_was_in_no_meeting_is_not_said_to_have_been_in_one(before: Before, district: DistrictIds) -> None:
    store = before.store
    for purpose, answered in ((Purpose.TEST, True), (Purpose.DIRECTIVE, True), (Purpose.MEETING, False)):
        known = {"meeting_id": before.meeting if purpose is Purpose.MEETING else None}
        row = store.write_now(
            lambda tx, p=purpose, k=known: log.begin(tx, f"killed {p}", log.Direction.OUT, p, "0901", **k)
        )
        if answered:
            store.write_now(log.answered, row)
    store.write_now(restart.cut_off)
    assert [one.outcome for one in before.logged()] == [Outcome.STOPPED] * 3


async def test_calls_that_end_with_the_server_are_not_laid_to_the_people(before: Before) -> None:
    line = before.line
    rung: list[IncomingCall] = []
    line.handsets.answers = lambda call, now: rung.append(call)
    await line.dial()
    (dialler,) = [tell.__self__ for tell in line.exchange.on_dropped]  # type: ignore[attr-defined]
    dialler.call([before.job])
    await until(lambda: rung)
    await line.exchange.close()
    assert [one.outcome for one in before.logged()] == [Outcome.STOPPED] * 2
