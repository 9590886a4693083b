"""The village line for tests: the real exchange and real SIP on loopback; the media node is a list of what it was told.

A prompt is over as soon as it is played, so calls go as fast as keys are pressed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.app import make_app
from server.calls.exchange import EXCHANGE, Exchange
from server.config import Settings, Telephone
from server.media import protocol as p
from server.media import protocol_calls as c
from server.meetings.conductor import CONDUCTOR, Conductor
from server.meetings.pool import MediaPool
from server.store import Store
from server.telephony.sip.call import Call, Ending
from server.telephony.sip.endpoint import Endpoint, Listening
from server.telephony.sip.headers import Address
from server.telephony.sip.incoming import IncomingCall
from server.telephony.sip.message import Request, Response
from server.telephony.sip.outgoing import OutgoingCall
from server.telephony.sip.peer import Peer
from server.telephony.sip.uri import read_uri, sip_uri
from tests.telephony.sip.making import SDP
from tests.waiting import until

HOST = "127.0.0.1"


def telephone(**more: Any) -> Telephone:
    """Settings on free ports, with the loopback as trunk."""
    return Telephone(**{"address": HOST, "host": HOST, "udp_port": 0, "tcp_port": 0, "trunks": [HOST], **more})


def with_nodes(settings: Settings) -> Settings:
    """The settings of the process that has media nodes, and so the line."""
    socket = settings.path(settings.storage.data) / "media.sock"
    return msgspec.structs.replace(settings, media=msgspec.structs.replace(settings.media, socket=str(socket)))


def line_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Settings:
    """A telephone for tests that serve pages: its process has media nodes, of which none is started."""

    async def nothing(_pool: MediaPool) -> None:
        return None

    monkeypatch.setattr(MediaPool, "start", nothing)
    return msgspec.structs.replace(with_nodes(settings), telephone=telephone(**more))


class FakePool:
    """What conductor and phones ask of the nodes: one that carries every room and notes what it is told."""

    def __init__(self) -> None:
        self.commands: list[Any] = []
        self.playing: dict[str, list[str]] = {}
        self.ready = True
        self.settled = asyncio.Event()
        self.settled.set()
        self.on_up = self.on_event = self.on_change = self.on_stats = self.on_lost = None
        self.on_call_event: Callable[[Any], None] = lambda event: None
        self.away = False
        self.said_ms = 4_000  # what a caller has said when it is asked
        self.lasting: set[str] = set()  # prompts that are not over at once
        self._port = 42_000

    def carrier(self, room: str) -> int | None:
        return 1

    def best(self) -> int | None:
        return None if self.away else 1

    def can_carry(self, room: str) -> bool:
        return True

    def release(self, room: str) -> None:
        """Nothing."""

    def nodes(self) -> list[Any]:
        return []

    async def wait_for(self, room: str, seconds: float) -> None:
        """At once."""

    async def start(self) -> None:
        """At once."""

    async def close(self, *, keep: bool) -> None:
        """At once."""

    async def ask(self, room: str, command: Any, kind: Any, seconds: float | None = None) -> Any:
        return await self.ask_node(1, command, kind)

    async def tell(self, room: str, command: Any) -> None:
        await self.ask_node(1, command, p.Done)

    async def ask_node(self, number: int, command: Any, kind: Any, seconds: float | None = None) -> Any:
        self.commands.append(command)
        if isinstance(command, c.OpenCall):
            self._port += 2
            return c.CallOpened(port=self._port)
        if isinstance(command, c.DictateCall):
            await asyncio.to_thread(Path(command.file).write_bytes, b"\x1aE\xdf\xa3 " + command.file.encode())
        if isinstance(command, c.EndDictation):
            return c.Dictated(ms=self.said_ms, spoken_ms=self.said_ms)
        if isinstance(command, c.Play):
            self.playing[command.call] = [Path(file).stem for file in command.files]
            if command.files and not command.repeat and not self.lasting & set(self.playing[command.call]):
                played = c.Played(call=command.call, number=command.number)
                asyncio.get_running_loop().call_soon(lambda: self.on_call_event(played))
        return p.Done()

    def heard(self, call: str | None = None) -> list[str]:
        """Prompts that were played, of one call or of all."""
        plays = [one for one in self.commands if isinstance(one, c.Play) and call in (None, one.call)]
        return [Path(file).stem for one in plays for file in one.files]

    def of(self, kind: type[Any]) -> list[Any]:
        return [one for one in self.commands if isinstance(one, kind)]


class Handsets:
    """Telephones behind the trunk: they call, and take calls as `answers` says."""

    def __init__(self) -> None:
        self.ups: list[Call] = []
        self.incoming: list[IncomingCall] = []
        self.endings: dict[str, Ending] = {}
        self.keys: list[str] = []
        self.answers: Callable[[IncomingCall, float], None] = lambda call, now: call.answer(SDP, now)
        self.endpoint = Endpoint(Listening(host=HOST, udp_port=0, tcp_port=0, trunks=[HOST]), self)
        self.headers: dict[str, str] = {}  # that the trunk adds to what they ask
        introduce = self.endpoint.agent.introduce

        def trunk(message: Request | Response, peer: Peer) -> None:
            introduce(message, peer)
            for header in self.headers.items() if isinstance(message, Request) else ():
                message.add(*header)

        self.endpoint.agent.introduce = trunk  # type: ignore[method-assign]

    def call(self, port: int, number: str = "0901234567", description: bytes = SDP) -> OutgoingCall:
        local, target = Address(sip_uri(number, HOST)), read_uri(f"sip:02333873100@{HOST}")
        peer = Peer("udp", HOST, port)
        return self.endpoint.agent.call(target, local, peer, description, self.endpoint.now)

    def info(self, call: Call, key: str) -> None:
        """Press a key as old exchanges tell it."""
        assert call.dialog is not None
        request = call.dialog.request("INFO")
        request.add("Content-Type", "application/dtmf-relay")
        request.body = f"Signal={key}\r\nDuration=160\r\n".encode()
        call.ask(request, lambda response, now: None, self.endpoint.now)

    def on_call(self, call: IncomingCall, now: float) -> None:
        self.incoming.append(call)
        call.ring(now)
        self.answers(call, now)

    def on_ringing(self, call: OutgoingCall, description: bytes, now: float) -> None:
        """It rings."""

    def on_up(self, call: Call, description: bytes, now: float) -> None:
        self.ups.append(call)

    def on_offer(self, call: Call, description: bytes, now: float) -> bytes | None:
        return SDP

    def on_key(self, call: Call, key: str, now: float) -> None:
        self.keys.append(key)

    def on_ended(self, call: Call, ending: Ending, now: float) -> None:
        self.endings[call.id] = ending


class Village:
    """All of it, and shorthands."""

    def __init__(self, exchange: Exchange, conductor: Conductor, pool: FakePool, handsets: Handsets) -> None:
        self.exchange, self.conductor, self.pool, self.handsets = exchange, conductor, pool, handsets
        self.store = exchange.store

    @property
    def port(self) -> int:
        return self.exchange.endpoint.port("udp")

    async def dial(self, number: str = "0901234567") -> tuple[OutgoingCall, str]:
        """A call that is up, and its name at the node."""
        known = set(self.exchange.lines)
        call = self.handsets.call(self.port, number)
        await until(lambda: call in self.handsets.ups)
        (name,) = set(self.exchange.lines) - known
        return call, name

    async def press(self, name: str, keys: str) -> None:
        """Keys told by RTP, one after the other is taken."""
        for key in keys:
            self.pool.on_call_event(c.KeyPressed(call=name, key=key))
            line = self.exchange.lines.get(name)
            await until(lambda line=line: line is None or not line.keys)  # type: ignore[misc]

    async def ended(self, call: Call) -> Ending:
        """The call is over on both sides."""
        ending: Ending = await until(lambda: self.handsets.endings.get(call.id))
        await until(lambda: not any(line.call and line.ending for line in self.exchange.lines.values()))
        return ending

    async def hears(self, name: str, prompt: str) -> None:
        """Wait until a prompt was played to the call."""
        await until(lambda: prompt in self.pool.heard(name))


@asynccontextmanager
async def village(settings: Settings, store: Store) -> AsyncIterator[Village]:
    """The running exchange."""
    app = make_app(with_nodes(settings), store)
    conductor, exchange, pool = app[CONDUCTOR], app[EXCHANGE], FakePool()
    for owner in (conductor, conductor.alignment, conductor.hearing, exchange.phones):
        name = "_pool" if owner is exchange.phones else "pool"
        setattr(owner, name, pool)
    pool.on_call_event = exchange.phones._hear
    pool.on_lost = exchange.phones._lost  # type: ignore[assignment]
    handsets = Handsets()
    await exchange.start()
    handsets.endpoint.start()
    try:
        yield Village(exchange, conductor, pool, handsets)
    finally:
        await exchange.close()
        await handsets.endpoint.close()
