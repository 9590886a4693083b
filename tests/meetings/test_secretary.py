"""The secretary of a meeting: who appoints one, who may be one, and what only an appointed one may do."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from server.accounts.permissions import Permission, Role, allows
from server.errors import ConflictError, NotAllowedError, NotFoundError, UserError
from server.meetings.model import meeting_log
from server.meetings.service import attend, floor, plan, secretary, view
from server.meetings.service.plan import Plan
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.meetings.test_service import Room
from tests.test_permissions import PEOPLE


@pytest.fixture
def room(store: Store, clock: Clock, district: DistrictIds) -> Room:
    return Room(store, clock, district)


def appointed(room: Room) -> int | None:
    head: view.Head = room.read(view.snapshot, room.id).head
    return head.secretary


def test_a_cadre_runs_the_meeting_as_secretary_and_not_before_nor_after(room: Room) -> None:
    room.enter(room.chair)
    seat = room.enter(room.commune)
    with pytest.raises(NotAllowedError, match="only_chair"):
        room.do(floor.mute, room.commune, room.id, None)
    room.do(secretary.appoint, room.chair, room.id, room.commune.account_id)
    assert room.seat(seat).role == "secretary"
    assert room.read(attend.look, room.commune, room.id).host
    room.do(floor.mute, room.commune, room.id, None)
    room.do(secretary.appoint, room.chair, room.id, None)
    assert room.seat(seat).role == "delegate"
    with pytest.raises(NotAllowedError, match="only_chair"):
        room.do(floor.mute, room.commune, room.id, None)


def test_it_is_told_to_the_room_and_the_person_and_stands_in_the_log(room: Room, district: DistrictIds) -> None:
    clerk = district.who("vanthu")
    room.do(secretary.appoint, room.chair, room.id, room.commune.account_id)
    room.do(secretary.appoint, room.chair, room.id, clerk.account_id)
    room.do(secretary.appoint, room.chair, room.id, clerk.account_id)  # the same again
    told = [(name, body["appointed"]) for name, body in room.notes if body["kind"] == "meeting.secretary"]
    commune = f"account:{room.commune.account_id}"
    assert told == [(commune, True), (commune, False), (f"account:{clerk.account_id}", True)]
    heads = [body["head"] for _name, body in room.notes if body["kind"] == "meeting.changed" and "head" in body]
    assert heads[-1].secretary_name == clerk.name
    query = sa.select(meeting_log.c.detail).where(meeting_log.c.kind == "secretary").order_by(meeting_log.c.id)
    rows = room.store.read_now(lambda tx: tx.all(query))
    assert [row.detail for row in rows] == [f"– → {room.commune.name}", f"{room.commune.name} → {clerk.name}"]


def test_only_an_official_of_a_unit_that_takes_part_can_be_one(room: Room) -> None:
    for who, why in ((room.village, "no_secretary"), (room.stranger, "no_secretary"), (room.chair, "is_chair")):
        with pytest.raises(UserError, match=why):
            room.do(secretary.appoint, room.chair, room.id, who.account_id)
        with pytest.raises(UserError, match=why):
            plan_ = Plan(title="Chiều", units=room.units, secretary=who.account_id)
            room.do(plan.create, room.chair, plan_)
    assert appointed(room) is None
    names = {one.account for one in room.read(plan.detail, room.chair, room.id).candidates}
    assert room.commune.account_id in names
    assert not names & {room.chair.account_id, room.village.account_id, room.stranger.account_id}


def test_a_new_meeting_offers_people_once_for_each_unit_and_who_calls_it_not_at_all(room: Room) -> None:
    offered = room.read(secretary.of_all_units, room.chair)
    assert (room.commune.account_id, room.commune.unit_id) in {(one.account, one.unit) for one in offered}
    assert len({(one.account, one.unit) for one in offered}) == len(offered)
    assert offered[0].unit == room.chair.unit_id
    assert not {one.account for one in offered} & {room.chair.account_id, room.village.account_id}


def test_who_may_not_appoint(room: Room) -> None:
    room.do(secretary.appoint, room.chair, room.id, room.commune.account_id)
    for who in (room.commune, room.village):  # a secretary names no other
        with pytest.raises(NotAllowedError, match="only_chair_appoints"):
            room.do(secretary.appoint, who, room.id, None)
        assert room.read(plan.detail, who, room.id).candidates == []
    with pytest.raises(NotFoundError):
        room.do(secretary.appoint, room.stranger, room.id, None)
    room.do(plan.end, room.chair, room.id)
    with pytest.raises(ConflictError):
        room.do(secretary.appoint, room.chair, room.id, None)
    assert appointed(room) == room.commune.account_id


def test_from_the_room_somebody_with_an_account_is_appointed(room: Room) -> None:
    room.enter(room.chair)
    seat = room.enter(room.commune)
    room.do(secretary.appoint_seated, room.chair, room.id, seat)
    assert appointed(room) == room.commune.account_id
    with pytest.raises(NotFoundError):
        room.do(secretary.appoint_seated, room.chair, room.id, seat + 100)
    room.do(secretary.appoint_seated, room.chair, room.id, None)
    assert appointed(room) is None


@pytest.mark.parametrize(("role", "username"), PEOPLE.items(), ids=lambda value: str(value))
async def test_each_role_at_the_routes(as_: As, district: DistrictIds, role: Role, username: str) -> None:
    chair = await as_("chutich")
    body = {"title": "x", "units": [district.unit("19606"), district.who("thon1.camthuy").unit_id]}
    number = (await (await chair.post("/api/v1/meetings", body)).json())["id"]
    path = f"/api/v1/meetings/{number}/secretary"
    client = await as_(username)
    answer = await client.put(path, {"account": district.who("vanthu").account_id})
    assert answer.status == (200 if role is Role.LEADER else 403)
    if allows(role, Permission.CHAIR_MEETING) and role is not Role.LEADER:
        assert (await answer.json())["code"] == "only_chair_appoints"
        assert (await client.post(f"/api/v1/meetings/{number}/mute", {})).status == 403
        assert (await chair.put(path, {"account": district.who(username).account_id})).status == 200
        assert (await client.post(f"/api/v1/meetings/{number}/mute", {})).status == 200


async def test_by_form_when_planning_and_later_and_the_secretary_sees_it(
    page_as: PageAs, district: DistrictIds
) -> None:
    chair, commune, clerk = [await page_as(name) for name in ("chutich", "camthuy", "vanthu")]
    form = {
        "title": "Giao ban",
        "starts_at": "2026-11-24T14:00",
        "units": str(district.unit("19606")),
        "begin": "later",
    }
    wrong = await chair.post("/meetings", form | {"secretary": str(district.who("thon1.camthuy").account_id)})
    assert wrong.status == 422
    assert "Thư ký phải là" in await wrong.text()
    made = await chair.post("/meetings", form | {"secretary": str(district.who("camthuy").account_id)})
    place = made.headers["Location"]
    for page in ("/", "/meetings"):
        assert "đồng chí là thư ký" in await (await commune.get(page)).text()
        assert "đồng chí là thư ký" not in await (await clerk.get(page)).text()
    assert "Đồng chí là thư ký cuộc họp này" in await (await commune.get(place)).text()
    assert f'action="{place}/secretary"' in await (await chair.get(place)).text()
    assert f'action="{place}/secretary"' not in await (await commune.get(place)).text()
    assert (await chair.post(f"{place}/secretary", {"secretary": ""})).status == 303
    assert "Đồng chí là thư ký" not in await (await commune.get(place)).text()
