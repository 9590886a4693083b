"""Signing in and out: tokens, cookies, revoking, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
import sqlalchemy as sa
from aiohttp import web
from aiohttp.test_utils import TestClient

from server.accounts import people, sessions
from server.accounts.identify import SIGN_INS
from server.accounts.model import session_table
from server.accounts.passwords import HASHER, hash_password
from server.accounts.tokens import load_key
from server.channel import CHANNEL
from server.config import ConfigError, Settings
from server.errors import UnavailableError
from server.http.csrf import csrf_token
from server.store import Store
from tests.conftest import PASSWORD, As, Clock, DistrictIds, PageAs

Client = TestClient[Any, Any]


async def sign_in(client: Client, username: str, password: str = PASSWORD, **headers: str) -> Any:
    body = {"username": username, "password": password}
    return await client.post("/api/v1/session", json=body, headers=headers)


async def who_am_i(client: Client, token: str) -> int:
    answer = await client.get("/api/v1/session", headers={"Authorization": f"Bearer {token}"})
    return int(answer.status)


async def test_sign_in_gives_a_token_and_a_cookie(app_client: Client) -> None:
    answer = await sign_in(app_client, " ChuTich ")
    body = await answer.json()
    assert answer.status == 201
    assert body["account"]["acting"]["role"] == "leader"
    cookie = answer.cookies["session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", "")
    assert await who_am_i(app_client, body["token"]) == 200
    by_cookie = await app_client.get("/api/v1/session", headers={"Cookie": f"session={cookie.value}"})
    assert (await by_cookie.json())["username"] == "chutich"


async def test_behind_https_the_cookie_stays_on_https(settings: Settings, app_client: Client) -> None:
    spoofed = await sign_in(app_client, "chutich", **{"X-Forwarded-Proto": "https"})
    assert spoofed.cookies["session"]["secure"] == ""
    settings.http.trusted_proxies.append("127.0.0.1")
    answer = await sign_in(app_client, "chutich", **{"X-Forwarded-Proto": "https"})
    assert answer.cookies["session"]["secure"] is True
    settings.http.trusted_proxies.clear()


async def test_the_secret_is_not_in_the_database(app_client: Client, store: Store) -> None:
    answer = await sign_in(app_client, "chutich")
    secret, token = answer.cookies["session"].value, (await answer.json())["token"]
    with store.engine.connect() as connection:
        stored = [str(value) for row in connection.execute(sa.select(session_table)) for value in row]
    assert secret not in stored
    assert token not in stored


@pytest.mark.parametrize("username", ["chutich", "nobody", "x" * 100, "Nguyễn <b>", "a'; drop table account;--"])
async def test_a_wrong_password_tells_nothing(app_client: Client, username: str) -> None:
    answer = await sign_in(app_client, username, "wrong")
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (401, "wrong_password")
    assert problem["title"] == "Tên đăng nhập hoặc mật khẩu không đúng."
    assert "session" not in answer.cookies


async def test_a_missing_account_costs_a_hash_too(
    app: web.Application, app_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    real = type(HASHER).verify
    monkeypatch.setattr(
        type(HASHER), "verify", lambda self, known, given: checked.append(known) or real(self, known, given)
    )
    await sign_in(app_client, "nobody", "wrong")
    await sign_in(app_client, "chutich", "wrong")
    assert len(checked) == 2
    assert all(known.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for known in checked)


@pytest.mark.parametrize("body", [{}, {"username": "chutich"}, {"username": "c", "password": "x" * 10_000}, []])
async def test_malformed_sign_ins_are_refused(app_client: Client, body: Any) -> None:
    assert (await app_client.post("/api/v1/session", json=body)).status == 422


async def test_signing_out_ends_cookie_token_and_live_connection(
    app: web.Application, app_client: Client, as_: As
) -> None:
    answer = await sign_in(app_client, "chutich")
    token, secret = (await answer.json())["token"], answer.cookies["session"].value
    ended: list[str] = []
    app[CHANNEL].on_end.append(lambda sessions, _account: ended.extend(sessions))
    assert await who_am_i(app_client, token) == 200
    out = await app_client.delete("/api/v1/session", headers={"Authorization": f"Bearer {token}"})
    assert out.status == 204
    assert await who_am_i(app_client, token) == 401
    assert (await app_client.get("/api/v1/session", headers={"Cookie": f"session={secret}"})).status == 401
    assert len(ended) == 1


async def test_a_session_ends_after_its_hours(app_client: Client, clock: Clock) -> None:
    token = (await (await sign_in(app_client, "chutich")).json())["token"]
    clock.advance(hours=11, minutes=59)
    assert await who_am_i(app_client, token) == 200
    clock.advance(minutes=2)
    assert await who_am_i(app_client, token) == 401


async def test_sessions_are_listed_and_revoked_one_by_one(app_client: Client, as_: As) -> None:
    here, there, other = await as_("chutich"), await as_("chutich"), await as_("vanthu")
    listed = (await (await here.get("/api/v1/sessions")).json())["sessions"]
    assert [s["current"] for s in listed].count(True) == 1
    assert len(listed) == 2
    assert not {"secret_hash", "secret"} & set(listed[0])
    target = next(s["id"] for s in listed if not s["current"])
    assert (await other.delete(f"/api/v1/sessions/{target}")).status == 404
    assert (await there.get("/api/v1/session")).status == 200
    assert (await here.delete(f"/api/v1/sessions/{target}")).status == 204
    assert (await there.get("/api/v1/session")).status == 401
    assert (await here.get("/api/v1/session")).status == 200
    assert (await here.delete(f"/api/v1/sessions/{target}")).status == 404


def unsigned(claims: dict[str, Any]) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."


async def test_forged_tokens_are_refused(app: web.Application, app_client: Client, store: Store, clock: Clock) -> None:
    token = (await (await sign_in(app_client, "chutich")).json())["token"]
    key = app[SIGN_INS]._key
    claims = jwt.decode(token, key, algorithms=["HS256"], options={"verify_exp": False})
    assert set(claims) == {"iss", "sid", "exp"}
    forged = [
        unsigned(claims),
        jwt.encode(claims, b"another key that is long enough to be used", algorithm="HS256"),
        jwt.encode(claims, key * 2, algorithm="HS512"),
        jwt.encode(claims | {"iss": "elsewhere"}, key, algorithm="HS256"),
        jwt.encode({"iss": "giaoban", "sid": claims["sid"]}, key, algorithm="HS256"),
        jwt.encode(claims | {"sid": 7}, key, algorithm="HS256"),
        jwt.encode(claims | {"sid": "no-such-id"}, key, algorithm="HS256"),
        jwt.encode(claims | {"exp": int(clock().timestamp()) - 1}, key, algorithm="HS256"),
        token[:-2],
        "",
        "x" * 5000,
    ]
    for wrong in forged:
        assert await who_am_i(app_client, wrong) == 401, wrong
    assert await who_am_i(app_client, token) == 200


async def test_a_wrong_token_is_not_saved_by_a_right_cookie(app_client: Client, page_as: PageAs) -> None:
    page = await page_as("chutich")
    headers = {"Authorization": "Bearer nonsense", "Cookie": f"session={page.secret}"}
    assert (await app_client.get("/api/v1/session", headers=headers)).status == 401


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret.key"
    key = load_key(file)
    assert len(key) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_key(file) == key
    assert [entry.name for entry in file.parent.iterdir()] == ["secret.key"]
    file.write_bytes(b"")
    with pytest.raises(ConfigError, match="not a key"):
        load_key(file)


async def test_acting_in_another_membership(as_: As, district: DistrictIds) -> None:
    client = await as_("bithu")
    first, second = (await (await client.get("/api/v1/session")).json())["memberships"]
    assert first["bloc"] == "PARTY"
    assert (await client.post("/api/v1/session/acting", {"membership_id": second["id"]})).status == 200
    assert (await (await client.get("/api/v1/session")).json())["acting"]["unit_id"] == second["unit_id"]
    other = district.who("chutich").acting.id
    assert (await client.post("/api/v1/session/acting", {"membership_id": other})).status == 404


async def test_a_locked_account_is_out_at_once(
    as_: As, store: Store, district: DistrictIds, app_client: Client
) -> None:
    client, admin = await as_("camthuy"), await as_("quantri")
    assert (await client.get("/api/v1/session")).status == 200
    camthuy = district.who("camthuy").account_id
    assert (await admin.post(f"/people/{camthuy}/lock")).status == 303
    assert (await client.get("/api/v1/session")).status == 401
    right, wrong = await sign_in(app_client, "camthuy"), await sign_in(app_client, "camthuy", "wrong")
    assert ((await right.json())["code"], (await wrong.json())["code"]) == ("account_locked", "wrong_password")
    assert (await admin.post(f"/people/{camthuy}/unlock")).status == 303
    assert (await sign_in(app_client, "camthuy")).status == 201


async def test_somebody_without_any_role_cannot_sign_in(as_: As, district: DistrictIds, app_client: Client) -> None:
    client, admin, who = await as_("camthuy"), await as_("quantri"), district.who("camthuy")
    assert (await client.get("/api/v1/session")).status == 200
    ended = await admin.post(f"/people/{who.account_id}/memberships/{who.acting.id}/end")
    assert ended.status == 303
    assert (await client.get("/api/v1/session")).status == 401
    assert (await (await sign_in(app_client, "camthuy")).json())["code"] == "no_membership"


async def test_an_older_hash_is_made_anew(app_client: Client, store: Store, district: DistrictIds) -> None:
    from argon2 import PasswordHasher

    account = people.account
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    store.write_now(lambda tx: tx.execute(sa.update(account).values(password_hash=old)))
    assert (await sign_in(app_client, "chutich")).status == 201
    row: Any = store.read_now(lambda tx: tx.one(sa.select(account).where(account.c.username == "chutich")))
    assert "m=19456" in row.password_hash
    assert (await sign_in(app_client, "chutich")).status == 201


async def test_one_time_passwords_run_out(
    as_: As, app_client: Client, store: Store, clock: Clock, district: DistrictIds
) -> None:
    who = district.who("vanthu")
    store.write_now(people.reset_password, who.account_id, hash_password("abcd-efgh-jkmn"))
    assert (await sign_in(app_client, "vanthu")).status == 401
    answer = await app_client.post(
        "/sign-in", data={"username": "vanthu", "password": "abcd-efgh-jkmn"}, allow_redirects=False
    )
    assert answer.headers["Location"] == "/account?change=1"
    clock.advance(days=7, minutes=1)
    assert (await sign_in(app_client, "vanthu", "abcd-efgh-jkmn")).status == 401


async def test_seen_at_is_kept_roughly(as_: As, store: Store, clock: Clock) -> None:
    client = await as_("chutich")
    assert client.who is not None
    clock.advance(minutes=10)
    await client.get("/api/v1/session")
    async with asyncio.timeout(10):
        while store.read_now(sessions.list_sessions, client.who)[0].seen_at != clock():
            await asyncio.sleep(0.05)


async def test_who_cannot_be_noted_is_let_in_all_the_same(
    as_: As, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a full disk people can still read."""

    def touch(*_arguments: Any) -> None:
        raise UnavailableError("database_away", "Đĩa đầy.")

    client = await as_("chutich")
    monkeypatch.setattr(sessions, "touch", touch)
    clock.advance(minutes=10)
    assert (await client.get("/api/v1/session")).status == 200
    async with asyncio.timeout(10):
        while "could not be noted" not in caplog.text:
            await asyncio.sleep(0.05)
    clock.advance(minutes=10)
    assert (await client.get("/api/v1/session")).status == 200


def test_form_tokens_differ_by_session_and_unit() -> None:
    assert len({csrf_token("a", 1), csrf_token("b", 1), csrf_token("a", 2)}) == 3
