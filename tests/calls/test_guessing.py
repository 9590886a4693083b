"""Codes that are guessed from ever new numbers: the whole line is slowed, and the operator told, for an hour."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from server.calls import guessing, log
from server.calls.rules import Direction, Purpose
from server.config import Settings
from server.meetings.service import telephone
from server.store import Store
from tests.calls.making import Village, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_dial_in import live, pin_of
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.waiting import until

MOST = 6


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=with_telephone(wrong_codes_an_hour=MOST))


@pytest.fixture
async def line(
    settings: Settings, store: Store, district: DistrictIds, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Village]:
    monkeypatch.setattr(guessing, "SLOW_SECONDS", 0.01)
    async with village(settings, store) as made:
        yield made


async def guess(line: Village, number: str) -> None:
    """Three wrong codes, each from a caller of its own, who then hangs up."""
    call, name = await line.dial(number)
    await line.press(name, "111122221111222311112224")
    await line.ended(call)


async def test_all_are_slowed_one_after_the_other_for_an_hour(
    line: Village, district: DistrictIds, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    live(line, district)
    pin, gate = pin_of(line, district, "thon1.camthuy"), line.exchange.gate
    await guess(line, "0901000001")
    async with gate._turn:  # somebody's code is being looked at
        _call, name = await line.dial("0901000009")
        await line.press(name, pin)
        await line.hears(name, "joined")
    _call.hang_up(line.handsets.endpoint.now)
    await guess(line, "0901000002")
    assert "being guessed" not in caplog.text
    call, name = await line.dial("0901000003")
    other_call, other = await line.dial("0901000004")
    async with gate._turn:
        await line.press(name, pin_of(line, district, "camthuy"))
        await until(lambda: gate._turn._waiters)
        await line.press(other, "11112222")
        assert "joined" not in line.pool.heard(name) and "wrong_pin" not in line.pool.heard(other)
    await line.hears(name, "joined")
    await line.hears(other, "wrong_pin")
    assert caplog.text.count("being guessed: 6 wrong ones in an hour") == 1
    for one in (call, other_call):
        one.hang_up(line.handsets.endpoint.now)
    clock.advance(seconds=3_601)
    async with gate._turn:
        _call, name = await line.dial("0901000005")
        await line.press(name, pin_of(line, district, "thon1.camthuy"))
        await line.hears(name, "joined")
    assert "nobody is slowed" in caplog.text


async def test_who_hangs_up_while_it_is_slow_keeps_nobody_waiting(line: Village, district: DistrictIds) -> None:
    for number in range(2):
        await guess(line, f"090100000{number}")
    call, name = await line.dial("0901000003")
    async with line.exchange.gate._turn:
        await line.press(name, "11112222")
        await until(lambda: line.exchange.gate._turn._waiters)
        call.hang_up(line.handsets.endpoint.now)
        await until(lambda: line.exchange.lines[name].ending)
    await until(lambda: name not in line.exchange.lines)
    assert not line.exchange.gate._turn.locked()


def test_guessing_a_meeting_s_code_takes_months() -> None:
    tries_a_day = 86_400 / guessing.SLOW_SECONDS
    assert 10**telephone.CODE_DIGITS / 20 / tries_a_day > 150, "one of twenty meetings', in the mean"


async def test_the_operator_is_told(
    settings: Settings, store: Store, page_as: PageAs, as_: As, district: DistrictIds, clock: Clock
) -> None:
    for number in range(2):
        row = store.write_now(log.begin, f"c{number}", Direction.IN, Purpose.MEETING, f"090100000{number}")
        for _ in range(MOST // 2):
            store.write_now(log.wrong_pin, row)
    page = await page_as("quantri")
    words = "6 lần bấm sai mã trong một giờ"
    assert words in await (await page.get("/telephone")).text()
    assert (await (await (await as_("quantri")).get("/api/v1/telephone")).json())["wrong_codes"] == MOST
    clock.advance(seconds=3_601)
    assert words not in await (await page.get("/telephone")).text()
