"""What is accepted is the answer that was read: a newer one is read first."""

from __future__ import annotations

import re
from typing import Any

import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.shapes import AcceptInput, Delivery, ReportInput, SendBackInput
from server.errors import ConflictError
from server.store import Store
from tests.conftest import As, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    return {name: district.who(name) for name in ("chutich", "vanthu", "camthuy")}


@pytest.fixture
def reported(store: Store, people: dict[str, Principal]) -> int:
    """A delivery to Cam Thủy that has one answer."""
    made = issue(store, people["chutich"], [people["camthuy"].unit_id])
    store.write_now(service.register, people["camthuy"], POLICY, made.id)
    return report(store, people, made.id, "Lần một")


def report(store: Store, people: dict[str, Principal], directive: int, text: str) -> int:
    return store.write_now(service.report, people["camthuy"], POLICY, directive, ReportInput(text=text)).id


def read(store: Store, people: dict[str, Principal], delivery: int) -> Delivery:
    return store.read_now(service.open_delivery, people["vanthu"], POLICY, delivery)[1]


def again(store: Store, people: dict[str, Principal], delivery: int) -> None:
    """The unit reports anew."""
    report(store, people, store.read_now(service.open_delivery, people["vanthu"], POLICY, delivery)[0].id, "Lần hai")


def test_a_newer_answer_is_neither_accepted_nor_sent_back_unread(
    store: Store, people: dict[str, Principal], reported: int
) -> None:
    seen = read(store, people, reported).responses[0].version
    again(store, people, reported)
    with pytest.raises(ConflictError, match="answer_changed"):
        store.write_now(service.accept, people["vanthu"], POLICY, reported, AcceptInput(version=seen))
    with pytest.raises(ConflictError, match="answer_changed"):
        store.write_now(
            service.send_back, people["vanthu"], POLICY, reported, SendBackInput(note="Thiếu", version=seen)
        )
    now = read(store, people, reported)
    assert (now.state, [one.accepted for one in now.responses]) == ("REPORTED", [None, None])
    newest = AcceptInput(version=now.responses[0].version, command_id="once")
    done = [store.write_now(service.accept, people["vanthu"], POLICY, reported, newest) for _each in range(2)]
    assert (done[0].state, done[0]) == ("COMPLETED", done[1])


def test_who_names_no_version_accepts_the_newest(store: Store, people: dict[str, Principal], reported: int) -> None:
    again(store, people, reported)
    store.write_now(service.accept, people["vanthu"], POLICY, reported)
    assert [one.accepted for one in read(store, people, reported).responses] == [True, None]


async def test_over_the_api(store: Store, people: dict[str, Principal], reported: int, as_: As) -> None:
    clerk, one = await as_("vanthu"), f"/api/v1/deliveries/{reported}"
    seen = (await (await clerk.get(one)).json())["delivery"]["responses"][0]["version"]
    again(store, people, reported)
    for step, data in (("accept", {}), ("send-back", {"note": "Thiếu"})):
        answer = await clerk.post(f"{one}/{step}", data | {"version": seen})
        problem = await answer.json(content_type=None)
        assert (answer.status, problem["code"]) == (409, "answer_changed")
        assert "báo cáo mới" in problem["title"]
    assert (await clerk.post(f"{one}/accept", {"version": seen + 1})).status == 200


@pytest.mark.parametrize(("step", "more"), [("accept", {}), ("send-back", {"note": "Thiếu số liệu"})])
async def test_a_page_that_shows_an_older_answer_judges_nothing(
    store: Store, people: dict[str, Principal], reported: int, page_as: PageAs, step: str, more: dict[str, Any]
) -> None:
    clerk, place = await page_as("vanthu"), f"/deliveries/{reported}"
    old = version_in(await (await clerk.get(place)).text(), f"{place}/{step}")
    again(store, people, reported)
    answer = await clerk.post(f"{place}/{step}", more | {"version": old})
    text = await answer.text()
    assert (answer.status, "Đơn vị vừa gửi báo cáo mới" in text, "Lần hai" in text) == (409, True, True)
    assert more.get("note", "") in text, "what was typed stays"
    assert (await clerk.post(f"{place}/{step}", more)).status == 409, "a page must say what it has shown"
    assert read(store, people, reported).state == "REPORTED"
    now = version_in(text, f"{place}/{step}")
    assert (await clerk.post(f"{place}/{step}", more | {"version": now})).status == 303


def version_in(text: str, action: str) -> str:
    found = re.search(rf'action="{action}".*?name="version" value="(\d+)"', text, re.DOTALL)
    assert found is not None
    return found[1]
