"""A server that dies, and the people at its pages: they send again what was not answered, and come back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import socketio
import sqlalchemy as sa

from server.accounts import demo
from server.accounts.service import principal_of
from server.config import ROOT
from server.directives.model import change_table, delivery_table, directive_table
from server.directives.rules import Event
from server.store import Store
from server.store.events import StoredEvent, since
from server.store.migrate import migrate
from server.units.import_ import import_tree, read_district
from tests.e2e.harness import App

SECONDS = 60  # the longest that anything here may take
LOST = (socketio.exceptions.SocketIOError, aiohttp.ClientError, OSError, TimeoutError)
COMMUNES = ("camthuy", "camtuyen")


def make_district(store: Store) -> None:
    """All tables, the demo tree and its people, and no directive."""
    migrate(store.engine)
    district = read_district(ROOT / "config" / "districts" / "camlo.toml")
    store.write_now(import_tree, district)
    store.write_now(demo.seed, district, demo.DEFAULT_PASSWORD)


class Device:
    """A page of one unit, as web/static/js/channel.js is: takes each number once, in order, and acknowledges."""

    def __init__(self, app: App, token: str, unit: int) -> None:
        self.app, self.token, self.unit = app, token, unit
        self.taken: list[dict[str, Any]] = []
        self._client = socketio.AsyncClient(reconnection=False)

    @property
    def seen(self) -> int:
        return len(self.taken)

    async def connect(self) -> None:
        """Connect anew and ask for what was missed. Raises one of LOST."""
        await self.close()
        self._client = socketio.AsyncClient(reconnection=False)
        self._client.on("*", self._hear)
        await self._client.connect(self.app.url, auth={"token": self.token}, transports=["websocket"], wait_timeout=30)
        await self._catch_up()

    async def _catch_up(self) -> None:
        before = -1
        while before < self.seen:
            before = self.seen
            for event in (await self.ask())["events"]:
                self._take(event["kind"], event)
        await self._client.emit("channel.ack", {"seq": self.seen})

    async def close(self) -> None:
        await self._client.disconnect()

    async def ask(self) -> dict[str, Any]:
        """What the server answers when this page asks for what it has missed."""
        return dict(await self._client.call("channel.catch_up", {"seq": self.seen}, timeout=30))

    async def _hear(self, kind: str, body: Any = None) -> None:
        if kind == "channel.head":
            await self._catch_up()
        elif isinstance(body, dict) and self._take(kind, body):
            await self._client.emit("channel.ack", {"seq": self.seen})

    def _take(self, kind: str, body: dict[str, Any]) -> bool:
        if body.get("seq") != self.seen + 1:
            return False
        self.taken.append({**body, "kind": kind})
        return True


class People:
    """A leader, and two communes with a device each, at a server that dies; `deaths` counts how often it did.

    The communes' devices may be at another process, `other`, of the same server.
    """

    def __init__(self, app: App, store: Store, other: App | None = None) -> None:
        self.app, self.store, self.other, self.deaths = app, store, other or app, 0
        self.names = ("chutich", *COMMUNES)
        self.devices: dict[str, Device] = {}

    async def come(self) -> None:
        """Sign in and open the pages."""
        self.tokens = {name: await asyncio.to_thread(self.app.token, name) for name in self.names}
        self.units = {name: self.store.read_now(principal_of, name).unit_id for name in self.names}
        apps = {"chutich": self.app, **dict.fromkeys(COMMUNES, self.other)}
        self.devices = {name: Device(apps[name], self.tokens[name], self.units[name]) for name in self.names}
        for device in self.devices.values():
            await device.connect()

    async def go(self) -> None:
        for device in self.devices.values():
            await device.close()

    def directive(self, subject: str, command_id: str) -> dict[str, Any]:
        """A directive to both communes, as it is posted."""
        return {
            "kind": "Thông báo",
            "subject": subject,
            "deadline": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
            "recipients": [{"unit": self.units[name]} for name in COMMUNES],
            "command_id": command_id,
        }

    async def insist(self, name: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post until there is an answer, as a page does that keeps what it could not send."""
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    status, answer = await self.post(name, path, body)
                except LOST:
                    await self.revive()
                else:
                    assert status in (200, 201), answer
                    return answer

    async def post(self, name: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Post once. Raises one of LOST."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{self.app.url}{path}", json=body) as answer,
        ):
            return answer.status, dict(await answer.json(content_type=None))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, whether the server dies meanwhile or not."""
        async with asyncio.timeout(SECONDS):
            while not condition():
                if self.app.control is not None and self.app.control.poll() is not None:
                    await self.revive()
                await asyncio.sleep(0.02)

    async def revive(self) -> None:
        """It died as by `kill -9`: start it anew, and its pages come back."""
        assert self.app.control is not None
        assert await asyncio.to_thread(self.app.control.wait, SECONDS) == -signal.SIGKILL
        self.deaths += 1
        await asyncio.to_thread(self.app.start)
        for device in self.devices.values():
            if device.app is self.app:
                await device.connect()

    # ---- what is in the database

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        return self.store.read_now(lambda tx: tx.all(query))

    def states(self, directive: int) -> dict[int, str]:
        v = delivery_table.c
        return {
            row.unit_id: row.state
            for row in self.rows(sa.select(v.unit_id, v.state).where(v.directive_id == directive))
        }

    def stored(self, name: str) -> list[StoredEvent]:
        return self.store.read_now(lambda tx: since(tx.connection, self.units[name], 0, 10_000))

    def assert_whole(self, subject: str, done: dict[str, Any], registered: dict[str, Any]) -> None:
        """The directive `subject` was issued once and registered by one commune: nothing is missing, nothing twice."""
        d, v, c = directive_table.c, delivery_table.c, change_table.c
        assert [row.id for row in self.rows(sa.select(d.id).where(d.subject == subject))] == [done["id"]]
        numbers = [row.number for row in self.rows(sa.select(d.number).order_by(d.number))]
        assert numbers == list(range(1, len(numbers) + 1))
        deliveries = {
            row.unit_id: row for row in self.rows(sa.select(delivery_table).where(v.directive_id == done["id"]))
        }
        assert sorted(deliveries) == sorted(self.units[name] for name in COMMUNES)
        histories = {
            name: self.rows(sa.select(c.event).where(c.delivery_id == deliveries[self.units[name]].id).order_by(c.id))
            for name in COMMUNES
        }
        events = {name: [row.event for row in rows] for name, rows in histories.items()}
        assert events == {"camthuy": [Event.ARRIVE, Event.REGISTER], "camtuyen": [Event.ARRIVE]}
        theirs = deliveries[self.units["camthuy"]]
        book = self.rows(
            sa.select(v.registry_number).where(v.unit_id == theirs.unit_id, v.registry_number.is_not(None))
        )
        assert sorted(row.registry_number for row in book) == list(range(1, len(book) + 1))
        assert theirs.registry_number == registered["registry_number"]

    def assert_told(self, directive: int) -> None:
        """Every page took what its unit was told: of a directive one issue, and each change once."""
        for name, device in self.devices.items():
            assert [(body["seq"], body["kind"]) for body in device.taken] == [
                (e.seq, e.kind) for e in self.stored(name)
            ]
        for name in COMMUNES:
            issued = [body for body in self._about(name, directive) if body["kind"] == "directive.issued"]
            assert len(issued) == 1
        told = [(body["state"], unit) for body in self._about("chutich", directive) for unit in body["units"]]
        both = [("ARRIVED", self.units[name]) for name in COMMUNES]
        assert sorted(told) == sorted([*both, ("REGISTERED", self.units["camthuy"])])

    def _about(self, name: str, directive: int) -> list[dict[str, Any]]:
        return [body for body in self.devices[name].taken if body.get("directive") == directive]
