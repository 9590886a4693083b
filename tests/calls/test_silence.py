"""Silence never ends a call: a telephone that sends neither sound nor keys stays in its seat as long as SIP has it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from server.calls.rules import Outcome
from server.config import Settings
from server.media import protocol_calls as c
from server.store import Store
from server.telephony.sip.agent import Agent
from server.telephony.sip.call import CallState
from server.telephony.sip.server_transactions import ServerTransaction
from server.telephony.sip.session import USUAL
from tests.calls.making import telephone as with_telephone
from tests.calls.making import village
from tests.calls.test_dial_in import live, logged, pin_of, seats
from tests.conftest import Clock, DistrictIds
from tests.waiting import until

STEP = 10  # s, less than any timer waits for an answer


class Time:
    """Made-up time for all of the server: its loop's and that of its records."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._clock, self._ahead, real = clock, 0.0, loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + self._ahead)

    async def pass_by(self, seconds: int) -> None:
        """In steps; messages and the database's threads get their (real) milliseconds after each."""
        for _ in range(seconds // STEP):
            self._ahead += STEP
            self._clock.advance(seconds=STEP)
            await asyncio.sleep(0.005)


def asked(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of all requests that come to an agent."""
    methods: list[str] = []
    take = agent.on_request

    def note(transaction: ServerTransaction, now: float) -> None:
        methods.append(transaction.request.method)
        take(transaction, now)

    monkeypatch.setattr(agent, "on_request", note)
    return methods


async def test_an_hour_of_silence_ends_nothing_and_a_telephone_that_is_gone_does(
    settings: Settings, store: Store, district: DistrictIds, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No sound and no key, while session timers (RFC 4028) are answered; at last they are not."""
    time = Time(clock, monkeypatch)
    async with village(msgspec.structs.replace(settings, telephone=with_telephone()), store) as line:
        meeting, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
        at_theirs = asked(line.handsets.endpoint.agent, monkeypatch)
        at_ours = asked(line.exchange.endpoint.agent, monkeypatch)
        call, name = await line.dial()
        await line.press(name, pin)
        await line.hears(name, "joined")
        told = len(line.pool.of(c.Play))

        await time.pass_by(3_660)
        assert call.state is CallState.UP and not line.handsets.endings
        assert (at_theirs + at_ours).count("UPDATE") == 4, "each half of the interval"
        assert "BYE" not in at_theirs + at_ours
        seat = seats(line, meeting)[-1]
        assert (seat.session, seat.left_at, seat.link) == (name, None, "connected")
        assert len(line.pool.of(c.Play)) == told, "nothing is said"
        assert not line.pool.of(c.CloseCall), "its port stays"
        await line.press(name, "*9")
        await line.hears(name, "hand_up")

        await line.handsets.endpoint.close()
        await time.pass_by(USUAL)
        await until(lambda: seats(line, meeting)[-1].left_at)
        assert logged(line).outcome is Outcome.DROPPED
