"""Signed now, issued later: once, at its moment or after a downtime, unless it was taken back or must not be issued."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.clocks import WorkingCalendar
from server.directives.model import delivery_table, directive_table
from server.directives.rules import DirectiveState, Relation
from server.directives.service import scheduling
from server.directives.service.problems import DraftError
from server.directives.shapes import Directive, ScheduleInput
from server.directives.sweeper import Sweeper
from server.errors import ConflictError, NotAllowedError, UserError
from server.store import Store
from server.store.events import StoredEvent
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, draft, issue

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
MORNING = WEDNESDAY + timedelta(days=1)
DUE = WEDNESDAY + timedelta(days=6)


@pytest.fixture(autouse=True)
def on_a_working_day(clock: Clock) -> None:
    clock.set(WEDNESDAY)


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    return {name: district.who(name) for name in ("chutich", "vanthu", "vanthu.camthuy", "vanthu.camhieu")}


def write(store: Store, people: dict[str, Principal], **changes: Any) -> int:
    """A draft of the clerk."""
    made = draft([people["vanthu.camthuy"].unit_id], **({"deadline": DUE} | changes))
    return store.write_now(service.create_draft, people["vanthu"], POLICY, made).id


def sign(store: Store, people: dict[str, Principal], at: datetime = MORNING, **changes: Any) -> int:
    made = write(store, people, **changes)
    store.write_now(service.schedule, people["chutich"], made, ScheduleInput(at=at))
    return made


def read(store: Store, people: dict[str, Principal], directive: int) -> Directive:
    return store.read_now(service.open_directive, people["chutich"], POLICY, directive).directive


def sweep(store: Store) -> int:
    count = 0
    while store.write_now(service.issue_due, POLICY):
        count += 1
    return count


def deliveries(store: Store, directive: int) -> list[Any]:
    v = delivery_table.c
    return store.read_now(lambda tx: tx.all(sa.select(delivery_table).where(v.directive_id == directive)))


@pytest.fixture
def heard(store: Store) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    store.listeners.append(lambda events, _notes: found.extend(events))
    return found


def test_it_is_issued_at_its_moment_in_the_name_of_who_signed(
    store: Store, people: dict[str, Principal], clock: Clock, heard: list[StoredEvent]
) -> None:
    made = sign(store, people)
    before = read(store, people, made)
    assert (before.state, before.scheduled_at, before.number_text) == (DirectiveState.SCHEDULED, MORNING, "")
    clock.set(MORNING - timedelta(seconds=1))
    assert (sweep(store), deliveries(store, made)) == (0, [])
    clock.set(MORNING)
    assert sweep(store) == 1
    after = read(store, people, made)
    assert (after.state, after.number_text, after.issued_at) == (DirectiveState.ISSUED, "01/KH-UBND", MORNING)
    leader = people["chutich"]
    assert (after.signer, after.signer_position) == (leader.name, leader.acting.position)
    assert [row.sent_at for row in deliveries(store, made)] == [MORNING]
    (told,) = [msgspec.json.decode(one.body) for one in heard if one.kind == "directive.released"]
    assert told["accounts"] == sorted([leader.account_id, people["vanthu"].account_id])
    assert (told["directive"], told["number"]) == (made, "01/KH-UBND")
    assert [one.unit_id for one in heard if one.kind == "directive.issued"] == [people["vanthu.camthuy"].unit_id]
    assert sweep(store) == 0


def test_however_many_sweep_it_is_issued_once(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    made = [sign(store, people, subject=f"Việc {n}") for n in range(4)]
    clock.set(MORNING)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _n: sweep(store), range(4)))
    assert [len(deliveries(store, one)) for one in made] == [1] * 4
    numbers = store.read_now(lambda tx: tx.all(sa.select(directive_table.c.number)))
    assert sorted(row.number for row in numbers) == [1, 2, 3, 4]


def test_after_a_downtime_it_is_issued_then(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    made = sign(store, people)
    clock.set(MORNING + timedelta(hours=5))
    assert sweep(store) == 1
    assert read(store, people, made).issued_at == MORNING + timedelta(hours=5)


def test_a_deadline_that_has_passed_meanwhile_sends_it_back(
    store: Store, people: dict[str, Principal], clock: Clock, heard: list[StoredEvent]
) -> None:
    late, other = sign(store, people), sign(store, people, deadline=DUE + timedelta(days=30), subject="Việc khác")
    clock.set(DUE + timedelta(hours=1))
    assert sweep(store) == 2
    back = read(store, people, late)
    assert (back.state, back.schedule_problem) == (DirectiveState.WAITING, "past_deadline")
    assert (back.scheduled_at, back.signer, back.number_text, deliveries(store, late)) == (None, "", "", [])
    assert read(store, people, other).number_text == "01/KH-UBND"  # it took no number
    (told,) = [msgspec.json.decode(one.body) for one in heard if one.kind == "directive.held"]
    assert (told["directive"], told["problem"]) == (late, "past_deadline")
    store.write_now(service.edit_draft, people["vanthu"], POLICY, late, draft([people["vanthu.camthuy"].unit_id]))
    assert read(store, people, late).schedule_problem == ""


def test_the_deadline_is_judged_by_the_moment_of_issue(store: Store, people: dict[str, Principal]) -> None:
    made = write(store, people)
    with pytest.raises(DraftError) as refused:
        store.write_now(service.schedule, people["chutich"], made, ScheduleInput(at=DUE + timedelta(hours=1)))
    assert [(one.field, one.code) for one in refused.value.problems] == [("deadline", "past_deadline")]
    assert read(store, people, made).state == DirectiveState.DRAFT


@pytest.mark.parametrize(
    ("at", "code"), [(WEDNESDAY, "past_moment"), (WEDNESDAY + timedelta(days=367), "too_far_ahead")]
)
def test_moments_that_cannot_be(store: Store, people: dict[str, Principal], at: datetime, code: str) -> None:
    made = write(store, people, deadline=None)
    with pytest.raises(UserError) as refused:
        store.write_now(service.schedule, people["chutich"], made, ScheduleInput(at=at))
    assert (refused.value.code, refused.value.field) == (code, "at")


def test_it_can_be_taken_back_until_then(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    made = sign(store, people)
    for do in (
        lambda tx: service.delete_draft(tx, people["vanthu"], made),
        lambda tx: service.issue(tx, people["chutich"], POLICY, made),
        lambda tx: service.edit_draft(tx, people["vanthu"], POLICY, made, draft([])),
        lambda tx: service.schedule(tx, people["chutich"], made, ScheduleInput(at=MORNING)),
    ):
        with pytest.raises(ConflictError) as refused:
            store.write_now(do)
        assert refused.value.code == "scheduled"
    with pytest.raises(NotAllowedError):
        store.write_now(service.take_back, people["vanthu"], made)
    for _each in range(2):  # a repeat gets the first answer
        done = store.write_now(service.take_back, people["chutich"], made, "once")
        assert done.state == DirectiveState.WAITING
    clock.set(MORNING)
    assert (sweep(store), deliveries(store, made)) == (0, [])
    with pytest.raises(ConflictError, match="not_scheduled"):
        store.write_now(service.take_back, people["chutich"], made)
    store.write_now(service.issue, people["chutich"], POLICY, made)
    with pytest.raises(ConflictError, match="not_scheduled"):
        store.write_now(service.take_back, people["chutich"], made)


def test_who_signed_must_still_be_in_office(
    store: Store, people: dict[str, Principal], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sign(store, people)
    clock.set(MORNING)
    monkeypatch.setattr(scheduling.accounts, "principals", lambda _tx, _account: [people["vanthu.camhieu"]])
    assert sweep(store) == 1
    back = read(store, people, made)
    assert (back.state, back.schedule_problem) == (DirectiveState.WAITING, "signer_left")


async def test_one_that_breaks_holds_up_no_other(
    store: Store,
    people: dict[str, Principal],
    clock: Clock,
    page_as: PageAs,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And who signed it can tell the administrator a code that stands in the log beside the mistake."""
    bad, good = sign(store, people), sign(store, people, subject="Việc khác")
    honest = scheduling.release

    def release(tx: Any, who: Any, policy: Any, row: Any) -> Any:
        done = honest(tx, who, policy, row)
        if row.id == bad:
            raise RuntimeError("no paper")
        return done

    monkeypatch.setattr(scheduling, "release", release)
    clock.set(MORNING)
    assert sweep(store) == 2
    code, _colon, incident = read(store, people, bad).schedule_problem.partition(":")
    assert (code, len(incident), deliveries(store, bad)) == ("failed", 8, [])
    (said,) = [record for record in caplog.records if record.exc_info]
    assert incident in said.getMessage()
    text = await (await (await page_as("chutich")).get(f"/directives/{bad}")).text()
    assert f"báo quản trị mã {incident}" in text
    assert read(store, people, good).number_text == "01/KH-UBND"


