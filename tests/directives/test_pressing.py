"""The issuer presses units that are late or have not registered: whom it tells, how often, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.documents import Urgency
from server.directives.rules import State
from server.directives.shapes import (
    AssignInput,
    PressDone,
    PressInput,
    PressWhich,
    RecallAnswer,
    RecallInput,
    ReportInput,
)
from server.errors import ConflictError, NotFoundError
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import Channel
from server.store import Store
from server.store.events import since
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import issue
from tests.reach.helpers import POLICY, messages, reach

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
WEEK = timedelta(days=7)
NAMES = ("chutich", "vanthu", "camthuy", "chutich.camthuy", "vanthu.camthuy", "camhieu", "chutich.camhieu")


@pytest.fixture
def people(store: Store, district: DistrictIds, clock: Clock) -> dict[str, Principal]:
    clock.set(WEDNESDAY)
    found = {name: district.who(name) for name in NAMES}
    for who in found.values():
        reach(store, who, Channel.MAIL)
    return found


def issue_to_both(store: Store, people: dict[str, Principal]) -> int:
    return issue(store, people["chutich"], [people[name].unit_id for name in ("camthuy", "camhieu")]).id


@pytest.fixture
def made(store: Store, people: dict[str, Principal]) -> int:
    """A directive to two communes."""
    return issue_to_both(store, people)


def press(store: Store, who: Principal, directive: int, *units: int, which: PressWhich | None = None) -> PressDone:
    return store.write_now(service.press, who, POLICY, directive, PressInput(units=list(units), which=which))


def told(store: Store, people: dict[str, Principal], state: str = "waiting") -> list[str]:
    """Names of those who get a message that presses, in this state."""
    names = {who.account_id: name for name, who in people.items()}
    rows = [(row, msgspec.json.decode(row.notice, type=Notice)) for row in messages(store, state=state)]
    return sorted(names[row.account_id] for row, notice in rows if notice.kind is NoticeKind.PRESSED)


def history(store: Store, who: Principal, delivery: int) -> list[tuple[str, str]]:
    _directive, found = store.read_now(service.open_delivery, who, POLICY, delivery)
    return [(change.event, change.person) for change in found.changes]


def test_clerk_and_chair_are_told_until_the_unit_registers(
    store: Store, people: dict[str, Principal], made: int
) -> None:
    unit, clerk = people["camthuy"].unit_id, people["vanthu"]
    done = press(store, clerk, made, unit)
    assert done == PressDone(id=made, pressed=[unit], lately=0)
    assert told(store, people) == ["chutich.camthuy", "vanthu.camthuy"]
    assert history(store, clerk, 1) == [("press", clerk.name)]
    board = store.read_now(service.open_directive, clerk, POLICY, made).board or []
    assert {one.unit: one.pressed_at for one in board} == {unit: WEDNESDAY, people["camhieu"].unit_id: None}
    assert {one.state for one in board} == {State.SENT}
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, made)
    assert told(store, people) == []


def test_whoever_works_on_it_is_told_until_the_report(
    store: Store, people: dict[str, Principal], made: int, clock: Clock
) -> None:
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, made)
    lead = AssignInput(lead=people["camthuy"].account_id)
    store.write_now(service.assign, people["chutich.camthuy"], POLICY, made, lead)
    clock.advance(days=8)
    press(store, people["chutich"], made, people["camthuy"].unit_id)
    assert told(store, people) == ["camthuy", "chutich.camthuy", "vanthu.camthuy"]
    store.write_now(service.report, people["camthuy"], POLICY, made, ReportInput(text="Xong."))
    assert told(store, people) == []
    with pytest.raises(ConflictError, match="nothing_to_press"):
        press(store, people["chutich"], made, people["camthuy"].unit_id)


def test_open_pages_of_the_same_people_hear_it(store: Store, people: dict[str, Principal], made: int) -> None:
    unit = people["camthuy"].unit_id
    press(store, people["vanthu"], made, unit)
    events = store.read_now(lambda tx: since(tx.connection, unit, 0))
    (body,) = [msgspec.json.decode(event.body) for event in events if event.kind == "delivery.news"]
    accounts = sorted(people[name].account_id for name in ("chutich.camthuy", "vanthu.camthuy"))
    assert (body["what"], body["accounts"], body["href"]) == ("pressed", accounts, f"/directives/{made}")


def test_each_unit_once_an_hour(store: Store, people: dict[str, Principal], made: int, clock: Clock) -> None:
    one, other = people["camthuy"].unit_id, people["camhieu"].unit_id
    press(store, people["vanthu"], made, one)
    clock.advance(minutes=20)
    with pytest.raises(ConflictError) as refused:
        press(store, people["chutich"], made, one)
    assert (refused.value.code, refused.value.params["minutes"]) == ("pressed_lately", 40)
    assert len(told(store, people)) == 2
    done = press(store, people["chutich"], made)
    assert (done.pressed, done.lately) == ([other], 1)
    with pytest.raises(ConflictError, match="pressed_lately"):
        press(store, people["chutich"], made)
    clock.advance(minutes=40)
    assert press(store, people["chutich"], made).pressed == [one]


def test_only_who_is_late_or_has_not_registered(
    store: Store, people: dict[str, Principal], made: int, clock: Clock
) -> None:
    one, other = people["camthuy"].unit_id, people["camhieu"].unit_id
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, made)
    with pytest.raises(ConflictError, match="nothing_to_press"):
        press(store, people["vanthu"], made, one)
    with pytest.raises(ConflictError, match="nothing_to_press"):
        press(store, people["vanthu"], made, which=PressWhich.LATE)
    assert press(store, people["vanthu"], made, which=PressWhich.UNREGISTERED).pressed == [other]
    clock.advance(days=8)
    assert press(store, people["vanthu"], made, which=PressWhich.LATE).pressed == [one, other]
    assert history(store, people["vanthu"], 1)[-1] == ("press", people["vanthu"].name)


def test_a_recall_that_is_not_answered_is_pressed_and_goes_back_to_where_it_was(
    store: Store, people: dict[str, Principal], made: int, clock: Clock
) -> None:
    store.write_now(service.see, people["camthuy"], made)
    store.write_now(service.recall, people["chutich"], POLICY, made, RecallInput(note="Nhầm"))
    clock.advance(days=4)
    assert len(press(store, people["chutich"], made).pressed) == 2
    answer = RecallAnswer(agree=False, note="Đã làm")
    assert store.write_now(service.answer_recall, people["camthuy"], POLICY, made, answer).state is State.SEEN
    assert told(store, people) == ["chutich.camhieu"], "the other unit's chair; the clerk there is nobody we know"


def test_it_waits_for_the_end_of_quiet_hours(
    store: Store, people: dict[str, Principal], made: int, clock: Clock
) -> None:
    night = WEDNESDAY + timedelta(hours=15)
    clock.set(night)
    press(store, people["vanthu"], made, people["camthuy"].unit_id)
    assert {row.due_at for row in messages(store, state="waiting")} == {POLICY.after_quiet_hours(night, Urgency.NORMAL)}


def test_a_repeat_gets_the_first_answer(store: Store, people: dict[str, Principal], made: int) -> None:
    data = PressInput(command_id="once")
    first, again = (store.write_now(service.press, people["vanthu"], POLICY, made, data) for _ in range(2))
    assert first == again and len(first.pressed) == 2
    assert history(store, people["vanthu"], 1) == [("press", people["vanthu"].name)]


def test_only_the_issuer_presses_and_only_recipients(store: Store, people: dict[str, Principal], made: int) -> None:
    with pytest.raises(NotFoundError):
        press(store, people["chutich.camthuy"], made)
    with pytest.raises(NotFoundError):
        press(store, people["vanthu"], made, people["camthuy"].unit_id, people["vanthu"].unit_id)
    assert told(store, people) == []
    assert history(store, people["vanthu"], 1) == []


async def test_over_the_api(store: Store, as_: As, people: dict[str, Principal]) -> None:
    clerk = await as_("vanthu")
    path = f"/api/v1/directives/{issue_to_both(store, people)}/press"
    done = await clerk.post(path, {"which": "unregistered"})
    assert (done.status, len((await done.json())["pressed"])) == (200, 2)
    refused = await clerk.post(path, {"units": [people["camthuy"].unit_id]})
    assert (refused.status, (await refused.json())["code"]) == (409, "pressed_lately")
    assert (await clerk.post(path, {"which": "all"})).status == 422
    head = await as_("thon1.camthuy")
    assert (await head.post(path, {})).status == 403


async def test_the_buttons_of_the_board(store: Store, page_as: PageAs, people: dict[str, Principal]) -> None:
    clerk = await page_as("vanthu")
    here = f"/directives/{issue_to_both(store, people)}"
    text = await (await clerk.get(f"{here}?show=unregistered")).text()
    assert "Đôn đốc các nơi chưa tiếp nhận" in text and text.count(f'action="{here}/press?show=unregistered"') == 3
    assert "Đôn đốc các nơi" not in await (await clerk.get(here)).text()
    form: dict[str, Any] = {"units": str(people["camthuy"].unit_id)}
    done = await clerk.post(f"{here}/press?show=unregistered", form)
    assert (done.status, done.headers["Location"]) == (303, f"{here}?show=unregistered")
    assert "Đã đôn đốc lúc" in await (await clerk.get(here)).text()
    again = await clerk.post(f"{here}/press?show=unregistered", form)
    assert again.status == 409
    assert "Mỗi nơi chỉ đôn đốc được một lần trong một giờ. Xin đợi 60 phút nữa." in await again.text()
    assert (await clerk.post(f"{here}/press?show=unregistered", {})).status == 303, "the other one"
    assert "Đã đôn đốc" in await (await clerk.get("/deliveries/1")).text()
