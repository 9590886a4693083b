"""Heartbeats: everybody is asked in turn, who does not answer in time is let go, others are left alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType

from server.channel.heart import Heart
from tests.channel.test_channel import Harness, direct_of, harness, until

assert harness


class Connection:
    """Counts how often it is asked, and answers or not."""

    def __init__(self, answers: bool = True) -> None:
        self.answers, self.unanswered = answers, False
        self.asked: list[int] = []
        self.given_up: list[int] = []
        self.beat = 0

    def ask(self) -> None:
        self.asked.append(self.beat)
        self.unanswered = not self.answers

    async def give_up(self) -> None:
        self.given_up.append(self.beat)
        self.unanswered = False


def made() -> Heart:
    return Heart(SimpleNamespace(ping_interval=10, ping_timeout=8, sockets={}))


async def test_everybody_is_asked_once_in_an_interval_and_evenly() -> None:
    heart, connections = made(), [Connection() for _ in range(25)]
    for connection in connections:
        heart.enter(connection)
    most = 0
    for beat in range(30):
        for connection in connections:
            connection.beat = beat
        await heart.beat()
        most = max(most, sum(beat in connection.asked for connection in connections))
    assert [len(connection.asked) for connection in connections] == [3] * 25
    assert all(later - earlier == 10 for c in connections for earlier, later in zip(c.asked, c.asked[1:], strict=False))
    assert most == 3
    assert not any(connection.given_up for connection in connections)


async def test_who_does_not_answer_in_time_is_given_up_and_nobody_else() -> None:
    heart, dead, alive, gone = made(), Connection(answers=False), Connection(), Connection(answers=False)
    for connection in (dead, alive, gone):
        heart.enter(connection)
    for beat in range(20):
        for connection in (dead, alive, gone):
            connection.beat = beat
        await heart.beat()
        if beat == 5:
            heart.leave(gone)
    assert dead.given_up[0] - dead.asked[0] == 8
    assert (alive.given_up, gone.given_up) == ([], [])


def test_an_answer_is_due_before_the_next_question() -> None:
    with pytest.raises(ValueError, match="before the next"):
        Heart(SimpleNamespace(ping_interval=10, ping_timeout=10, sockets={}))


async def beat_around(harness: Harness, beats: int) -> None:
    for _ in range(beats):
        await harness.channel._heart.beat()


async def test_a_client_answers_and_stays(harness: Harness) -> None:
    client = await harness.connect("leader.1")
    (owner,) = harness.channel.sio.eio.sockets.values()
    assert owner.last_ping is None  # no heartbeat of Engine.IO's beside ours
    for _ in range(3):
        await beat_around(harness, 1)
        assert direct_of(owner).unanswered
        await until(lambda: not direct_of(owner).unanswered)
        await beat_around(harness, 9)
    assert client.connected
    assert harness.channel.presence.connected() == [1]


async def test_a_client_that_is_silent_is_let_go(harness: Harness) -> None:
    url = harness.server.make_url("/socket.io/?EIO=4&transport=websocket")
    async with ClientSession() as session, session.ws_connect(url) as silent:
        await silent.receive()
        await silent.send_str('40{"token":"leader.1"}')
        await silent.receive()
        await beat_around(harness, 1)
        assert (await silent.receive(timeout=5)).data == "2"
        await beat_around(harness, 7)
        assert harness.channel.presence.connected() == [1]
        await beat_around(harness, 1)
        await until(lambda: not harness.channel.presence.connected())
        assert (await silent.receive(timeout=5)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
    await until(lambda: not harness.channel.sio.eio.sockets)
    assert not harness.channel._heart._slot_of


async def test_what_is_no_packet_ends_its_connection_alone(harness: Harness) -> None:
    client = await harness.connect("leader.2")
    url = harness.server.make_url("/socket.io/?EIO=4&transport=websocket")
    async with ClientSession() as session, session.ws_connect(url) as odd:
        await odd.receive()
        await odd.send_str('40{"token":"leader.1"}')
        await odd.receive()
        await odd.send_str("x")
        assert (await odd.receive(timeout=5)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
        await until(lambda: harness.channel.presence.connected() == [2])
    assert client.connected


async def test_polling_connections_that_stay_away_are_let_go(harness: Harness) -> None:
    url = harness.server.make_url("/socket.io/?EIO=4&transport=polling")
    async with ClientSession() as session:
        await session.get(url)
    (owner,) = harness.channel.sio.eio.sockets.values()
    owner.last_ping = 1.0  # asked long ago
    await beat_around(harness, 16)
    await until(lambda: not harness.channel.sio.eio.sockets)


async def test_the_heart_beats_by_itself(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.channel.heart.BEAT_SECONDS", 0.01)
    asked: list[Any] = []
    await harness.connect("leader.1")
    (owner,) = harness.channel.sio.eio.sockets.values()
    ask = direct_of(owner).ask
    monkeypatch.setattr(direct_of(owner), "ask", lambda: (asked.append(1), ask()))
    await until(lambda: len(asked) >= 2)
