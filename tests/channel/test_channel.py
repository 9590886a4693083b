"""The live channel with real Socket.IO clients: who gets in, who may say what, catch-up without holes or doubles."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import socketio
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from server.accounts.permissions import Permission, Role
from server.accounts.principal import Membership, Principal
from server.channel import Channel, Message
from server.channel.document import describe
from server.channel.messages import Caller
from server.errors import ConflictError
from server.store import Store


def person(text: str) -> Principal | None:
    """`leader.1` acts as leader of unit 1."""
    role, _, unit = text.partition(".")
    if role not in list(Role):
        return None
    acting = Membership(id=1, unit_id=int(unit), unit_name="U", level="commune", bloc="GOVERNMENT", role=Role(role))
    return Principal(
        account_id=int(unit),
        username=text,
        name=text,
        session_id=f"session-{text}",
        language="vi",
        acting=acting,
        memberships=(acting,),
    )


class Say(msgspec.Struct, frozen=True):
    text: str


class Harness:
    def __init__(self, server: TestServer, channel: Channel, store: Store) -> None:
        self.server, self.channel, self.store = server, channel, store
        self.clients: list[socketio.AsyncClient] = []

    async def connect(self, token: str, events: list[Any] | None = None) -> socketio.AsyncClient:
        client = socketio.AsyncClient(reconnection=False)
        self.clients.append(client)
        if events is not None:
            client.on("*", lambda name, body=None: events.append((name, body)))
        await client.connect(str(self.server.make_url("/")), auth={"token": token}, transports=["websocket"])
        return client


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    store = Store(f"sqlite:///{tmp_path}/t.db")
    store.create_schema()

    async def identify(_cookie: str | None, bearer: str | None) -> Principal | None:
        return person(bearer or "")

    app = web.Application()
    channel = Channel(store, identify)
    channel.attach(app)
    async with TestServer(app) as server:
        running = Harness(server, channel, store)
        yield running
        for client in running.clients:
            await client.disconnect()
    store.close()


async def until(condition: Any, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def direct_of(owner: Any) -> Any:
    """The short way of a connection (Engine.IO's)."""
    return owner.server._async["websocket"].all[owner.sid]


async def test_only_the_signed_in_connect(harness: Harness) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        await harness.connect("nobody")
    client = await harness.connect("cadre.1")
    assert client.connected


async def test_a_page_of_another_unit_hears_nothing_and_acknowledges_nothing(harness: Harness) -> None:
    """It is from before its person switched to this unit: its numbers are those of the other one."""
    address = str(harness.server.make_url("/"))
    for unit, may in ((1, True), (2, False)):
        client = socketio.AsyncClient(reconnection=False)
        harness.clients.append(client)
        why: list[Any] = []
        client.on("connect_error", why.append)
        with contextlib.nullcontext() if may else pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(address, auth={"token": "cadre.1", "unit": unit}, transports=["websocket"])
        assert why == ([] if may else [{"message": "other_unit"}])
    assert [caller.who.unit_id for caller in harness.channel.callers()] == [1]


async def test_a_message_needs_its_permission_and_its_fields(harness: Harness) -> None:
    async def say(caller: Caller, data: Say) -> dict[str, Any]:
        if data.text == "taken":
            raise ConflictError("taken", "Đã có {what} rồi.", what="{tên}")
        return {"heard": data.text, "from": caller.who.username}

    harness.channel.register(Message("test.say", say, Permission.ISSUE_DIRECTIVE, Say))
    cadre, leader = await harness.connect("cadre.1"), await harness.connect("leader.1")
    assert (await cadre.call("test.say", {"text": "x"}))["error"]["code"] == "not_allowed"
    assert await leader.call("test.say", {"text": "x"}) == {"ok": True, "heard": "x", "from": "leader.1"}
    assert (await leader.call("test.say", {"text": 1}))["error"]["code"] == "invalid_input"
    assert (await leader.call("test.say"))["error"]["code"] == "invalid_input"
    assert (await leader.call("test.say", {"text": "taken"}))["error"] == {
        "code": "taken",
        "message": "Đã có {tên} rồi.",
    }
    assert (await leader.call("no.such", {}))["error"]["code"] == "unknown_message"


async def test_an_event_reaches_every_device_of_its_unit_and_no_other(harness: Harness) -> None:
    heard: dict[str, list[Any]] = {"a": [], "b": [], "c": []}
    await harness.connect("cadre.1", heard["a"])
    await harness.connect("leader.1", heard["b"])
    await harness.connect("cadre.2", heard["c"])
    await harness.store.write(lambda tx: tx.emit("test.happened", [1], {"n": 7}))
    await until(lambda: heard["a"] and heard["b"])
    assert heard["a"][0][0] == "test.happened"
    assert heard["a"][0][1]["seq"] == 1
    assert heard["a"][0][1]["n"] == 7
    assert [name for name, _ in heard["c"] if name == "test.happened"] == []


async def test_events_leave_in_the_order_of_their_commits(harness: Harness) -> None:
    heard: list[Any] = []
    await harness.connect("cadre.1", heard)
    await asyncio.gather(
        *(harness.store.write(lambda tx, n=n: tx.emit("test.happened", [1], {"n": n})) for n in range(60))
    )
    await until(lambda: len(heard) == 60)
    assert [body["seq"] for _, body in heard] == list(range(1, 61))


async def test_catching_up_gives_exactly_what_was_missed(harness: Harness) -> None:
    client = await harness.connect("cadre.1")
    await harness.store.write(lambda tx: tx.emit("test.happened", [1], {"n": 1}))
    await client.disconnect()
    for n in (2, 3):
        await harness.store.write(lambda tx, n=n: tx.emit("test.happened", [1], {"n": n}))
    again = await harness.connect("cadre.1")
    answer = await again.call("channel.catch_up", {"seq": 1})
    assert [(e["kind"], e["seq"], e["n"]) for e in answer["events"]] == [
        ("test.happened", 2, 2),
        ("test.happened", 3, 3),
    ]


async def test_acknowledgements_reach_those_who_listen(harness: Harness) -> None:
    acked: list[tuple[int, int]] = []
    harness.channel.on_ack.append(lambda who, seq: acked.append((who.unit_id, seq)))
    client = await harness.connect("cadre.3")
    assert await client.call("channel.ack", {"seq": 5}) == {"ok": True}
    assert acked == [(3, 5)]


async def test_presence_counts_devices(harness: Harness) -> None:
    async def anybody(_who: Principal, _room: str) -> bool:
        return True

    harness.channel.may_watch["presence"] = anybody
    heard: list[Any] = []
    watcher = await harness.connect("leader.1", heard)
    assert (await watcher.call("channel.watch", {"rooms": ["presence"]}))["ok"]
    assert "error" in await watcher.call("channel.watch", {"rooms": ["secret:1"]})
    one, two = await harness.connect("cadre.2"), await harness.connect("clerk.2")
    assert harness.channel.presence.connected() == [1, 2]
    await one.disconnect()
    await asyncio.sleep(0.05)
    assert harness.channel.presence.connected() == [1, 2]
    await two.disconnect()
    await until(lambda: harness.channel.presence.connected() == [1])
    await until(lambda: [name for name, _body in heard].count("presence.changed") == 2)
    changes = [body for name, body in heard if name == "presence.changed"]
    assert changes == [{"unit": 2, "connected": True}, {"unit": 2, "connected": False}]


async def test_a_revoked_session_is_disconnected(harness: Harness) -> None:
    client = await harness.connect("cadre.1")
    await harness.channel.end_sessions(["session-cadre.1"])
    await until(lambda: not client.connected)


def test_every_message_is_in_the_document(harness: Harness) -> None:
    document = describe(harness.channel)
    assert set(document["client_to_server"]) == set(harness.channel.messages)
    assert all(entry["summary"] for entry in document["client_to_server"].values())


async def test_letting_go_ends_the_connections_of_browsers_too(harness: Harness) -> None:
    """A browser's Engine.IO passes over the server's goodbye: the WebSocket itself must be closed."""
    await harness.channel.let_go()  # nobody is there: nothing to do
    async with ClientSession() as session:
        address = harness.server.make_url("/socket.io/?EIO=4&transport=websocket")
        async with session.ws_connect(address) as socket:
            assert (await socket.receive_str()).startswith("0")
            await socket.send_str('40{"token":"leader.1"}')
            assert (await socket.receive_str()).startswith("40")
            await harness.channel.let_go()
            async with asyncio.timeout(5):
                rest = [message.data async for message in socket]
            assert rest == ["1"], "the goodbye, then the end"
            assert socket.closed
    assert list(harness.channel.callers()) == []


async def test_one_who_leaves_while_it_is_looked_at_enters_no_room(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    asked, may = asyncio.Event(), asyncio.Event()

    async def check(_who: Principal, _room: str) -> bool:
        asked.set()
        await may.wait()
        return True

    harness.channel.may_watch["board"] = check
    await harness.connect("leader.2")
    gone = await harness.connect("leader.1")
    await gone.emit("channel.watch", {"rooms": ["board:1"]})
    await asked.wait()
    await gone.disconnect()
    await until(lambda: len(harness.channel._callers) == 1)
    may.set()
    await asyncio.sleep(0.1)
    assert "board:1" not in harness.channel.sio.manager.rooms["/"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
