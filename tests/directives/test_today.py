"""The unit's day: late, today, this week and later, by the person who leads the work and by the unit that owes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.day import When, ends, when
from server.directives.rules import Timeliness
from server.directives.shapes import AssignInput, DayLine, ExtensionInput, ReportInput
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam


@pytest.fixture
def people(district: DistrictIds, clock: Clock) -> dict[str, Principal]:
    clock.set(WEDNESDAY)
    names = ("chutich", "vanthu", "camthuy", "vanthu.camthuy", "chutich.camthuy", "camhieu", "thon1.camthuy")
    return {name: district.who(name) for name in names}


@pytest.mark.parametrize(
    ("due", "section"),
    [
        (datetime(2026, 11, 25, 23, 59, tzinfo=HANOI), When.TODAY),
        (datetime(2026, 11, 26, 0, 0, tzinfo=HANOI), When.WEEK),
        (datetime(2026, 11, 29, 23, 59, tzinfo=HANOI), When.WEEK),
        (datetime(2026, 11, 30, 0, 0, tzinfo=HANOI), When.LATER),
        (None, When.LATER),
    ],
)
def test_the_day_and_the_week_are_those_of_the_zone(due: datetime | None, section: When) -> None:
    assert when(due, Timeliness.ON_TIME, WEDNESDAY, HANOI) is section
    assert when(due, Timeliness.OVERDUE, WEDNESDAY, HANOI) is When.LATE
    assert when(due, Timeliness.DONE_ON_TIME, WEDNESDAY, HANOI) is When.LATER
    assert when(WEDNESDAY - timedelta(hours=1), Timeliness.WAITING, WEDNESDAY, HANOI) is When.LATER


def test_a_sunday_ends_its_week() -> None:
    sunday = datetime(2026, 11, 29, 12, 0, tzinfo=HANOI)
    assert ends(sunday, HANOI) == (datetime(2026, 11, 30, tzinfo=HANOI),) * 2


def counts(line: DayLine) -> tuple[int, int, int, int]:
    return line.late, line.today, line.week, line.later


class Work:
    """Four directives to Cam Thủy, registered: one late, one due today, one on Friday, one next week."""

    def __init__(self, store: Store, people: dict[str, Principal], clock: Clock) -> None:
        self.store, self.people = store, people
        clock.set(WEDNESDAY - timedelta(days=2))
        dues = [WEDNESDAY + timedelta(hours=hours) for hours in (-1, 8, 56, 24 * 7)]
        unit = people["camthuy"].unit_id
        self.ids = [issue(store, people["chutich"], [unit], deadline=due).id for due in dues]
        for directive in self.ids:
            store.write_now(service.register, people["vanthu.camthuy"], POLICY, directive)
        clock.set(WEDNESDAY)

    def assign(self, directive: int, who: str) -> None:
        data = AssignInput(lead=self.people[who].account_id)
        self.store.write_now(service.assign, self.people["chutich.camthuy"], POLICY, directive, data)


@pytest.fixture
def work(store: Store, people: dict[str, Principal], clock: Clock) -> Work:
    return Work(store, people, clock)


def test_by_person(work: Work, store: Store, people: dict[str, Principal]) -> None:
    work.assign(work.ids[0], "camthuy")
    work.assign(work.ids[1], "camthuy")
    work.assign(work.ids[2], "vanthu.camthuy")
    day = store.read_now(service.unit_day, people["camthuy"], POLICY)
    assert counts(day.own) == (1, 1, 1, 1)
    assert [(line.id, *counts(line)) for line in day.people] == [
        (people["camthuy"].account_id, 1, 1, 0, 0),
        (people["vanthu.camthuy"].account_id, 0, 0, 1, 0),
        (0, 0, 0, 0, 1),
    ]
    assert day.people[0].name == people["camthuy"].name
    store.write_now(service.report, people["camthuy"], POLICY, work.ids[0], ReportInput(text="Xong."))
    assert counts(store.read_now(service.unit_day, people["camthuy"], POLICY).own) == (0, 1, 1, 1)


def test_what_waits_for_more_time_is_not_due_today(
    work: Work, store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    asked = ExtensionInput(reason="Mưa", until=WEDNESDAY + timedelta(days=9))
    store.write_now(service.ask_extension, people["camthuy"], POLICY, work.ids[1], asked)
    assert counts(store.read_now(service.unit_day, people["camthuy"], POLICY).own) == (1, 1, 1, 1)
    clock.advance(hours=9)
    assert counts(store.read_now(service.unit_day, people["camthuy"], POLICY).own) == (1, 0, 1, 2)
    below = store.read_now(service.unit_day, people["vanthu"], POLICY).below
    assert [counts(line)[:3] for line in below] == [(1, 0, 1)], "for the issuer neither"


def test_by_unit_for_who_issued(work: Work, store: Store, people: dict[str, Principal]) -> None:
    issue(store, people["chutich"], [people["camhieu"].unit_id], deadline=WEDNESDAY + timedelta(days=9))
    day = store.read_now(service.unit_day, people["vanthu"], POLICY)
    assert [(line.name, line.late, line.today, line.week) for line in day.below] == [
        ("Xã Cam Thủy", 1, 1, 1),
        ("Xã Cam Hiếu", 0, 0, 1),  # it is to register by Thursday evening
    ]
    assert day.people == []
    village = store.read_now(service.unit_day, people["thon1.camthuy"], POLICY)
    assert (village.people, village.below) == ([], [])


async def test_it_stands_first_on_the_home_page(work: Work, page_as: PageAs, as_: As) -> None:
    for name, first in (("camthuy", "Theo người phụ trách"), ("vanthu", "Các nơi nhận còn việc")):
        text = await (await (await page_as(name)).get("/")).text()
        assert "Việc của đơn vị hôm nay" in text
        assert first in text
        assert text.index("Việc của đơn vị hôm nay") < min(
            text.index(other) for other in ("Chỉ đạo cần làm", "Chỉ đạo đã ban hành", "Quá hạn</h2>") if other in text
        )
    assert "Việc của đơn vị hôm nay" not in await (await (await page_as("thon1.camthuy")).get("/")).text()
    day = await (await (await as_("camthuy")).get("/api/v1/day")).json()
    assert (day["own"]["late"], day["people"][0]["id"]) == (1, 0)
    inbox = await (await (await page_as("camthuy")).get("/directives/in")).text()
    assert 'id="late"' in inbox and 'id="today"' in inbox and 'id="week"' in inbox


async def test_without_work_there_is_no_day(page_as: PageAs, people: dict[str, Principal]) -> None:
    assert "Việc của đơn vị hôm nay" not in await (await (await page_as("camthuy")).get("/")).text()
