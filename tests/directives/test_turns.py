"""People on duty day by day: whom it tells, who may be put on duty, and what the page shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from server.accounts.model import membership_table
from server.accounts.principal import Principal
from server.directives import service
from server.directives.posts import Duty, Post
from server.directives.service.posts import Directory
from server.directives.shapes import PostHolders, PostsInput, TurnInput
from server.errors import ConflictError, NotAllowedError, NotFoundError, UserError
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
TODAY = date(2026, 11, 25)
DAY = timedelta(days=1)


@pytest.fixture
def people(district: DistrictIds, clock: Clock) -> dict[str, Principal]:
    clock.set(WEDNESDAY)
    names = ("chutich.camthuy", "vanthu.camthuy", "camthuy", "camhieu")
    return {name: district.who(name) for name in names}


def put(
    store: Store, people: dict[str, Principal], name: str, first: date, last: date | None = None, by: str = ""
) -> PostHolders:
    """Put somebody on duty as duty officer of Cam Thủy."""
    data = TurnInput(post=Post.DUTY_OFFICER, account=people[name].account_id, first=first, last=last)
    unit = store.write_now(service.add_turn, people[by or "vanthu.camthuy"], POLICY, data)
    return next(one for one in unit.posts if one.post is Post.DUTY_OFFICER)


def told(store: Store, people: dict[str, Principal]) -> list[str]:
    """Who would be told what is for the duty officer."""
    names = {who.account_id: name for name, who in people.items()}
    unit = people["camthuy"].unit_id
    found = store.read_now(lambda tx: Directory(tx, [unit]).find(unit, Duty.DUTY_OFFICER.post))
    return [names[account] for account in found]


def test_who_is_on_duty_today_is_told_instead_of_those_without_dates(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    named = PostsInput(post=Post.DUTY_OFFICER, accounts=[people["chutich.camthuy"].account_id])
    store.write_now(service.name_holders, people["vanthu.camthuy"], POLICY, named)
    put(store, people, "camthuy", TODAY + DAY)
    put(store, people, "vanthu.camthuy", TODAY + 2 * DAY, TODAY + 3 * DAY)
    assert told(store, people) == ["chutich.camthuy"]
    clock.set(datetime(2026, 11, 25, 17, 0, tzinfo=UTC))  # midnight in Vietnam
    assert told(store, people) == ["camthuy"]
    clock.advance(days=1)
    assert told(store, people) == ["vanthu.camthuy"]
    clock.advance(hours=47, minutes=59)
    assert told(store, people) == ["vanthu.camthuy"]
    clock.advance(minutes=1)
    assert told(store, people) == ["chutich.camthuy"]


def test_the_unit_sees_who_is_on_duty_now_and_in_days_to_come(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    put(store, people, "camthuy", TODAY - DAY, TODAY)
    found = put(store, people, "camthuy", TODAY + DAY)
    assert [(turn.first, turn.last, turn.now) for turn in found.turns] == [
        (TODAY - DAY, TODAY, True),
        (TODAY + DAY, TODAY + DAY, False),
    ]
    assert (found.named, found.told) == ([], [people["camthuy"].name])
    clock.advance(days=1)
    after = store.read_now(service.posts_of, people["vanthu.camthuy"], POLICY)
    turns = {one.post: one.turns for one in after.posts}
    assert [turn.first for turn in turns.pop(Post.DUTY_OFFICER)] == [TODAY + DAY]
    assert set(map(len, turns.values())) == {0}


def test_who_has_left_the_unit_is_on_duty_no_more(store: Store, people: dict[str, Principal]) -> None:
    put(store, people, "camthuy", TODAY)
    account = people["camthuy"].account_id
    over = sa.update(membership_table).where(membership_table.c.account_id == account).values(valid_to=WEDNESDAY)
    store.write_now(lambda tx: tx.execute(over))
    assert told(store, people) == ["chutich.camthuy"], "by role"
    assert put(store, people, "vanthu.camthuy", TODAY + DAY).turns[0].name == people["vanthu.camthuy"].name


def test_what_is_refused(store: Store, people: dict[str, Principal]) -> None:
    put(store, people, "camthuy", TODAY, TODAY + 2 * DAY)
    with pytest.raises(ConflictError, match="turn_overlaps"):
        put(store, people, "camthuy", TODAY + 2 * DAY, TODAY + 5 * DAY)
    with pytest.raises(UserError, match="not_a_member"):
        put(store, people, "camhieu", TODAY)
    with pytest.raises(UserError, match="turn_over"):
        put(store, people, "camthuy", TODAY + 9 * DAY, TODAY + 8 * DAY)
    with pytest.raises(UserError, match="turn_over"):
        put(store, people, "camthuy", TODAY - DAY)
    with pytest.raises(UserError, match="turn_too_far"):
        put(store, people, "camthuy", TODAY + 367 * DAY)
    with pytest.raises(NotAllowedError):
        put(store, people, "camthuy", TODAY + 9 * DAY, by="camthuy")
    (turn,) = put(store, people, "vanthu.camthuy", TODAY + DAY).turns[:1]
    with pytest.raises(NotAllowedError):
        store.write_now(service.drop_turn, people["camhieu"], POLICY, turn.id)


def test_a_turn_is_dropped_by_the_own_unit_only(
    store: Store, people: dict[str, Principal], district: DistrictIds
) -> None:
    (turn,) = put(store, people, "camthuy", TODAY).turns
    with pytest.raises(NotFoundError, match="no_turn"):
        store.write_now(service.drop_turn, district.who("vanthu"), POLICY, turn.id)
    assert told(store, people) == ["camthuy"]
    store.write_now(service.drop_turn, people["vanthu.camthuy"], POLICY, turn.id)
    assert told(store, people) == ["chutich.camthuy", "camthuy"], "by role"


async def test_over_the_api(as_: As, people: dict[str, Principal]) -> None:
    clerk, body = await as_("vanthu.camthuy"), {"post": "duty_officer", "account": people["camthuy"].account_id}
    made = await clerk.post("/api/v1/posts/turns", body | {"first": "2026-11-25"})
    (turn,) = next(one["turns"] for one in (await made.json())["posts"] if one["post"] == "duty_officer")
    assert (made.status, turn["first"], turn["last"], turn["now"]) == (201, "2026-11-25", "2026-11-25", True)
    again = await clerk.post("/api/v1/posts/turns", body | {"first": "2026-11-25"})
    assert (again.status, (await again.json())["code"]) == (409, "turn_overlaps")
    assert (await clerk.delete(f"/api/v1/posts/turns/{turn['id']}")).status == 200
    assert (await clerk.delete(f"/api/v1/posts/turns/{turn['id']}")).status == 404


async def test_the_page_shows_turns_and_says_what_is_wrong(page_as: PageAs, people: dict[str, Principal]) -> None:
    clerk = await page_as("vanthu.camthuy")
    form = {"post": "duty_officer", "account": str(people["camthuy"].account_id), "first": "2026-11-25"}
    assert (await clerk.post("/directives/posts/turns", form)).status == 303
    assert (
        await clerk.post("/directives/posts/turns", form | {"first": "2026-11-27", "last": "2026-11-29"})
    ).status == 303
    text = await (await clerk.get("/directives/posts")).text()
    assert text.count("Bỏ lượt trực") == 2 and text.count("Đang trực") == 1
    wrong = await clerk.post("/directives/posts/turns", form | {"first": "2026-12-09", "last": "2026-12-08"})
    text = await wrong.text()
    assert (wrong.status, 'value="2026-12-09"' in text) == (422, True)
    assert "Ngày cuối phải từ ngày đầu trở đi và chưa qua." in text
    assert (await clerk.post("/directives/posts/turns/1/drop", {})).status == 303
    assert (await (await clerk.get("/directives/posts")).text()).count("Bỏ lượt trực") == 1
