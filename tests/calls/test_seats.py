"""Seats of telephones that come by the meeting's code: one for each, and none for whoever was taken out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
import sqlalchemy as sa

from server.config import Settings
from server.errors import ConflictError, NotAllowedError
from server.meetings.model import meeting_log
from server.meetings.service import floor, plan, telephone
from server.store import Store
from tests.calls.making import Village, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_dial_in import live, seats
from tests.conftest import DistrictIds
from tests.waiting import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=with_telephone())


@pytest.fixture
async def line(settings: Settings, store: Store) -> AsyncIterator[Village]:
    async with village(settings, store) as made:
        yield made


@pytest.mark.parametrize(
    ("unit", "again"),
    [("1960601", "02333873789"), ("19606", "02333873789"), ("1960601", "+842333873789")],
    ids=["its own unit", "another", "the number's other form"],
)
async def test_whose_telephone_was_taken_out_does_not_come_again_by_code(
    line: Village, district: DistrictIds, unit: str, again: str
) -> None:
    number = live(line, district)
    code = line.store.write_now(telephone.give_code, number)
    call, name = await line.dial("02333873789")
    await line.press(name, f"{code}1960601#")
    await line.hears(name, "joined")
    await line.store.write(floor.remove, district.who("chutich"), number, seats(line, number)[1].id)
    await line.ended(call)
    call, name = await line.dial(again)
    await line.press(name, f"{code}{unit}#")
    await line.hears(name, "taken_out")
    await line.ended(call)
    assert len(seats(line, number)) == 2


async def test_who_hides_the_number_is_kept_out_by_a_new_code(line: Village, district: DistrictIds) -> None:
    """Nobody is thrown out by it: who sits there stays."""
    number, chair = live(line, district), district.who("chutich")
    code = line.store.write_now(telephone.give_code, number)
    call, name = await line.dial("anonymous")
    await line.press(name, f"{code}1960601#")
    await line.hears(name, "joined")
    stays, there = await line.dial("02333873789")
    await line.press(there, f"{code}1960601#")
    await line.hears(there, "joined")
    await line.store.write(floor.remove, chair, number, seats(line, number)[1].id)
    await line.ended(call)
    new = (await line.store.write(telephone.change_code, chair, number)).code
    assert new != code
    call, name = await line.dial("anonymous")
    await line.press(name, code)
    await line.hears(name, "wrong_pin")
    assert stays.id not in line.handsets.endings and seats(line, number)[2].left_at is None
    await line.press(name, f"{new}1960601#")
    await line.hears(name, "joined")


async def test_two_telephones_behind_one_number_have_a_seat_each(line: Village, district: DistrictIds) -> None:
    number = live(line, district)
    code = line.store.write_now(telephone.give_code, number)
    calls = []
    for _telephone in range(2):
        call, name = await line.dial("02333873100")
        await line.press(name, f"{code}1960601#")
        await line.hears(name, "joined")
        calls.append(call)
    first, second = seats(line, number)[1:]
    assert calls[0].id not in line.handsets.endings
    assert (first.left_at, second.left_at, first.number, second.number) == (None, None, *["02333873100"] * 2)
    calls[0].hang_up(line.handsets.endpoint.now)
    await until(lambda: len(line.exchange.lines) == 1)
    _call, name = await line.dial("02333873100")
    await line.press(name, f"{code}1960601#")
    await line.hears(name, "joined")
    assert [seat.id for seat in seats(line, number)[1:]] == [first.id, second.id], "who comes again has the seat again"


def test_only_who_runs_the_meeting_changes_its_code(store: Store, district: DistrictIds) -> None:
    chair, told = district.who("chutich"), []
    wanted = plan.Plan(title="Giao ban", units=[district.unit("19606")])
    number = store.write_now(plan.create, chair, wanted)
    store.listeners.append(lambda events, after: told.extend(body["kind"] for _room, body in after))
    first = store.write_now(telephone.dial_in, chair, number).code
    second = store.write_now(telephone.change_code, chair, number).code
    assert store.read_now(telephone.meeting_by_code, first) is None
    assert store.read_now(telephone.meeting_by_code, second) == number
    assert told == ["meeting.dial_in_changed"] * 2, "open rooms ask for it anew"
    assert store.write_now(telephone.dial_in, chair, number).code == second and len(told) == 2
    with pytest.raises(NotAllowedError):
        store.write_now(telephone.change_code, district.who("camthuy"), number)
    query = sa.select(meeting_log.c.account_id, meeting_log.c.detail).where(meeting_log.c.kind == "dial_in_code")
    logged = store.read_now(lambda tx: [tuple(row) for row in tx.all(query)])
    assert logged == [(chair.account_id, "made"), (chair.account_id, "changed")]
    store.write_now(plan.end, chair, number)
    with pytest.raises(ConflictError):
        store.write_now(telephone.change_code, chair, number)
