"""The inbox, a page at a time: what is due first, true totals, both tabs to their end, and no old work left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import home, service
from server.directives.documents import Urgency
from server.directives.model import delivery_table
from server.directives.rules import State
from server.directives.service import received
from server.directives.shapes import AssignInput, Inbox, ReportInput
from server.store import Store, Transaction
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue

PAGE = 2
NEXT = re.compile(r'href="([^"]*after=[^"]*)" rel="next"')


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    names = ("chutich", "camthuy", "vanthu.camthuy", "chutich.camthuy", "thon1.camthuy")
    return {name: district.who(name) for name in names}


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "PAGE", PAGE)


@pytest.fixture
def work(store: Store, people: dict[str, Principal], clock: Clock) -> list[int]:
    """Seven directives to Cam Thủy as they are due: the oldest is the most overdue, the newest is not registered."""
    now, clerk = clock(), people["vanthu.camthuy"]
    days = (2, 30, 8, 3, 20)
    ids = {day: _issue(store, people, deadline=now + timedelta(days=day)) for day in days}
    without = _issue(store, people, deadline=None)
    for directive in (*ids.values(), without):
        store.write_now(service.register, clerk, POLICY, directive)
    clock.advance(days=4)
    flash = _issue(store, people, deadline=now + timedelta(days=40), urgency=Urgency.FLASH)
    return [ids[2], ids[3], flash, ids[8], ids[20], ids[30], without]


def _issue(store: Store, people: dict[str, Principal], **changes: object) -> int:
    return issue(store, people["chutich"], [people["camthuy"].unit_id], **changes).id


def pages_of(store: Store, who: Principal, **asked: bool) -> Iterator[Inbox]:
    found = store.read_now(service.inbox, who, POLICY, **asked)
    yield found
    while found.next:
        found = store.read_now(service.inbox, who, POLICY, after=found.next, **asked)
        yield found


def listed(store: Store, who: Principal, **asked: bool) -> list[list[int]]:
    return [[line.directive for line in page.deliveries] for page in pages_of(store, who, **asked)]


def test_all_open_work_is_reached_what_is_due_first_before(
    store: Store, people: dict[str, Principal], work: list[int]
) -> None:
    assert listed(store, people["camthuy"]) == [work[:2], work[2:4], work[4:6], work[6:]]
    assert {page.total for page in pages_of(store, people["camthuy"])} == {len(work)}


def test_what_is_due_at_one_moment_is_on_one_page_only(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    due = clock() + timedelta(days=9)
    made = [_issue(store, people, deadline=due) for _ in range(5)]
    assert listed(store, people["camthuy"]) == [made[:2], made[2:4], made[4:]]  # to be registered by the same evening
    for directive in made:
        store.write_now(service.register, people["vanthu.camthuy"], POLICY, directive)
    assert listed(store, people["camthuy"]) == [made[:2], made[2:4], made[4:]]


def test_a_page_goes_on_where_the_last_one_ended_while_lines_leave(
    store: Store, people: dict[str, Principal], work: list[int]
) -> None:
    first = store.read_now(service.inbox, people["camthuy"], POLICY)
    store.write_now(service.report, people["camthuy"], POLICY, work[0], ReportInput(text="Xong."))
    second = store.read_now(service.inbox, people["camthuy"], POLICY, after=first.next)
    assert [line.directive for line in second.deliveries] == work[2:4]
    assert second.total == len(work) - 1


def test_what_is_done_has_pages_too(store: Store, people: dict[str, Principal], work: list[int]) -> None:
    for directive in work[:2] + work[3:6]:
        store.write_now(service.report, people["camthuy"], POLICY, directive, ReportInput(text="Xong."))
    newest = sorted(work[:2] + work[3:6], reverse=True)
    assert listed(store, people["camthuy"], done=True) == [newest[:2], newest[2:4], newest[4:]]
    assert {page.total for page in pages_of(store, people["camthuy"], done=True)} == {5}


def test_what_is_given_to_a_person_has_pages_too(store: Store, people: dict[str, Principal], work: list[int]) -> None:
    mine = [work[0], work[3], work[4]]
    for directive in mine:
        data = AssignInput(lead=people["camthuy"].account_id)
        store.write_now(service.assign, people["chutich.camthuy"], POLICY, directive, data)
    assert listed(store, people["camthuy"], mine=True) == [mine[:2], mine[2:]]
    assert {page.total for page in pages_of(store, people["camthuy"], mine=True)} == {3}


def test_the_pages_are_found_by_an_index(store: Store, people: dict[str, Principal], work: list[int]) -> None:
    plans: list[str] = []

    def explained(tx: Transaction) -> None:
        if tx.connection.dialect.name != "sqlite":
            return

        def note(_connection: object, cursor: object, statement: str, values: object, *_more: object) -> None:
            if statement.startswith("SELECT") and "delivery" in statement:
                raw = tx.connection.connection.cursor()
                plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values))

        sa.event.listen(tx.connection, "before_cursor_execute", note)
        for done in (False, True):
            found = received.inbox(tx, people["camthuy"], POLICY, done=done)
            if found.next:
                received.inbox(tx, people["camthuy"], POLICY, done=done, after=found.next)

    store.read_now(explained)
    assert not [plan for plan in plans if plan.startswith("SCAN") and delivery_table.name in plan.split()]


async def test_on_the_page_without_a_script(work: list[int], page_as: PageAs) -> None:
    page = await page_as("camthuy")
    address, seen = "/directives/in", list[int]()
    while address:
        text = await (await page.get(address)).text()
        assert "Tất cả 7 chỉ đạo" in text
        seen += [int(found) for found in re.findall(r'class="row-title" href="/directives/(\d+)"', text)]
        assert ('rel="first"' in text) == (address != "/directives/in")
        onward = NEXT.search(text)
        address = onward[1].replace("&amp;", "&") if onward else ""
    assert seen == work
    assert (await page.get("/directives/in?after=9.9.9")).status == 422
    for far in ("999999999999999999.1", "0.999999999"):
        for tab in ("", "&done=true"):
            assert (await page.get(f"/directives/in?after={far}{tab}")).status == 200
    assert "Đã hết danh sách" in await (await page.get("/directives/in?after=999999999999999999.999999999")).text()


async def test_for_programs(work: list[int], as_: As) -> None:
    program = await as_("camthuy")
    first = await (await program.get("/api/v1/deliveries")).json()
    assert (first["total"], [line["directive"] for line in first["deliveries"]]) == (7, work[:2])
    second = await (await program.get("/api/v1/deliveries", params={"after": first["next"]})).json()
    assert [line["directive"] for line in second["deliveries"]] == work[2:4]


async def test_a_village_head_has_the_button_however_much_is_overdue(
    store: Store, people: dict[str, Principal], page_as: PageAs, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "MOST_LINES", PAGE)
    head, now = people["thon1.camthuy"], clock()
    old = [
        issue(store, people["chutich"], [head.unit_id], deadline=now + timedelta(days=day)).id for day in range(2, 6)
    ]
    for directive in old:
        store.write_now(service.register, head, POLICY, directive)
    clock.advance(days=9)
    new = issue(store, people["chutich"], [head.unit_id], deadline=now + timedelta(days=30)).id
    page = await page_as("thon1.camthuy")
    for address in ("/", "/directives/in"):
        assert f'action="/directives/{new}/register"' in await (await page.get(address)).text()
    assert "và 3 chỉ đạo khác" in await (await page.get("/")).text()
    first = store.read_now(service.due_first, head, POLICY, [State.REGISTERED])
    assert first is not None and first.directive == old[0]
