"""All of docker-compose.yml without containers: Caddy by its Caddyfile, two processes, Redis, PostgreSQL."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import APIRequestContext, Browser, Page, expect

from server.accounts import demo
from server.config import ROOT
from server.directives.model import delivery_table
from server.store import Store
from server.units.import_ import import_tree, read_district
from tests.e2e import compose
from tests.e2e.front import caddy
from tests.e2e.harness import App, chromium, free_port, until
from tests.e2e.test_two_processes import CONNECTED, ready
from tests.postgres import new_database, postgres_cluster
from tests.redis_server import RedisServer

pytestmark = pytest.mark.sqlite_only  # it has a PostgreSQL of its own
v = delivery_table.c


class Deployment:
    """What `docker compose up` starts, as processes of this machine; `url` is that of the front."""

    def __init__(self, folder: Path, database: str, redis: RedisServer) -> None:
        self.port, self.folder, self.store = free_port(), folder, Store(database)
        self.services = compose.services(compose.example(**compose.FILLED_IN, GIAOBAN_DOMAIN="localhost"))
        self.url = f"https://localhost:{self.port}"
        self.apps = {name: self._app(name, database, redis) for name in ("server", "server-2")}
        self._front = ExitStack()

    def _app(self, name: str, database: str, redis: RedisServer) -> App:
        """The service's own settings; only what names another container is what this machine has for it."""
        (self.folder / name).mkdir()
        app = App(self.folder / name)
        own = self.services[name]["environment"]
        assert own["GIAOBAN_REDIS_URL"] == "redis://redis:6379/0"
        assert own["GIAOBAN_DATABASE_URL"] == "postgresql+psycopg://giaoban:x@database/giaoban"
        assert own["GIAOBAN_HTTP_PUBLIC_URL"] == "https://localhost"
        shared = {
            "GIAOBAN_HTTP_HOST": "127.0.0.1",
            "GIAOBAN_HTTP_PUBLIC_URL": self.url,
            "GIAOBAN_DATABASE_URL": database,
            "GIAOBAN_REDIS_URL": redis.url,
            "GIAOBAN_STORAGE_DATA": str(self.folder / "data"),
            "GIAOBAN_STORAGE_RECORDINGS": str(self.folder / "recordings"),
        }
        app.environment |= own | shared
        return app

    def start(self) -> None:
        """Both servers at once, then the front."""
        starts = [threading.Thread(target=app.start) for app in self.apps.values()]
        for start in starts:
            start.start()
        for start in starts:
            start.join()
        district = read_district(ROOT / "config" / "districts" / "camlo.toml")
        self.store.write_now(import_tree, district)
        self.store.write_now(demo.seed, district, demo.DEFAULT_PASSWORD)
        until(lambda: all(ready(app)["details"]["processes"] == 2 for app in self.apps.values()), 30, "they are two")
        self._start_front()

    def _start_front(self) -> None:
        """The pages' front as it is, at which the test's browser knocks itself."""
        environment = dict(self.services["front"]["environment"])
        for name, app in self.apps.items():
            assert f"{name}:8080" in environment["GIAOBAN_SERVERS"]
            place = f"127.0.0.1:{app.port}"
            environment["GIAOBAN_SERVERS"] = environment["GIAOBAN_SERVERS"].replace(f"{name}:8080", place)
        environment["GIAOBAN_MEDIA_SERVER"] = f"127.0.0.1:{self.apps['server'].port}"
        self._front.enter_context(caddy(self.folder, environment, self.port))

    def stop(self) -> None:
        self._front.close()
        for app in self.apps.values():
            app.stop()
        self.store.close()

    def page(self, browser: Browser, username: str, where: str) -> Page:
        """A page through the front, signed in, whose browser was given to the process `where`."""

        def given() -> Page | None:
            context = browser.new_context(locale="vi-VN", ignore_https_errors=True, service_workers="block")
            if self.served_by(context.request) != where:
                context.close()
                return None
            sign_in = {"username": username, "password": demo.DEFAULT_PASSWORD}
            assert context.request.post(f"{self.url}/api/v1/session", data=sign_in).ok
            return context.new_page()

        return until(given, 30, f"the front gives a browser to {where}")

    def served_by(self, request: APIRequestContext, path: str = "/") -> str:
        """Which process answers this browser under `path`: its log has the address that was asked for."""
        mark = f"nowhere-{secrets.token_hex(6)}"
        answer = request.get(f"{self.url}{path}{mark}")
        assert answer.status == 404, answer.status
        return until(lambda: next((name for name, app in self.apps.items() if mark in app.log()), None), 15, mark)

    def issue(self, app: App, subject: str) -> int:
        unit = self.store.read_now(lambda tx: tx.one(sa.text("SELECT id FROM unit WHERE code = '19606'")))  # type: ignore[arg-type]
        assert unit is not None
        body = {"kind": "Thông báo", "subject": subject, "recipients": [{"unit": unit.id}]}
        return int(app.call(app.token("chutich"), "POST", "/api/v1/directives?issue=true", body)["id"])

    def state(self, directive: int) -> str:
        row = self.store.read_now(lambda tx: tx.one(sa.select(v.state).where(v.directive_id == directive)))
        return str(row.state) if row else ""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    redis = RedisServer()
    redis.start()
    with postgres_cluster() as cluster:
        made = Deployment(tmp_path_factory.mktemp("front"), new_database(cluster, "front"), redis)
        try:
            made.start()
            yield made
        finally:
            made.stop()
            redis.clean_up()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def test_the_services_are_told_what_they_need() -> None:
    with pytest.raises(KeyError, match="GIAOBAN_TURN_SECRET"):
        compose.services(compose.example(GIAOBAN_DATABASE_PASSWORD="x"))
    alone = compose.services(compose.example(**compose.FILLED_IN) | {"COMPOSE_PROFILES": ""})
    assert set(alone) == {"server", "database", "turn", "door", "front"}
    several = compose.services(compose.example(**compose.FILLED_IN))
    assert set(several) == {*alone, "server-2", "redis"}
    assert several["server-2"]["environment"]["GIAOBAN_MEDIA_SOCKET"] == ""
    assert several["server-2"]["ports"] == []


