"""Pages and API of meetings through HTTP, without a media node."""

from __future__ import annotations

from datetime import timedelta

from server.meetings.pages import parse_agenda
from tests.conftest import As, Clock, DistrictIds, PageAs


def test_an_agenda_is_one_item_a_line_with_minutes_in_brackets() -> None:
    lines = parse_agenda("Phòng chống bão (15)\n\n  Việc khác \nTổng kết (5 phút)\nNăm (2026) xong")
    assert [(line.title, line.minutes) for line in lines] == [
        ("Phòng chống bão", 15),
        ("Việc khác", 0),
        ("Tổng kết", 5),
        ("Năm (2026) xong", 0),
    ]


async def test_planning_by_form_and_finding_it_in_the_lists(page_as: PageAs, as_: As, district: DistrictIds) -> None:
    chair, commune = await page_as("chutich"), await page_as("camthuy")
    form = {
        "title": "Giao ban <b>tuần</b>",
        "starts_at": "2026-11-24T14:00",
        "units": str(district.unit("19606")),
        "agenda": "Một (5)",
        "begin": "later",
    }
    made = await chair.post("/meetings", form)
    assert made.status == 303
    place = made.headers["Location"]
    for person in (chair, commune):
        page = await (await person.get(place)).text()
        assert "Giao ban &lt;b&gt;tuần&lt;/b&gt;" in page
        assert "14:00" in page
    assert "14:00" in await (await commune.get("/meetings")).text()
    stranger = await page_as("camtuyen")
    assert (await stranger.get(place)).status == 404
    assert (await stranger.get(f"{place}/check")).status == 404


async def test_a_wrong_form_keeps_what_was_typed(page_as: PageAs) -> None:
    chair = await page_as("chutich")
    assert (await chair.get("/meetings/new")).status == 200
    answer = await chair.post("/meetings", {"title": "Họp gấp", "starts_at": "nonsense", "begin": "later"})
    text = await answer.text()
    assert answer.status == 422
    assert "Họp gấp" in text
    assert "Xin chọn ngày và giờ họp." in text


async def test_a_meeting_now_is_live_for_the_invited_on_home_and_list(
    page_as: PageAs, as_: As, district: DistrictIds
) -> None:
    api = await as_("chutich")
    units = [district.unit("19606"), district.who("thon1.camthuy").unit_id]
    made = await api.post("/api/v1/meetings", {"title": "Họp ngay", "units": units})
    assert made.status == 201
    number = (await made.json())["id"]
    for username in ("camthuy", "thon1.camthuy"):
        person = await page_as(username)
        home = await (await person.get("/")).text()
        assert f"/meetings/{number}/check" in home
        assert "Họp ngay" in home
        assert (await person.get(f"/meetings/{number}/check")).status == 200


async def test_joining_without_a_node_says_what_to_do(as_: As, district: DistrictIds) -> None:
    api = await as_("chutich")
    made = await api.post("/api/v1/meetings", {"title": "x", "units": [district.unit("19606")]})
    number = (await made.json())["id"]
    answer = await api.post(f"/api/v1/meetings/{number}/join", {"offer": "v=0"})
    assert answer.status == 503
    assert (await answer.json())["code"] == "media_away"
    assert (await api.post(f"/api/v1/meetings/{number}/recording")).status == 503


async def test_starting_cancelling_and_ending(as_: As, clock: Clock, district: DistrictIds) -> None:
    chair, commune = await as_("chutich"), await as_("chutich.camthuy")
    later = (clock() + timedelta(hours=2)).isoformat()
    units = [district.unit("19606")]

    async def plan() -> str:
        made = await chair.post("/api/v1/meetings", {"title": "x", "units": units, "starts_at": later})
        return f"/api/v1/meetings/{(await made.json())['id']}"

    one, two = await plan(), await plan()
    assert (await commune.post(f"{one}/start")).status == 403
    assert (await chair.post(f"{one}/start")).status == 200
    assert (await chair.post(f"{one}/cancel")).status == 409
    assert (await chair.post(f"{one}/end")).status == 200
    assert (await chair.post(f"{two}/cancel")).status == 200
    assert (await chair.post(f"{two}/start")).status == 409
    states = {m["id"]: m["state"] for m in (await (await chair.get("/api/v1/meetings")).json())["past"]}
    assert sorted(states.values()) == ["cancelled", "ended"]
