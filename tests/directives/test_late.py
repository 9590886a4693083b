"""All that is late of what a unit issued: every line once, exercises last, by unit, and with whom it lies; filters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import home, service
from server.directives.ball import Holder
from server.directives.documents import DocumentType
from server.directives.model import delivery_table
from server.directives.service import late_lists
from server.directives.shapes import LatePage, OutboxQuery, ReportInput
from server.errors import NotAllowedError
from server.store import Store, Transaction
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue

PAGE = 2
COMMUNES = ("19606", "19600", "19603")
NEXT = re.compile(r'href="([^"]*after=[^"]*)" rel="next"')


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_lists, "PAGE", PAGE)


@pytest.fixture
def leader(district: DistrictIds) -> Principal:
    return district.who("chutich")


@pytest.fixture
def work(store: Store, district: DistrictIds, leader: Principal, clock: Clock) -> list[tuple[int, int]]:
    """What is late, as (directive, unit), the longest first: an exercise is the last, what is in time is not there.

    Cam Thủy has registered, the others have not confirmed.
    """
    units = [district.unit(code) for code in COMMUNES]
    drill = issue(store, leader, units[:1], deadline=clock() + timedelta(days=1), exercise=True).id
    first = issue(store, leader, units, deadline=clock() + timedelta(days=2)).id
    second = issue(store, leader, units[:1], deadline=clock() + timedelta(days=3), kind=DocumentType.CONG_VAN).id
    in_time = issue(store, leader, units[:1], deadline=clock() + timedelta(days=30), subject="Tiêm phòng dại").id
    for directive in (drill, first, second, in_time):
        store.write_now(service.register, district.who("vanthu.camthuy"), POLICY, directive)
    clock.advance(days=6)
    confirm = [(first, unit) for unit in units[1:]]  # due within two working days
    return [*confirm, (first, units[0]), (second, units[0]), (drill, units[0])]


def pages_of(store: Store, who: Principal, **asked: int) -> Iterator[LatePage]:
    found = store.read_now(service.late_page, who, POLICY, **asked)
    yield found
    while found.next:
        found = store.read_now(service.late_page, who, POLICY, after=found.next, **asked)
        yield found


def listed(store: Store, who: Principal, **asked: int) -> list[list[tuple[int, int]]]:
    return [[(line.directive, line.delivery.unit) for line in page.lines] for page in pages_of(store, who, **asked)]


def test_all_that_is_late_is_reached(store: Store, leader: Principal, work: list[tuple[int, int]]) -> None:
    assert listed(store, leader) == [work[:2], work[2:4], work[4:]]
    first, *others = pages_of(store, leader)
    assert {page.total for page in (first, *others)} == {len(work)}
    assert [(one.unit, one.late) for one in first.units] == [(work[2][1], 2), (work[0][1], 1), (work[1][1], 1)]
    in_time = store.read_now(service.late_page, leader, POLICY).lines
    assert all(line.delivery.timeliness == "OVERDUE" for line in in_time)


def test_what_one_unit_owes(store: Store, leader: Principal, work: list[tuple[int, int]]) -> None:
    assert listed(store, leader, unit=work[2][1]) == [work[2:4], work[4:]]
    assert listed(store, leader, unit=work[0][1]) == [work[:1]]
    assert store.read_now(service.late_page, leader, POLICY, unit=work[2][1]).total == 3
    assert listed(store, leader, unit=999_999) == [[]]


def test_with_whom_it_lies(store: Store, leader: Principal, work: list[tuple[int, int]]) -> None:
    held = {
        line.delivery.unit: line.delivery.held[-1].holder for page in pages_of(store, leader) for line in page.lines
    }
    assert held == {work[0][1]: Holder.NETWORK, work[1][1]: Holder.NETWORK, work[2][1]: Holder.LEADER}


def test_a_page_goes_on_while_lines_leave(
    store: Store, district: DistrictIds, leader: Principal, work: list[tuple[int, int]]
) -> None:
    first = store.read_now(service.late_page, leader, POLICY)
    store.write_now(service.register, district.who("vanthu.camtuyen"), POLICY, work[0][0])
    store.write_now(service.report, district.who("vanthu.camtuyen"), POLICY, work[0][0], ReportInput(text="Xong."))
    second = store.read_now(service.late_page, leader, POLICY, after=first.next)
    assert [(line.directive, line.delivery.unit) for line in second.lines] == work[2:4]
    assert second.total == len(work) - 1


def test_what_is_due_at_one_moment_is_on_one_page_only(
    store: Store, district: DistrictIds, leader: Principal, clock: Clock
) -> None:
    unit, due = district.unit("19606"), clock() + timedelta(days=2)
    made = [issue(store, leader, [unit], deadline=due).id for _ in range(5)]
    for directive in made:
        store.write_now(service.register, district.who("vanthu.camthuy"), POLICY, directive)
    clock.advance(days=3)
    pairs = [(directive, unit) for directive in made]
    assert listed(store, leader) == [pairs[:2], pairs[2:4], pairs[4:]]


def test_only_what_the_own_unit_issued(store: Store, district: DistrictIds, work: list[tuple[int, int]]) -> None:
    assert listed(store, district.who("chutich.camthuy")) == [[]]
    with pytest.raises(NotAllowedError):
        store.read_now(service.late_page, district.who("thon1.camthuy"), POLICY)


def test_it_is_found_by_an_index(store: Store, leader: Principal, work: list[tuple[int, int]]) -> None:
    plans: list[str] = []

    def explained(tx: Transaction) -> None:
        if tx.connection.dialect.name != "sqlite":
            return

        def note(_connection: object, cursor: object, statement: str, values: object, *_more: object) -> None:
            if statement.startswith("SELECT") and "delivery" in statement:
                raw = tx.connection.connection.cursor()
                plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values))

        sa.event.listen(tx.connection, "before_cursor_execute", note)
        for unit in (None, work[2][1]):
            found = service.late_page(tx, leader, POLICY, unit=unit)
            service.late_page(tx, leader, POLICY, unit=unit, after=found.next)
        service.outbox(tx, leader, POLICY, OutboxQuery(late=True, words="ke hoach"))

    store.read_now(explained)
    assert not [plan for plan in plans if plan.startswith("SCAN") and delivery_table.name in plan.split()]


async def test_on_the_pages(work: list[tuple[int, int]], page_as: PageAs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "MOST_LINES", 1)
    page = await page_as("chutich")
    assert '<a href="/directives/late">và 4 việc khác</a>' in await (await page.get("/")).text()
    assert 'href="/directives/late"' in await (await page.get("/directives/out")).text()
    address, seen = "/directives/late", 0
    while address:
        text = await (await page.get(address)).text()
        assert "5 việc quá hạn" in text
        seen += text.count('class="row-title"')
        onward = NEXT.search(text)
        address = onward[1].replace("&amp;", "&") if onward else ""
    assert seen == len(work)
    text = await (await page.get(f"/directives/late?unit={work[2][1]}")).text()
    assert "Chỉ hiện việc của Xã Cam Thủy." in text
    assert "Đang ở khâu: Lãnh đạo đơn vị" in text
    assert f"/directives/late?unit={work[2][1]}&amp;after=" in text
    assert "Không có việc nào quá hạn." in await (await page.get("/directives/late?unit=999999")).text()
    for wrong in ("after=9.9.9", "after=0.1", "unit=0", "unit=x"):
        assert (await page.get(f"/directives/late?{wrong}")).status == 422
    assert "Đã hết danh sách" in await (await page.get("/directives/late?after=1.999999999999999999.999999999")).text()


async def test_for_programs_and_for_whom(work: list[tuple[int, int]], as_: As, page_as: PageAs) -> None:
    program = await as_("vanthu")
    first = await (await program.get("/api/v1/directives/late")).json()
    assert (first["total"], [line["directive"] for line in first["lines"]]) == (5, [work[0][0], work[1][0]])
    second = await (await program.get("/api/v1/directives/late", params={"after": first["next"]})).json()
    assert [line["delivery"]["unit"] for line in second["lines"]] == [unit for _directive, unit in work[2:4]]
    for name, status in (("camthuy", 200), ("thon1.camthuy", 403), ("quantri", 403)):
        assert (await (await page_as(name)).get("/directives/late")).status == status
        assert (await (await as_(name)).get("/api/v1/directives/late")).status == status
    cadre = await (await (await page_as("camthuy")).get("/directives/late")).text()
    assert "/directives/decide" not in cadre


def found(store: Store, who: Principal, **asked: object) -> list[int]:
    query = OutboxQuery(**asked)  # type: ignore[arg-type]
    return [line.directive for line in store.read_now(service.outbox, who, POLICY, query).issued]


def test_the_outbox_by_a_filter(store: Store, leader: Principal, work: list[tuple[int, int]]) -> None:
    drill, first, second, in_time = sorted({directive for directive, _ in work} | {max(work)[0] + 1})
    assert found(store, leader) == [in_time, second, first, drill]
    assert found(store, leader, late=True) == [second, first, drill]
    assert found(store, leader, kind=DocumentType.CONG_VAN) == [second]
    assert found(store, leader, words="tiem phong") == [in_time]
    assert found(store, leader, words="tiêm phòng", late=True) == []
    assert found(store, leader, kind=DocumentType.KE_HOACH, late=True) == [first, drill]


async def test_the_outbox_filter_stands_in_the_address(
    store: Store, district: DistrictIds, leader: Principal, work: list[tuple[int, int]], page_as: PageAs, as_: As
) -> None:
    page = await page_as("chutich")
    asked = {"kind": "Công văn", "late": "true", "words": ""}
    answer = await page.get("/directives/out?kind=C%C3%B4ng+v%C4%83n&late=true&words=")
    text = await answer.text()
    assert "Tìm thấy 1 văn bản" in text
    assert text.count('class="row-title"') == 1
    assert re.search(r'name="late" value="true" checked', text)
    assert '<option value="Công văn" selected>' in text
    nothing = await (await page.get("/directives/out?words=khong+co")).text()
    assert "Không thấy văn bản nào" in nothing and 'value="khong co"' in nothing
    program = await (await as_("vanthu")).get("/api/v1/directives", params=asked)
    assert [line["directive"] for line in (await program.json())["issued"]] == [work[3][0]]
    assert (await page.get("/directives/out?kind=Th%C6%A1")).status == 422
    beyond = await (await page.get("/directives/out?page=99")).text()
    assert "Đã ban hành" in beyond
