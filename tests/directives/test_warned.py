"""What was shown before the click is what it covers: what comes up later is asked about once more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.rules import DirectiveState
from server.directives.shapes import CheckResult
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, draft, hidden, issue

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
FRIDAY_WEEK = datetime(2026, 12, 4, 10, 0, tzinfo=UTC)
STOPPED = "Việc vừa bấm chưa được thực hiện"


@pytest.fixture
def people(district: DistrictIds, clock: Clock) -> dict[str, Principal]:
    clock.set(WEDNESDAY)
    return {name: district.who(name) for name in ("chutich", "vanthu", "camthuy", "camhieu")}


@pytest.fixture
def waiting(store: Store, people: dict[str, Principal]) -> int:
    """A draft that waits for the leader, and of which there is nothing to warn."""
    made = draft([people["camthuy"].unit_id], deadline=FRIDAY_WEEK)
    one = store.write_now(service.create_draft, people["vanthu"], POLICY, made)
    store.write_now(service.submit, people["vanthu"], POLICY, one.id)
    return one.id


def state(store: Store, people: dict[str, Principal], directive: int) -> DirectiveState:
    return store.read_now(service.open_directive, people["chutich"], POLICY, directive).directive.state


def fill(store: Store, people: dict[str, Principal], unit: int) -> None:
    """So much is due on that Friday that one should think twice."""
    for each in range(POLICY.file.most_due_a_day):
        issue(store, people["chutich"], [unit], subject=f"{each} việc", deadline=FRIDAY_WEEK)


def test_a_warning_is_the_same_as_long_as_it_says_the_same(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    unit = people["camthuy"].unit_id

    def check(**changes: Any) -> CheckResult:
        made = draft([unit], **({"subject": "Chuyện khác hẳn", "deadline": FRIDAY_WEEK} | changes))
        return store.read_now(service.check_before_issue, people["chutich"], POLICY, made)

    assert check().warnings == []
    earlier = issue(store, people["chutich"], [unit]).id
    assert check(subject="Phòng, chống lụt bão").warnings == [f"duplicate:{earlier}:subject:ISSUED"]
    assert check(deadline=FRIDAY_WEEK + timedelta(days=2)).warnings == ["day_off:2026-12-06"]
    soon = WEDNESDAY + timedelta(hours=3)
    before = check(deadline=soon)
    clock.advance(minutes=20)
    after = check(deadline=soon)
    assert before.working_hours != after.working_hours
    assert before.warnings == after.warnings == [f"short:{soon.isoformat()}"]
    fill(store, people, unit)
    busy = check()
    assert busy.warnings == [f"busy:{unit}:2026-12-04"]
    issue(store, people["chutich"], [unit], subject="Thêm một", deadline=FRIDAY_WEEK)
    assert (check().loads != busy.loads, check().warnings) == (True, busy.warnings)
    assert not busy.goes_beyond(" ".join(["day_off:2026-12-06", *busy.warnings]))
    assert busy.goes_beyond("true") and busy.goes_beyond("") and not CheckResult().goes_beyond("")


async def test_what_was_issued_meanwhile_stops_the_click(
    store: Store, people: dict[str, Principal], waiting: int, page_as: PageAs
) -> None:
    leader, place = await page_as("chutich"), f"/directives/{waiting}"
    old = hidden(await (await leader.get(place)).text(), f"{place}/issue")
    issue(store, people["chutich"], [people["camthuy"].unit_id])
    answer = await leader.post(f"{place}/issue", old | {"capacity": "KT"})
    text = await answer.text()
    assert (answer.status, STOPPED in text, "01/KH-UBND" in text) == (200, True, True)
    assert '<option value="KT" selected>' in text, "what was chosen stays chosen"
    assert state(store, people, waiting) == DirectiveState.WAITING
    again = hidden(text, f"{place}/issue")
    assert (await leader.post(f"{place}/issue", again)).status == 303
    assert (await leader.post(f"{place}/issue", again)).status == 303, "a second tap on the same button"
    assert state(store, people, waiting) == DirectiveState.ISSUED


async def test_so_it_does_for_a_later_moment(
    store: Store, people: dict[str, Principal], waiting: int, page_as: PageAs
) -> None:
    leader, place = await page_as("chutich"), f"/directives/{waiting}"
    old = hidden(await (await leader.get(place)).text(), f"{place}/schedule")
    issue(store, people["chutich"], [people["camthuy"].unit_id])
    typed = {"at": "2026-12-04T16:00", "later_capacity": "TUQ"}
    answer = await leader.post(f"{place}/schedule", old | typed)
    text = await answer.text()
    assert (answer.status, STOPPED in text, "01/KH-UBND" in text) == (200, True, True)
    assert "Từ giờ ban hành đến hạn chỉ còn 1,0 giờ làm việc." in text
    assert 'value="2026-12-04T16:00"' in text and '<option value="TUQ" selected>' in text
    assert state(store, people, waiting) == DirectiveState.WAITING
    now = hidden(text, f"{place}/schedule")
    assert "chỉ còn 0,5 giờ" in await (await leader.post(f"{place}/schedule", now | {"at": "2026-12-04T16:30"})).text()
    assert (await leader.post(f"{place}/schedule", now | typed)).status == 303
    assert (await leader.post(f"{place}/schedule", now | typed)).status == 303, "a second tap on the same button"
    assert state(store, people, waiting) == DirectiveState.SCHEDULED


async def test_one_click_more_covers_what_the_form_has_shown_and_no_more(
    store: Store, people: dict[str, Principal], page_as: PageAs
) -> None:
    unit, other = people["camthuy"].unit_id, people["camhieu"].unit_id
    fill(store, people, unit)
    fill(store, people, other)
    leader = await page_as("chutich")
    form = {"kind": "Kế hoạch", "subject": "Chuyện khác hẳn", "action": "issue"}
    form |= {"recipients": str(unit), "deadline": "2026-12-04T17:00"}
    text = await (await leader.post("/directives/new", form)).text()
    (kept,) = store.read_now(service.outbox, people["chutich"], POLICY).drafts
    place = f"/directives/{kept.directive}/edit"

    async def click(text: str, **changes: str) -> str:
        answer = await leader.post(place, form | hidden(text, place) | changes)
        assert answer.status == 200
        return await answer.text()

    text = await click(text, recipients=str(other))
    assert STOPPED in text and "<b>Xã Cam Hiếu</b>" in text
    text = await click(text, recipients=str(other), deadline="2026-12-06T10:00")
    assert "rơi vào ngày nghỉ" in text
    text = await click(text, deadline="2026-12-04T17:00")
    assert "<b>Xã Cam Thủy</b>" in text and state(store, people, kept.directive) == DirectiveState.DRAFT
    fill(store, people, unit)  # more of the same is nothing else
    assert (await leader.post(place, form | hidden(text, place))).status == 303
    assert state(store, people, kept.directive) == DirectiveState.ISSUED


async def test_what_is_gone_by_now_asks_for_no_click(
    store: Store, people: dict[str, Principal], waiting: int, page_as: PageAs
) -> None:
    same = draft([people["camthuy"].unit_id], deadline=FRIDAY_WEEK)
    also = [store.write_now(service.create_draft, people["vanthu"], POLICY, same).id for _each in range(2)]
    for one in also:
        store.write_now(service.submit, people["vanthu"], POLICY, one)
    leader, place = await page_as("chutich"), f"/directives/{waiting}"
    old = hidden(await (await leader.get(place)).text(), f"{place}/issue")
    store.write_now(service.delete_draft, people["vanthu"], also[0])
    assert (await leader.post(f"{place}/issue", old)).status == 303


async def test_programs_ask_by_themselves(store: Store, people: dict[str, Principal], waiting: int, as_: As) -> None:
    issue(store, people["chutich"], [people["camthuy"].unit_id])
    leader, one = await as_("chutich"), f"/api/v1/directives/{waiting}"
    found = await (await leader.get(f"{one}/check")).json()
    assert found["warnings"] == [f"duplicate:{found['duplicates'][0]['directive']}:subject:ISSUED"]
    assert (await leader.post(f"{one}/issue")).status == 200
