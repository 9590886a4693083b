"""SIP over TCP and TLS (RFC 3261 §18): who connects is looked at first, and who says nothing is let go."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from itertools import count

from server.errors import ProtocolError
from server.telephony.sip.admission import Admission
from server.telephony.sip.framing import Framing
from server.telephony.sip.peer import Peer

log = logging.getLogger(__name__)

Receive = Callable[[bytes, Peer], None]
Lost = Callable[[Peer], None]

MOST_CONNECTIONS = 256
PATIENCE = 10.0  # s for a handshake, a connection, or the rest of a message
_MOST_WAITING = 262_144  # octets that a peer may leave unread
_IDLE, _ASKED_EVERY = 60, 10  # s after which a connection on which nothing comes is asked for a sign of life (TCP)
_VANISHED = 30  # s without one: less than a request waits for its answer, so that the next goes by a new connection

_ids = count(1)


class Connection(asyncio.Protocol):
    """One stream to a peer; `peer` names it by its connection."""

    def __init__(self, owner: Streams, peer: Peer) -> None:
        self.peer = peer
        self._owner = owner
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._deadline: asyncio.TimerHandle | None = None
        self.heard = False
        """Whether anything but a line end has come: then what is to be expected has been seen to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open, with TLS done."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        _notice_who_vanishes(transport.get_extra_info("socket"))
        for data in self._waiting:
            transport.write(data)
        self._waiting.clear()

    def expect(self) -> None:
        """A whole message must come within `PATIENCE`."""
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(PATIENCE, self._too_slow)

    def _too_slow(self) -> None:
        log.info("%s: nothing whole came within %d s", self.peer, PATIENCE)
        self.abort()

    def data_received(self, data: bytes) -> None:
        """Some octets of the stream."""
        try:
            messages, pings = self._framing.feed(data)
        except ProtocolError as error:
            log.info("%s: closed: %s", self.peer, error)
            self.abort()
            return
        if messages or pings:
            self._cancel_deadline()
        if self._framing.waiting:
            self.expect()
        self.heard |= bool(messages or pings or self._framing.waiting)
        for _ in range(pings):
            self.send(b"\r\n")
        for message in messages:
            self._owner.receive(message, self.peer)

    def send(self, data: bytes) -> None:
        """Write, now or when it is open; who does not read is let go."""
        if self._transport is None:
            self._waiting.append(data)
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _MOST_WAITING:
            log.info("%s does not read", self.peer)
            self.abort()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def abort(self) -> None:
        """Close without a word."""
        self._cancel_deadline()
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._cancel_deadline()
        self._owner.forget(self)


class Streams:
    """All connections of one kind, `tcp` or `tls`; it listens when there is a port, and connects where it must.

    `client_tls` is for connections of ours, `names` the name that a trunk's certificate must have, by its address.
    """

    def __init__(self, transport: str, admission: Admission, receive: Receive, lost: Lost) -> None:
        self.transport = transport
        self.receive = receive
        self.server_tls: ssl.SSLContext | None = None
        self.client_tls: ssl.SSLContext | None = None
        self.names: dict[str, str] = {}
        self._admission, self._lost = admission, lost
        self._connections: dict[int, Connection] = {}
        self._by_address: dict[tuple[str, int], Connection] = {}
        self._listening: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def __len__(self) -> int:
        return len(self._connections)

    def listen(self, host: str, port: int) -> None:
        """Raises OSError when the address cannot be had."""
        self._listening = socket.create_server((host, port), family=_family(host), backlog=64)
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        assert self._listening is not None  # noqa: S101
        try:
            accepted, address = self._listening.accept()
        except OSError as error:
            log.debug("accept: %s", error)
            return
        host, port = address[0], address[1]
        if not self._admission.allows(host):
            self._admission.stranger(host, asyncio.get_running_loop().time())
            accepted.close()
        elif len(self._connections) >= MOST_CONNECTIONS:
            log.warning("%s: too many connections", host)
            accepted.close()
        else:
            accepted.setblocking(False)
            connection = self._new(host, port)
            self._spawn(self._welcome(connection, accepted))

    def _new(self, host: str, port: int) -> Connection:
        connection = Connection(self, Peer(self.transport, host, port, next(_ids)))
        self._connections[connection.peer.connection] = connection
        self._by_address[host, port] = connection
        return connection

    async def _welcome(self, connection: Connection, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        patience = PATIENCE if self.server_tls else None
        try:
            await loop.connect_accepted_socket(
                lambda: connection, accepted, ssl=self.server_tls, ssl_handshake_timeout=patience
            )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            log.info("%s: no TLS: %s", connection.peer, error)
            accepted.close()
            self.forget(connection)
            return
        if not connection.heard:  # with TLS the first message may come with the end of the handshake
            connection.expect()

    async def _connect(self, connection: Connection) -> None:
        peer, loop = connection.peer, asyncio.get_running_loop()
        if self.transport == "tls" and self.client_tls is None:
            log.error("cannot connect to %s: nothing says whom to believe there, and it is not told unencrypted", peer)
            self.forget(connection)
            return
        name = self.names.get(peer.host, peer.host) if self.client_tls else None
        connecting = loop.create_connection(
            lambda: connection, peer.host, peer.port, ssl=self.client_tls, server_hostname=name
        )
        try:
            await asyncio.wait_for(connecting, PATIENCE)
        except (OSError, TimeoutError) as error:
            log.warning("cannot connect to %s: %s", peer, error)
            self.forget(connection)

    def _spawn(self, work: asyncio._CoroutineLike[None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def connected(self, peer: Peer) -> bool:
        """Whether the connection that a peer names is open."""
        return peer.connection in self._connections

    def send(self, data: bytes, peer: Peer) -> None:
        """By the peer's connection, or by one to its address, made now when there is none."""
        if peer.connection:
            connection = self._connections.get(peer.connection)
        else:
            connection = self._by_address.get((peer.host, peer.port))
            if connection is None and len(self._connections) < MOST_CONNECTIONS:
                connection = self._new(peer.host, peer.port)
                self._spawn(self._connect(connection))
        if connection is not None:
            connection.send(data)
        else:  # not at once: whoever sends is not ready to hear of it
            asyncio.get_running_loop().call_soon(self._lost, peer)

    def forget(self, connection: Connection) -> None:
        """It is closed, or was never open."""
        peer = connection.peer
        if self._connections.pop(peer.connection, None) is None:
            return
        if self._by_address.get((peer.host, peer.port)) is connection:
            del self._by_address[peer.host, peer.port]
        self._lost(peer)

    async def close(self) -> None:
        """Close everything."""
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening.fileno())
            self._listening.close()
            self._listening = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections.values()):
            connection.abort()
            self.forget(connection)


def _notice_who_vanishes(opened: TransportSocket) -> None:
    """Whoever goes without a word (no power, a firewall that has forgotten us) would be waited for, for 15 minutes."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _ASKED_EVERY)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _VANISHED * 1_000)


def _family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
