"""Days that nobody can mean are no deadlines: they are refused before a page has to show them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.documents import check_deadline
from server.directives.shapes import ExtensionDecision, ExtensionInput, ReportInput, SendBackInput
from server.errors import UserError
from server.store import Store
from tests.conftest import As, DistrictIds, PageAs
from tests.directives.edxml.test_exchange import PROVINCE, changed, send
from tests.directives.helpers import POLICY, issue

NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
END_OF_DAYS = "9999-12-31T20:00:00Z"
FAR = msgspec.convert(END_OF_DAYS, datetime)
FAR_DAYS = [END_OF_DAYS, "9999-12-31T23:00:00-05:00", "0001-01-01T00:00:00+14:00"]


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    return {name: district.who(name) for name in ("chutich", "vanthu", "camthuy")}


@pytest.fixture
def registered(store: Store, people: dict[str, Principal]) -> tuple[int, int]:
    """Ids of a directive and its delivery to Cam Thủy, registered."""
    made = issue(store, people["chutich"], [people["camthuy"].unit_id])
    return made.id, store.write_now(service.register, people["camthuy"], POLICY, made.id).id


@pytest.mark.parametrize("days", [0, 1, 5 * 366, -5 * 366])
def test_five_years_either_way_can_be_meant(days: int) -> None:
    assert check_deadline(NOW + timedelta(days=days), NOW) == check_deadline(None, NOW) == []
    (problem,) = check_deadline(NOW + timedelta(days=days + (1 if days >= 0 else -1) * 1831), NOW)
    assert (problem.field, problem.code, problem.limit) == ("deadline", "too_far", 5)


@pytest.mark.parametrize("day", FAR_DAYS)
async def test_no_draft_has_such_a_deadline(as_: As, people: dict[str, Principal], day: str) -> None:
    clerk, to = await as_("vanthu"), [{"unit": people["camthuy"].unit_id}]
    body: dict[str, Any] = {"kind": "Kế hoạch", "subject": "Tiêm phòng", "recipients": to}
    made = (await (await clerk.post("/api/v1/directives", body)).json())["id"]
    for answer in (
        await clerk.post("/api/v1/directives", body | {"deadline": day}),
        await clerk.post("/api/v1/directives/check", body | {"deadline": day}),
        await clerk.put(f"/api/v1/directives/{made}", body | {"deadline": day}),
    ):
        problem = await answer.json(content_type=None)
        assert (answer.status, problem["code"], problem["field"]) == (422, "too_far", "deadline")
        assert problem["title"] == "Hạn chỉ được cách lúc này nhiều nhất 5 năm."


async def test_the_form_says_so(page_as: PageAs, people: dict[str, Principal]) -> None:
    clerk = await page_as("vanthu")
    form = {"kind": "Kế hoạch", "subject": "Tiêm phòng", "recipients": str(people["camthuy"].unit_id)}
    for action in ("save", "submit"):
        answer = await clerk.post("/directives/new", form | {"deadline": "9999-12-31T23:59", "action": action})
        assert (answer.status, "nhiều nhất 5 năm" in await answer.text()) == (422, True)


def test_nor_does_more_time(store: Store, people: dict[str, Principal], registered: tuple[int, int]) -> None:
    directive, delivery = registered
    with pytest.raises(UserError, match="too_far") as refused:
        store.write_now(
            service.ask_extension, people["camthuy"], POLICY, directive, ExtensionInput(reason="Mưa", until=FAR)
        )
    assert refused.value.field == "until"
    later = ExtensionInput(reason="Mưa", until=store.clock() + timedelta(days=9))
    store.write_now(service.ask_extension, people["camthuy"], POLICY, directive, later)
    with pytest.raises(UserError, match="too_far"):
        store.write_now(
            service.decide_extension, people["vanthu"], POLICY, delivery, ExtensionDecision(grant=True, until=FAR)
        )


async def test_nor_does_what_is_sent_back(
    store: Store, people: dict[str, Principal], registered: tuple[int, int], page_as: PageAs
) -> None:
    directive, delivery = registered
    store.write_now(service.report, people["camthuy"], POLICY, directive, ReportInput(text="Xong"))
    with pytest.raises(UserError, match="too_far") as refused:
        store.write_now(
            service.send_back, people["vanthu"], POLICY, delivery, SendBackInput(note="Thiếu", deadline=FAR)
        )
    assert refused.value.field == "deadline"
    clerk, form = await page_as("vanthu"), {"note": "Thiếu", "deadline": "9999-12-31T23:59", "version": "1"}
    answer = await clerk.post(f"/deliveries/{delivery}/send-back", form)
    assert (answer.status, "nhiều nhất 5 năm" in await answer.text()) == (422, True)


@pytest.mark.parametrize("due", [date(2099, 12, 31), date(2015, 3, 2)])
async def test_a_document_that_bears_one_is_taken_in_without(as_: As, page_as: PageAs, due: date) -> None:
    clerk = await as_("vanthu")
    answer = await send(clerk, changed(PROVINCE, due=due))
    made = (await answer.json())["directive"]
    found = await (await clerk.get(f"/api/v1/directives/{made}")).json()
    assert found["directive"]["deadline"] is None
    assert (await (await page_as("vanthu")).get(f"/directives/{made}")).status == 200