def test_a_browser_stays_with_one_process_and_meetings_go_to_the_first(
    deployment: Deployment, browser: Browser
) -> None:
    page = deployment.page(browser, "camthuy", "server-2")
    request = page.context.request
    assert {deployment.served_by(request) for _ in range(6)} == {"server-2"}
    assert {deployment.served_by(request, "/meetings/") for _ in range(3)} == {"server"}
    page.context.close()


@pytest.mark.parametrize(("dies", "lives"), [("server-2", "server"), ("server", "server-2")])
def test_a_page_of_one_sees_what_the_other_issues_and_moves_when_its_own_dies(
    deployment: Deployment, browser: Browser, dies: str, lives: str
) -> None:
    page = deployment.page(browser, "camthuy", dies)
    other = deployment.apps[lives]
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"{deployment.url}/directives/in")
    page.evaluate(CONNECTED)
    first = deployment.issue(other, f"Từ {lives} sang {dies}")
    expect(page.get_by_text(f"Từ {lives} sang {dies}").first).to_be_visible(timeout=20_000)
    until(lambda: deployment.state(first) == "ARRIVED", 20, "the receipt is kept")
    assert [url.partition("?")[0] for url in sockets] == [f"wss://localhost:{deployment.port}/socket.io/"], sockets
    deployment.apps[dies].kill_control()
    second = deployment.issue(other, f"Khi {dies} đã chết")
    expect(page.get_by_text(f"Khi {dies} đã chết").first).to_be_visible(timeout=30_000)
    until(lambda: deployment.state(second) == "ARRIVED", 20, "the receipt is kept")
    until(lambda: deployment.served_by(page.context.request) == lives, 20, "the page has moved")
    page.goto(f"{deployment.url}/directives/in")  # still signed in
    expect(page.get_by_text(f"Từ {lives} sang {dies}").first).to_be_visible()
    page.context.close()
    deployment.apps[dies].start()
