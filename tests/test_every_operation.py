"""Every operation of the API and every form, by every role, with bodies that are wrong in many ways.

No answer is a server error; each refusal is a problem object with a stable code and a sentence for people; and what was
refused changed nothing in the database.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse, web

from server.accounts.identify import COOKIE
from server.accounts.permissions import Role
from server.directives.sweeper import Sweeper
from server.http.middleware import SAFE_METHODS
from server.http.routes import ROUTES, Route
from server.meetings.service import plan
from server.meetings.service.plan import Plan
from server.reach.worker import Worker
from server.records.sending import recordings_folder
from server.refusals.keeper import Keeper
from server.refusals.service import Refused
from server.store import Store
from tests.conftest import ApiClient, As, Clock, DistrictIds, PageAs, PageClient
from tests.directives.test_api import body as directive_body
from tests.records.making import ended, make_record
from tests.test_permissions import PEOPLE

pytestmark = [pytest.mark.timeout(300), pytest.mark.sqlite_only]
IDS = ("1", "2", "999999", "0", "9" * 30, "١")  # the last is a digit in another script
TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\u202egiao ban\u202c",
    "<script>alert(1)</script>",
    "x" * 10_000,
    "\ud7ff\uffff",
    "{name}",
)
NUMBERS = (0, -1, 2**31, 2**63, 2**70, -(2**70), 1.5, 1e308)
OTHERS: tuple[Any, ...] = (
    None,
    True,
    [],
    {},
    [None],
    [[]],
    {"": ""},
    "2026-13-45",
    "0001-01-01T00:00:00Z",
    "9999-12-31",
)
RAW = (
    (b"", "application/json"),
    (b"{", "application/json"),
    (b"\xff\xfe\x00", "application/json"),
    (b"null", "application/json"),
    (b'"\\ud800"', "application/json"),
    (b"[" * 50_000, "application/json"),
    (b"1e999", "application/json"),
    (b"title=%ff%fe&units=1&subject=%00", "application/x-www-form-urlencoded"),
    (b"title=\xff\xfe", "application/x-www-form-urlencoded"),
    (b"title=a", "application/x-www-form-urlencoded; charset=no-such"),
    (b"title=\xff", "application/x-www-form-urlencoded; charset=utf-16"),
    (b"--x\r\nContent-Disposition: form-data\r\n\r\na", "multipart/form-data; boundary=x"),
    (b"nothing", "multipart/form-data"),
    (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n\r\n--x--',
        "multipart/form-data; boundary=x",
    ),
    (b"\x89PNG", "image/png"),
)
QUERIES = (
    "",
    "?page=-1",
    "?page=" + "9" * 40,
    "?page=x",
    "?unit=%00",
    "?words=%ff%fe%00",
    "?since=9999-99-99",
    "?issue=2",
)


def wrong_values(schema: dict[str, Any]) -> list[Any]:
    """What may be put where the schema wants something."""
    kinds = {one.get("type") for one in (schema, *schema.get("anyOf", []))}
    found: list[Any] = [*OTHERS]
    found += TEXTS if kinds & {"string", None} else TEXTS[:2]
    found += NUMBERS
    return found


class Bodies:
    """Bodies for one operation: a right one by its schema, each time with something wrong in it."""

    def __init__(self, kind: Any, rng: random.Random) -> None:
        (schema,), self.components = msgspec.json.schema_components([kind], ref_template="{name}")
        self.schema = self._resolve(schema)
        self.rng = rng

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        return self.components[schema["$ref"]] if "$ref" in schema else schema

    def right(self, schema: dict[str, Any]) -> Any:
        schema = self._resolve(schema)
        if "anyOf" in schema:
            return self.right(self.rng.choice(schema["anyOf"]))
        if "enum" in schema:
            return self.rng.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return {name: self.right(part) for name, part in schema.get("properties", {}).items()}
            case "array":
                return [self.right(schema.get("items", {})) for _ in range(self.rng.choice((1, 1, 2)))]
            case "integer" | "number":
                return self.rng.choice((1, 2, schema.get("minimum", 0)))
            case "boolean":
                return self.rng.choice((True, False))
            case "string":
                return "2026-12-01T01:00:00Z" if schema.get("format") == "date-time" else "Giao ban"
            case "null":
                return None
        return "x"

    def wrong(self) -> Any:
        made = self.right(self.schema)
        if not isinstance(made, dict) or not made:
            return self.rng.choice(OTHERS)
        names = self.rng.sample(sorted(made), k=min(len(made), self.rng.choice((1, 1, 2))))
        for name in names:
            schema = self._resolve(self.schema["properties"][name])
            inner = self._resolve(schema.get("items", {}))
            options = wrong_values(schema)
            if schema.get("type") == "array":
                options += [[value] for value in wrong_values(inner)]
                if inner.get("properties"):
                    field = self.rng.choice(sorted(inner["properties"]))
                    options += [[{**self.right(inner), field: value}] for value in wrong_values({})]
            made[name] = self.rng.choice(options)
        return made


def paths(route: Route, rng: random.Random) -> Iterator[str]:
    """Addresses of a route with ids that exist, do not, and cannot."""
    pattern = route.path
    if "{" not in pattern:
        yield pattern
        return
    for one in rng.sample(IDS, k=3):
        address = pattern
        while "{" in address:
            begin, end = address.index("{"), address.rindex("}") if address.count("{") == 1 else address.index("}")
            address = address[:begin] + one + address[end + 1 :]
        yield address


class Watch:
    """Tells whether anybody has changed the database since the last look."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file)

    def version(self) -> int:
        (number,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(number)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    made = Watch(tmp_path / "giaoban.db")
    yield made
    made._connection.close()


@pytest.fixture(autouse=True)
def nothing_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reminders and messages come by themselves, seconds after a step: they would look like a change by a refusal.

    That it was refused is written down (tests/refusals), and nothing else may be.
    """

    async def keep(_self: Keeper, _refused: Refused) -> None:
        return

    monkeypatch.setattr(Keeper, "keep", keep)
    monkeypatch.setattr(Sweeper, "start", lambda self: None)
    monkeypatch.setattr(Worker, "start", lambda self: None)


@pytest.fixture
async def filled(app: web.Application, as_: As, store: Store, district: DistrictIds, clock: Clock) -> None:
    """A draft, an issued directive, a planned and a running meeting, a record: each has number 1 or 2."""
    leader = await as_("chutich")
    unit = district.unit("19606")
    for issue in ("false", "true"):
        answer = await leader.post(f"/api/v1/directives?issue={issue}", directive_body(clock, [unit]))
        assert answer.status == 201, await answer.text()
    who = district.who("chutich")
    store.write_now(plan.create, who, Plan(title="Sau này", units=[unit], starts_at=clock.now.replace(hour=9)))
    store.write_now(plan.create, who, Plan(title="Bây giờ", units=[unit]))
    make_record(store, recordings_folder(app), ended(district))


async def fault(answer: ClientResponse) -> str:
    """What is wrong with an answer: a server error, or a refusal that a program or a person would not understand."""
    text = await answer.text(errors="replace")
    if answer.status >= 500 and answer.status != 503:
        return f"{answer.status}"
    if answer.status < 400 or answer.method == "HEAD":
        return ""
    if answer.content_type.startswith("text/html"):
        return "" if 'lang="vi"' in text else "not in Vietnamese"
    if answer.content_type != "application/problem+json":
        return f"{answer.status} {answer.content_type}"
    problem = json.loads(text)
    understood = (
        problem["title"] and problem["request_id"] and problem["code"] not in ("", "http_error", "internal_error")
    )
    return "" if understood and "Traceback" not in text else text


@pytest.mark.parametrize("username", [*PEOPLE.values(), None])
async def test_every_operation_with_wrong_bodies(
    app: web.Application, filled: None, as_: As, watch: Watch, username: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(f"operations {username}")
    client = await as_(username)
    sent = 0
    faults: list[str] = []
    for route in app[ROUTES].values():
        if not route.path.startswith("/api/") or route.method == "*":
            continue
        for path in paths(route, rng):
            for content, kind in _contents(route, rng):
                client = await _signed_in(client, as_, username)
                before = watch.version()
                query = rng.choice(QUERIES)
                answer = await client.request(
                    route.method, path + query, data=content, headers={"Content-Type": kind} if kind else {}
                )
                wrong = await fault(answer)
                if answer.status in range(400, 500) and route.path != "/api/v1/session" and watch.version() != before:
                    wrong += " refused, but the database was changed"
                if wrong:
                    faults.append(f"{route.method} {path}{query} {kind} {content!r:.200}: {wrong}")
                sent += 1
    assert sent > 200
    assert faults == [], "\n\n".join(faults)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def _contents(route: Route, rng: random.Random) -> Iterator[tuple[bytes | None, str]]:
    if route.method in SAFE_METHODS or route.method == "DELETE":
        yield None, ""
        return
    if route.body is not None:
        bodies = Bodies(route.body, rng)
        for _ in range(8):
            yield json.dumps(bodies.wrong()).encode(), "application/json"
    yield from rng.sample(RAW, k=5)


async def _signed_in(client: ApiClient, as_: As, username: str | None) -> ApiClient:
    """The walk also signs out."""
    if username is None or (await client.get("/api/v1/session")).status == 200:
        return client
    return await as_(username)


FIELDS = (
    "title",
    "units",
    "starts_at",
    "start_date",
    "start_time",
    "when",
    "agenda",
    "floor_mode",
    "name",
    "unit",
    "unit_id",
    "role",
    "position",
    "username",
    "password",
    "current",
    "new",
    "kind",
    "subject",
    "body",
    "notation",
    "urgency",
    "deadline",
    "recipients",
    "recipients_groups",
    "lead",
    "info",
    "info_groups",
    "secrecy",
    "files_keep",
    "command_id",
    "action",
    "text",
    "note",
    "reason",
    "purpose",
    "retention",
    "language",
    "mail",
    "mail_code",
    "phone",
    "phone_code",
    "channels",
    "membership",
    "next",
)


@pytest.mark.parametrize("username", PEOPLE.values())
async def test_every_page_with_wrong_forms(
    app: web.Application, filled: None, page_as: PageAs, username: str, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(f"pages {username}")
    page = await page_as(username)
    faults: list[str] = []
    for route in app[ROUTES].values():
        if route.path.startswith(("/api/", "/static/", "/vendor/")) or route.method == "*":
            continue
        for path in paths(route, rng):
            if (await page.get("/api/v1/session")).status != 200:  # the walk also signs out
                page = await page_as(username)
            async for sent, answer in _visits(page, route, path, rng):
                if wrong := await fault(answer):
                    faults.append(f"{route.method} {path} {sent!r:.300}: {wrong}")
    assert faults == [], "\n\n".join(faults)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def _visits(
    page: PageClient, route: Route, path: str, rng: random.Random
) -> AsyncIterator[tuple[Any, ClientResponse]]:
    if route.method == "GET":
        for query in QUERIES:
            answer = await page.get(path + query)
            yield query, answer
            if answer.status in (403, 404):  # so it would be with any query
                return
        return
    for _ in range(4):
        form = {name: str(rng.choice((*TEXTS, *NUMBERS, "1", "Công văn"))) for name in rng.sample(FIELDS, k=20)}
        yield form, await page.post(path, form)
    for content, kind in rng.sample(RAW, k=2 if "{" in route.path else 4):  # a route with a number has three addresses
        yield (content, kind), await _raw(page, path, content, kind)


async def _raw(page: PageClient, path: str, content: bytes, kind: str) -> ClientResponse:
    headers = {"Accept": "text/html", "Cookie": f"{COOKIE}={page.secret}", "X-CSRF-Token": page.csrf}
    return await page.client.post(path, data=content, headers=headers | {"Content-Type": kind}, allow_redirects=False)


@pytest.mark.parametrize(
    "path", ["/%ff%fe", "/records/%00", "/units/%E0%A4%A", "/static/..%2f..%2fserver/app.py", "/" + "a" * 7000]
)
async def test_paths_that_are_no_paths(page_as: PageAs, path: str) -> None:
    page = await page_as("vanthu")
    answer = await page.get(path)
    assert answer.status in (400, 403, 404, 303), (path, answer.status)


def test_the_roles_are_all_there() -> None:
    assert set(PEOPLE) == set(Role)
