"""Wrong passwords are slowed and then locked, by account and by address, in the clock's time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.accounts import locks
from server.accounts.rules import pause_after
from server.config import Access, Settings
from server.errors import TooManyError
from server.store import Store
from tests.conftest import PASSWORD, As, Clock, DistrictIds

Client = TestClient[Any, Any]
ACCESS = Access(tries_before_lock=8, lock_minutes=15)
LOCK = timedelta(minutes=15)


async def attempt(client: Client, username: str, password: str = "wrong") -> tuple[int, str, int]:
    answer = await client.post("/api/v1/session", json={"username": username, "password": password})
    body = await answer.json()
    return answer.status, body.get("code", ""), int(answer.headers.get("Retry-After", 0))


async def fail_until_locked(client: Client, clock: Clock, username: str) -> list[int]:
    """Wait as told and fail on, until the wait is the lock; gives the waits."""
    waits = []
    for _try in range(30):
        _status, _code, wait = await attempt(client, username)
        if wait:
            waits.append(wait)
            if wait >= 600:
                return waits
            clock.advance(seconds=wait)
    raise AssertionError(f"never locked: {waits}")


def test_pauses_grow_and_end_in_the_lock() -> None:
    pauses = [int(pause_after(n, 8, LOCK).total_seconds()) for n in range(10)]
    assert pauses == [0, 0, 0, 1, 2, 4, 8, 16, 900, 900]


@pytest.mark.parametrize("username", ["chutich", "nobody-of-this-name"])
async def test_an_account_is_slowed_then_locked_then_free(app_client: Client, clock: Clock, username: str) -> None:
    assert await fail_until_locked(app_client, clock, username) == [1, 2, 4, 8, 16, 900]
    status, code, wait = await attempt(app_client, username, PASSWORD)
    assert (status, code, wait) == (429, "too_many_tries", 900)
    clock.advance(minutes=14, seconds=59)
    assert (await attempt(app_client, username, PASSWORD))[0] == 429
    clock.advance(seconds=1)
    expected = 201 if username == "chutich" else 401
    assert (await attempt(app_client, username, PASSWORD))[0] == expected


async def test_tries_sent_at_once_gain_nothing(app_client: Client, clock: Clock, district: DistrictIds) -> None:
    answers = await asyncio.gather(*(attempt(app_client, "chutich") for _ in range(20)))
    assert [status for status, _, _ in answers].count(401) == 3
    assert [status for status, _, _ in answers].count(429) == 17


async def test_a_right_password_starts_anew(app_client: Client, clock: Clock) -> None:
    for _round in range(4):
        assert (await attempt(app_client, "chutich"))[0] == 401
        assert (await attempt(app_client, "chutich"))[0] == 401
        assert (await attempt(app_client, "chutich", PASSWORD))[0] == 201


async def test_others_are_not_locked_with_an_account(app_client: Client, clock: Clock) -> None:
    await fail_until_locked(app_client, clock, "chutich")
    assert (await attempt(app_client, "vanthu", PASSWORD))[0] == 201


async def test_an_address_that_tries_many_names_is_locked(store: Store, clock: Clock) -> None:
    tried = 0
    with pytest.raises(TooManyError):
        for tried in range(1000):
            store.write_now(locks.begin_try, f"name{tried}", "192.0.2.1", ACCESS)
            clock.advance(seconds=20)
    assert tried == 40
    with pytest.raises(TooManyError):
        store.write_now(locks.begin_try, "anybody", "192.0.2.1", ACCESS)
    store.write_now(locks.begin_try, "anybody", "192.0.2.2", ACCESS)
    clock.advance(minutes=15)
    store.write_now(locks.begin_try, "anybody", "192.0.2.1", ACCESS)


def test_one_own_account_does_not_whitewash_an_address(store: Store, clock: Clock) -> None:
    """Signing in now and then with a right password gives back only its own try."""
    with pytest.raises(TooManyError):
        for number in range(1000):
            store.write_now(locks.begin_try, f"name{number}", "192.0.2.1", ACCESS)
            store.write_now(locks.begin_try, "mine", "192.0.2.1", ACCESS)
            store.write_now(locks.forgive, "mine", "192.0.2.1")
            clock.advance(seconds=20)
    assert number < 45


async def test_an_administrator_ends_the_lock(
    app_client: Client, clock: Clock, as_: As, district: DistrictIds, settings: Settings
) -> None:
    await fail_until_locked(app_client, clock, "camthuy")
    admin = await as_("quantri")
    assert (await admin.post(f"/people/{district.who('camthuy').account_id}/unlock")).status == 303
    assert (await attempt(app_client, "camthuy", PASSWORD))[0] == 201


async def test_the_form_says_how_long_to_wait(app_client: Client, clock: Clock) -> None:
    await fail_until_locked(app_client, clock, "camthuy")
    form = {"username": "camthuy", "password": "x", "next": "/"}
    answer = await app_client.post("/sign-in", data=form, headers={"Accept": "text/html"})
    assert answer.status == 429
    assert "15 phút" in await answer.text()
