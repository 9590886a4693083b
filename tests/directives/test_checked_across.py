"""Before the click, between units: what may be asked and told, what is no duplicate, and what waits for its issue."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.likeness import first_feasible
from server.directives.model import recipient_table
from server.directives.rules import RecipientRole, Relation
from server.directives.shapes import CheckResult, DuplicateWhy, ScheduleInput, Upload
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.edxml.test_exchange import PROVINCE, send
from tests.directives.helpers import POLICY, draft, issue

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
FRIDAY_WEEK = datetime(2026, 12, 4, 10, 0, tzinfo=UTC)
FILE = Upload(name="a.pdf", content_type="application/pdf", size=3, sha256="0" * 64)
SISTERS = {"camhieu": "19615", "camnghia": "19621", "camtuyen": "19600", "thanhan": "19603", "camthanh": "19612"}
THEIRS = "Kiểm tra dấu hiệu vi phạm của đảng viên Nguyễn Văn X"


@pytest.fixture
def people(district: DistrictIds, clock: Clock) -> dict[str, Principal]:
    clock.set(WEDNESDAY)
    return {name: district.who(name) for name in ("chutich", "vanthu", "bithu", "vanthu.camthuy")}


@pytest.fixture
def communes(district: DistrictIds) -> list[int]:
    return [district.unit(code) for code in ("19606", "19615", "19621")]


def check(store: Store, who: Principal, units: list[int], **changes: Any) -> CheckResult:
    made = draft(units, **({"deadline": FRIDAY_WEEK} | changes))
    return store.read_now(service.check_before_issue, who, POLICY, made)


async def test_a_unit_that_may_not_be_sent_to_is_not_asked_after(
    store: Store, people: dict[str, Principal], communes: list[int], as_: As
) -> None:
    issue(store, people["bithu"], [communes[1]], subject=THEIRS)
    body = {
        "kind": "Công văn",
        "subject": THEIRS,
        "recipients": [{"unit": communes[1]}],
        "deadline": FRIDAY_WEEK.isoformat(),
    }
    answer = await (await as_("vanthu.camthuy")).post("/api/v1/directives/check", body)
    assert (answer.status, (await answer.json())["code"]) == (422, "unknown_recipient")
    assert "01-KH/HU" not in await answer.text()


async def test_a_stored_draft_is_checked_as_far_as_it_may_be_sent(
    store: Store, people: dict[str, Principal], communes: list[int], district: DistrictIds, page_as: PageAs
) -> None:
    issue(store, people["bithu"], [communes[1]], subject=THEIRS)
    village, clerk = district.unit("19606.01"), people["vanthu.camthuy"]
    kept = store.write_now(service.create_draft, clerk, POLICY, draft([village], subject=THEIRS, deadline=FRIDAY_WEEK))
    other = sa.insert(recipient_table).values(
        directive_id=kept.id, unit_id=communes[1], role=RecipientRole.EXECUTE.value
    )
    store.write_now(lambda tx: tx.execute(other))  # as if it had left the unit's reach since
    found = store.read_now(service.check_stored, clerk, POLICY, kept.id)
    assert (found.duplicates, [load.unit for load in found.loads], found.busiest) == ([], [], None)
    assert (await (await page_as("vanthu.camthuy")).get(f"/directives/{kept.id}")).status == 200


async def test_what_the_unit_may_not_read_is_named_without_its_subject(
    store: Store, people: dict[str, Principal], communes: list[int], page_as: PageAs
) -> None:
    theirs = issue(store, people["bithu"], [communes[1]], subject=THEIRS)
    (one,) = check(store, people["vanthu"], communes, subject=THEIRS).duplicates
    assert (one.directive, one.number_text, one.unit_name, one.subject) == (
        theirs.id,
        "01-KH/HU",
        "Huyện ủy Cam Lộ",
        "",
    )
    kept = store.write_now(
        service.create_draft, people["vanthu"], POLICY, draft(communes, subject="Dấu hiệu vi phạm của đảng viên X")
    )
    text = await (await (await page_as("chutich")).get(f"/directives/{kept.id}")).text()
    assert ("01-KH/HU" in text, "Nguyễn Văn X" in text) == (True, False)
    assert "Đơn vị không nhận văn bản này nên không xem được trích yếu." in text


def test_what_the_unit_issued_or_received_is_named_with_its_subject(
    store: Store, people: dict[str, Principal], communes: list[int], district: DistrictIds
) -> None:
    ours = district.who("vanthu").unit_id
    issue(store, people["bithu"], [ours, communes[1]], subject=THEIRS)
    (one,) = check(store, people["vanthu"], communes, subject=THEIRS).duplicates
    assert one.subject == THEIRS
    issue(store, people["chutich"], communes, subject="Rà soát hộ nghèo")
    (one,) = check(store, people["vanthu"], communes, subject="Rà soát hộ nghèo").duplicates
    assert one.subject == "Rà soát hộ nghèo"


# ---- the first date that all can keep


def test_the_first_date_that_all_can_keep_is_free_for_each_of_them(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    for day, unit in ((2, communes[0]), (3, communes[1])):  # the first feasible for each alone: 3/12 and 2/12
        for n in range(POLICY.file.most_due_a_day):
            due = datetime(2026, 12, day, 10, tzinfo=UTC)
            issue(store, people["chutich"], [unit], subject=f"Việc {day}.{n}", deadline=due)
    found = check(store, people["vanthu"], communes[:2], subject="Tiêm phòng gia súc")
    assert found.first_feasible == FRIDAY_WEEK
    again = check(store, people["vanthu"], communes[:2], subject="Tiêm phòng gia súc", deadline=found.first_feasible)
    assert not any(load.busy for load in again.loads)


def test_where_no_day_is_free_for_all_none_is_offered() -> None:
    calendar, earliest = POLICY.calendar, datetime(2026, 12, 1, 10, tzinfo=UTC)
    days = {date(2026, 12, 1) + timedelta(days=n) for n in range(400)}
    assert first_feasible(calendar, earliest, days) is None
    first = first_feasible(calendar, earliest, days - {date(2026, 12, 3)})
    assert first == datetime(2026, 12, 3, 10, tzinfo=UTC)


# ---- what is no duplicate


@pytest.fixture
def forwarded(store: Store, people: dict[str, Principal], district: DistrictIds) -> int:
    """A directive with a file that six communes have received, and that five have carried on to a village each."""
    codes = (*SISTERS.values(), "19606")
    to = draft([district.unit(code) for code in codes], subject="Kế hoạch lụt bão", deadline=FRIDAY_WEEK)
    parent = store.write_now(service.create_and_issue, people["chutich"], POLICY, to, [FILE]).id
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, parent)
    for name, code in SISTERS.items():
        store.write_now(service.register, district.who(f"vanthu.{name}"), POLICY, parent)
        carry_on(store, district.who(f"chutich.{name}"), district.unit(f"{code}.01"), parent)
    return parent


def carry_on(store: Store, who: Principal, village: int, parent: int, **changes: Any) -> int:
    more = {"relation": Relation.FORWARDS, "related": parent, "deadline": FRIDAY_WEEK} | changes
    return issue(store, who, [village], **more).id


def test_what_sister_communes_made_of_the_same_directive_is_no_duplicate(
    store: Store, people: dict[str, Principal], district: DistrictIds, forwarded: int
) -> None:
    village, leader = district.unit("19606.01"), district.who("chutich.camthuy")
    real = issue(store, leader, [village], subject="Tiêu độc khử trùng chuồng trại gia súc").id
    about = draft(
        [village],
        relation=Relation.FORWARDS,
        related=forwarded,
        deadline=FRIDAY_WEEK,
        subject="Tiêu độc khử trùng chuồng trại",
    )
    kept = store.write_now(service.create_draft, leader, POLICY, about).id
    found = store.read_now(service.check_stored, leader, POLICY, kept).duplicates
    assert [(one.directive, one.why) for one in found] == [(real, DuplicateWhy.SUBJECT)]
    child = store.write_now(service.issue, leader, POLICY, kept).id
    newer = store.write_now(
        service.create_draft, leader, POLICY, draft([village], relation=Relation.REPLACES, related=child), [FILE]
    ).id
    found = store.read_now(service.check_stored, leader, POLICY, newer).duplicates
    assert found == [], "the replaced child, its parent, and the parent's other children"


def test_what_the_unit_itself_has_carried_on_already_is_one(
    store: Store, people: dict[str, Principal], district: DistrictIds, forwarded: int
) -> None:
    village, leader = district.unit("19606.01"), district.who("chutich.camthuy")
    first = carry_on(store, leader, village, forwarded, subject="Triển khai kế hoạch")
    again = draft([village], relation=Relation.FORWARDS, related=forwarded, subject="Chuyện khác hẳn")
    kept = store.write_now(service.create_draft, leader, POLICY, again).id
    found = store.read_now(service.check_stored, leader, POLICY, kept).duplicates
    assert [(one.directive, one.why) for one in found] == [(first, DuplicateWhy.FILE)]


def test_one_layer_does_not_crowd_out_another(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    leader = people["chutich"]
    real = issue(store, leader, communes, subject="Tiêm phòng gia súc").id
    for n in range(7):  # a form that goes out with everything
        made = draft(communes, subject=f"Việc {n}", deadline=FRIDAY_WEEK + timedelta(days=n))
        store.write_now(service.create_and_issue, leader, POLICY, made, [FILE])
    about = draft(communes, subject="Tiêm phòng gia súc", deadline=FRIDAY_WEEK)
    kept = store.write_now(service.create_draft, leader, POLICY, about, [FILE]).id
    found = store.read_now(service.check_stored, leader, POLICY, kept).duplicates
    assert [one.why for one in found].count(DuplicateWhy.FILE) == 5
    assert (real, DuplicateWhy.SUBJECT) in [(one.directive, one.why) for one in found[:2]], (
        "each layer's first come first"
    )


# ---- what waits for its issue


async def test_what_waits_for_its_issue_in_the_own_unit_is_said(
    store: Store, people: dict[str, Principal], communes: list[int], page_as: PageAs
) -> None:
    clerk, leader = people["vanthu"], people["chutich"]
    about = draft(communes, subject="Tiêm phòng gia súc năm 2026", deadline=FRIDAY_WEEK)

    def found() -> list[tuple[int, str, str]]:
        asked = draft(communes[:1], subject="V/v tiêm phòng gia súc năm 2026", deadline=FRIDAY_WEEK)
        result = store.read_now(service.check_before_issue, clerk, POLICY, asked)
        return [(one.directive, one.why.value, one.state.value) for one in result.duplicates]

    kept = store.write_now(service.create_draft, clerk, POLICY, about, [FILE]).id
    assert found() == [], "it is still being written"
    store.write_now(service.submit, clerk, POLICY, kept)
    assert found() == [(kept, "subject", "WAITING")]
    own = store.read_now(service.check_stored, clerk, POLICY, kept)
    assert own.duplicates == [], "not of itself"
    at = store.clock() + timedelta(hours=3)
    store.write_now(service.schedule, leader, kept, ScheduleInput(at=at))
    assert found() == [(kept, "subject", "SCHEDULED")]
    other = draft(communes[1:], subject="Chuyện khác hẳn", deadline=FRIDAY_WEEK)
    same_file = store.write_now(service.create_draft, clerk, POLICY, other, [FILE]).id
    (one,) = store.read_now(service.check_stored, clerk, POLICY, same_file).duplicates
    assert (one.directive, one.why, one.number_text, one.issued_at, one.scheduled_at) == (
        *(kept, DuplicateWhy.FILE, ""),
        *(None, at),
    )
    text = await (await (await page_as("vanthu")).get(f"/directives/{same_file}")).text()
    notice = text.partition("Có thể trùng")[2].partition("</ul>")[0]
    assert f'href="/directives/{kept}"' in notice and "Tiêm phòng gia súc năm 2026" in notice
    theirs = draft([communes[0]], subject="Tiêm phòng gia súc năm 2026", deadline=FRIDAY_WEEK)
    assert store.read_now(service.check_before_issue, people["bithu"], POLICY, theirs).duplicates == []


async def test_what_waits_and_was_made_of_the_same_document_is_said(as_: As, district: DistrictIds) -> None:
    clerk, unit = await as_("vanthu"), district.unit("19606")
    body = {"kind": "Công văn", "subject": "Trồng rừng", "recipients": [{"unit": unit}]}
    first = (await (await send(clerk, PROVINCE)).json())["directive"]
    await clerk.put(f"/api/v1/directives/{first}", body)
    named = body | {"subject": "Chuyện khác hẳn", "body": "Căn cứ Kế hoạch số 123/UBND-NN của UBND tỉnh"}
    asking = ("/api/v1/directives/check", named)
    assert (await (await clerk.post(*asking)).json())["duplicates"] == []
    assert (await clerk.post(f"/api/v1/directives/{first}/submit")).status == 200
    found = (await (await clerk.post(*asking)).json())["duplicates"]
    assert [(one["directive"], one["why"], one["state"]) for one in found] == [(first, "number", "WAITING")]
