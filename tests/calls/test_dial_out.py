"""Calling people: who counts as a human, when it is tried again, how many at once, and calling back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.app import make_app
from server.calls import dial_out, log, numbers
from server.calls.dial_out import Dialler, Job
from server.calls.events import CallMessages, Whom
from server.calls.exchange import EXCHANGE
from server.calls.places import Places
from server.calls.rules import Outcome, Purpose
from server.channel.messages import Caller
from server.config import Settings
from server.errors import NotAllowedError, NotFoundError, UnavailableError, UserError
from server.http.health import CHECKS
from server.meetings.model import meeting_unit
from server.meetings.service import calling, telephone
from server.store import Store
from server.telephony.sip.call import Call
from server.telephony.sip.incoming import IncomingCall
from server.telephony.sip.registration import Standing
from tests.calls.making import HOST, Village, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_dial_in import live, pin_of, seats
from tests.conftest import DistrictIds
from tests.telephony.sip.making import SDP
from tests.waiting import until

NUMBER = "0912000111"


class Desk:
    """The village line with a dialler, whose pauses are noted and over at once."""

    def __init__(self, line: Village, district: DistrictIds) -> None:
        self.line, self.district = line, district
        line.exchange.on_dropped.clear()  # of the application's own
        self.dialler = Dialler(line.exchange)
        self.pauses: list[float] = []
        self.dialler.sleep = self._sleep
        self.meeting = live(line, district)
        self.village = district.unit("19606.01")
        self.head = district.who("thon1.camthuy")

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def job(self) -> Job:
        return Job(number=NUMBER, meeting=self.meeting, unit=self.village, account=self.head.account_id)

    @property
    def rang(self) -> list[IncomingCall]:
        return self.line.handsets.incoming

    def logged(self) -> list[log.Logged]:
        return self.line.store.read_now(log.latest, 20)

    async def done(self) -> list[Outcome]:
        """Nothing rings any more; outcomes of all calls, the first one first."""
        await until(lambda: not self.dialler._running)
        return [one.outcome for one in self.logged()][::-1]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=with_telephone())


@pytest.fixture
async def desk(settings: Settings, store: Store, district: DistrictIds) -> AsyncIterator[Desk]:
    async with village(settings, store) as line:
        port = line.handsets.endpoint.port("udp")
        trunked = with_telephone(trunk=f"{HOST}:{port}", user="02333873100", most_calls_out=2)
        line.exchange.settings = msgspec.structs.replace(settings, telephone=trunked)
        line.exchange.trunk._settings = trunked
        yield Desk(line, district)


def refuse(status: int) -> Any:
    return lambda call, now: call.refuse(status, now)


async def test_a_village_head_is_called_presses_a_key_and_sits_there(desk: Desk) -> None:
    assert desk.dialler.call([desk.job, desk.job]) == 1, "nobody is called twice at once"
    call = await until(lambda: desk.rang[0] if desk.rang else None)
    assert (call.dialled, call.caller.uri.user) == (NUMBER, "02333873100")
    name = next(iter(desk.line.exchange.lines))
    await desk.line.hears(name, "invitation")
    await desk.line.press(name, "1")
    await desk.line.hears(name, "joined")
    seat = seats(desk.line, desk.meeting)[-1]
    assert (seat.by_phone, seat.name, seat.account_id) == (True, desk.head.name, desk.head.account_id)
    call.hang_up(desk.line.handsets.endpoint.now)
    assert await desk.done() == [Outcome.MET]


async def test_voice_mail_is_no_human(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial_out, "ANSWER_SECONDS", 0.02)
    desk.dialler.call([desk.job])
    assert await desk.done() == [Outcome.NO_KEY, Outcome.NO_KEY]
    assert desk.pauses == [180.0]
    assert desk.line.pool.heard().count("invitation") == 6
    assert len(seats(desk.line, desk.meeting)) == 1


async def test_who_takes_the_call_and_hangs_up_is_called_once_more(desk: Desk) -> None:
    desk.line.pool.lasting = {"invitation"}
    desk.dialler.call([desk.job])
    for time in range(2):
        await until(lambda time=time: desk.line.pool.heard().count("invitation") == time + 1)
        desk.rang[time].hang_up(desk.line.handsets.endpoint.now)
        await until(lambda: not desk.line.exchange.lines)
    assert await desk.done() == [Outcome.NO_KEY, Outcome.NO_KEY]
    assert desk.pauses == [180.0]


@pytest.mark.parametrize(
    ("status", "outcome", "pauses"),
    [
        (486, Outcome.BUSY, [60.0, 60.0]),
        (480, Outcome.NO_ANSWER, [120.0, 120.0]),
        (503, Outcome.TRUNK, [30.0, 30.0]),
        (603, Outcome.REFUSED, []),
        (404, Outcome.WRONG_NUMBER, []),
        (488, Outcome.NO_SOUND, []),
        (302, Outcome.MOVED, []),
        (607, Outcome.REFUSED, []),
    ],
)
async def test_when_it_is_tried_again(desk: Desk, status: int, outcome: Outcome, pauses: list[float]) -> None:
    desk.line.handsets.answers = refuse(status)
    desk.dialler.call([desk.job])
    assert await desk.done() == [outcome] * (len(pauses) + 1)
    assert desk.pauses == pauses


async def test_who_answers_without_any_sound_for_us_is_not_rung_again(desk: Desk) -> None:
    """As who refuses for the same reason before it rings (488)."""
    nothing = SDP.replace(b"m=audio 40002", b"m=audio 0")
    desk.line.handsets.answers = lambda call, now: call.answer(nothing, now)
    desk.dialler.call([desk.job])
    assert await desk.done() == [Outcome.NO_SOUND]
    assert desk.pauses == []


async def test_who_declines_is_left_alone(desk: Desk) -> None:
    desk.dialler.call([desk.job])
    name = await until(lambda: next(iter(desk.line.exchange.lines), None))
    await desk.line.hears(name, "invitation")
    await desk.line.press(name, "9")
    assert await desk.done() == [Outcome.DECLINED]
    assert "declined" in desk.line.pool.heard(name)


async def test_at_most_so_many_at_once(desk: Desk) -> None:
    desk.line.handsets.answers = lambda call, now: None  # it rings
    desk.dialler.call([msgspec.structs.replace(desk.job, number=f"091200000{n}") for n in range(5)])
    await until(lambda: len(desk.rang) == 2)
    assert len(desk.line.exchange.lines) == 2
    for expected in (3, 4, 5):
        desk.rang[expected - 3].refuse(603, desk.line.handsets.endpoint.now)
        await until(lambda expected=expected: len(desk.rang) == expected)
    for call in desk.rang[3:]:
        call.refuse(603, desk.line.handsets.endpoint.now)
    assert await desk.done() == [Outcome.REFUSED] * 5


async def test_who_was_cut_off_does_not_wait_for_all_who_are_missing(desk: Desk) -> None:
    desk.line.handsets.answers = lambda call, now: None  # it rings
    desk.dialler.call([msgspec.structs.replace(desk.job, number=f"091200000{n}") for n in range(5)])
    await until(lambda: len(desk.rang) == 2)
    for n, purpose in enumerate((Purpose.BACK, Purpose.TEST)):
        desk.dialler.call([msgspec.structs.replace(desk.job, number=f"090900000{n}", purpose=purpose)])
    desk.line.handsets.answers = refuse(603)
    for call in desk.rang[:2]:
        call.refuse(603, desk.line.handsets.endpoint.now)
    await desk.done()
    third_and_fourth = {one.purpose for one in desk.logged()[::-1][2:4]}  # as these two began at the same time
    assert third_and_fourth == {Purpose.BACK, Purpose.TEST}


class Registering:
    """At a trunk that has not answered yet."""

    def stop(self, now: float) -> None:
        """Nothing is to be taken back."""


async def test_nobody_is_called_before_the_trunk_has_taken_our_registration(desk: Desk) -> None:
    """After a restart: it refuses calls of whom it does not know (403), which is for good."""
    trunk = desk.line.exchange.trunk
    trunk._registration = Registering()  # type: ignore[assignment]
    desk.line.handsets.answers = refuse(603)
    desk.dialler.call([msgspec.structs.replace(desk.job, purpose=Purpose.BACK)])
    await asyncio.sleep(0.3)
    assert desk.rang == []
    trunk._stands(Standing(True, 200, "OK"), 0.0)
    assert await desk.done() == [Outcome.REFUSED]


async def test_who_sits_in_the_meeting_keeps_nobody_waiting(desk: Desk) -> None:
    desk.dialler._turns = Places(1)
    second = desk.district.who("thon2.camthuy").account_id
    units = desk.village, desk.district.unit("19606.02")
    jobs = [
        Job(number=f"091200000{n}", meeting=desk.meeting, unit=unit, account=account)
        for n, (unit, account) in enumerate(zip(units, (desk.head.account_id, second), strict=True))
    ]
    desk.dialler.call(jobs)
    first = await until(lambda: next(iter(desk.line.exchange.lines), None))
    await desk.line.hears(first, "invitation")
    assert len(desk.rang) == 1
    await desk.line.press(first, "1")
    await desk.line.hears(first, "joined")
    await until(lambda: len(desk.rang) == 2)
    assert len(seats(desk.line, desk.meeting)) == 2 and first in desk.line.exchange.lines
    for call in desk.rang:
        call.hang_up(desk.line.handsets.endpoint.now)
    await desk.done()


async def test_who_has_come_meanwhile_is_not_called_again(desk: Desk) -> None:
    def busy_and_comes(call: IncomingCall, now: float) -> None:
        found = telephone.Found(meeting=desk.meeting, who=desk.head, unit=desk.village)
        desk.line.store.write_now(telephone.enter, found, "another call", NUMBER)
        call.refuse(486, now)

    desk.line.handsets.answers = busy_and_comes
    desk.dialler.call([desk.job])
    assert await desk.done() == [Outcome.BUSY]


async def test_a_test_call_wants_any_key(desk: Desk) -> None:
    desk.dialler.call([Job(number=NUMBER, purpose=Purpose.TEST)])
    name = await until(lambda: next(iter(desk.line.exchange.lines), None))
    await desk.line.hears(name, "test_call")
    await desk.line.press(name, "5")
    assert await desk.done() == [Outcome.HEARD]
    assert desk.logged()[0].purpose is Purpose.TEST


def broken(call: Call, now: float) -> None:
    """The network has lost the telephone (Q.850 cause 27)."""
    assert call.dialog is not None
    bye = call.dialog.request("BYE")
    bye.add("Reason", 'Q.850;cause=27;text="Destination out of order"')
    call.ask(bye, lambda response, now: None, now)


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_broken_line_is_called_back_once_if_the_chair_allows(desk: Desk, allowed: bool) -> None:
    chair = desk.district.who("chutich")
    desk.line.store.write_now(telephone.allow_calling_back, chair, desk.meeting, allowed)
    known: set[str] = set()
    desk.dialler.call([desk.job])
    for _time in range(2):
        name = await until(lambda: next(iter(set(desk.line.exchange.lines) - known), None))
        known.add(name)
        await desk.line.press(name, "1")
        await desk.line.hears(name, "joined")
        broken(desk.rang[-1], desk.line.handsets.endpoint.now)
        await until(lambda name=name: name not in desk.line.exchange.lines)
        if not allowed:
            break
    await until(lambda: not desk.line.exchange._tasks)
    assert await desk.done() == [Outcome.DROPPED] * (2 if allowed else 1)
    assert [one.purpose for one in desk.logged()] == ([Purpose.BACK, Purpose.MEETING] if allowed else [Purpose.MEETING])


async def test_one_of_two_telephones_of_a_unit_that_breaks_is_called_back(desk: Desk) -> None:
    store, chair = desk.line.store, desk.district.who("chutich")
    store.write_now(telephone.allow_calling_back, chair, desk.meeting, True)
    code = store.write_now(telephone.give_code, desk.meeting)
    calls = []
    for number in ("0901000001", "0901000002"):
        call, name = await desk.line.dial(number)
        await desk.line.press(name, f"{code}#1960601#")
        await desk.line.hears(name, "joined")
        calls.append(call)
    desk.line.handsets.answers = refuse(486)
    broken(calls[0], desk.line.handsets.endpoint.now)
    await until(lambda: desk.rang and not desk.dialler._running)
    assert [one.dialled for one in desk.rang] == ["0901000001"], "the other one is not this one"


@pytest.mark.parametrize("number", [NUMBER, "+84912000111", "0909999999"])
async def test_who_comes_by_the_meeting_s_code_is_not_rung_while_sitting_there(desk: Desk, number: str) -> None:
    """Whoever it is: somebody of the unit is there. The list says nothing of a call any more."""
    coming = asyncio.Event()

    async def sleep(seconds: float) -> None:
        desk.pauses.append(seconds)
        await coming.wait()

    desk.dialler.sleep = sleep
    desk.line.handsets.answers = refuse(486)
    desk.dialler.call([desk.job])
    await until(lambda: desk.pauses)
    code = desk.line.store.write_now(telephone.give_code, desk.meeting)
    _call, name = await desk.line.dial(number)
    await desk.line.press(name, f"{code}#1960601#")
    await desk.line.hears(name, "joined")
    coming.set()
    assert await desk.done() == [Outcome.BUSY, Outcome.RUNNING]
    assert _mark_of(desk) == ("", None)


async def test_whose_number_is_there_for_another_unit_is_not_rung(desk: Desk) -> None:
    code = desk.line.store.write_now(telephone.give_code, desk.meeting)
    _call, name = await desk.line.dial("+84912000111")
    await desk.line.press(name, f"{code}#19606#")
    await desk.line.hears(name, "joined")
    desk.line.store.write_now(calling.note, desk.meeting, [desk.village], [])
    desk.dialler.call([desk.job])
    assert await desk.done() == [Outcome.RUNNING]
    assert _mark_of(desk) == ("", None), "it waits for no turn any more"


def _mark_of(desk: Desk) -> tuple[str, Any]:
    c = meeting_unit.c
    query = sa.select(c.call, c.called_again_at).where(c.meeting_id == desk.meeting, c.unit_id == desk.village)
    (row,) = desk.line.store.read_now(lambda tx: tx.all(query))
    return row.call, row.called_again_at


@pytest.mark.parametrize(("noted", "called"), [(NUMBER, [NUMBER]), ("", [])])
async def test_who_hides_the_number_is_called_back_at_the_own_one(desk: Desk, noted: str, called: list[str]) -> None:
    store, chair = desk.line.store, desk.district.who("chutich")
    store.write_now(telephone.allow_calling_back, chair, desk.meeting, True)
    store.write_now(numbers.give, desk.head.account_id, noted)
    call, name = await desk.line.dial("anonymous")
    await desk.line.press(name, pin_of(desk.line, desk.district, "thon1.camthuy"))
    await desk.line.hears(name, "joined")
    assert desk.logged()[0].number == ""
    desk.line.handsets.answers = refuse(486)
    broken(call, desk.line.handsets.endpoint.now)
    await until(lambda: name not in desk.line.exchange.lines and not desk.line.exchange._tasks)
    assert [one.dialled for one in desk.rang] == called


async def test_who_is_known_by_pin_is_called_back_at_the_own_number(desk: Desk) -> None:
    """Whatever number the call came from: that can be forged, or be somebody else's telephone."""
    store, chair = desk.line.store, desk.district.who("chutich")
    store.write_now(telephone.allow_calling_back, chair, desk.meeting, True)
    store.write_now(numbers.give, desk.head.account_id, NUMBER)
    call, name = await desk.line.dial("0909999999")
    await desk.line.press(name, pin_of(desk.line, desk.district, "thon1.camthuy"))
    await desk.line.hears(name, "joined")
    desk.line.handsets.answers = refuse(486)
    broken(call, desk.line.handsets.endpoint.now)
    await until(lambda: name not in desk.line.exchange.lines and not desk.line.exchange._tasks)
    assert [one.dialled for one in desk.rang] == [NUMBER]


