"""The sweeper: each alarm once, to the right people by name, stopped by whoever acts, caught up after a downtime."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.accounts.principal import Principal
from server.config import Settings
from server.directives import service
from server.directives.documents import Urgency
from server.directives.model import addressee_table, alarm_table, delivery_table
from server.directives.posts import Post, choose
from server.directives.running import alarms
from server.directives.service.access import TIMED
from server.directives.shapes import (
    ExtensionDecision,
    ExtensionInput,
    PostsInput,
    RecallInput,
    ReportInput,
    SendBackInput,
)
from server.directives.sweeper import Sweeper
from server.errors import NotAllowedError, UserError
from server.store import Store
from server.store.events import since
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
v = delivery_table.c


@pytest.fixture(autouse=True)
def on_a_working_day(clock: Clock) -> None:
    clock.set(WEDNESDAY)


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    names = ("chutich", "vanthu", "camthuy", "vanthu.camthuy", "chutich.camthuy", "camhieu", "thon1.camthuy")
    return {name: district.who(name) for name in names}


def sweep(store: Store) -> list[tuple[str, str, str]]:
    """Sweep until nothing is left; gives (kind, clock, duty) of what is raised now."""
    before = {row.id for row in raised(store)}
    while store.write_now(service.sweep, POLICY):
        pass
    return [(row.kind, row.clock, row.duty) for row in raised(store) if row.id not in before and row.told]


def raised(store: Store) -> list[Any]:
    return store.read_now(lambda tx: tx.all(sa.select(alarm_table).order_by(alarm_table.c.at, alarm_table.c.id)))


def reminders(store: Store) -> list[datetime]:
    return [row.at for row in raised(store) if row.kind == "reminder"]


def addressees(store: Store) -> set[int]:
    return {row.account_id for row in store.read_now(lambda tx: tx.all(sa.select(addressee_table)))}


def told(store: Store, unit: int) -> list[dict[str, Any]]:
    events = store.read_now(lambda tx: since(tx.connection, unit, 0))
    return [
        msgspec.json.decode(e.body) | {"kind": e.kind}
        for e in events
        if e.kind in ("delivery.reminder", "delivery.escalated")
    ]


def test_nothing_is_raised_before_its_time(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.FLASH)
    assert sweep(store) == []
    clock.advance(minutes=19)
    assert store.write_now(service.sweep, POLICY) == 0  # not even looked at


def test_an_escalation_goes_up_until_somebody_acts(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    done = issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.FLASH)
    clock.advance(minutes=20)
    assert sweep(store) == [("escalation", "register", "chair")]
    assert addressees(store) == {people["chutich.camthuy"].account_id}
    (event,) = told(store, people["camthuy"].unit_id)
    assert (event["kind"], event["accounts"]) == ("delivery.escalated", [people["chutich.camthuy"].account_id])
    assert (event["clock"], event["href"]) == ("register", f"/directives/{done.id}")
    clock.advance(minutes=5)
    assert sweep(store) == [("escalation", "register", "issuer_deputy")]
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, done.id)
    clock.advance(minutes=10)
    assert sweep(store) == []  # the chair of the district is left in peace
    assert store.read_now(service.my_alarms, people["chutich.camthuy"], POLICY) == []


def test_all_four_clocks(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    unit = people["camthuy"].unit_id
    due = WEDNESDAY + timedelta(days=2, hours=9)  # Friday 17:00
    done = issue(store, people["chutich"], [unit], deadline=due)
    clock.advance(days=1, hours=9)  # Thursday 17:00
    assert sweep(store) == [("escalation", "register", "clerk"), ("reminder", "respond", "assignee")]
    answer = store.write_now(service.register, people["camthuy"], POLICY, done.id)
    clock.set(due)
    assert sweep(store) == [("escalation", "assign", "chair"), ("escalation", "respond", "chair")]
    store.write_now(service.report, people["camthuy"], POLICY, done.id, ReportInput(text="Xong."))
    clock.set(due + timedelta(days=5))  # Wednesday 17:00: three working days
    assert sweep(store) == [("escalation", "review", "issuer_clerk")]
    assert people["vanthu"].account_id in addressees(store)
    (line,) = store.read_now(service.my_alarms, people["vanthu"], POLICY)
    assert (line.clock, line.unit_name) == ("review", "Xã Cam Thủy")
    store.write_now(service.accept, people["vanthu"], POLICY, answer.id)
    clock.advance(days=30)
    assert sweep(store) == []
    assert store.read_now(service.my_alarms, people["vanthu"], POLICY) == []


def test_more_that_is_asked_for_after_the_deadline_is_not_late_at_once(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    """Judged late and sent back with a new deadline: no alarm of the old one is raised, and more time can be asked."""
    due = WEDNESDAY + timedelta(days=2, hours=9)  # Friday 17:00
    done = issue(store, people["chutich"], [people["camthuy"].unit_id], deadline=due)
    answer = store.write_now(service.register, people["camthuy"], POLICY, done.id)
    store.write_now(service.report, people["camthuy"], POLICY, done.id, ReportInput(text="Xong."))
    clock.set(due + timedelta(days=3))  # Monday 17:00
    assert sweep(store) == [("escalation", "review", "issuer_clerk")]
    until = due + timedelta(days=7)
    more = SendBackInput(note="Thiếu số liệu", deadline=until)
    store.write_now(service.send_back, people["vanthu"], POLICY, answer.id, more)
    assert sweep(store) == []
    ask = ExtensionInput(reason="Mưa to", until=until + timedelta(days=1))
    store.write_now(service.ask_extension, people["camthuy"], POLICY, done.id, ask)
    clock.set(until)
    assert ("escalation", "respond", "chair") in sweep(store)


def test_what_came_due_in_a_downtime_is_raised_at_once_and_only_once(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    unit = people["camthuy"].unit_id
    done = issue(store, people["chutich"], [unit], deadline=WEDNESDAY + timedelta(days=5, hours=9))
    store.write_now(service.register, people["camthuy"], POLICY, done.id)
    clock.set(WEDNESDAY + timedelta(days=5, hours=6))  # Monday 14:00, three hours before the deadline
    assert sweep(store) == [("escalation", "assign", "chair"), ("reminder", "respond", "assignee")]
    assert [(row.kind, row.told) for row in raised(store) if row.clock == "respond"] == [
        *[("reminder", False)] * 2,
        ("reminder", True),
    ]
    store.write_now(lambda tx: tx.execute(sa.update(delivery_table).values(alarm_at=tx.now)))
    assert sweep(store) == []
    assert len(told(store, unit)) == 2


def test_the_issuer_hears_of_many_units_at_once(
    store: Store, people: dict[str, Principal], clock: Clock, district: DistrictIds
) -> None:
    communes = [district.unit(code) for code in ("19597", "19600", "19603", "19606", "19612")]
    issue(store, people["chutich"], communes, urgency=Urgency.FLASH)
    clock.advance(minutes=25)
    assert len(sweep(store)) == 10
    (event,) = told(store, people["chutich"].unit_id)
    assert event["units"] == communes
    assert len(store.read_now(service.my_alarms, people["chutich"], POLICY)) == 5


def test_a_recall_that_nobody_answers(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    done = issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.VERY_URGENT)
    store.write_now(service.recall, people["chutich"], POLICY, done.id, RecallInput(note="Sai"))
    clock.advance(minutes=61)
    assert sweep(store) == [("escalation", "recall", "chair"), ("escalation", "recall", "duty_officer")]


def test_several_processes_raise_each_alarm_once(
    store: Store, people: dict[str, Principal], clock: Clock, settings: Settings, district: DistrictIds
) -> None:
    communes = [district.unit(code) for code in ("19597", "19600", "19603", "19606", "19612", "19615", "19618")]
    for _ in range(6):
        issue(store, people["chutich"], communes, urgency=Urgency.FLASH)
    clock.advance(hours=1)
    stores = [store, *(Store(settings.database_url(), clock=clock) for _ in range(2))]
    try:
        with ThreadPoolExecutor(6) as pool:
            for job in [pool.submit(sweep_all, stores[n % 3]) for n in range(6)]:
                job.result()
    finally:
        for other in stores[1:]:
            other.close()
    assert len(raised(store)) == 6 * 7 * 3
    assert len(told(store, communes[0])) == 6


def sweep_all(store: Store) -> None:
    while store.write_now(service.sweep, POLICY, 5):
        pass


@given(
    st.lists(
        st.tuples(st.sampled_from(["wait", "sweep", "register", "report", "forget"]), st.integers(1, 3000)), max_size=12
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whenever_it_sweeps_each_alarm_that_still_held_is_raised_once(
    store: Store, people: dict[str, Principal], clock: Clock, steps: list[tuple[str, int]]
) -> None:
    """However late, however often, and with the schedule forgotten in between."""
    clock.set(WEDNESDAY)
    done = issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.VERY_URGENT)
    mine = v.directive_id == done.id
    for step, minutes in [*steps, ("sweep", 1)]:
        if step == "wait":
            clock.advance(minutes=minutes)
        elif step == "forget":
            store.write_now(lambda tx: tx.execute(sa.update(delivery_table).where(mine).values(alarm_at=tx.now)))
        elif step == "sweep":
            sweep_all(store)
            row = store.read_now(lambda tx: tx.one(TIMED.where(mine)))
            plan = alarms(POLICY, row)
            keys = [(a.clock.value, a.due, a.kind.value, a.step) for a in plan if a.at <= clock()]
            query = sa.select(alarm_table).where(alarm_table.c.delivery_id == row.id)
            stored = [(a.clock, a.due, a.kind, a.step) for a in store.read_now(lambda tx, q=query: tx.all(q))]
            assert set(keys) <= set(stored)
            assert len(stored) == len(set(stored))
            assert row.alarm_at == min((a.at for a in plan if a.at > clock()), default=None)
        else:
            try:
                if step == "register":
                    store.write_now(service.register, people["camthuy"], POLICY, done.id)
                else:
                    store.write_now(service.report, people["camthuy"], POLICY, done.id, ReportInput(text="x"))
            except UserError:
                continue


# ---- the rules change


def test_when_rules_change_open_deliveries_are_looked_at_again(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    issue(store, people["chutich"], [people["camthuy"].unit_id, people["camhieu"].unit_id])
    assert store.write_now(service.reschedule, POLICY) == 2  # the first start
    assert store.write_now(service.reschedule, POLICY) == 0
    stricter = msgspec.structs.replace(POLICY.file, most_attachments=3)
    policy = type(POLICY)(stricter, type_of_calendar(), POLICY.zone, POLICY.attachment_limit)
    assert policy.digest != POLICY.digest
    assert store.write_now(service.reschedule, policy) == 2


def type_of_calendar() -> Any:
    from server.directives.policy import Calendar

    return Calendar()


async def test_the_task_sweeps_and_survives_a_failure(
    store: Store, people: dict[str, Principal], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.FLASH)
    clock.advance(minutes=20)
    failures = 1

    class Failing:
        async def write(self, *args: Any) -> Any:
            nonlocal failures
            if failures:
                failures -= 1
                raise OSError("disk")
            return await store.write(*args)

        read = store.read

    sweeper = Sweeper(Failing(), POLICY, pause=0.01)  # type: ignore[arg-type]
    sweeper.start()
    for _ in range(200):
        await asyncio.sleep(0.01)
        if raised(store):
            break
    await sweeper.close()
    assert [row.duty for row in raised(store)] == ["chair"]
    assert "trying again" in caplog.text
    await sweeper.close()


# ---- who is told


def test_named_people_come_before_roles(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    boss, cadre = people["chutich.camthuy"], people["camthuy"]
    before = store.read_now(service.posts_of, boss, POLICY)
    chair = next(one for one in before.posts if one.post is Post.CHAIR)
    assert (chair.named, chair.told) == ([], [boss.name])
    store.write_now(service.name_holders, boss, POLICY, PostsInput(post=Post.CHAIR, accounts=[cadre.account_id]))
    issue(store, people["chutich"], [boss.unit_id], urgency=Urgency.FLASH)
    clock.advance(minutes=20)
    sweep(store)
    assert addressees(store) == {cadre.account_id}
    after = store.write_now(service.name_holders, boss, POLICY, PostsInput(post=Post.CHAIR, accounts=[]))
    assert next(one for one in after.posts if one.post is Post.CHAIR).told == [boss.name]


def test_who_may_be_named_and_by_whom(store: Store, people: dict[str, Principal]) -> None:
    boss = people["chutich.camthuy"]
    with pytest.raises(UserError, match="not_a_member"):
        store.write_now(
            service.name_holders, boss, POLICY, PostsInput(post=Post.CHAIR, accounts=[people["camhieu"].account_id])
        )
    with pytest.raises(UserError, match="too_many_holders"):
        store.write_now(service.name_holders, boss, POLICY, PostsInput(post=Post.CHAIR, accounts=list(range(1, 9))))
    with pytest.raises(NotAllowedError):
        store.write_now(service.name_holders, people["camthuy"], POLICY, PostsInput(post=Post.CHAIR))


def test_a_unit_without_anybody_gets_no_name() -> None:
    assert choose(Post.CHAIR, [], {}) == []
    assert choose(None, [], {}) == []
    assert choose(Post.CLERK, [7, 8], {}) == [7, 8]


async def test_alarms_over_the_api_and_on_the_home_page(
    as_: As, page_as: PageAs, store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.FLASH, subject="Di dời dân")
    clock.advance(minutes=20)
    sweep(store)
    boss, page = await as_("chutich.camthuy"), await page_as("chutich.camthuy")
    (line,) = (await (await boss.get("/api/v1/alarms")).json())["alarms"]
    assert (line["clock"], line["duty"], line["subject"]) == ("register", "chair", "Di dời dân")
    home = await (await page.get("/")).text()
    assert "Cần xử lý ngay" in home
    assert "Chưa tiếp nhận" in home
    other = await (await as_("camthuy")).get("/api/v1/alarms")
    assert (await other.json())["alarms"] == []
    assert (await page.post("/directives/alarms", {"ids": str(line["id"])})).status == 303
    assert (await (await boss.get("/api/v1/alarms")).json())["alarms"] == []
    assert "Cần xử lý ngay" not in await (await page.get("/")).text()
    clock.advance(minutes=10)
    assert len(sweep(store)) == 2  # noted is not acted: it goes on up


async def test_the_page_of_posts(page_as: PageAs, people: dict[str, Principal]) -> None:
    page = await page_as("chutich.camthuy")
    text = await (await page.get("/directives/posts")).text()
    assert "Chánh văn phòng" in text
    assert people["camthuy"].name in text
    named = {"post": "duty_officer", "accounts": str(people["camthuy"].account_id)}
    assert (await page.post("/directives/posts", named)).status == 303
    assert f"Đang báo cho: {people['camthuy'].name}" in await (await page.get("/directives/posts")).text()


def test_reminders_begin_anew_with_what_is_sent_back_and_with_more_time(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    village, clerk, hours = people["thon1.camthuy"], people["vanthu.camthuy"], timedelta(hours=1)
    done = issue(store, people["chutich.camthuy"], [village.unit_id], urgency=Urgency.FLASH)
    store.write_now(service.register, village, POLICY, done.id)
    store.write_now(service.report, village, POLICY, done.id, ReportInput(text="Xong."))
    back = clock.advance(days=6)
    delivery = store.read_now(lambda tx: tx.one(sa.select(v.id).where(v.directive_id == done.id))).id
    more = SendBackInput(note="Thêm số liệu", deadline=back + 10 * hours)
    store.write_now(service.send_back, clerk, POLICY, delivery, more)
    clock.advance(hours=6)
    sweep(store)
    assert reminders(store) == [back + 5 * hours], "half of the ten hours that are given"
    asked = ExtensionInput(reason="Mưa", until=back + 26 * hours)
    store.write_now(service.ask_extension, village, POLICY, done.id, asked)
    store.write_now(service.decide_extension, clerk, POLICY, delivery, ExtensionDecision(grant=True))
    clock.advance(hours=11)
    sweep(store)
    assert reminders(store) == [back + 5 * hours, back + 16 * hours]
    assert [line.clock for line in store.read_now(service.my_alarms, village, POLICY)] == ["respond"]
