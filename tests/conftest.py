"""Fixtures of all tests: a settable clock, a database with the demo district, and clients signed in as its people.

Each test works on its own copy of a database that is seeded once: a SQLite file, or, with TEST_POSTGRES_URL set to the
URL of a server whose user may create databases, a database there. Tests that use no database are left out there.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import ClientResponse, CookieJar, DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from xdist.scheduler import LoadScopeScheduling

from server.accounts import demo, service, sessions
from server.accounts.identify import COOKIE, SIGN_INS
from server.accounts.principal import Principal
from server.app import make_app
from server.config import ROOT, Access, Database, Media, Settings, Storage
from server.http import static
from server.http.csrf import csrf_token
from server.http.pages import Renderer
from server.store import Store, schema
from server.units.import_ import District, import_tree, read_district
from tests import witness
from tests.compiled import Compiled

PASSWORD = demo.DEFAULT_PASSWORD
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "")
START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # Tuesday 24/11/2026, 08:00 in Vietnam


class Clock:
    """`clock()` is the moment; `clock.advance(minutes=5)` and `clock.set(...)` move it."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def set(self, now: datetime) -> None:
        self.now = now

    def advance(self, **parts: float) -> datetime:
        self.now += timedelta(**parts)
        return self.now


class ApiClient:
    """A program signed in by bearer token; every call gives aiohttp's response."""

    def __init__(self, client: TestClient[Any, Any], token: str | None, who: Principal | None = None) -> None:
        self.client, self.token, self.who = client, token, who

    def request(self, method: str, path: str, **options: Any) -> Awaitable[ClientResponse]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        return self.client.request(method, path, headers=headers, allow_redirects=False, **options)

    def get(self, path: str, **options: Any) -> Awaitable[ClientResponse]:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Awaitable[ClientResponse]:
        """`body` is sent as JSON; give `data=` for a form or a file instead."""
        if "data" not in options:
            options["json"] = {} if body is None else body
        return self.request("POST", path, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Awaitable[ClientResponse]:
        return self.request("PUT", path, json=body, **options)

    def delete(self, path: str, **options: Any) -> Awaitable[ClientResponse]:
        return self.request("DELETE", path, **options)


class PageClient:
    """A browser without scripts, signed in by cookie; forms are sent with their token."""

    def __init__(self, client: TestClient[Any, Any], who: Principal, secret: str) -> None:
        self.client, self.who, self.secret = client, who, secret

    def get(self, path: str, **options: Any) -> Awaitable[ClientResponse]:
        return self._request("GET", path, **options)

    def post(self, path: str, form: dict[str, Any] | None = None, **options: Any) -> Awaitable[ClientResponse]:
        return self._request("POST", path, data={"csrf": self.csrf, **(form or {})}, **options)

    @property
    def csrf(self) -> str:
        return csrf_token(self.who.session_id, self.who.unit_id)

    def _request(self, method: str, path: str, **options: Any) -> Awaitable[ClientResponse]:
        headers = {"Accept": "text/html", "Cookie": f"{COOKIE}={self.secret}"} | options.pop("headers", {})
        return self.client.request(method, path, headers=headers, allow_redirects=False, **options)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def demo_file() -> District:
    return read_district(ROOT / "config" / "districts" / "camlo.toml")


def _seed(store: Store, district: District) -> None:
    store.create_schema()
    store.write_now(import_tree, district)
    store.write_now(demo.seed, district, PASSWORD)


@pytest.fixture(scope="session")
def _seeded_file(tmp_path_factory: pytest.TempPathFactory, demo_file: District) -> Path:
    file = tmp_path_factory.mktemp("template") / "giaoban.db"
    store = Store(f"sqlite:///{file}", clock=lambda: START)
    _seed(store, demo_file)
    store.close()
    return file


@pytest.fixture(scope="session")
def _empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "giaoban.db"
    store = Store(f"sqlite:///{file}")
    store.create_schema()
    store.close()
    return file


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, only what works with the test's database: all else has run on SQLite in the same way.

    Meetings are marked, so that they can have the machine for themselves: what they assert is what people see and hear,
    and when. Lines are marked, for two of them leave each other enough of it, but not twenty browsers. What takes long
    comes first, so that processes that share the rest end together.
    """
    for item in items:
        file = Path(item.nodeid.partition("::")[0])
        if _meets(file):
            item.add_marker("line" if file.stem in _LINES else "meeting")
    if POSTGRES:
        others = [item for item in items if "store" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    items.sort(key=lambda item: item.path.parent.name not in ("ui", "e2e") and item.path.stem not in _LONG)


_APART = "test_every_operation"
"""Its tests share nothing, and each takes as long as some files."""
_LONG = {
    *(_APART, "test_serve", "test_kills", "test_joining"),
    *("test_weak_meeting", "test_node", "test_half_open", "test_crash"),
}
_PAGES_ALONE = {
    *("test_board_tree", "test_dead_lines", "test_directive", "test_forms", "test_front", "test_hearing"),
    *("test_offline", "test_push_offer", "test_two_processes", "test_whole_way"),
}
"""In browsers, or between processes, but nobody meets: each waits for what it asserts, however long that takes."""
_LINES = {
    *("test_answering_machine", "test_kamailio", "test_link", "test_registrar"),
    *("test_secure_line", "test_sipp", "test_directive_call", "test_line_of_two", "test_red_chromium"),
}
"""Telephones, exchanges and networks: a quarter to three quarters of a core, where a meeting of browsers takes two."""
_RULES_OF_PAGES = {"test_hearing_chromium", "test_playout_chromium", "test_sdp_chromium", "test_thrift_chromium"}
"""On made figures and by a clock that is passed in."""


def _meets(file: Path) -> bool:
    """Whether the tests of a file hold meetings, with browsers, telephones or attackers, or need networks made here."""
    kinds = {
        "e2e": file.stem not in _PAGES_ALONE,
        "bench": file.stem == "test_flood",
        "media": file.stem == "test_abuse" or (file.stem.endswith("_chromium") and file.stem not in _RULES_OF_PAGES),
        "peers": True,
    }
    return kinds.get(file.parent.name, False)


class _Files(LoadScopeScheduling):
    """Where processes share the work (pytest-xdist), each takes a whole file at a time, or one test of those apart."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if Path(file).stem == _APART else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Files:
    """Called where `-n` is given."""
    return _Files(config, log)


class _FailedFiles:
    """Writes down in which files a test failed: those of one may be one story, so they are tried again together."""

    LIST = ROOT / "build" / "failed-tests"

    def __init__(self) -> None:
        self._files: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._files.add(report.nodeid.partition("::")[0])

    def pytest_sessionfinish(self) -> None:
        self.LIST.parent.mkdir(exist_ok=True)
        self.LIST.write_text(" ".join(sorted(self._files)), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    Renderer.compiled = Compiled()
    static.load = cache(static.load)
    if not hasattr(config, "workerinput"):  # of processes that share the work, the one that hears of all
        config.pluginmanager.register(_FailedFiles())


def pytest_runtest_setup() -> None:
    witness.forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the browsers' pages and the servers said, too."""
    report = yield
    if report.failed:
        report.sections += witness.accounts()
    return report


class _Templates:
    """The databases on the PostgreSQL server of which each test gets a copy."""

    def __init__(self, district: District) -> None:
        self._district = district
        self._mark = secrets.token_hex(4)
        self._copies = 0
        self._made: dict[bool, str] = {}
        self._engine = sa.create_engine(POSTGRES, isolation_level="AUTOCOMMIT")

    def copy(self, seeded: bool) -> str:
        """A new database with all tables, and with the demo district if `seeded`; gives its name."""
        if seeded not in self._made:
            name = f"template_{self._mark}_{'seeded' if seeded else 'empty'}"
            self.execute(f"CREATE DATABASE {name}")
            store = Store(self.url(name), clock=lambda: START)
            if seeded:
                _seed(store, self._district)
            else:
                store.create_schema()
            store.close()
            self._made[seeded] = name
        self._copies += 1
        name = f"test_{self._mark}_{self._copies}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {self._made[seeded]} STRATEGY FILE_COPY")
        return name

    def execute(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)

    @staticmethod
    def url(name: str) -> str:
        return sa.make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def _templates(demo_file: District) -> _Templates:
    return _Templates(demo_file)


def _postgres_url(request: pytest.FixtureRequest) -> str:
    templates: _Templates = request.getfixturevalue("_templates")
    name = templates.copy("district" in request.fixturenames)
    request.addfinalizer(lambda: templates.execute(f"DROP DATABASE {name} WITH (FORCE)"))
    return templates.url(name)


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings with all folders, and the database, inside the test's own folder."""
    return Settings(
        database=Database(url=_postgres_url(request) if POSTGRES else f"sqlite:///{tmp_path}/giaoban.db"),
        storage=Storage(data=str(tmp_path / "data"), recordings=str(tmp_path / "recordings"), free_space_mb=1),
        media=Media(udp_port=0, socket=""),  # no media node; tests of meetings start one
        access=Access(requests_per_minute=100_000),
        demo=True,
    )


@pytest.fixture
def store(settings: Settings, clock: Clock, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A database with all tables; the demo district is in it if the test asks for `district` (or a client)."""
    if not POSTGRES:
        source = "_seeded_file" if "district" in request.fixturenames else "_empty_file"
        shutil.copy(request.getfixturevalue(source), tmp_path / "giaoban.db")
    made = Store(settings.database_url(), clock=clock)
    yield made
    made.close()


class DistrictIds:
    """Ids of the demo district: `district.unit("19606")`, `district.who("camthuy")`."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def unit(self, code: str) -> int:
        from server.units.service import by_code

        found = self.store.read_now(by_code, code)
        assert found is not None, code
        return found.id

    def who(self, username: str) -> Principal:
        return self.store.read_now(service.principal_of, username)


@pytest.fixture
def district(store: Store) -> DistrictIds:
    """The demo tree and its people."""
    return DistrictIds(store)


@pytest.fixture
def app(settings: Settings, store: Store, district: DistrictIds) -> web.Application:
    """The whole application on the test's database."""
    assert schema.metadata.tables
    return make_app(settings, store)


@pytest.fixture
async def app_client(app: web.Application) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of the running application that keeps no cookies."""
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        yield client


@pytest.fixture
async def browser(app: web.Application, app_client: TestClient[Any, Any]) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of the same application that keeps cookies."""
    client: TestClient[Any, Any]
    async with TestClient(app_client.server, cookie_jar=CookieJar(unsafe=True)) as client:
        yield client


def _open(app: web.Application, store: Store, username: str) -> sessions.Opened:
    who = store.read_now(service.principal_of, username)
    return store.write_now(sessions.open_session, who.account_id, "127.0.0.1", "tests", timedelta(hours=12))


As = Callable[[str | None], Awaitable[ApiClient]]
PageAs = Callable[[str], Awaitable[PageClient]]


@pytest.fixture
def as_(app: web.Application, app_client: TestClient[Any, Any], store: Store) -> As:
    """`api = await as_("vanthu")`; `await as_(None)` for nobody."""

    async def client_of(username: str | None) -> ApiClient:
        if username is None:
            return ApiClient(app_client, None)
        opened = _open(app, store, username)
        return ApiClient(app_client, app[SIGN_INS].token_for(opened), opened.who)

    return client_of


@pytest.fixture
def page_as(app: web.Application, app_client: TestClient[Any, Any], store: Store) -> PageAs:
    """`page = await page_as("thon1.camthuy")`."""

    async def client_of(username: str) -> PageClient:
        opened = _open(app, store, username)
        return PageClient(app_client, opened.who, opened.secret)

    return client_of
