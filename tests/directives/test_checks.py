"""Before the click: three layers of duplicates, how busy the recipients are; and numbers that are left out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.documents import Urgency
from server.directives.edxml.message import Organ
from server.directives.likeness import likeness
from server.directives.model import directive_table
from server.directives.occasions import occasion
from server.directives.shapes import CheckResult, DuplicateWhy, GapInput, Upload
from server.errors import ConflictError, NotAllowedError, NotFoundError, UserError
from server.http.i18n import catalogue
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.edxml.test_exchange import PROVINCE, changed, send
from tests.directives.helpers import POLICY, draft, hidden, issue

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
FRIDAY_WEEK = datetime(2026, 12, 4, 10, 0, tzinfo=UTC)
FILE = Upload(name="a.pdf", content_type="application/pdf", size=3, sha256="0" * 64)


@pytest.fixture
def people(district: DistrictIds, clock: Clock) -> dict[str, Principal]:
    clock.set(WEDNESDAY)
    return {name: district.who(name) for name in ("chutich", "vanthu", "camthuy", "chutich.camthuy", "matran")}


@pytest.fixture
def communes(district: DistrictIds) -> list[int]:
    return [district.unit(code) for code in ("19606", "19615", "19621")]


def check(store: Store, who: Principal, units: list[int], **changes: Any) -> CheckResult:
    made = draft(units, **({"deadline": FRIDAY_WEEK} | changes))
    return store.read_now(service.check_before_issue, who, POLICY, made)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Về việc rà soát hộ nghèo năm 2026", "V/v rà soát hộ nghèo, hộ cận nghèo năm 2026", True),
        ("Phòng, chống lụt bão", "phong chong lut bao", True),
        ("Phòng, chống lụt bão", "Phòng, chống cháy rừng", False),
        ("Tiêm phòng gia súc đợt 1", "Tiếp công dân tháng 12", False),
        ("", "Phòng, chống lụt bão", False),
        ("Về việc", "Về việc", False),
    ],
)
def test_subjects_that_ask_the_same(one: str, other: str, alike: bool) -> None:
    assert (likeness(one, other) >= 0.5) is alike
    assert likeness(one, other) == likeness(other, one)


def test_a_like_subject_to_the_same_recipients_from_another_organ(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    front = people["matran"]
    other = issue(store, front, communes[:1], subject="Về việc rà soát hộ nghèo năm 2026") if may_issue(front) else None
    mine = other or issue(store, people["chutich"], communes[:1], subject="Về việc rà soát hộ nghèo năm 2026")
    found = check(store, people["vanthu"], communes, subject="V/v rà soát hộ nghèo, cận nghèo năm 2026").duplicates
    assert [(one.directive, one.why) for one in found] == [(mine.id, "subject")]
    assert check(store, people["vanthu"], communes[1:], subject="V/v rà soát hộ nghèo năm 2026").duplicates == []
    assert check(store, people["vanthu"], communes, subject="Tiêm phòng gia súc").duplicates == []
    clock.advance(days=61)
    later = clock() + timedelta(days=9)
    found = check(store, people["vanthu"], communes, subject="Rà soát hộ nghèo năm 2026", deadline=later).duplicates
    assert found == []


def may_issue(who: Principal) -> bool:
    from server.accounts.permissions import Permission

    return who.may(Permission.ISSUE_DIRECTIVE)


def test_a_replacement_is_no_duplicate_of_what_it_replaces(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    old = issue(store, people["chutich"], communes)
    assert check(store, people["vanthu"], communes).duplicates != []
    assert check(store, people["vanthu"], communes, relation="replaces", related=old.id).duplicates == []


def found_by_number(result: CheckResult) -> list[tuple[int, str]]:
    return [(one.directive, one.cited) for one in result.duplicates if one.why is DuplicateWhy.NUMBER]


def test_a_document_that_the_draft_names_and_the_recipients_have(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    given = issue(store, people["chutich"], communes[:1], subject="Rà soát hộ nghèo")
    assert given.number_text == "01/KH-UBND"
    named = {"subject": "Tiêm phòng", "body": "Thực hiện Kế hoạch số 1/KH-UBND của UBND huyện, các xã báo cáo."}
    clerk = people["vanthu"]
    assert found_by_number(check(store, clerk, communes, **named)) == [(given.id, "01/KH-UBND")]
    assert found_by_number(check(store, clerk, communes[1:], **named)) == [], "they have not got it"
    assert found_by_number(check(store, clerk, communes, subject="Tiêm phòng", body="Số 1/KH-HND")) == []
    assert found_by_number(check(store, clerk, communes, **named, relation="replaces", related=given.id)) == []
    assert found_by_number(check(store, clerk, communes, **named, exercise=True)) == []
    made = draft(communes, **named, deadline=FRIDAY_WEEK)
    kept = store.write_now(service.create_draft, clerk, POLICY, made)
    assert found_by_number(store.read_now(service.check_stored, clerk, POLICY, kept.id)) == [(given.id, "01/KH-UBND")]
    clock.advance(days=370)
    later = clock() + timedelta(days=9)
    assert found_by_number(check(store, clerk, communes, **named, deadline=later)) == [], "last year's number"


def test_the_same_file_again(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    first = store.write_now(
        service.create_and_issue,
        people["chutich"],
        POLICY,
        draft(communes[:1], subject="Kế hoạch A", deadline=FRIDAY_WEEK),
        [FILE],
    )
    again = draft(communes[1:], subject="Chuyện khác hẳn", deadline=FRIDAY_WEEK)
    made = store.write_now(service.create_draft, people["vanthu"], POLICY, again, [FILE])
    found = store.read_now(service.check_stored, people["vanthu"], POLICY, made.id).duplicates
    assert [(one.directive, one.why) for one in found] == [(first.id, "file")]
    with pytest.raises(NotFoundError):
        store.read_now(service.check_stored, people["chutich.camthuy"], POLICY, made.id)


def test_busy_recipients_and_the_first_date_that_all_can_keep(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    for subject in ("Một việc", "Việc khác nữa", "Chuyện thứ ba"):
        issue(store, people["chutich"], communes[:1], subject=subject, deadline=FRIDAY_WEEK)
    found = check(store, people["vanthu"], communes, subject="Tiêm phòng", deadline=FRIDAY_WEEK)
    assert [(load.unit, load.open, load.due_that_day, load.overdue) for load in found.loads] == [(communes[0], 3, 3, 0)]
    assert found.first_feasible == datetime(2026, 12, 2, 10, 0, tzinfo=UTC)  # five working days from now: free
    assert (found.day_off, found.short, found.warns) == (False, False, True)
    free = check(store, people["vanthu"], communes[1:], subject="Tiêm phòng", deadline=FRIDAY_WEEK)
    assert (free.loads, free.busiest, free.warns) == ([], None, False)


def test_in_the_evening_the_first_date_is_not_that_day_whose_work_has_ended(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    clock.set(clock.now.replace(hour=12))  # 19:00 in Vietnam
    found = check(store, people["vanthu"], communes, subject="Sơ tán dân", urgency=Urgency.FLASH, deadline=FRIDAY_WEEK)
    assert found.first_feasible is not None
    assert found.first_feasible > clock.now


def test_a_recipient_with_much_open_on_many_days_is_busy(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    for n in range(POLICY.file.most_open * 2):
        issue(store, people["chutich"], communes[:1], subject=f"Việc {n}", deadline=FRIDAY_WEEK + timedelta(days=n + 3))
    issue(store, people["chutich"], communes[1:2], subject="Chuyện khác", deadline=FRIDAY_WEEK)
    found = check(store, people["vanthu"], communes, subject="Tiêm phòng")
    assert [(load.unit_name, load.open, load.due_that_day) for load in found.loads] == [("Xã Cam Thủy", 40, 0)]
    assert (found.busiest, found.warns) == (None, True)


def test_who_is_late_is_listed_without_a_second_click(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    issue(store, people["chutich"], communes[:2], subject="Một việc", deadline=FRIDAY_WEEK)
    issue(store, people["chutich"], communes[:1], subject="Tập", deadline=FRIDAY_WEEK, exercise=True)
    store.write_now(service.register, people["camthuy"], POLICY, 1)  # late with the answer; the other with registering
    clock.set(FRIDAY_WEEK + timedelta(hours=1))
    found = check(store, people["vanthu"], communes, subject="Tiêm phòng", deadline=FRIDAY_WEEK + timedelta(days=14))
    assert [(load.unit, load.open, load.overdue, load.busy) for load in found.loads] == [
        (communes[0], 1, 1, False),
        (communes[1], 1, 1, False),
    ]
    assert (found.busiest, found.warns) == (None, False)


def test_without_anybody_busy_or_late_the_busiest_is_named(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    issue(store, people["chutich"], communes[:2], subject="Một việc", deadline=FRIDAY_WEEK)
    issue(store, people["chutich"], communes[1:2], subject="Chuyện thứ hai", deadline=FRIDAY_WEEK + timedelta(days=3))
    found = check(store, people["vanthu"], communes, subject="Tiêm phòng", deadline=FRIDAY_WEEK + timedelta(days=4))
    assert found.busiest is not None
    assert (found.busiest.unit, found.busiest.open, found.loads, found.warns) == (communes[1], 2, [], False)


async def test_the_leaders_page_of_a_draft_says_who_has_most_to_do(
    store: Store, people: dict[str, Principal], communes: list[int], page_as: PageAs
) -> None:
    issue(store, people["chutich"], communes[:1], subject="Một việc", deadline=FRIDAY_WEEK)
    made = draft(communes, subject="Tiêm phòng", deadline=FRIDAY_WEEK + timedelta(days=3))
    kept = store.write_now(service.create_draft, people["vanthu"], POLICY, made)
    text = await (await (await page_as("chutich")).get(f"/directives/{kept.id}")).text()
    assert "Nơi nhiều việc nhất: <b>Xã Cam Thủy</b>: 1 việc đang mở, sớm nhất 02/12/2026" in " ".join(text.split())
    assert "Hạn sớm nhất mà mọi nơi nhận đáp ứng được:" in text and "Vẫn ban hành" not in text


def test_a_deadline_on_a_day_off_or_too_soon(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    sunday = check(store, people["vanthu"], communes, deadline=datetime(2026, 12, 6, 10, 0, tzinfo=UTC))
    assert (sunday.day_off, sunday.occasion, sunday.short) == (True, "", False)
    soon = check(store, people["vanthu"], communes, deadline=WEDNESDAY + timedelta(hours=3))
    assert (soon.short, soon.working_hours) == (True, 3.0)
    clock.set(datetime(2026, 2, 13, 1, 0, tzinfo=UTC))  # before Tết
    tet = check(store, people["vanthu"], communes, deadline=datetime(2026, 2, 20, 10, 0, tzinfo=UTC))
    assert (tet.day_off, tet.occasion, tet.short) == (True, "Tết Nguyên đán", True)
    assert tet.first_feasible == datetime(2026, 2, 27, 10, 0, tzinfo=UTC)
    past = check(store, people["vanthu"], communes, deadline=datetime(2026, 2, 1, 10, 0, tzinfo=UTC))
    assert not past.warns  # that is an error of the form, said elsewhere


async def test_the_form_says_how_busy_each_is_and_which_holiday_it_is(
    store: Store, people: dict[str, Principal], communes: list[int], page_as: PageAs, as_: As
) -> None:
    due = datetime(2026, 11, 24, 10, 0, tzinfo=UTC) + timedelta(days=365)  # Vietnam Cultural Day
    for subject in ("Một việc", "Việc khác nữa", "Chuyện thứ ba"):
        issue(store, people["chutich"], communes[:1], subject=subject, deadline=due)
    issue(store, people["chutich"], communes[:1], subject="Việc thứ tư", deadline=due + timedelta(days=9))
    form = {
        "kind": "Kế hoạch",
        "subject": "Tiêm phòng",
        "recipients": str(communes[0]),
        "deadline": "2027-11-24T17:00",
        "action": "issue",
    }
    text = await (await (await page_as("chutich")).post("/directives/new", form)).text()
    assert "Hạn trả lời rơi vào ngày nghỉ: Ngày Văn hóa Việt Nam." in text
    assert "<b>Xã Cam Thủy</b>: 4 việc đang mở, 3 đến hạn ngày đó, sớm nhất 02/12/2026" in text


def test_every_holiday_has_a_name_in_both_languages() -> None:
    english, calendar = catalogue("en"), POLICY.calendar
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(365 * 20)]
    names = {calendar.holiday(day) for day in days if not calendar.is_working_day(day)} - {""}
    assert len(names) > 12
    assert sorted({occasion(name) for name in names} - set(english)) == []
    assert occasion("Mùng ba Tết Nguyên Đán") == "Tết Nguyên đán"
    assert occasion("Tết Dương lịch (nghỉ bù)") == "Tết Dương lịch"


async def test_the_form_warns_once_and_issues_all_the_same(
    page_as: PageAs, as_: As, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    leader = await page_as("chutich")
    form = {
        "kind": "Kế hoạch",
        "subject": "Phòng, chống lụt bão năm 2026",
        "recipients": str(communes[0]),
        "deadline": "2026-12-04T17:00",
        "action": "issue",
    }
    assert (await leader.post("/directives/new", form)).status == 303
    warned = await leader.post("/directives/new", form)
    text = await warned.text()
    assert (warned.status, "01/KH-UBND" in text, "Vẫn ban hành" in text) == (200, True, True)
    drafts = (await (await (await as_("chutich")).get("/api/v1/directives")).json())["drafts"]
    (kept,) = drafts
    path = f"/directives/{kept['directive']}"
    asked = await leader.post(f"{path}/issue", {"revision": "1"})  # one click elsewhere: the draft's page says it first
    assert (asked.status, "Vẫn ban hành" in await asked.text()) == (200, True)
    assert "Vẫn ban hành" in await (await leader.get(path)).text()
    done = await leader.post(f"{path}/edit", form | hidden(text, f"{path}/edit"))
    assert done.status == 303
    found = await (await (await as_("chutich")).get("/api/v1/directives")).json()
    assert [line["number_text"] for line in found["issued"]] == ["02/KH-UBND", "01/KH-UBND"]


async def test_what_was_made_of_the_same_document_is_said_before_the_issue(
    as_: As, page_as: PageAs, district: DistrictIds
) -> None:
    """The first layer of the check: number, notation and organ (Nghị định 30/2020, Phụ lục VI)."""
    clerk, leader, unit = await as_("vanthu"), await as_("chutich"), district.unit("19606")
    body = {"kind": "Công văn", "subject": "Chuyện khác hẳn", "recipients": [{"unit": unit}]}

    async def found(**changes: Any) -> list[tuple[int, str, str]]:
        answer = await (await clerk.post("/api/v1/directives/check", body | changes)).json()
        return [(one["directive"], one["why"], one["cited"]) for one in answer["duplicates"]]

    first = (await (await send(clerk, PROVINCE)).json())["directive"]
    named = {"body": "Căn cứ Kế hoạch số 123/UBND-NN của UBND tỉnh"}
    assert await found(**named) == [], "nothing was issued of it yet"
    await clerk.put(f"/api/v1/directives/{first}", body | {"subject": "Trồng rừng"})
    assert (await leader.post(f"/api/v1/directives/{first}/issue")).status == 200
    assert await found(**named) == [(first, "number", "123/UBND-NN")]
    assert await found(**named, exercise=True) == []
    again = changed(PROVINCE, document_id="H50,khác", subject="Giống cây", files=())
    second = (await (await send(clerk, again)).json())["directive"]
    await clerk.put(f"/api/v1/directives/{second}", body | {"subject": "Giống cây"})
    answer = await (await clerk.get(f"/api/v1/directives/{second}/check")).json()
    assert [(one["directive"], one["why"]) for one in answer["duplicates"]] == [(first, "number")]
    text = await (await (await page_as("chutich")).get(f"/directives/{second}")).text()
    assert "đã triển khai văn bản đến số 123/UBND-NN" in text
    other = changed(PROVINCE, document_id="H51,1", sender=Organ("H51", "Tỉnh khác"), subject="Giống lúa", files=())
    third = (await (await send(clerk, other)).json())["directive"]
    assert (await (await clerk.get(f"/api/v1/directives/{third}/check")).json())["duplicates"] == []


# ---- numbers left out


def test_numbers_are_left_out_with_a_reason(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    issue(store, people["chutich"], communes)
    gap = store.write_now(
        service.declare_gap, people["chutich"], POLICY, GapInput(until=5, note="Số đã dùng trên giấy")
    )
    assert (gap.first, gap.last, gap.year) == (2, 5, 2026)
    assert issue(store, people["chutich"], communes).number_text.startswith("06/")
    found = store.read_now(service.gaps_of, people["chutich"].unit_id, "out", 2026)
    assert [(one.first, one.last, one.reason, one.person) for one in found] == [
        (2, 5, "Số đã dùng trên giấy", people["chutich"].name)
    ]
    assert store.read_now(service.gaps_of, people["camthuy"].unit_id, "out", 2026) == []


def test_what_cannot_be_left_out(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    for _ in range(3):
        issue(store, people["chutich"], communes)
    with pytest.raises(ConflictError, match="number_taken"):
        store.write_now(service.declare_gap, people["chutich"], POLICY, GapInput(until=3, note="x"))
    with pytest.raises(UserError, match="no_reason"):
        store.write_now(service.declare_gap, people["chutich"], POLICY, GapInput(until=9, note=" "))
    with pytest.raises(UserError, match="gap_too_wide"):
        store.write_now(service.declare_gap, people["chutich"], POLICY, GapInput(until=9_999, note="x"))
    with pytest.raises(NotAllowedError):
        store.write_now(service.declare_gap, people["camthuy"], POLICY, GapInput(until=9, note="x"))
    assert issue(store, people["chutich"], communes).number_text.startswith("04/")


def test_every_number_is_used_or_declared_under_concurrency(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    def one(n: int) -> None:
        if n % 5:
            issue(store, people["chutich"], communes)
            return
        try:
            store.write_now(service.declare_gap, people["chutich"], POLICY, GapInput(until=2 * n + 4, note="x"))
        except ConflictError:
            return

    with ThreadPoolExecutor(6) as pool:
        for job in [pool.submit(one, n) for n in range(30)]:
            job.result()
    d = directive_table.c
    used = [row.number for row in store.read_now(lambda tx: tx.all(sa.select(d.number)))]
    gaps = store.read_now(service.gaps_of, people["chutich"].unit_id, "out", 2026)
    left_out = [number for gap in gaps for number in range(gap.first, gap.last + 1)]
    assert sorted(used + left_out) == list(range(1, max(used + left_out) + 1))


async def test_the_check_and_the_gap_over_the_api(as_: As, people: dict[str, Principal], communes: list[int]) -> None:
    leader, clerk = await as_("chutich"), await as_("vanthu")
    body = {
        "kind": "Kế hoạch",
        "subject": "A",
        "recipients": [{"unit": communes[0]}],
        "deadline": "2026-12-06T10:00:00Z",
    }
    found = await (await clerk.post("/api/v1/directives/check", body)).json()
    assert (found["day_off"], found["duplicates"]) == (True, [])
    made = await (await as_("camthuy")).post("/api/v1/registers/gaps", {"until": 3, "note": "x"})
    assert made.status == 403
    for person, until in ((leader, 3), (clerk, 5)):
        made = await person.post("/api/v1/registers/gaps", {"until": until, "note": "Số trên giấy"})
        assert (made.status, (await made.json())["last"]) == (201, until)
