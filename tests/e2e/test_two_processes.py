"""Two `giaoban serve` on one PostgreSQL with Redis between them are one server for the people, Redis or not."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import socketio
import sqlalchemy as sa
from playwright.sync_api import expect

from server.accounts import demo
from server.config import ROOT
from server.directives.model import alarm_table, delivery_table
from server.store import Store
from server.store.events import since
from server.units.import_ import import_tree, read_district
from server.units.service import by_code
from tests.e2e.harness import App, chromium, until
from tests.postgres import new_database, postgres_cluster
from tests.redis_server import RedisServer

v = delivery_table.c
CONNECTED = """import("/static/js/channel.js").then(({ onState }) => new Promise(
  (resolve) => onState((state) => { if (state === "connected") resolve(true); })))"""
pytestmark = pytest.mark.sqlite_only  # it has a PostgreSQL of its own


class Pair:
    """The two processes, their Redis and their database."""

    def __init__(self, folder: Path, database: str, redis: RedisServer) -> None:
        self.redis, self.store = redis, Store(database)
        self.apps = [App(folder / name) for name in ("one", "two")]
        for app in self.apps:
            app.folder.mkdir()
            app.environment |= {
                "GIAOBAN_DATABASE_URL": database,
                "GIAOBAN_REDIS_URL": redis.url,
                "GIAOBAN_STORAGE_DATA": str(folder / "data"),
                "GIAOBAN_STORAGE_RECORDINGS": str(folder / "recordings"),
                "GIAOBAN_MEDIA_SOCKET": "",
            }
        self.one, self.two = self.apps

    def start(self) -> None:
        """Both at once: each finds an empty database and would make its tables."""
        starts = [threading.Thread(target=app.start) for app in self.apps]
        for start in starts:
            start.start()
        for start in starts:
            start.join()

    def people(self) -> None:
        district = read_district(ROOT / "config" / "districts" / "camlo.toml")
        self.store.write_now(import_tree, district)
        self.store.write_now(demo.seed, district, demo.DEFAULT_PASSWORD)

    def unit(self, code: str) -> int:
        found = self.store.read_now(by_code, code)
        assert found is not None
        return found.id

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        return self.store.read_now(lambda tx: tx.all(query))

    def issue(self, app: App, subject: str, codes: tuple[str, ...] = ("19606",), urgency: str = "NORMAL") -> int:
        body = {
            "kind": "Thông báo",
            "subject": subject,
            "urgency": urgency,
            "deadline": (datetime.now(UTC) + timedelta(days=5)).isoformat(),
            "recipients": [{"unit": self.unit(code)} for code in codes],
        }
        return int(app.call(app.token("chutich"), "POST", "/api/v1/directives?issue=true", body)["id"])

    def processes(self, app: App) -> int:
        return int(ready(app)["details"]["processes"])


def ready(app: App) -> dict[str, Any]:
    with urllib.request.urlopen(f"{app.url}/readyz", timeout=5) as reply:
        return dict(json.load(reply))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    redis = RedisServer()
    redis.start()
    with postgres_cluster() as cluster:
        made = Pair(tmp_path_factory.mktemp("pair"), new_database(cluster, "pair"), redis)
        try:
            made.start()
            made.people()
            yield made
        finally:
            for app in made.apps:
                app.stop()
            made.store.close()
            redis.clean_up()


@pytest.fixture(autouse=True)
def whole(pair: Pair) -> None:
    """Each test begins with both processes and Redis between them."""
    until(lambda: pair.processes(pair.one) == pair.processes(pair.two) == 2, 60, "each knows the other")
    until(lambda: all(ready(app)["degraded"] == [] for app in pair.apps), 60, "Redis works")


class Device:
    """A page of a unit: acknowledges what it hears."""

    def __init__(self, client: socketio.AsyncClient) -> None:
        self.client, self.heard = client, []
        client.on("*", self._take)

    heard: list[tuple[str, Any]]

    async def _take(self, name: str, body: Any = None) -> None:
        self.heard.append((name, body))
        if name != "channel.head" and isinstance(body, dict) and "seq" in body:
            await self.client.emit("channel.ack", {"seq": body["seq"]})

    async def hears(self, kind: str, **wanted: Any) -> Any:
        async with asyncio.timeout(30):
            while True:
                for name, body in self.heard:
                    if name == kind and wanted.items() <= body.items():
                        return body
                await asyncio.sleep(0.02)


@pytest.fixture
async def devices() -> AsyncIterator[list[socketio.AsyncClient]]:
    made: list[socketio.AsyncClient] = []
    yield made
    for client in made:
        await client.disconnect()


async def device(made: list[socketio.AsyncClient], app: App, username: str) -> Device:
    client = socketio.AsyncClient(reconnection=False)
    made.append(client)
    found = Device(client)
    token = await asyncio.to_thread(app.token, username)
    await client.connect(app.url, auth={"token": token}, transports=["websocket"])
    return found


async def test_a_directive_goes_from_one_to_the_other_and_its_receipt_back(
    pair: Pair, devices: list[socketio.AsyncClient]
) -> None:
    issuer, commune = await device(devices, pair.one, "chutich"), await device(devices, pair.two, "camthuy")
    number = await asyncio.to_thread(pair.issue, pair.one, "Qua hai tiến trình")
    assert await commune.hears("directive.issued", directive=number, subject="Qua hai tiến trình")
    assert await issuer.hears("delivery.changed", directive=number, state="ARRIVED")
    assert [row.state for row in pair.rows(sa.select(v.state).where(v.directive_id == number))] == ["ARRIVED"]


async def test_the_wall_of_one_counts_the_devices_of_the_other(pair: Pair, devices: list[socketio.AsyncClient]) -> None:
    watcher = await device(devices, pair.one, "chutich")
    assert (await watcher.client.call("channel.watch", {"rooms": ["presence"]}))["ok"]
    await device(devices, pair.two, "camhieu")
    assert await watcher.hears("presence.changed", unit=pair.unit("19615"), connected=True)


def test_signed_out_on_one_is_signed_out_on_the_other(pair: Pair) -> None:
    token = pair.one.token("camthuy")
    assert pair.two.call(token, "GET", "/api/v1/session")
    request = urllib.request.Request(
        f"{pair.one.url}/api/v1/session", headers={"Authorization": f"Bearer {token}"}, method="DELETE"
    )
    urllib.request.urlopen(request, timeout=10).close()

    def refused() -> bool:
        try:
            pair.two.call(token, "GET", "/api/v1/session")
        except urllib.error.HTTPError as error:
            return error.code == 401
        return False

    until(refused)


def test_both_sweep_and_each_alarm_is_raised_once(pair: Pair) -> None:
    codes = ("19597", "19600", "19603", "19606", "19612", "19615", "19618", "19621")
    numbers = [pair.issue(pair.one, f"Khẩn {n}", codes, "FLASH") for n in range(5)]
    mine = v.directive_id.in_(numbers)
    ago = datetime.now(UTC) - timedelta(minutes=21)
    change = sa.update(delivery_table).where(mine).values(sent_at=ago, alarm_at=ago)
    pair.store.write_now(lambda tx: tx.execute(change))
    query = sa.select(alarm_table.c.id).join(delivery_table, v.id == alarm_table.c.delivery_id).where(mine)
    until(lambda: len(pair.rows(query)) == 5 * len(codes), 60, "every delivery is escalated")
    until(lambda: not pair.rows(sa.select(v.id).where(mine, v.alarm_at <= datetime.now(UTC))), 60, "swept")
    for code in codes:
        unit = pair.unit(code)
        told = pair.store.read_now(lambda tx, unit=unit: since(tx.connection, unit, 0, 10_000))
        assert len([event for event in told if event.kind == "delivery.escalated"]) == 5


def test_a_browser_gets_what_it_missed_without_redis(pair: Pair) -> None:
    with chromium() as browser:
        page = pair.two.page(browser, "camthuy", "/directives/in")
        page.evaluate(CONNECTED)
        pair.redis.stop()
        try:
            until(lambda: all(ready(app)["degraded"] == ["redis"] for app in pair.apps), 30, "health says it")
            pair.issue(pair.one, "Không có Redis")
            expect(page.get_by_text("Không có Redis").first).to_be_visible(timeout=30_000)
        finally:
            pair.redis.start()
        assert page.errors == []  # type: ignore[attr-defined]


def test_when_one_is_killed_the_other_goes_on_and_catches_up_its_pages(pair: Pair) -> None:
    with chromium() as browser:
        page = pair.two.page(browser, "camthuy", "/directives/in")
        page.evaluate(CONNECTED)
        pair.one.kill_control()
        number = pair.issue(pair.two, "Còn một tiến trình")
        expect(page.get_by_text("Còn một tiến trình").first).to_be_visible(timeout=30_000)
        assert number
    pair.one.start()
