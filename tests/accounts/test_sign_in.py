"""Signing in and out: tokens, cookies, revoking."""

from typing import Any

from aiohttp.test_utils import TestClient

from tests.conftest import PASSWORD, As


async def test_sign_in_gives_a_token_and_a_cookie(app_client: TestClient[Any, Any], as_: As) -> None:
    answer = await app_client.post("/api/v1/session", json={"username": "chutich", "password": PASSWORD})
    body = await answer.json()
    assert answer.status == 201
    assert body["account"]["acting"]["role"] == "leader"
    cookie = answer.cookies["session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", "")
    headers = {"Authorization": f"Bearer {body['token']}"}
    me = await (await app_client.get("/api/v1/session", headers=headers)).json()
    assert me["username"] == "chutich"
    by_cookie = await app_client.get("/api/v1/session", headers={"Cookie": f"session={cookie.value}"})
    assert by_cookie.status == 200
