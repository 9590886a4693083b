"""`kill -9` at any moment: nothing that was acknowledged is lost or doubled, and a client hears each event once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
import sqlalchemy as sa

from server.directives.model import delivery_table, directive_table
from server.store import Store
from server.units.service import by_code
from tests.e2e.harness import App

KILLS = 10


class Listener:
    """A device of one unit, as web/static/js/channel.js is: catches up on each connect, takes each number once."""

    def __init__(self, app: App, token: str) -> None:
        self.app, self.token = app, token
        self.heard: list[tuple[int, int]] = []
        self.seen = 0
        self.done = asyncio.Event()

    async def run(self) -> None:
        """Connect again and again."""
        while not self.done.is_set():
            client = socketio.AsyncClient(reconnection=False)
            client.on("*", lambda name, body=None: self.take(name, body))
            try:
                await client.connect(self.app.url, auth={"token": self.token}, transports=["websocket"], wait_timeout=2)
                await self.catch_up(client)
                while client.connected and not self.done.is_set():
                    await asyncio.sleep(0.02)
                    await self.catch_up(client)  # whatever overtook: ask, as for a gap
            except (socketio.exceptions.SocketIOError, aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.sleep(0.05)
            finally:
                await client.disconnect()

    async def catch_up(self, client: socketio.AsyncClient) -> None:
        """Ask for what is missing."""
        answer = await client.call("channel.catch_up", {"seq": self.seen}, timeout=2)
        for event in answer["events"]:
            self.take(event["kind"], event)

    def take(self, name: str, body: Any) -> None:
        """The next number and no other."""
        if isinstance(body, dict) and body.get("seq") == self.seen + 1:
            self.seen += 1
            self.heard.append((body["seq"], body["directive"] if name == "directive.issued" else -1))


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    made = App(tmp_path)
    await asyncio.to_thread(made.seed)
    await asyncio.to_thread(made.start)
    yield made
    await asyncio.to_thread(made.stop)


async def issue_until(app: App, token: str, unit: int, acknowledged: dict[str, int], stop: asyncio.Event) -> None:
    """Issue one after the other; a command without an answer is sent again under its id until it has one."""
    number = 0
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        while not stop.is_set():
            number += 1
            command = f"command-{number}"
            body = {
                "kind": "Thông báo",
                "subject": f"Số {number}",
                "deadline": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
                "recipients": [{"unit": unit}],
                "command_id": command,
            }
            while command not in acknowledged:
                try:
                    url = f"{app.url}/api/v1/directives?issue=true"
                    async with session.post(url, json=body, timeout=aiohttp.ClientTimeout(5)) as answer:
                        assert answer.status == 201, await answer.text()
                        acknowledged[command] = (await answer.json())["id"]
                except (aiohttp.ClientError, OSError, TimeoutError):
                    await asyncio.sleep(0.02)


@pytest.mark.sqlite_only
async def test_nothing_acknowledged_is_lost_or_doubled(app: App) -> None:
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    unit = store.read_now(by_code, "19606")
    assert unit is not None
    leader, cadre = await asyncio.to_thread(app.token, "chutich"), await asyncio.to_thread(app.token, "camthuy")
    acknowledged: dict[str, int] = {}
    stop, listener = asyncio.Event(), Listener(app, cadre)
    tasks = [
        asyncio.create_task(issue_until(app, leader, unit.id, acknowledged, stop)),
        asyncio.create_task(listener.run()),
    ]
    moments = random.Random(30)
    for _ in range(KILLS):
        await asyncio.sleep(moments.uniform(0.05, 0.6))
        app.kill_control()
        await asyncio.to_thread(app.start)
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.wait_for(tasks[0], 20)

    d, v = directive_table.c, delivery_table.c
    rows = store.read_now(lambda tx: tx.all(sa.select(d.id, d.subject, d.number).order_by(d.number)))
    deliveries = store.read_now(lambda tx: tx.all(sa.select(v.directive_id, v.seq).order_by(v.seq)))
    store.close()
    assert len(acknowledged) > KILLS
    assert sorted(acknowledged.values()) == sorted(row.id for row in rows)
    assert len({row.subject for row in rows}) == len(rows) == len(acknowledged)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert [row.seq for row in deliveries] == list(range(1, len(rows) + 1))
    async with asyncio.timeout(20):
        while listener.seen < len(rows):
            await asyncio.sleep(0.05)
    listener.done.set()
    await asyncio.wait_for(tasks[1], 10)
    assert listener.heard == [(row.seq, row.directive_id) for row in deliveries]
