"""The call that a person asks for from the room's page: whose number, how often, and that it takes over the seat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from server.calls import numbers, own_call, pins
from server.calls.events import About, CallMessages
from server.calls.own_call import Ways
from server.calls.rules import Outcome, Purpose
from server.channel.messages import Caller
from server.config import Settings
from server.errors import ConflictError, NotFoundError, TooManyError, UnavailableError
from server.meetings.service import attend, floor, rows, telephone
from server.meetings.service.attend import Switches
from server.store import Store
from server.telephony.sip.incoming import IncomingCall
from tests.calls.making import HOST, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_dial_in import seats
from tests.calls.test_dial_out import Desk, refuse
from tests.conftest import Clock, DistrictIds
from tests.waiting import until

NUMBER, LEADERS = "0912000111", "0912000222"
LINE = "0233 387 3100"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=with_telephone())


@pytest.fixture
async def desk(settings: Settings, store: Store, district: DistrictIds) -> AsyncIterator[Desk]:
    """The village head sits in the meeting by a page."""
    async with village(settings, store) as line:
        port = line.handsets.endpoint.port("udp")
        trunked = with_telephone(trunk=f"{HOST}:{port}", user="02333873100", numbers=[LINE])
        line.exchange.settings = msgspec.structs.replace(settings, telephone=trunked)
        line.exchange.trunk._settings = trunked
        made = Desk(line, district)
        store.write_now(numbers.give, made.head.account_id, NUMBER)
        sit(made)
        yield made


def sit(desk: Desk) -> int:
    seated = desk.line.store.write_now(attend.enter, desk.head, desk.meeting, Switches(), hall=False)
    desk.line.store.write_now(attend.seated, seated.participant, "page")
    return seated.participant


def call_me(desk: Desk) -> Any:
    messages = CallMessages(desk.line.store, desk.dialler)
    return messages.call_me(Caller(desk.head, "sid"), About(meeting=desk.meeting))


async def test_the_own_telephone_rings_and_takes_over_the_seat(desk: Desk) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    desk.line.store.listeners.append(lambda events, after: told.extend(after))
    before = sit(desk)
    await call_me(desk)
    await call_me(desk)
    call = await until(lambda: desk.rang[0] if desk.rang else None)
    assert call.dialled == NUMBER
    name = next(iter(desk.line.exchange.lines))
    await desk.line.hears(name, "invitation")
    await desk.line.press(name, "1")
    await desk.line.hears(name, "joined")
    seat = next(one for one in seats(desk.line, desk.meeting) if one.account_id == desk.head.account_id)
    assert (seat.id, seat.by_phone, seat.session) == (before, True, name)
    assert not desk.line.store.read_now(telephone.is_beside, desk.meeting, desk.head.account_id)
    call.hang_up(desk.line.handsets.endpoint.now)
    assert await desk.done() == [Outcome.MET], "pressing twice calls once"
    (logged,) = desk.logged()
    assert logged.purpose is Purpose.OWN
    own = [(room, body["outcome"]) for room, body in told if body["kind"] == "meeting.own_call"]
    assert own == [(rows.seat_name(before), Outcome.RUNNING), (rows.seat_name(before), Outcome.MET)]
    assert not any(body["kind"] == "meeting.calling" for _room, body in told), "that is for those who run the meeting"


async def test_who_does_not_answer_is_told_and_not_called_again_by_itself(desk: Desk) -> None:
    desk.line.handsets.answers = refuse(486)
    await call_me(desk)
    assert await desk.done() == [Outcome.BUSY]
    assert desk.pauses == []


async def test_so_many_calls_in_so_long(desk: Desk, clock: Clock) -> None:
    desk.line.handsets.answers = refuse(486)
    for _time in range(own_call.MOST):
        await call_me(desk)
        await desk.done()
    with pytest.raises(TooManyError):
        await call_me(desk)
    clock.now += own_call.WITHIN
    await call_me(desk)
    assert len(await desk.done()) == own_call.MOST + 1


async def test_who_has_come_by_telephone_meanwhile_or_was_taken_out_is_not_called(desk: Desk) -> None:
    waits: list[IncomingCall] = []
    desk.line.handsets.answers = lambda call, now: waits.append(call)
    store, meeting, head = desk.line.store, desk.meeting, desk.head
    assert store.read_now(telephone.is_beside, meeting, head.account_id)
    seat = sit(desk)
    store.write_now(floor.remove, desk.district.who("chutich"), meeting, seat)
    assert not store.read_now(telephone.is_beside, meeting, head.account_id)
    with pytest.raises(ConflictError):
        await call_me(desk)
    assert waits == []


async def test_only_who_sits_in_the_meeting_may_ask(desk: Desk) -> None:
    store = desk.line.store
    for username, expected in (("camthuy", ConflictError), ("camtuyen", NotFoundError)):
        who = desk.district.who(username)
        store.write_now(numbers.give, who.account_id, "0912000333")
        with pytest.raises(expected):
            store.read_now(own_call.job, who, desk.meeting)
        with pytest.raises(expected):
            store.read_now(own_call.ways, who, desk.meeting, [], able=True)


def test_the_own_number_else_the_unit_s_and_nobody_else_s(store: Store, district: DistrictIds) -> None:
    head, cadre = district.who("thon1.camthuy"), district.who("camthuy")
    store.write_now(numbers.give, cadre.account_id, LEADERS)
    assert store.read_now(own_call.number_of, head) is None, "the commune's number is not the village's"
    assert store.read_now(own_call.number_of, cadre) == LEADERS
    store.write_now(numbers.give, head.account_id, NUMBER)
    assert store.read_now(own_call.number_of, head) == NUMBER
    chair, clerk = district.who("chutich"), district.who("vanthu")
    assert chair.unit_id == clerk.unit_id
    store.write_now(numbers.give, chair.account_id, "0912000444")
    assert store.read_now(own_call.number_of, clerk) == "0912000444", "a colleague's, where the own one is not known"


async def test_without_a_number_nobody_is_called(desk: Desk) -> None:
    desk.line.store.write_now(numbers.give, desk.head.account_id, "")
    with pytest.raises(NotFoundError):
        await call_me(desk)


async def test_what_a_page_may_offer(desk: Desk) -> None:
    store, messages = desk.line.store, CallMessages(desk.line.store, desk.dialler)

    async def offered() -> dict[str, Any]:
        return await messages.by_telephone(Caller(desk.head, "sid"), About(meeting=desk.meeting))

    ways = {"tail": "111", "numbers": [LINE], "pin": False, "code": "", "unit": "1960601"}
    assert await offered() == ways
    code = store.write_now(telephone.give_code, desk.meeting)
    assert await offered() == {**ways, "code": code}
    store.write_now(pins.make, desk.line.exchange.key, desk.head, [desk.head.account_id])
    assert await offered() == {**ways, "code": code, "pin": True}
    desk.line.exchange.trunk._settings = with_telephone(numbers=[LINE])
    assert await offered() == {**ways, "code": code, "pin": True, "tail": ""}, "calls come in, and none go out"
    with pytest.raises(UnavailableError):
        await call_me(desk)


async def test_where_there_is_no_telephone_nothing_is_offered(
    settings: Settings, store: Store, district: DistrictIds
) -> None:
    nothing = msgspec.structs.asdict(Ways())
    about, caller = About(meeting=1), Caller(district.who("camthuy"), "sid")
    assert await CallMessages(store, None).by_telephone(caller, about) == nothing