async def test_the_chair_s_page_calls_one_unit_or_all_that_are_missing(desk: Desk) -> None:
    store, chair = desk.line.store, desk.district.who("chutich")
    store.write_now(numbers.give, desk.head.account_id, "0912 000-111")
    desk.line.handsets.answers = refuse(603)
    messages = CallMessages(store, desk.dialler)
    told: list[dict[str, Any]] = []
    store.listeners.append(lambda events, after: told.extend(body for _room, body in after))
    answer = await messages.dial(Caller(chair, "sid"), Whom(meeting=desk.meeting))
    assert answer == {"calling": 1, "without_number": [desk.district.unit("19606")]}
    assert await desk.done() == [Outcome.REFUSED]
    outcomes = [(body["unit"], body["outcome"]) for body in told if body["kind"] == "meeting.calling"]
    assert outcomes == [
        (desk.village, Outcome.RUNNING), (desk.village, Outcome.REFUSED)
    ]  # fmt: skip
    with pytest.raises(NotFoundError):
        await messages.dial(Caller(chair, "sid"), Whom(meeting=desk.meeting, unit=desk.district.unit("19603")))
    with pytest.raises(NotAllowedError):
        await messages.dial(Caller(desk.head, "sid"), Whom(meeting=desk.meeting))


async def test_of_two_units_that_one_telephone_reaches_one_waits_for_its_call(desk: Desk) -> None:
    store, chair = desk.line.store, desk.district.who("chutich")
    for name in ("thon1.camthuy", "camthuy"):
        store.write_now(numbers.give, desk.district.who(name).account_id, NUMBER)
    desk.line.handsets.answers = refuse(603)
    answer = await CallMessages(store, desk.dialler).dial(Caller(chair, "sid"), Whom(meeting=desk.meeting))
    assert answer["calling"] == 1
    assert await desk.done() == [Outcome.REFUSED]
    c = meeting_unit.c
    marks = store.read_now(lambda tx: tx.all(sa.select(c.call).where(c.meeting_id == desk.meeting)))
    assert calling.QUEUED not in {row.call for row in marks}


async def test_without_a_trunk_nobody_is_called(settings: Settings, store: Store, district: DistrictIds) -> None:
    async with village(settings, store) as line:
        meeting = live(line, district)
        for dialler in (None, Dialler(line.exchange)):
            messages = CallMessages(store, dialler)
            with pytest.raises(UnavailableError):
                await messages.dial(Caller(district.who("chutich"), "sid"), Whom(meeting=meeting))


def test_numbers_as_people_write_them() -> None:
    assert numbers.clean(" 0233 3873-114 ") == "02333873114"
    assert numbers.clean("+84 (91) 200.0111") == "+84912000111"
    for wrong in ("12", "0912 000 111 ext 5", "0" * 16, "sip:0912"):
        with pytest.raises(UserError):
            numbers.clean(wrong)


async def test_the_application_without_a_telephone(settings: Settings, store: Store, district: DistrictIds) -> None:
    app = make_app(msgspec.structs.replace(settings, telephone=with_telephone(address="")), store)
    assert "exchange" not in {key._name for key in app}  # type: ignore[attr-defined]
    app = make_app(msgspec.structs.replace(settings, telephone=with_telephone()), store)
    assert EXCHANGE not in app and "telephone" not in app.get(CHECKS, {}), "the process with media nodes has the line"
