"""Refusals are kept: who, what and why, without what they wrote; not more than a disk holds; for the administrator."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from aiohttp import web

from server.refusals import keeper as keeping
from server.refusals import service
from server.refusals.keeper import MOST_A_MINUTE, Keeper
from server.refusals.model import refusal_table
from server.refusals.service import PAGE, Refused
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.test_translations import texts

KEPT = timedelta(days=400)


def kept(store: Store) -> list[Any]:
    return store.read_now(lambda tx: tx.all(sa.select(refusal_table).order_by(refusal_table.c.id)))


@pytest.fixture
def one(district: DistrictIds) -> Refused:
    who = district.who("camthuy")
    return Refused(
        account=who.account_id,
        unit=who.unit_id,
        method="POST",
        route="/api/v1/directives/{id}/register",
        target="7",
        status=409,
        code="wrong_state",
        field="",
        message="Còn {n} thôn, tệp {name}.",
        numbers={"n": 3},
    )


async def test_a_command_that_may_not_be_is_kept_without_its_words(
    as_: As, store: Store, district: DistrictIds
) -> None:
    cadre = await as_("camthuy")
    answer = await cadre.post("/api/v1/directives/999/return", {"reason": "Đồng chí Hùng gửi nhầm"})
    assert answer.status == 422
    (row,) = kept(store)
    assert (row.method, row.route, row.target) == ("POST", "/api/v1/directives/{id}/return", "999")
    assert (row.code, row.status, row.field) == ("invalid_input", 422, "reason")
    assert (row.account_id, row.unit_id) == (district.who("camthuy").account_id, district.unit("19606"))
    assert "Hùng" not in repr(row)


async def test_a_role_that_may_not_is_kept_and_reading_is_not(as_: As, store: Store) -> None:
    cadre = await as_("camthuy")
    assert (await cadre.post("/api/v1/directives/1/issue")).status == 403
    assert [row.code for row in kept(store)] == ["not_allowed"]
    assert (await cadre.get("/api/v1/directives/999")).status == 404
    assert (await cadre.get("/refusals")).status == 403
    nobody = await as_(None)
    assert (await nobody.post("/api/v1/directives/1/issue")).status == 401
    assert len(kept(store)) == 1


async def test_a_flood_is_counted_beside_the_last_that_was_kept(store: Store, one: Refused) -> None:
    keeper = Keeper(store, KEPT)
    for _each in range(MOST_A_MINUTE + 5):
        await keeper.keep(one)
    assert len(kept(store)) == MOST_A_MINUTE
    await keeper.flush()
    await keeper.flush()
    assert [row.more for row in kept(store)] == [0] * (MOST_A_MINUTE - 1) + [5]
    await keeper.keep(one)
    await keeper.close()
    assert [row.more for row in kept(store)][-1] == 6


async def test_many_accounts_together_are_bounded(
    store: Store, one: Refused, monkeypatch: pytest.MonkeyPatch, district: DistrictIds
) -> None:
    monkeypatch.setattr(keeping, "MOST_OF_ALL", 3)
    keeper = Keeper(store, KEPT)
    for name in ("chutich", "vanthu", "camthuy", "camhieu"):
        await keeper.keep(msgspec.structs.replace(one, account=district.who(name).account_id))
    assert len(kept(store)) == 3


def keep_some(store: Store, one: Refused, *targets: str) -> None:
    for target in targets:
        store.write_now(service.keep, msgspec.structs.replace(one, target=target))


async def test_what_is_older_than_the_term_goes_batch_by_batch(
    store: Store, one: Refused, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_some(store, one, "1", "2", "3", "4", "5")
    clock.advance(days=399)
    keep_some(store, one, "6")
    assert store.write_now(service.forget, KEPT, 2) == 0
    clock.advance(days=1, seconds=1)
    assert store.write_now(service.forget, KEPT, 2) == 2
    assert [row.target for row in kept(store)] == ["3", "4", "5", "6"]
    monkeypatch.setattr(keeping, "BATCH", 2)
    await Keeper(store, KEPT).forget()
    assert [row.target for row in kept(store)] == ["6"]


async def test_it_is_looked_for_at_the_start_and_again_a_day_later(
    store: Store, one: Refused, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_some(store, one, "1")
    clock.advance(days=401)
    keeper = Keeper(store, KEPT, pause=0.01)
    keeper.start()
    async with asyncio.timeout(20):
        while kept(store):
            await asyncio.sleep(0.01)
        keep_some(store, one, "2")
        clock.advance(days=401)
        await asyncio.sleep(0.1)
        assert [row.target for row in kept(store)] == ["2"]  # not at every flush
        monkeypatch.setattr(keeping, "DAY_SECONDS", 0.0)
        while kept(store):
            await asyncio.sleep(0.01)
    await keeper.close()


@pytest.fixture
def one_of_two_old(store: Store, one: Refused, clock: Clock) -> None:
    keep_some(store, one, "1")
    clock.advance(days=401)
    keep_some(store, one, "2")


async def test_the_application_forgets_by_its_settings(one_of_two_old: None, as_: As, store: Store) -> None:
    async with asyncio.timeout(20):
        while len(kept(store)) > 1:
            await asyncio.sleep(0.01)
    assert [row.target for row in kept(store)] == ["2"]


async def test_a_database_that_fails_keeps_nobody_from_their_answer(
    as_: As, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_parts: Any) -> None:
        raise sa.exc.OperationalError("INSERT", {}, OSError("disk full"))

    cadre = await as_("camthuy")
    monkeypatch.setattr(service, "keep", fail)
    answer = await cadre.post("/api/v1/directives/999/register")
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "no_directive")


async def test_the_administrator_reads_them_by_page_and_code(
    page_as: PageAs, store: Store, one: Refused, app: web.Application
) -> None:
    for number in range(PAGE + 1):
        store.write_now(service.keep, msgspec.structs.replace(one, target=str(1000 + number)))
    store.write_now(service.keep, msgspec.structs.replace(one, code="past_deadline", target="5000"))
    admin = await page_as("quantri")
    text = await (await admin.get("/refusals")).text()
    assert "Còn 3 thôn, tệp …." in text  # what filled the field was not kept
    assert "id 5000" in text
    assert "id 1050" in text
    assert "id 1001" not in text
    assert "wrong_state (51)" in text
    assert "id 1001" in await (await admin.get("/refusals?page=2")).text()
    text = await (await admin.get("/refusals?code=past_deadline")).text()
    assert "id 5000" in text
    assert "id 1050" not in text
    assert (await admin.get("/refusals?page=0")).status == 422
    assert (await (await page_as("chutich")).get("/refusals")).status == 403


async def test_the_page_without_any(page_as: PageAs) -> None:
    assert "Chưa có thao tác nào bị từ chối" in await (await (await page_as("quantri")).get("/refusals")).text()


def test_the_table_has_room_for_every_message() -> None:
    """What is longer would be cut in the middle of a field."""
    longest = max(len(text) for text, where in texts() if where.startswith("server/"))
    assert longest <= refusal_table.c.message.type.length