def test_one_of_which_nobody_can_be_told_holds_up_no_other(
    store: Store, people: dict[str, Principal], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = sign(store, people), sign(store, people, at=MORNING + timedelta(minutes=1))
    honest = scheduling.tell_moment

    def fail(tx: Any, policy: Any, row: Any, *more: Any) -> None:
        if row.id == bad:
            raise KeyError("no words")
        honest(tx, policy, row, *more)

    monkeypatch.setattr(scheduling, "tell_moment", fail)
    clock.set(MORNING + timedelta(minutes=2))
    assert sweep(store) == 2
    held = read(store, people, bad)
    assert (held.state, held.schedule_problem.partition(":")[0]) == (DirectiveState.WAITING, "failed")
    assert read(store, people, good).number_text == "01/KH-UBND"


def test_when_the_database_fails_it_stays_signed(
    store: Store, people: dict[str, Principal], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sign(store, people)
    clock.set(MORNING)

    def fail(*_parts: Any) -> None:
        raise sa.exc.OperationalError("UPDATE", {}, OSError("disk full"))

    with monkeypatch.context() as broken:
        broken.setattr(scheduling, "release", fail)
        with pytest.raises(sa.exc.OperationalError):
            sweep(store)
    assert read(store, people, made).state == DirectiveState.SCHEDULED
    assert sweep(store) == 1


def test_what_it_replaces_holds_until_then(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    old = issue(store, people["chutich"], [people["vanthu.camthuy"].unit_id]).id
    sign(store, people, relation=Relation.REPLACES, related=old)
    assert deliveries(store, old)[0].state == "SENT"
    clock.set(MORNING)
    assert (sweep(store), deliveries(store, old)[0].state) == (1, "SUPERSEDED")


async def test_the_sweeper_issues_it(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    made = sign(store, people)
    clock.set(MORNING)
    sweeper = Sweeper(store, POLICY, pause=0.01)
    sweeper.start()
    try:
        async with asyncio.timeout(60):
            while not deliveries(store, made):
                await asyncio.sleep(0.01)
    finally:
        await sweeper.close()


def test_working_moments() -> None:
    calendar: WorkingCalendar = POLICY.calendar
    begin, end = calendar.hours[0]
    day = WEDNESDAY.astimezone(POLICY.zone).date()
    opens, closes = (datetime.combine(day, one, POLICY.zone) for one in (begin, end))
    assert [calendar.is_open(one) for one in (opens, closes - timedelta(minutes=1), closes)] == [True, True, False]
    assert not calendar.is_open(opens - timedelta(minutes=1))
    assert not calendar.is_open(opens + timedelta(days=4))  # a Sunday


async def test_the_pages(store: Store, people: dict[str, Principal], page_as: PageAs, clock: Clock) -> None:
    leader, clerk = await page_as("chutich"), await page_as("vanthu")
    made = write(store, people)
    place = f"/directives/{made}"
    page = await (await leader.get(place)).text()
    assert "Ký và hẹn giờ" in page and "2026-11-26T07:" in page  # the next opening is offered
    assert "Ký và hẹn giờ" not in await (await clerk.get(place)).text()
    for typed, said in (("mai", "không đúng dạng"), ("2026-11-20T08:00", "phải sau lúc này")):
        refused = await leader.post(f"{place}/schedule", {"revision": "1", "at": typed})
        text = await refused.text()
        assert (refused.status, said in text) == (422, True)
    unfit = await leader.post(f"{place}/schedule", {"revision": "1", "at": "2026-12-24T08:00"})
    assert (unfit.status, "Hạn trả lời phải sau lúc ban hành." in await unfit.text()) == (422, True)
    assert (await clerk.post(f"{place}/schedule", {"at": "2026-11-26T08:00"})).status == 403
    assert (await leader.post(f"{place}/schedule", {"revision": "1", "at": "2026-11-26T20:00"})).status == 303
    page = await (await leader.get(place)).text()
    assert "Đã ký, chờ đến giờ ban hành" in page and "ngoài giờ làm việc" in page and "Rút lại" in page
    assert "Xóa bản nháp" not in page
    assert "Rút lại" not in await (await clerk.get(place)).text()
    assert "Đã ký, hẹn giờ" in await (await clerk.get("/directives/out")).text()
    assert (await leader.post(f"{place}/take-back")).status == 303
    assert (await leader.post(f"{place}/schedule", {"revision": "1", "at": "2026-11-26T08:00"})).status == 303
    assert "ngoài giờ làm việc" not in await (await leader.get(place)).text()
    clock.set(DUE + timedelta(hours=1))
    sweep(store)
    leader = await page_as("chutich")  # who was signed out meanwhile
    page = await (await leader.get(place)).text()
    assert "Không ban hành được theo hẹn" in page and "Đến giờ hẹn thì hạn trả lời đã qua." in page
    assert "Chưa ban hành được" in await (await leader.get("/directives/out")).text()
    assert "Hạn trả lời đã qua" in await (await leader.get("/")).text()


async def test_over_the_api(store: Store, people: dict[str, Principal], as_: As) -> None:
    leader = await as_("chutich")
    made = write(store, people)
    path = f"/api/v1/directives/{made}"
    answer = await leader.post(f"{path}/schedule", {"at": MORNING.isoformat()})
    assert (answer.status, (await answer.json())["state"]) == (200, "SCHEDULED")
    opened = await (await leader.get(path)).json()
    assert datetime.fromisoformat(opened["directive"]["scheduled_at"]) == MORNING
    answer = await leader.post(f"{path}/take-back")
    assert (answer.status, (await answer.json())["state"]) == (200, "WAITING")
    assert (await leader.post(f"{path}/take-back")).status == 409
