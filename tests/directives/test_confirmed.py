"""A confirmation pressed without a network: both times are kept, and only a time that can be is believed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from server.accounts.people import add_membership
from server.accounts.permissions import Role
from server.directives import service
from server.directives.documents import Urgency
from server.directives.rules import State
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue


def confirmed(store: Store, district: DistrictIds, number: int) -> tuple[datetime | None, datetime | None]:
    opened = store.read_now(service.open_directive, district.who("chutich"), POLICY, number)
    assert opened.board is not None
    return opened.board[0].confirmed_at, opened.board[0].registered_at


async def test_both_times_are_kept_and_the_server_s_counts(
    as_: As, page_as: PageAs, store: Store, district: DistrictIds, clock: Clock
) -> None:
    number = issue(store, district.who("chutich"), [district.unit("19606")]).id
    made = clock.advance(minutes=5)
    clock.advance(minutes=25)
    client = await as_("vanthu.camthuy")
    body = {"command_id": "c1", "made_at": made.isoformat()}
    first = await client.post(f"/api/v1/directives/{number}/register", body)
    assert first.status == 200
    assert confirmed(store, district, number) == (made, clock())
    clock.advance(minutes=1)
    again = await client.post(f"/api/v1/directives/{number}/register", body)  # its answer was lost on the way
    assert await again.json() == await first.json()
    text = await (await (await page_as("chutich")).get(f"/directives/{number}")).text()
    assert "bấm lúc 08:05 khi mất mạng" in text
    text = await (await (await page_as("camthuy")).get(f"/directives/{number}")).text()
    assert "Bấm khi mất mạng:" in text
    assert "Máy chủ nhận:" in text


async def test_a_form_whose_answer_was_lost_and_its_repeat_from_the_device_are_one(
    as_: As, page_as: PageAs, store: Store, district: DistrictIds, clock: Clock
) -> None:
    number = issue(store, district.who("chutich"), [district.unit("19606")]).id
    page = await page_as("vanthu.camthuy")
    assert (await page.post(f"/directives/{number}/register", {"command_id": "c1"})).status == 303
    made = clock()
    clock.advance(minutes=10)
    client = await as_("vanthu.camthuy")
    body = {"command_id": "c1", "made_at": made.isoformat()}
    assert (await client.post(f"/api/v1/directives/{number}/register", body)).status == 200
    assert confirmed(store, district, number) == (None, made)  # it had come at once


@pytest.mark.parametrize("minutes", [-1, 31, 60 * 24 * 365 * 10])
async def test_a_time_that_cannot_be_is_not_believed_but_the_confirmation_counts(
    as_: As, store: Store, district: DistrictIds, clock: Clock, minutes: int
) -> None:
    issued = clock()
    number = issue(store, district.who("chutich"), [district.unit("19606")]).id
    clock.advance(minutes=30)
    client = await as_("vanthu.camthuy")
    body: dict[str, Any] = {"made_at": (issued + timedelta(minutes=minutes)).isoformat()}
    assert (await client.post(f"/api/v1/directives/{number}/register", body)).status == 200
    assert confirmed(store, district, number) == (None, clock())


async def test_a_time_without_a_zone_is_refused(as_: As, store: Store, district: DistrictIds) -> None:
    number = issue(store, district.who("chutich"), [district.unit("19606")]).id
    client = await as_("vanthu.camthuy")
    refused = await client.post(f"/api/v1/directives/{number}/register", {"made_at": "2026-11-24T08:00:00"})
    assert (refused.status, (await refused.json())["field"]) == (422, "made_at")
    assert confirmed(store, district, number) == (None, None)


async def test_the_wait_for_the_network_is_not_charged_to_who_confirmed(
    page_as: PageAs, store: Store, district: DistrictIds, clock: Clock
) -> None:
    village, deadline = district.unit("19606.01"), clock() + timedelta(hours=4)
    number = issue(store, district.who("chutich"), [village], urgency=Urgency.FLASH, deadline=deadline).id
    store.write_now(service.arrived, {village: 99})
    pressed = clock.advance(minutes=5)
    clock.advance(minutes=55)  # it was to be confirmed within a quarter of an hour
    store.write_now(service.register, district.who("thon1.camthuy"), POLICY, number, "c1", pressed)
    page = " ".join((await (await (await page_as("chutich")).get("/deliveries/1")).text()).split())
    assert "Người tiếp nhận: 5 phút</span>" in page
    assert 'Mạng: 55 phút · <b class="ball-late-words">quá hạn 45 phút</b>' in page


@pytest.fixture
def two_units(store: Store, district: DistrictIds) -> tuple[int, int]:
    """Cam Thủy and Cam Hiếu: the clerk of the first is the clerk of the second, too."""
    first, second = district.unit("19606"), district.unit("19615")
    store.write_now(add_membership, district.who("vanthu.camthuy").account_id, second, Role.CLERK, "Văn thư")
    return first, second


def registered(store: Store, district: DistrictIds, number: int) -> dict[int, bool]:
    opened = store.read_now(service.open_directive, district.who("chutich"), POLICY, number)
    return {one.unit: one.registered_at is not None for one in opened.board or ()}


async def test_a_confirmation_for_one_unit_never_registers_in_another(
    as_: As, store: Store, district: DistrictIds, two_units: tuple[int, int]
) -> None:
    first, second = two_units
    number = issue(store, district.who("chutich"), [first, second]).id
    client, path = await as_("vanthu.camthuy"), f"/api/v1/directives/{number}/register"
    body = {"command_id": "c1", "unit": second}
    for language, words in (("vi", "Xin chuyển sang đơn vị đó"), ("en", "switch to that unit")):
        refused = await client.post(path, body, headers={"Cookie": f"language={language}"})
        problem = await refused.json()
        assert (refused.status, problem["code"]) == (409, "other_unit")
        assert words in problem["title"]
    assert registered(store, district, number) == {first: False, second: False}
    there = next(held for held in district.who("vanthu.camthuy").memberships if held.unit_id == second)
    await client.post("/api/v1/session/acting", {"membership_id": there.id})
    assert (await client.post(path, body)).status == 200, "the refusal has used up no command"
    assert registered(store, district, number) == {first: False, second: True}


async def test_a_page_of_one_unit_does_nothing_in_another(
    page_as: PageAs, store: Store, district: DistrictIds, two_units: tuple[int, int]
) -> None:
    """Two windows: the person switches in one, and answers a directive in the other, which shows the first unit."""
    first, second = two_units
    number = issue(store, district.who("chutich"), [first, second]).id
    page = await page_as("vanthu.camthuy")
    there = next(held for held in page.who.memberships if held.unit_id == second)
    assert (await page.post("/membership", {"membership": str(there.id), "next": "/"})).status == 303
    form = {"reason": "duplicate", "note": "Trùng", "command_id": "c1"}
    refused = await page.post(f"/directives/{number}/return", form)
    assert (refused.status, "Trang này đã cũ" in await refused.text()) == (403, True)
    opened = store.read_now(service.open_directive, district.who("chutich"), POLICY, number)
    assert {one.state for one in opened.board or ()} == {State.SENT}
    assert (await page.post("/language", {"language": "en"})).status == 303
    back = {"membership": str(page.who.acting.id), "next": "/"}
    assert (await page.post("/membership", back)).status == 303, "whoever is surprised can go back from there"
    assert (await page.post(f"/directives/{number}/return", form)).status == 303
    await page.post("/membership", {"membership": str(there.id), "next": "/"})
    assert (await page.post("/sign-out")).status == 303, "and sign out wherever"


async def test_a_confirmation_without_a_unit_is_for_the_one_that_the_person_acts_in(
    as_: As, store: Store, district: DistrictIds, two_units: tuple[int, int]
) -> None:
    first, second = two_units
    number = issue(store, district.who("chutich"), [first, second]).id
    client = await as_("vanthu.camthuy")
    assert (await client.post(f"/api/v1/directives/{number}/register", {"command_id": "c1"})).status == 200
    assert registered(store, district, number) == {first: True, second: False}


async def test_pages_say_for_which_unit_their_button_confirms(
    page_as: PageAs, store: Store, district: DistrictIds, two_units: tuple[int, int]
) -> None:
    first, second = two_units
    number = issue(store, district.who("chutich"), [first, second, village := district.unit("19606.01")]).id
    head = await page_as("thon1.camthuy")
    clerk = await page_as("vanthu.camthuy")
    one = f"/directives/{number}"
    for page, path, unit in (
        (head, "/", village),
        (head, "/directives/in", village),
        (head, one, village),
        (clerk, one, first),
    ):
        form = (await (await page.get(path)).text()).split(f'action="{one}/register"')[1].split("</form>")[0]
        assert f'name="unit" value="{unit}"' in form, path
    left_open = {"command_id": "c1", "unit": str(second)}  # in another window the clerk has gone back to the first
    assert (await clerk.post(f"{one}/register", left_open)).status == 409
    assert registered(store, district, number) == {first: False, second: False, village: False}
    assert (await clerk.post(f"{one}/register", left_open | {"unit": str(first)})).status == 303
    assert registered(store, district, number) == {first: True, second: False, village: False}
