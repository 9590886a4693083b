"""Every route and every message of the live channel, by every role and by nobody: the table decides, nothing else.

Values in paths are made up, so where a role is let through the answer may be 404 or 422, but never 401 or 403 from the
permission layer.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import socketio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from server.accounts.identify import COOKIE
from server.accounts.permissions import TABLE, Permission, Role, allows
from server.channel import CHANNEL, Message
from server.http.middleware import SAFE_METHODS
from server.http.routes import ROUTES, Route
from tests.conftest import As, PageAs

PEOPLE = {
    Role.LEADER: "chutich",
    Role.CLERK: "vanthu",
    Role.CADRE: "camthuy",
    Role.VILLAGE_HEAD: "thon1.camthuy",
    Role.ADMINISTRATOR: "quantri",
}
MISSING = "999999"


def path_of(route: Route) -> str:
    """`/people/{id:\\d+}` → `/people/999999`."""
    return re.sub(r"{\w+(?::[^{}]*(?:{[^{}]*}[^{}]*)*)?}", MISSING, route.path)


def registered(app: web.Application) -> set[tuple[str, str]]:
    """What aiohttp serves, by method and path; Socket.IO's own route checks who connects by itself."""
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical != "/socket.io/"
    }


def test_every_route_stands_in_the_table(app: web.Application) -> None:
    unknown = registered(app) - set(app[ROUTES])
    assert not unknown, f"routes without a permission: {sorted(unknown)}"
    assert {route.may for route in app[ROUTES].values()} <= set(TABLE)
    assert len(app[ROUTES]) > 30


async def test_a_route_outside_the_table_is_noticed_and_refused(app: web.Application) -> None:
    async def hidden(_request: web.Request) -> web.Response:
        return web.Response()

    app.router.add_route("GET", "/hidden/{id:\\d+}", hidden)
    assert registered(app) - set(app[ROUTES]) == {("GET", "/hidden/{id}")}
    client: TestClient[Any, Any]
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/hidden/1")).status == 403


def test_every_permission_names_its_roles() -> None:
    assert set(TABLE) == set(Permission)
    assert all(roles for roles in TABLE.values())
    assert TABLE[Permission.PUBLIC] == TABLE[Permission.SIGNED_IN] == frozenset(Role)


@pytest.fixture
def quiet_app(app: web.Application) -> web.Application:
    """The application with every handler replaced by one that answers 299: only the layers before it remain."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=299)

    for route in app.router.routes():
        if route.resource is not None and (route.method, route.resource.canonical) in app[ROUTES]:
            route._handler = answer
    return app


async def test_every_route_by_every_role(quiet_app: web.Application, as_: As) -> None:
    for role, username in PEOPLE.items():
        client = await as_(username)
        for route in quiet_app[ROUTES].values():
            method = "GET" if route.method == "*" else route.method
            answer = await client.request(method, path_of(route))
            expected = 299 if allows(role, route.may) else 403
            assert answer.status == expected, (role, method, route.path, route.may, answer.status)


async def test_every_route_by_nobody(quiet_app: web.Application, as_: As) -> None:
    client = await as_(None)
    for route in quiet_app[ROUTES].values():
        method = "GET" if route.method == "*" else route.method
        program = await client.request(method, path_of(route))
        browser = await client.request(method, path_of(route), headers={"Accept": "text/html"})
        if route.may is Permission.PUBLIC:
            assert (program.status, browser.status) == (299, 299), route.path
            continue
        assert program.status == 401, (method, route.path, program.status)
        if method in SAFE_METHODS and not route.path.startswith("/api/"):
            assert browser.status == 303, (method, route.path)
            assert browser.headers["Location"].startswith("/sign-in"), (method, route.path)
        else:
            assert browser.status == 401, (method, route.path)


async def test_every_unsafe_route_needs_the_form_token(quiet_app: web.Application, page_as: PageAs) -> None:
    unsafe = [route for route in quiet_app[ROUTES].values() if route.method not in {*SAFE_METHODS, "*"}]
    assert len(unsafe) > 10
    for role, username in PEOPLE.items():
        page = await page_as(username)
        headers = {"Cookie": f"{COOKIE}={page.secret}"}
        for route in unsafe:
            if not allows(role, route.may):
                continue
            without = await page.client.request(route.method, path_of(route), headers=headers)
            assert without.status == 403, (role, route.method, route.path)
            wrong = headers | {"X-CSRF-Token": "0" * 40}
            refused = await page.client.request(route.method, path_of(route), headers=wrong)
            assert refused.status == 403, (role, route.method, route.path)
            right = headers | {"X-CSRF-Token": page.csrf}
            passed = await page.client.request(route.method, path_of(route), headers=right)
            assert passed.status == 299, (role, route.method, route.path, passed.status)


async def test_every_page_and_list_really_answers(app: web.Application, as_: As) -> None:
    """With the real handlers: what the layer lets through must not fail in the server."""
    for role, username in PEOPLE.items():
        client = await as_(username)
        for route in app[ROUTES].values():
            if route.method == "GET" and allows(role, route.may):
                answer = await client.get(path_of(route))
                assert answer.status < 500 or answer.status == 503, (role, route.path, await answer.text())
                assert answer.status != 401, (role, route.path)


async def connect(client: TestClient[Any, Any], token: str | None) -> socketio.AsyncClient:
    made = socketio.AsyncClient(reconnection=False)
    auth = {"token": token} if token else None
    await made.connect(str(client.make_url("/")), auth=auth, transports=["websocket"])
    return made


async def test_every_message_by_every_role(app: web.Application, as_: As) -> None:
    """The handlers are replaced by one that takes note, so that nothing happens but the check."""
    called: list[str] = []
    channel = app[CHANNEL]

    async def note(_caller: Any, _data: Any) -> None:
        called.append("x")

    for name, message in list(channel.messages.items()):
        channel.messages[name] = Message(name, note, message.may, dict, message.summary)
    assert len(channel.messages) >= 3
    for role, username in PEOPLE.items():
        client = await as_(username)
        socket = await connect(client.client, client.token)
        for name, message in channel.messages.items():
            called.clear()
            answer = await socket.call(name, {}, timeout=5)
            if allows(role, message.may):
                assert answer == {"ok": True}, (role, name)
                assert called, (role, name)
            else:
                assert answer["error"]["code"] == "not_allowed", (role, name)
                assert not called, (role, name)
        await socket.disconnect()


async def test_nobody_connects_without_a_sign_in(app_client: TestClient[Any, Any]) -> None:
    for token in (None, "x", "a.b.c"):
        with pytest.raises(socketio.exceptions.ConnectionError):
            await connect(app_client, token)


def test_messages_have_a_permission_of_the_table(app: web.Application) -> None:
    for message in app[CHANNEL].messages.values():
        assert message.may in TABLE
        assert message.may is not Permission.PUBLIC, message.name
