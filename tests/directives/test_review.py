"""What is accepted is the answer that was read: a newer one is read first."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.shapes import AcceptInput, Delivery, ReportInput, SendBackInput
from server.errors import ConflictError, UserError
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
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
    assert (answer.status, "Đơn vị đã gửi báo cáo mới" in text, "Lần hai" in text) == (409, True, True)
    assert more.get("note", "") in text, "what was typed stays"
    assert (await clerk.post(f"{place}/{step}", more)).status == 409, "a page must say what it has shown"
    assert read(store, people, reported).state == "REPORTED"
    now = version_in(text, f"{place}/{step}")
    assert (await clerk.post(f"{place}/{step}", more | {"version": now})).status == 303


# ---- until when more is to come


def test_after_the_deadline_more_needs_a_new_one(
    store: Store, people: dict[str, Principal], reported: int, clock: Clock
) -> None:
    clock.advance(days=8)
    before = read(store, people, reported)
    more, clerk = SendBackInput(note="Thiếu"), people["vanthu"]
    with pytest.raises(UserError, match="no_deadline") as refused:
        store.write_now(service.send_back, clerk, POLICY, reported, more)
    assert (refused.value.field, read(store, people, reported).changes) == ("deadline", before.changes)
    until = clock() + timedelta(days=2)
    store.write_now(service.send_back, clerk, POLICY, reported, msgspec.structs.replace(more, deadline=until))
    found = read(store, people, reported)
    assert (found.state, found.deadline, found.timeliness) == ("REWORK", until, "ON_TIME")
    assert [(one.holder, one.late) for one in found.held[-2:]] == [("issuer", False), ("issuer", True)]


def test_before_it_the_old_one_holds(store: Store, people: dict[str, Principal], reported: int) -> None:
    old = read(store, people, reported).deadline
    store.write_now(service.send_back, people["vanthu"], POLICY, reported, SendBackInput(note="Thiếu"))
    assert (read(store, people, reported).state, read(store, people, reported).deadline) == ("REWORK", old)


async def test_the_page_suggests_one_after_the_deadline(reported: int, page_as: PageAs, clock: Clock) -> None:
    place = f"/deliveries/{reported}"
    assert field_in(await (await (await page_as("vanthu")).get(place)).text()) == ""
    clock.advance(days=8)
    clerk = await page_as("vanthu")
    text = await (await clerk.get(place)).text()
    suggested = field_in(text)
    assert suggested > f"{clock():%Y-%m-%d}"
    form = {"note": "Thiếu số liệu", "version": version_in(text, f"{place}/send-back")}
    for typed, code in (("", "phải có hạn mới"), ("2026-11-30T08:00", "Hạn mới phải sau lúc này")):
        answer = await clerk.post(f"{place}/send-back", form | {"deadline": typed})
        text = await answer.text()
        assert (answer.status, code in text, "Thiếu số liệu" in text) == (422, True, True)
        assert field_in(text) == (typed or suggested)
    assert (await clerk.post(f"{place}/send-back", form | {"deadline": suggested})).status == 303


@pytest.mark.parametrize("too_long", [{"note": "x" * 1001}, {"command_id": "x" * 65}])
async def test_a_form_that_is_too_long_is_refused_and_not_cut(
    store: Store, people: dict[str, Principal], reported: int, page_as: PageAs, too_long: dict[str, str]
) -> None:
    clerk, form = await page_as("vanthu"), {"note": "Thiếu", "version": "1"} | too_long
    assert (await clerk.post(f"/deliveries/{reported}/send-back", form)).status == 422
    assert read(store, people, reported).state == "REPORTED"


def field_in(text: str) -> str:
    found = re.search(r'type="datetime-local" value="([^"]*)" id="f-deadline"', text)
    assert found is not None
    return found[1]


def version_in(text: str, action: str) -> str:
    found = re.search(rf'action="{action}".*?name="version" value="(\d+)"', text, re.DOTALL)
    assert found is not None
    return found[1]
