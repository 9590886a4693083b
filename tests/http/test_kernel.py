"""The HTTP kernel by itself: permissions, CSRF, errors, headers, limits, languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from server.accounts.permissions import Permission, Role
from server.accounts.principal import Membership, Principal
from server.config import Http, Settings
from server.errors import ConflictError, NotFoundError, UserError
from server.http import Route, json_reply, principal, read_body
from server.http.csrf import csrf_token
from server.http.i18n import _
from server.http.keys import BY_COOKIE, IDENTIFY, SETTINGS, STORE
from server.http.limits import LIMITER, POLLS, Limiter
from server.http.middleware import MIDDLEWARES
from server.http.routes import ROUTES, add_routes
from server.store import Store


class Note(msgspec.Struct, frozen=True, kw_only=True):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
    copies: int = 1
    tags: list[str] = []


def person(role: Role) -> Principal:
    acting = Membership(id=1, unit_id=1, unit_name="UBND", level="district", bloc="GOVERNMENT", role=role)
    return Principal(
        account_id=1, username="a", name="A", session_id="s1", language="vi", acting=acting, memberships=(acting,)
    )


async def identify(request: web.Request) -> Principal | None:
    by_header, by_cookie = request.headers.get("X-Role"), request.cookies.get("role")
    request[BY_COOKIE] = by_header is None and by_cookie is not None
    role = by_header or by_cookie
    return person(Role(role)) if role else None


async def post_note(request: web.Request) -> web.Response:
    note = await read_body(request, Note)
    return json_reply({"title": note.title, "copies": note.copies, "tags": note.tags, "by": principal(request).name})


async def fail(request: web.Request) -> web.Response:
    match request.match_info["how"]:
        case "conflict":
            raise ConflictError("taken", _("Mục này đã có {name} giữ."), name="{B}", field="title")
        case "missing":
            raise NotFoundError("no_note", "Không có ghi chú này.")
        case _:
            raise RuntimeError("secret detail")


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=2000)
    app[SETTINGS] = Settings(http=Http(trusted_proxies=["127.0.0.1"]))
    app[STORE] = Store(f"sqlite:///{tmp_path}/t.db")
    app[LIMITER], app[POLLS] = Limiter(100), Limiter(200)
    app[ROUTES] = {}
    app[IDENTIFY] = identify
    add_routes(
        app,
        [
            Route("GET", "/hello", hello, Permission.PUBLIC),
            Route("POST", "/api/v1/notes", post_note, Permission.ISSUE_DIRECTIVE, body=Note),
            Route("GET", "/api/v1/fail/{how}", fail, Permission.PUBLIC),
        ],
    )
    async with TestClient(TestServer(app)) as started:
        yield started
    app[STORE].close()


async def test_permissions_by_role(client: TestClient[Any, Any]) -> None:
    note = {"title": "x"}
    assert (await client.post("/api/v1/notes", json=note)).status == 401
    assert (await client.post("/api/v1/notes", json=note, headers={"X-Role": "cadre"})).status == 403
    answer = await client.post("/api/v1/notes", json=note, headers={"X-Role": "leader"})
    assert await answer.json() == {"title": "x", "copies": 1, "tags": [], "by": "A"}


async def test_a_cookie_needs_the_form_token(client: TestClient[Any, Any]) -> None:
    cookies = {"role": "leader"}
    form = {"title": "x", "copies": "3", "tags": ["a"]}
    assert (await client.post("/api/v1/notes", data=form, cookies=cookies)).status == 403
    wrong = form | {"csrf": csrf_token("other", 1)}
    assert (await client.post("/api/v1/notes", data=wrong, cookies=cookies)).status == 403
    right = form | {"csrf": csrf_token("s1", 1)}
    answer = await client.post("/api/v1/notes", data=right, cookies=cookies)
    assert (await answer.json())["copies"] == 3
    header = {"X-CSRF-Token": csrf_token("s1", 1)}
    assert (await client.post("/api/v1/notes", json={"title": "x"}, cookies=cookies, headers=header)).status == 200


async def test_another_sites_page_is_refused(client: TestClient[Any, Any]) -> None:
    headers = {"X-Role": "leader", "Origin": "https://evil.example"}
    assert (await client.post("/api/v1/notes", json={"title": "x"}, headers=headers)).status == 403


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"{", "invalid_json", None),
        (b'{"title": ""}', "invalid_input", "title"),
        (b'{"title": "x", "copies": "y"}', "invalid_input", "copies"),
        (b"[]", "invalid_input", None),
    ],
)
async def test_wrong_input_names_the_field(
    client: TestClient[Any, Any], body: bytes, code: str, field: str | None
) -> None:
    headers = {"X-Role": "leader", "Content-Type": "application/json"}
    answer = await client.post("/api/v1/notes", data=body, headers=headers)
    problem = await answer.json()
    assert (answer.status, problem["code"], problem.get("field")) == (422, code, field)
    assert "`" not in problem["title"]
    assert ("`" in problem.get("detail", "")) == (code == "invalid_input")


async def test_errors_are_problem_objects(client: TestClient[Any, Any]) -> None:
    answer = await client.get("/api/v1/fail/conflict")
    problem = await answer.json()
    assert answer.content_type == "application/problem+json"
    assert (answer.status, problem["code"], problem["field"]) == (409, "taken", "title")
    assert problem["title"] == "Mục này đã có {B} giữ."
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert (await client.get("/api/v1/fail/missing")).status == 404
    assert (await client.get("/api/v1/nothing")).status == 404
    assert (await client.delete("/hello")).status == 405


async def test_an_unexpected_error_shows_nothing_of_itself(
    client: TestClient[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get("/api/v1/fail/unexpected")
    assert answer.status == 500
    assert "secret" not in await answer.text()
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("path", "title"),
    [("/khong-co", "There is no such page."), ("/api/v1/fail/unexpected", "The server has a problem.")],
)
async def test_errors_of_the_kernel_are_in_the_persons_language(
    client: TestClient[Any, Any], path: str, title: str
) -> None:
    answer = await client.get(path, headers={"Cookie": "language=en"})
    assert (await answer.json(content_type=None))["title"].startswith(title)


async def test_too_large_a_body(client: TestClient[Any, Any]) -> None:
    answer = await client.post("/api/v1/notes", json={"title": "x" * 5000}, headers={"X-Role": "leader"})
    assert (answer.status, (await answer.json())["code"]) == (413, "too_large")


async def test_safety_headers(client: TestClient[Any, Any]) -> None:
    headers = (await client.get("/hello")).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


async def test_one_address_is_limited_and_others_are_not(client: TestClient[Any, Any]) -> None:
    statuses = [(await client.get("/hello", headers={"X-Forwarded-For": "9.9.9.9"})).status for _time in range(110)]
    assert statuses[:100] == [200] * 100
    assert 429 in statuses
    assert (await client.get("/hello", headers={"X-Forwarded-For": "8.8.8.8"})).status == 200


async def test_polls_have_a_measure_of_their_own(client: TestClient[Any, Any]) -> None:
    """Who sits in a meeting without a WebSocket asks several times a second, and opens a document besides."""
    polls = [(await client.get("/socket.io/?sid=x")).status for _ in range(150)]
    assert 429 not in polls
    assert (await client.get("/hello")).status == 200
    polls += [(await client.get("/socket.io/?sid=x")).status for _ in range(150)]
    assert 429 in polls
    assert (await client.get("/hello")).status == 200
    assert 429 in [(await client.get("/socket.io/")).status for _ in range(150)], "connections are begun as pages are"


def test_the_limiter_refills_and_forgets() -> None:
    limiter = Limiter(60)
    for _time in range(60):
        limiter.check("a", 0.0)
    with pytest.raises(Exception, match="too_many_requests"):
        limiter.check("a", 0.5)
    limiter.check("a", 1.6)


def test_a_problem_keeps_braces_that_people_typed() -> None:
    error = UserError("x", "Tên {name} đã có.", name="{0}{evil}")
    assert str(error) == "x: Tên {0}{evil} đã có."
