"""What the roster says of telephones, after a reload, too: how calls went, who asks for help, whose seat it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from server.calls import numbers
from server.calls.events import About, CallMessages, Whom
from server.channel.messages import Caller
from server.config import Settings
from server.errors import ConflictError, NotAllowedError
from server.meetings.service import attend, calling, floor, plan, secretary, telephone, view
from server.meetings.service.attend import Switches
from server.meetings.service.telephone import Found
from server.meetings.service.view import CallView
from server.store import Store
from tests.calls.making import telephone as with_telephone
from tests.calls.making import village
from tests.calls.test_dial_in import live
from tests.calls.test_dial_out import NUMBER, Desk, refuse
from tests.calls.test_dial_out import desk as desk
from tests.calls.test_in_meeting import Seated
from tests.calls.test_in_meeting import seated as seated
from tests.conftest import Clock, DistrictIds
from tests.waiting import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=with_telephone())


@pytest.fixture
async def waiting(desk: Desk) -> AsyncIterator[Desk]:
    """A dialler whose pauses last, so that what is said in them can be seen."""

    async def wait(seconds: float) -> None:
        desk.pauses.append(seconds)
        await until(lambda: len(desk.pauses) == 0, seconds=600)

    desk.dialler.sleep = wait
    yield desk


def call_of(desk: Desk, unit: int | None = None) -> CallView | None:
    """As a page reads it that has just been loaded."""
    units = desk.line.store.read_now(view.snapshot, desk.meeting).units
    return next(one.call for one in units if one.id == (unit or desk.village))


async def test_who_is_called_is_busy_and_will_be_called_again(waiting: Desk) -> None:
    desk, store = waiting, waiting.line.store
    changes: list[dict[str, Any]] = []
    store.listeners.append(lambda events, after: changes.extend(body for _room, body in after if "version" in body))
    store.write_now(numbers.give, desk.head.account_id, NUMBER)
    rung: list[Any] = []
    desk.line.handsets.answers = lambda call, now: rung.append(call)
    messages = CallMessages(store, desk.dialler)
    await messages.dial(Caller(desk.district.who("chutich"), "sid"), Whom(meeting=desk.meeting))
    await until(lambda: rung)
    assert call_of(desk) == CallView(outcome="running", again_at=None)
    assert call_of(desk, desk.district.unit("19606")) == CallView(outcome="no_number", again_at=None)
    rung[0].refuse(486, desk.line.handsets.endpoint.now)
    await until(lambda: desk.pauses)
    assert call_of(desk) == CallView(outcome="busy", again_at=store.clock() + timedelta(minutes=1))
    told = [unit.call and unit.call.outcome for one in changes for unit in one["units"] if unit.id == desk.village]
    assert told == ["queued", "running", "busy"], "pages that are open hear of each"
    await messages.dial(Caller(desk.district.who("chutich"), "sid"), Whom(meeting=desk.meeting))
    assert (call_of(desk) or CallView(outcome="", again_at=None)).outcome == "busy", (
        "it waits for its time, not its turn"
    )


async def test_hosts_know_which_units_have_a_number(desk: Desk) -> None:
    store, messages = desk.line.store, CallMessages(desk.line.store, desk.dialler)
    chair, about = Caller(desk.district.who("chutich"), "sid"), About(meeting=desk.meeting)
    assert await messages.numbered(chair, about) == {"units": []}
    store.write_now(numbers.give, desk.head.account_id, NUMBER)
    assert await messages.numbered(chair, about) == {"units": [desk.village]}
    with pytest.raises(NotAllowedError):
        await messages.numbered(Caller(desk.district.who("camthuy"), "sid"), about)


async def test_number_and_code_are_told_to_who_runs_the_meeting_and_only_then(desk: Desk) -> None:
    store, about = desk.line.store, About(meeting=desk.meeting)
    messages = CallMessages(store, desk.dialler)
    chair, cadre = (Caller(desk.district.who(name), "sid") for name in ("chutich", "camthuy"))
    village = Caller(desk.head, "sid")
    numbers_in, exchange = ["0233 3873 100"], desk.line.exchange
    given = msgspec.structs.replace(exchange.settings.telephone, numbers=numbers_in)
    exchange.settings = msgspec.structs.replace(exchange.settings, telephone=given)
    assert await messages.dial_in(chair, about) == {"numbers": numbers_in, "code": ""}
    code = store.write_now(telephone.give_code, desk.meeting)
    for other in (cadre, village):
        with pytest.raises(NotAllowedError):
            await messages.dial_in(other, about)
    store.write_now(secretary.appoint, chair.who, desk.meeting, cadre.who.account_id)
    for host in (chair, cadre):
        assert await messages.dial_in(host, about) == {"numbers": numbers_in, "code": code}
    assert await CallMessages(store, None).dial_in(chair, about) == {"numbers": [], "code": ""}
    store.write_now(secretary.appoint, chair.who, desk.meeting, None)
    with pytest.raises(NotAllowedError):
        await messages.dial_in(cadre, about)
    store.write_now(plan.end, chair.who, desk.meeting)
    with pytest.raises(ConflictError):
        await messages.dial_in(chair, about)


async def test_what_became_of_it_stays_until_somebody_has_come(desk: Desk, clock: Clock) -> None:
    store = desk.line.store
    desk.line.handsets.answers = refuse(603)
    desk.dialler.call([desk.job])
    await desk.done()
    assert call_of(desk) == CallView(outcome="refused", again_at=None)
    clock.advance(seconds=1)
    store.write_now(attend.enter, desk.head, desk.meeting, Switches(), hall=False)
    assert call_of(desk) is None
    clock.advance(seconds=1)
    store.write_now(attend.leave, desk.head, desk.meeting)
    assert call_of(desk) is None, "that call is no news of who has left"
    store.write_now(calling.tell, desk.meeting, desk.village, "no_answer")
    assert call_of(desk) == CallView(outcome="no_answer", again_at=None)


async def test_a_new_server_calls_nobody_and_says_so(waiting: Desk, settings: Settings) -> None:
    desk = waiting
    desk.line.handsets.answers = refuse(486)
    desk.dialler.call([desk.job])
    await until(lambda: desk.pauses)
    other = desk.district.unit("19606")
    desk.line.store.write_now(calling.tell, desk.meeting, other, "declined")
    async with village(settings, desk.line.store):
        assert call_of(desk) is None
        assert call_of(desk, other) == CallView(outcome="declined", again_at=None)


async def test_who_asks_for_help_is_marked_until_a_host_has_answered(seated: Seated, clock: Clock) -> None:
    def wanted() -> Any:
        people = seated.line.store.read_now(view.snapshot, seated.meeting).participants
        return next(one.help for one in people if one.id == seated.id)

    assert wanted() is None
    await seated.press("*0", "secretary_called")
    assert wanted() == clock()
    with pytest.raises(NotAllowedError):
        seated.line.store.write_now(floor.answer_help, seated.district.who("thon1.camthuy"), seated.meeting, seated.id)
    assert wanted() is not None
    await seated.do(floor.answer_help, seated.id)
    assert wanted() is None
    await seated.press("*0", "secretary_called")
    seated.call.hang_up(seated.line.handsets.endpoint.now)
    await until(lambda: not seated.line.exchange.lines)
    assert wanted() is None, "who has gone needs nobody any more"


async def test_without_a_host_at_a_page_the_caller_is_told(seated: Seated) -> None:
    seated.line.store.write_now(attend.leave, seated.chair, seated.meeting)
    await seated.press("*0", "secretary_away")
    assert seated.row.help_wanted_at is not None, "who comes sees it"
    found = Found(meeting=seated.meeting, who=seated.chair, unit=seated.chair.unit_id)
    seated.line.store.write_now(telephone.enter, found, "chair", NUMBER)
    await seated.press("*0", "secretary_away")


def enter(store: Store, meeting: int, unit: int, call: str, number: str) -> int:
    seat: int = store.write_now(telephone.enter, Found(meeting=meeting, who=None, unit=unit), call, number)
    return seat


async def test_telephones_of_one_unit_do_not_share_a_seat(
    settings: Settings, store: Store, district: DistrictIds
) -> None:
    async with village(settings, store) as line:
        meeting, unit, chair = live(line, district), district.unit("19606.01"), district.who("chutich")
        hidden = [enter(store, meeting, unit, f"hidden{n}", "") for n in range(2)]
        alike = [enter(store, meeting, unit, f"alike{n}", f"09{n}1234789") for n in range(2)]
        assert len({*hidden, *alike}) == 4
        here = [one for one in store.read_now(view.snapshot, meeting).participants if one.unit == unit and one.present]
        assert sorted(one.name for one in here) == ["Điện thoại giấu số"] * 2 + ["Điện thoại …789"] * 2
        store.write_now(floor.remove, chair, meeting, hidden[0])
        store.write_now(floor.remove, chair, meeting, alike[0])
        enter(store, meeting, unit, "hidden2", "")
        with pytest.raises(NotAllowedError):
            enter(store, meeting, unit, "again0", "0901234789")
        store.write_now(floor.rename, chair, meeting, alike[1], "Bà Năm")
        store.write_now(telephone.leave, alike[1], "alike1")
        assert enter(store, meeting, unit, "again1", "0911234789") == alike[1], "a number comes back to its seat"
