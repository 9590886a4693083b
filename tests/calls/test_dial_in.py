"""From the first word to the meeting: PINs, codes, three tries, waiting for the chair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
import sqlalchemy as sa

from server.calls import line as lines
from server.calls import log, pins
from server.calls.rules import PIN_DIGITS, Outcome
from server.config import Access, Settings
from server.media import protocol_calls as c
from server.meetings.model import meeting, participant
from server.meetings.service import attend, plan, telephone
from server.meetings.service.attend import Switches
from server.meetings.service.plan import Plan
from server.store import Store
from tests.calls.making import Village, village
from tests.calls.making import telephone as with_telephone
from tests.conftest import DistrictIds
from tests.waiting import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=with_telephone())


@pytest.fixture
async def line(settings: Settings, store: Store, district: DistrictIds) -> AsyncIterator[Village]:
    async with village(settings, store) as made:
        yield made


def pin_of(line: Village, district: DistrictIds, username: str) -> str:
    who = district.who(username)
    (made,) = line.store.write_now(pins.make, line.exchange.key, district.who("quantri"), [who.account_id])
    return made.pin


def live(line: Village, district: DistrictIds, *, chair: bool = True, **more: object) -> int:
    """A running meeting of a commune and its villages, with its chair in the room."""
    who = district.who("chutich")
    wanted = Plan(title="Giao ban", units=[district.unit("19606"), district.unit("19606.01")], **more)  # type: ignore[arg-type]
    number = line.store.write_now(plan.create, who, wanted)
    if chair:
        line.store.write_now(attend.enter, who, number, Switches(), hall=False)
    return number


def seats(line: Village, number: int) -> list[sa.Row[tuple[object, ...]]]:
    query = sa.select(participant).where(participant.c.meeting_id == number).order_by(participant.c.id)
    return line.store.read_now(lambda tx: tx.all(query))


def logged(line: Village) -> log.Logged:
    return line.store.read_now(log.latest, 1)[0]


async def test_a_village_head_dials_in_by_pin_and_sits_there_by_name(line: Village, district: DistrictIds) -> None:
    number, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
    call, name = await line.dial()
    await line.hears(name, "enter_pin")
    await line.press(name, pin)
    await line.hears(name, "joined")
    chair, seat = seats(line, number)
    assert not chair.by_phone
    assert (seat.by_phone, seat.name, seat.session, seat.link) == (
        True,
        district.who("thon1.camthuy").name,
        name,
        "connected",
    )
    assert seat.role == "village_head" and not seat.microphone
    (seated,) = line.pool.of(c.SeatCall)
    assert (seated.call, seated.participant) == (name, f"p{seat.id}")
    assert line.pool.of(c.Announce)[0].room == f"m{number}"
    call.hang_up(line.handsets.endpoint.now)
    await until(lambda: not line.exchange.lines)
    assert seats(line, number)[1].left_at is not None
    known = logged(line)
    assert (known.outcome, known.number, known.meeting) == (Outcome.MET, "0901234567", number)
    assert known.person == district.who("thon1.camthuy").name and known.answered_at and known.ended_at
    assert line.pool.of(c.CloseCall)[-1].call == name


async def test_a_unit_s_telephone_comes_by_the_meeting_s_code(line: Village, district: DistrictIds) -> None:
    number = live(line, district)
    code = line.store.write_now(telephone.give_code, number)
    assert line.store.write_now(telephone.give_code, number) == code
    _call, name = await line.dial("02333873789")
    await line.press(name, f"{code}#")
    await line.hears(name, "enter_unit")
    await line.press(name, "1960601#")
    await line.hears(name, "joined")
    seat = seats(line, number)[1]
    assert (seat.account_id, seat.name, seat.unit_id) == (None, "Điện thoại …789", district.unit("19606.01"))
    assert seat.role == "guest"


async def test_a_code_of_eight_digits_is_whole_without_the_hash(line: Village, district: DistrictIds) -> None:
    number, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
    code = line.store.write_now(telephone.give_code, number)
    assert len(code) == len(pin) == PIN_DIGITS
    for dialled, asks in ((code, "enter_unit"), (f"{code}#", "enter_unit"), (pin, "joined")):
        call, name = await line.dial()
        await line.press(name, dialled)
        await line.hears(name, asks)
        call.hang_up(line.handsets.endpoint.now)
        await line.ended(call)


async def test_a_code_of_six_digits_that_was_given_before_stays_valid(line: Village, district: DistrictIds) -> None:
    number = live(line, district)
    given = sa.update(meeting).where(meeting.c.id == number).values(dial_in_code="123456")
    line.store.write_now(lambda tx: tx.execute(given))
    _call, name = await line.dial()
    await line.press(name, "123456#1960601#")
    await line.hears(name, "joined")


async def test_a_unit_that_is_not_invited_stays_outside(line: Village, district: DistrictIds) -> None:
    number = live(line, district)
    code = line.store.write_now(telephone.give_code, number)
    call, name = await line.dial()
    await line.press(name, f"{code}#19609#")
    await line.hears(name, "wrong_unit")
    await line.press(name, "1#7#")
    await line.ended(call)
    assert line.pool.heard(name)[-1] == "goodbye"
    assert len(seats(line, number)) == 1
    assert logged(line).outcome is Outcome.WRONG_PIN


async def test_after_three_wrong_tries_it_is_goodbye(line: Village, district: DistrictIds) -> None:
    call, name = await line.dial()
    await line.press(name, "1234567812345678")
    await line.press(name, "12#")
    await line.ended(call)
    assert line.pool.heard(name).count("wrong_pin") == 2
    assert line.pool.heard(name)[-1] == "goodbye"
    known = logged(line)
    assert (known.outcome, known.wrong_pins) == (Outcome.WRONG_PIN, 3)
    assert line.store.read_now(log.guesses, known.started_at) == [("0901234567", 3)]


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["at once", "while the prompt is heard"])
async def test_the_hash_after_eight_digits_belongs_to_them(line: Village, district: DistrictIds, pause: float) -> None:
    """The prompts ask for it, though the code is complete without."""
    call, name = await line.dial()
    for code in ("12345678", "12345679"):
        for key in code + "#":
            await asyncio.sleep(pause if key == "#" else 0)
            line.pool.on_call_event(c.KeyPressed(call=name, key=key))
        await until(lambda: not line.exchange.lines[name].keys)
    await until(lambda: line.pool.heard(name).count("wrong_pin") == 2)
    assert call.id not in line.handsets.endings, "one try is left"
    await line.press(name, "12345670#")
    await line.ended(call)
    assert (logged(line).outcome, logged(line).wrong_pins) == (Outcome.WRONG_PIN, 3)


async def test_the_hash_after_the_own_code_does_not_cut_what_explains_the_keys(
    line: Village, district: DistrictIds
) -> None:
    live(line, district)
    line.pool.lasting = {"joined"}
    call, name = await line.dial()
    await line.press(name, pin_of(line, district, "thon1.camthuy"))
    await line.hears(name, "joined")
    line.pool.on_call_event(c.KeyPressed(call=name, key="#"))
    line.handsets.info(call, "#")
    await asyncio.sleep(0.1)
    assert line.pool.playing[name] == ["joined"]
    await line.press(name, "#")
    await until(lambda: line.pool.playing[name] == [])


async def test_another_key_after_a_code_ends_the_wait_for_its_hash(line: Village) -> None:
    _call, name = await line.dial()
    await line.press(name, "12345678")
    await line.press(name, "1#")
    await until(lambda: line.exchange.lines.get(name) and logged(line).wrong_pins == 2)


async def test_who_guesses_is_slowed_locked_and_reported(
    settings: Settings, store: Store, district: DistrictIds, caplog: pytest.LogCaptureFixture
) -> None:
    strict = msgspec.structs.replace(settings, access=Access(tries_before_lock=3, lock_minutes=25))
    async with village(strict, store) as line:
        number, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
        call, name = await line.dial()
        await line.press(name, "111122221111222311112224")
        await line.ended(call)
        call, name = await line.dial()
        await line.press(name, pin)
        await line.hears(name, "locked")
        await line.ended(call)
        assert "locked n25 minute then_call_again goodbye" in " ".join(line.pool.heard(name)), line.pool.heard(name)
        assert logged(line).outcome is Outcome.LOCKED
        assert len(seats(line, number)) == 1, "the right PIN does not open a lock"
        assert "PINs are locked for 0901234567" in caplog.text
        _call, name = await line.dial("0907654321")
        await line.press(name, pin)
        await line.hears(name, "joined")


async def test_nothing_pressed_is_no_guess(
    line: Village, district: DistrictIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "KEY_SECONDS", 0.01)
    monkeypatch.setattr(lines.Line.key, "__defaults__", (0.01,))
    call, name = await line.dial()
    await line.ended(call)
    known = logged(line)
    assert (known.outcome, known.wrong_pins) == (Outcome.GAVE_UP, 0)
    assert line.pool.heard(name).count("enter_pin") == 3


async def test_without_a_meeting_the_caller_is_told(line: Village, district: DistrictIds) -> None:
    call, name = await line.dial()
    await line.press(name, pin_of(line, district, "thon1.camthuy"))
    await line.hears(name, "no_meeting")
    await line.ended(call)
    assert logged(line).outcome is Outcome.NO_MEETING


async def test_music_until_the_chair_is_there(line: Village, district: DistrictIds) -> None:
    number, pin = live(line, district, chair=False), pin_of(line, district, "thon1.camthuy")
    _call, name = await line.dial()
    await line.press(name, pin)
    await line.hears(name, "music")
    assert line.pool.heard(name)[-2:] == ["wait", "music"]
    assert not seats(line, number)
    await line.store.write(attend.enter, district.who("chutich"), number, Switches(), hall=False)
    await line.hears(name, "joined")
    assert len(seats(line, number)) == 2


async def test_the_chair_opens_the_meeting_by_telephone(line: Village, district: DistrictIds) -> None:
    number = live(line, district, chair=False, starts_at=line.store.clock() + telephone.EARLY)
    _call, name = await line.dial()
    await line.press(name, pin_of(line, district, "chutich"))
    await line.hears(name, "joined")
    (seat,) = seats(line, number)
    assert (seat.by_phone, seat.role) == (True, "chair")


async def test_a_meeting_that_is_cancelled_while_one_waits(line: Village, district: DistrictIds) -> None:
    pin = pin_of(line, district, "thon1.camthuy")
    soon = line.store.clock() + telephone.EARLY
    number = live(line, district, chair=False, starts_at=soon)
    call, name = await line.dial()
    await line.press(name, pin)
    await line.hears(name, "music")
    await line.store.write(plan.cancel, district.who("chutich"), number)
    await line.hears(name, "ended")
    await line.ended(call)


async def test_keys_by_info_and_by_rtp_are_one_press(line: Village, district: DistrictIds) -> None:
    number, pin = live(line, district), pin_of(line, district, "thon1.camthuy")
    call, name = await line.dial()
    for key in pin:
        line.handsets.info(call, key)
        told = line.exchange.lines[name]
        await until(lambda key=key, told=told: [one[:2] for one in told._told_once] == [(key, "info")])
        line.pool.on_call_event(c.KeyPressed(call=name, key=key))
        await until(lambda told=told: not told.keys)
    await line.hears(name, "joined")
    assert len(seats(line, number)) == 2


async def test_a_description_without_our_codecs_is_refused(line: Village, district: DistrictIds) -> None:
    offer = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n"
    call = line.handsets.call(line.port, description=offer)
    ending = await until(lambda: line.handsets.endings.get(call.id))
    assert ending.status == 488
    await until(lambda: not line.exchange.lines)
    assert logged(line).outcome is Outcome.NO_SOUND


async def test_who_gives_up_at_once_has_given_up(line: Village) -> None:
    """Though it is only noticed when the port is open and the call is to be answered."""
    opening = asyncio.Event()
    ask = line.pool.ask_node

    async def slow(number: int, command: object, kind: object, seconds: float | None = None) -> object:
        if isinstance(command, c.OpenCall):
            await opening.wait()
        return await ask(number, command, kind, seconds)

    line.pool.ask_node = slow  # type: ignore[method-assign]
    call = line.handsets.call(line.port)
    mine = await until(lambda: next(iter(line.exchange.lines.values()), None))
    call.hang_up(line.handsets.endpoint.now)
    await until(lambda: mine.ending)
    opening.set()
    await until(lambda: not line.exchange.lines)
    assert (logged(line).outcome, logged(line).status) == (Outcome.GAVE_UP, 487)


async def test_without_a_media_node_callers_are_asked_to_come_later(line: Village, district: DistrictIds) -> None:
    line.pool.away = True
    call = line.handsets.call(line.port)
    ending = await until(lambda: line.handsets.endings.get(call.id))
    assert ending.status == 503
    await until(lambda: not line.exchange.lines)
    assert logged(line).outcome is Outcome.NO_NODE


async def test_a_meeting_s_code_is_nobody_s_once_it_is_over(line: Village, district: DistrictIds) -> None:
    number = live(line, district)
    code = line.store.write_now(telephone.give_code, number)
    line.store.write_now(plan.end, district.who("chutich"), number)
    assert line.store.read_now(telephone.meeting_by_code, code) is None
    row = line.store.read_now(lambda tx: tx.one(sa.select(meeting).where(meeting.c.id == number)))
    assert row is not None and row.dial_in_code is None
