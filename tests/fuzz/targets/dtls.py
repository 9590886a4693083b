"""Datagrams that reach OpenSSL through a `DtlsLink`, during a handshake and after it.

Whoever has no keys must not end a link that is up, and nothing may raise in the link's task.
"""

from __future__ import annotations

import asyncio
import atexit
from typing import Any

from server.errors import ProtocolError
from server.media.transport.dtls import DtlsLink, fingerprint, new_certificate
from tests.fuzz.stage import joined, pieces

OURS, THEIRS = new_certificate(), new_certificate()
RECORDS = range(20, 64)


class _Scene:
    """A loop, and a pair of links that stays up between inputs."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(self._failed)
        self.errors: list[dict[str, Any]] = []
        self.pair: tuple[DtlsLink, DtlsLink] | None = None
        self.ends: list[str] = []

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def turn(self, times: int = 6) -> None:
        """Let all that waits happen."""
        for _ in range(times):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def link(self, send: Any, role: Any = "server") -> DtlsLink:
        own, other = (OURS, THEIRS) if role == "server" else (THEIRS, OURS)
        return DtlsLink(own, [("sha-256", fingerprint(other))], send, role)

    def connected(self) -> DtlsLink:
        """The server's end of the pair that is up."""
        if self.pair is None:
            server = self.link(lambda data: client.datagram(data))
            client = self.link(lambda data: server.datagram(data), "client")
            self._start(server)
            self._start(client)
            for _ in range(100):
                self.turn()
                if server.connected and client.connected:
                    break
            assert server.connected
            self.pair = server, client
        return self.pair[0]

    def _start(self, link: DtlsLink) -> None:
        self.loop.call_soon(link.start, lambda: None, self.ends.append)

    def fresh(self) -> DtlsLink:
        """A link whose handshake has just begun."""
        link = self.link(lambda data: None)
        self._start(link)
        self.turn(2)
        return link

    def end(self) -> None:
        """Close the pair."""
        for link in self.pair or ():
            self.loop.call_soon(link.close)
        self.turn(10)
        self.loop.close()

    def check(self) -> None:
        """No callback and no task has raised."""
        errors, self.errors = self.errors, []
        assert not errors, errors


_scene: list[_Scene] = []


def _the_scene() -> _Scene:
    if not _scene:
        _scene.append(_Scene())
        atexit.register(_scene[0].end)
    return _scene[0]


def one(data: bytes) -> None:
    """The first octet tells whether the handshake is over; then pieces."""
    if not data:
        return
    scene = _the_scene()
    up = data[0] & 1 == 1
    link = scene.connected() if up else scene.fresh()
    for _kind, piece in pieces(data[1:]):
        if piece and piece[0] in RECORDS:
            _hand(link, piece)
            scene.turn(3)
    if up:
        assert link.connected and not scene.ends, scene.ends
    else:
        scene.loop.call_soon(link.close)
        scene.turn(4)
        scene.ends.clear()
    scene.check()


def _hand(link: DtlsLink, piece: bytes) -> None:
    try:
        link.datagram(piece)
    except ProtocolError:
        return


def seeds() -> list[bytes]:
    """What a client sends in a real handshake, and records after it."""
    loop_sent: list[bytes] = []
    scene = _Scene()
    server = scene.link(lambda data: client.datagram(data))

    def to_server(data: bytes) -> None:
        loop_sent.append(data)
        server.datagram(data)

    client = scene.link(to_server, "client")
    scene._start(server)
    scene._start(client)
    for _ in range(100):
        scene.turn()
    assert server.connected and client.connected
    for link in (client, server):
        scene.loop.call_soon(link.close)
    for _ in range(20):
        scene.turn()
    alerts = [bytes.fromhex("15fefd0000000000000000000202") + bytes((what,)) for what in (0, 40)]
    found = []
    for first in (b"\x00", b"\x01"):
        found.append(first + joined([(0, data) for data in loop_sent]))
        found += [first + joined([(0, data)]) for data in [*loop_sent, *alerts, b"\x17\xfe\xfd" + bytes(30)]]
    scene.loop.close()
    return found
