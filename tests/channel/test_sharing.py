"""Two control processes with Redis between them, as two channels in this one: they behave as one, also without Redis.

These tests also hold the private names that `server/channel/sharing.py` touches.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from server.accounts.principal import Principal
from server.channel import Channel, neighbours
from server.channel.presence import Presence
from server.channel.sharing import SharedRooms
from server.http.health import ROUTES_HERE
from server.http.keys import STORE
from server.store import Store
from tests.channel.test_channel import Harness, person
from tests.redis_server import RedisServer
from tests.waiting import until


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.clean_up()


class Process(Harness):
    """A channel on its own store of the common database."""

    @property
    def rooms(self) -> SharedRooms:
        rooms: SharedRooms = self.channel.sio.manager
        return rooms

    async def emit(self, units: list[int], n: int) -> None:
        await self.store.write(lambda tx: tx.emit("test.happened", units, {"n": n}))

    async def page(self, token: str, seen: int = 0) -> Page:
        page = Page(self, seen)
        page.client = await self.connect(token, page.heard)
        return page


class Page:
    """As web/static/js/channel.js: takes each number once and in order, asks for what is missing."""

    def __init__(self, process: Process, seen: int) -> None:
        self.process, self.seen = process, seen
        self.heard: list[tuple[str, Any]] = []
        self.taken: list[int] = []
        self.client: Any = None

    async def live(self) -> None:
        """Look at what has come."""
        heard, self.heard[:] = list(self.heard), []
        for name, body in heard:
            if body.get("head", body.get("seq", 0) - 1) > self.seen:  # there is more, or a gap
                for event in (await self.client.call("channel.catch_up", {"seq": self.seen}))["events"]:
                    self._take(event["seq"], event["n"])
            elif name == "test.happened":
                self._take(body["seq"], body["n"])

    def _take(self, seq: int, n: int) -> None:
        if seq == self.seen + 1:
            self.seen = seq
            self.taken.append(n)

    async def has(self, wanted: list[int]) -> None:
        async with asyncio.timeout(30):
            while self.taken != wanted:
                await self.live()
                await asyncio.sleep(0.01)

    def names(self) -> list[str]:
        return [name for name, _body in self.heard]


async def run_process(file: Path, url: str) -> AsyncIterator[Process]:
    store = Store(f"sqlite:///{file}")

    async def identify(_cookie: str | None, bearer: str | None) -> Principal | None:
        return person(bearer or "")

    async def anybody(_who: Principal, _room: str) -> bool:
        return True

    app = web.Application()
    app[STORE] = store
    app.router.add_get("/readyz", ROUTES_HERE[1].handler)
    channel = Channel(store, identify, url)
    channel.may_watch["presence"] = channel.may_watch["board"] = anybody
    channel.attach(app)
    server = TestServer(app)
    await server.start_server()
    process = Process(server, channel, store)
    await until(lambda: process.rooms.up)
    yield process
    for client in process.clients:
        await client.disconnect()
    await server.close()
    store.close()


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "LOOK_SECONDS", 0.2)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    store = Store(f"sqlite:///{tmp_path}/t.db")
    store.create_schema()
    store.close()
    return tmp_path / "t.db"


@pytest.fixture
async def first(database: Path, redis_server: RedisServer) -> AsyncIterator[Process]:
    async for process in run_process(database, redis_server.url):
        yield process


@pytest.fixture
async def second(database: Path, redis_server: RedisServer) -> AsyncIterator[Process]:
    async for process in run_process(database, redis_server.url):
        yield process


async def test_events_go_straight_to_pages_of_both_in_order(
    first: Process, second: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = await first.page("cadre.1"), await second.page("cadre.1")
    other = await second.page("cadre.2")
    queued: list[Any] = []
    send_packet = second.channel.sio.eio.send_packet

    async def noted(sid: str, packet: Any) -> None:
        queued.append(packet)
        await send_packet(sid, packet)

    monkeypatch.setattr(second.channel.sio.eio, "send_packet", noted)
    for n in range(60):
        await first.emit([1], n)
    await until(lambda: near.names().count("test.happened") == far.names().count("test.happened") == 60)
    await near.has(list(range(60)))
    await far.has(list(range(60)))
    assert "test.happened" not in other.names()
    assert [packet for packet in queued if "test.happened" in str(packet.data)] == []


async def test_both_speak(first: Process, second: Process) -> None:
    near, far = await first.page("cadre.1"), await second.page("cadre.1")
    await asyncio.gather(*((first, second)[n % 2].emit([1, 2], n) for n in range(40)))
    for page in (near, far):
        async with asyncio.timeout(30):
            while len(page.taken) < 40:
                await page.live()
                await asyncio.sleep(0.01)
        assert sorted(page.taken) == list(range(40))


async def test_a_page_that_moves_catches_up_by_its_number(first: Process, second: Process) -> None:
    before = await first.page("cadre.1")
    await first.emit([1], 1)
    await before.has([1])
    await before.client.disconnect()
    await first.emit([1], 2)
    after = await second.page("cadre.1", before.seen)
    answer = await after.client.call("channel.catch_up", {"seq": before.seen})
    assert [event["n"] for event in answer["events"]] == [2]


async def test_a_live_room_spans_both(first: Process, second: Process) -> None:
    near, far = await first.page("leader.1"), await second.page("leader.1")
    for page in (near, far):
        assert (await page.client.call("channel.watch", {"rooms": ["board:1"]}))["ok"]
    await second.store.write(lambda tx: tx.notify("board:1", {"kind": "board.changed", "n": 1}))
    await until(lambda: "board.changed" in near.names() and "board.changed" in far.names())
    assert far.names().count("board.changed") == 1


async def test_presence_counts_devices_of_both(first: Process, second: Process) -> None:
    watcher = await first.page("leader.1")
    await watcher.client.call("channel.watch", {"rooms": ["presence"]})

    def changes() -> list[tuple[int, bool]]:
        return [(body["unit"], body["connected"]) for name, body in watcher.heard if name == "presence.changed"]

    near, far = await first.page("cadre.2"), await second.page("cadre.2")
    lone = await second.page("cadre.3")
    presences = (first.channel.presence, second.channel.presence)
    await until(lambda: all(presence.connected() == [1, 2, 3] for presence in presences))
    assert [presence.processes() for presence in presences] == [2, 2]
    await near.client.disconnect()
    await lone.client.disconnect()
    await until(lambda: all(presence.connected() == [1, 2] for presence in presences))
    await far.client.disconnect()
    await until(lambda: all(presence.connected() == [1] for presence in presences))
    await until(lambda: changes() == [(2, True), (3, True), (3, False), (2, False)])


async def test_a_new_process_knows_who_is_there_and_one_that_ends_takes_its_units(
    first: Process, database: Path, redis_server: RedisServer
) -> None:
    await first.page("cadre.2")
    running = run_process(database, redis_server.url)
    other = await anext(running)
    await until(lambda: other.channel.presence.connected() == [2])
    await other.page("cadre.3")
    await until(lambda: first.channel.presence.connected() == [2, 3])
    async for _ in running:
        pass
    await until(lambda: first.channel.presence.connected() == [2])
    await until(lambda: first.channel.presence.processes() == 1)


async def test_a_process_that_was_killed_is_missed(
    first: Process, second: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    await second.page("cadre.3")
    await until(lambda: first.channel.presence.connected() == [3])
    monkeypatch.setattr(neighbours, "SILENT_SECONDS", 3.0)
    monkeypatch.setattr(second.rooms, "share", lambda _topic, _body: None)
    await until(lambda: first.channel.presence.connected() == [])


async def test_sessions_end_in_both(first: Process, second: Process) -> None:
    told: list[tuple[list[str], int | None]] = []
    second.channel.on_end.append(lambda sessions, account: told.append((list(sessions), account)))
    one, two = await second.page("cadre.1"), await second.page("cadre.2")
    stays = await second.page("cadre.3")
    await first.channel.end_sessions(["session-cadre.1"])
    await until(lambda: not one.client.connected)
    await first.channel.end_sessions([], 2)
    await until(lambda: not two.client.connected)
    assert stays.client.connected
    assert told == [(["session-cadre.1"], None), ([], 2)]


async def test_only_the_pages_of_a_process_that_leaves_are_told(first: Process, second: Process) -> None:
    near, far = await first.page("cadre.1"), await second.page("cadre.1")
    await first.channel.say_goodbye()
    await first.emit([1], 1)  # after it, for both
    await until(lambda: "test.happened" in near.names() and "test.happened" in far.names())
    assert "server.leaving" in near.names()
    assert "server.leaving" not in far.names()


async def ready(process: Process) -> dict[str, Any]:
    async with ClientSession() as session, session.get(process.server.make_url("/readyz")) as answer:
        assert answer.status == 200
        body: dict[str, Any] = await answer.json()
        return body


async def test_without_redis_pages_catch_up_and_health_says_so(
    first: Process, second: Process, redis_server: RedisServer
) -> None:
    near, far = await first.page("cadre.1"), await second.page("cadre.1")
    await first.emit([1], 1)
    await far.has([1])
    assert (await ready(first))["degraded"] == []
    redis_server.stop()
    for n in range(2, 12):
        await (first, second)[n % 2].emit([1], n)
    await near.has(list(range(1, 12)))
    await far.has(list(range(1, 12)))
    await until(lambda: not first.rooms.up and not second.rooms.up)
    body = await ready(first)
    assert (body["ready"], body["degraded"], body["parts"]["redis"]) == (True, ["redis"], False)
    redis_server.start()
    await until(lambda: first.rooms.up and second.rooms.up)
    await first.emit([1], 12)
    await until(lambda: "test.happened" in far.names())  # by Redis again
    await far.has(list(range(1, 13)))
    body = await ready(first)
    assert (body["degraded"], body["details"]["processes"]) == ([], 2)


async def test_who_is_there_is_not_forgotten_while_redis_is_away(
    first: Process, second: Process, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "SILENT_SECONDS", 0.0)
    far = await second.page("cadre.3")
    await until(lambda: first.channel.presence.connected() == [3])
    redis_server.stop()
    await until(lambda: not first.rooms.up)
    looks = 0
    look = first.channel.store.heads

    async def counted(units: Any) -> Any:
        nonlocal looks
        looks += 1
        return await look(units)

    monkeypatch.setattr(first.channel.store, "heads", counted)
    await until(lambda: looks > 2 * neighbours.SAY_EVERY)
    assert first.channel.presence.connected() == [3]
    await far.client.disconnect()
    monkeypatch.setattr(neighbours, "SILENT_SECONDS", 60.0)
    redis_server.start()
    await until(lambda: first.channel.presence.connected() == [])


async def test_a_redis_that_hangs_delays_nobody_here(
    first: Process, second: Process, redis_server: RedisServer
) -> None:
    near, far = await first.page("cadre.1"), await second.page("cadre.1")
    redis_server.freeze()
    for n in range(50):
        await first.emit([1], n)
    await until(lambda: near.names().count("test.happened") == 50)
    await far.has(list(range(50)))
    await until(lambda: not first.rooms.up)


async def test_what_another_process_says_wrongly_does_no_harm(first: Process, second: Process) -> None:
    far = await second.page("cadre.1")
    first.rooms.share("events", {"not": "a list"})
    first.rooms.share("no such topic", 1)
    first.rooms._put(b"giaoban:not json")
    first.rooms._put(b"not json either")
    await first.emit([1], 1)
    await far.has([1])


def test_a_unit_is_there_as_long_as_it_is_anywhere() -> None:
    here = Presence()
    assert here.heard("b", [7, 8], now=1) == ([7, 8], [])
    assert not here.arrived(7)
    assert here.arrived(9)
    assert here.heard("b", [8, 9], now=2) == ([], [])  # 7 is still here
    assert here.heard("c", [10], now=3) == ([10], [])
    assert here.silent(since=2.5) == ["b"]
    assert not here.left(9)
    assert here.forget("b") == ([], [8, 9])
    assert here.forget("b") == ([], [])
    assert here.left(7)
    assert (here.connected(), here.here(), here.processes()) == ([10], [], 2)
