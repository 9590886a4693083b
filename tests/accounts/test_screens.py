"""A browser that only shows a wall: what it may do, for how long, and how it is ended."""

from __future__ import annotations

from typing import Any

import pytest
import socketio
from aiohttp import web

from server.accounts import sessions
from server.accounts.identify import COOKIE, SIGN_INS
from server.accounts.permissions import OF_SCREENS, TABLE, Role, allows
from server.channel import CHANNEL
from server.errors import NotAllowedError
from server.http.routes import ROUTES
from server.store import Store
from tests.conftest import PASSWORD, Clock, DistrictIds, PageAs
from tests.directives.helpers import issue
from tests.test_permissions import PEOPLE, path_of


async def screen(page_as: PageAs, name: str = "chutich") -> tuple[Any, str, str]:
    """A browser of a person that was made a screen: its client, its secret, and the secret that it had before."""
    page = await page_as(name)
    made = await page.post("/wall/screen", {})
    assert (made.status, made.headers["Location"]) == (303, "/wall")
    cookie = made.cookies[COOKIE]
    assert int(cookie["max-age"]) == 366 * 24 * 3600
    return page.client, cookie.value, page.secret


def with_cookie(secret: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={secret}", "Accept": "text/html"}


async def test_it_shows_the_wall_for_a_year_and_the_sign_in_before_is_over(page_as: PageAs, clock: Clock) -> None:
    client, secret, before = await screen(page_as)
    away = await client.get("/wall", headers=with_cookie(before), allow_redirects=False)
    assert away.status == 303 and away.headers["Location"].startswith("/sign-in")
    for _each in range(2):
        for wall in ("/wall", "/wall/tiles"):
            text = await (await client.get(wall, headers=with_cookie(secret))).text()
            assert "data-full-screen" in text and 'data-account-id=""' in text
            assert "Chiếu thường trực" not in text and "Về trang chính" not in text
        clock.advance(days=360)
    clock.advance(days=7)
    assert (await client.get("/wall", headers=with_cookie(secret), allow_redirects=False)).status == 303


async def test_it_may_do_nothing_else(app: web.Application, page_as: PageAs) -> None:
    for role in (Role.LEADER, Role.CLERK, Role.CADRE):
        client, secret, _before = await screen(page_as, PEOPLE[role])
        who = await app[SIGN_INS].identify(secret, None)
        assert who is not None and who.screen
        for route in app[ROUTES].values():
            if route.may in OF_SCREENS:
                continue
            answer = await client.request(
                "GET" if route.method == "*" else route.method,
                path_of(route),
                headers={"Cookie": f"{COOKIE}={secret}"},
                allow_redirects=False,
            )
            assert answer.status == 403, (role, route.method, route.path, answer.status)
            if allows(role, route.may) and route.path.startswith("/api/") and route.method != "HEAD":
                assert (await answer.json())["code"] == "screen_only", route.path
        assert not any(who.may(permission) for permission in TABLE if permission not in OF_SCREENS)
        with pytest.raises(NotAllowedError, match="screen_only"):
            who.require(next(permission for permission in TABLE if permission not in OF_SCREENS))


async def test_somebody_can_sign_in_there_again(page_as: PageAs) -> None:
    client, secret, _before = await screen(page_as)
    home = await client.get("/", headers=with_cookie(secret), allow_redirects=False)
    assert (home.status, home.headers["Location"]) == (303, "/sign-in")
    assert (await client.get("/sign-in", headers=with_cookie(secret), allow_redirects=False)).status == 200
    form = {"username": "vanthu", "password": PASSWORD}
    done = await client.post("/sign-in", data=form, headers=with_cookie(secret), allow_redirects=False)
    assert (done.status, done.headers["Location"]) == (303, "/")
    refused = await client.get("/directives/out", headers=with_cookie(secret))
    assert refused.status == 403
    assert "Máy này chỉ chiếu màn hình theo dõi. Muốn làm việc khác, xin đăng nhập." in await refused.text()


async def test_it_stands_on_the_account_and_is_ended_there(page_as: PageAs, store: Store) -> None:
    client, secret, _before = await screen(page_as)
    person = await page_as("chutich")
    text = await (await person.get("/account")).text()
    assert "Màn hình theo dõi" in text and "Chiếu đến" in text
    who = store.read_now(sessions.find_live, sessions.secret_hash(person.secret), None)
    assert who is not None
    (one,) = [mine for mine in store.read_now(sessions.list_sessions, who.who) if mine.screen]
    assert (await person.post(f"/account/sessions/{one.id}/end", {})).status == 303
    assert (await client.get("/wall", headers=with_cookie(secret), allow_redirects=False)).status == 303


async def test_it_is_of_the_role_that_it_was_made_in(page_as: PageAs, store: Store, app: web.Application) -> None:
    import sqlalchemy as sa

    from server.accounts.model import membership_table

    _client, secret, _before = await screen(page_as)
    who = await app[SIGN_INS].identify(secret, None)
    assert who is not None
    over = sa.update(membership_table).where(membership_table.c.id == who.acting.id)
    await store.write(lambda tx: tx.execute(over.values(valid_to=tx.now)))
    app[SIGN_INS].forget_account(who.account_id)
    assert await app[SIGN_INS].identify(secret, None) is None


async def test_nothing_arrives_at_a_screen_and_it_is_no_device(
    app: web.Application, page_as: PageAs, store: Store, district: DistrictIds
) -> None:
    client, secret, _before = await screen(page_as, "chutich.camthuy")
    unit = district.unit("19606")
    socket = socketio.AsyncClient(reconnection=False)
    await socket.connect(str(client.make_url("/")), headers={"Cookie": f"{COOKIE}={secret}"}, transports=["websocket"])
    try:
        assert unit not in app[CHANNEL].presence.connected()
        made = issue_to(store, district, unit)
        caught = await socket.call("channel.catch_up", {"seq": 0}, timeout=5)
        assert [event["kind"] for event in caught["events"]] == ["directive.issued"]
        answer = await socket.call("channel.ack", {"seq": caught["events"][-1]["seq"]}, timeout=5)
        assert answer["error"]["code"] == "not_allowed"
        assert (await socket.call("channel.watch", {"rooms": ["presence"]}, timeout=5)) == {"ok": True}
        watched = await socket.call("channel.watch", {"rooms": [f"board:{made}"]}, timeout=5)
        assert watched["error"]["code"] == "not_allowed"
    finally:
        await socket.disconnect()


def issue_to(store: Store, district: DistrictIds, unit: int) -> int:
    return issue(store, district.who("chutich"), [unit]).id
