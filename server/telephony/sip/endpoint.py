"""Where SIP meets the machine: sockets, the clock, and the agent between them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.telephony.sip.admission import Admission
from server.telephony.sip.agent import Agent, Phone
from server.telephony.sip.datagrams import Datagrams
from server.telephony.sip.layer import TransactionLayer
from server.telephony.sip.peer import Peer
from server.telephony.sip.streams import Streams
from server.telephony.sip.timers import Timers
from server.telephony.sip.uri import Uri, sip_uri


@dataclass(frozen=True)
class Listening:
    """`host` to bind, `address` as trunks reach us; a port of None is not opened, 0 is any. `trunks` may speak."""

    host: str = "0.0.0.0"  # noqa: S104
    address: str = "127.0.0.1"
    user: str = "giaoban"
    udp_port: int | None = 5060
    tcp_port: int | None = 5060
    tls_port: int | None = None
    trunks: Sequence[str] = ()
    server_tls: ssl.SSLContext | None = None
    client_tls: ssl.SSLContext | None = None
    tls_names: dict[str, str] = field(default_factory=dict)


class Endpoint:
    """One agent on the network. Everything happens in the loop that `start` ran in; `clock` is that loop's."""

    def __init__(self, listening: Listening, phone: Phone) -> None:
        self._listening = listening
        self.admission = Admission(listening.trunks)
        timers = Timers()
        self.layer = TransactionLayer(self._send, self._sent_by, timers)
        self.agent = Agent(self.layer, phone, self._contact)
        self.agent.known_hosts = self.admission.allows
        self.agent.connected = self._connected
        self._timers = timers
        self._datagrams: Datagrams | None = None
        self._streams: dict[str, Streams] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Open the ports. Raises OSError when one cannot be had."""
        self._loop = asyncio.get_running_loop()
        self._timers.on_earlier = self._wake_at
        listening = self._listening
        for transport, port in (("tcp", listening.tcp_port), ("tls", listening.tls_port)):
            streams = Streams(transport, self.admission, self._receive, self._lost)
            self._streams[transport] = streams
            if transport == "tls":
                streams.server_tls, streams.client_tls = listening.server_tls, listening.client_tls
                streams.names = listening.tls_names
            if port is not None:
                streams.listen(listening.host, port)
        if listening.udp_port is not None:
            self._datagrams = Datagrams(listening.host, listening.udp_port, self.admission, self._receive)

    async def close(self) -> None:
        """Close the ports, once; calls are not ended by it."""
        if self._wake is not None:
            self._wake.cancel()
        self._timers.on_earlier = None
        for streams in self._streams.values():
            await streams.close()
        if self._datagrams is not None:
            self._datagrams.close()
            self._datagrams = None

    @property
    def now(self) -> float:
        """The time that all calls of the agent want."""
        return asyncio.get_running_loop().time()

    def port(self, transport: str) -> int:
        """The port that is open for a transport."""
        if transport == "udp":
            return self._datagrams.port if self._datagrams is not None else 0
        return self._streams[transport].port

    # ---- out

    def _send(self, data: bytes, peer: Peer) -> None:
        if peer.transport != "udp":
            self._streams[peer.transport].send(data, peer)
        elif self._datagrams is not None:
            self._datagrams.send(data, peer)

    def _sent_by(self, peer: Peer) -> str:
        return f"{self._listening.address}:{self.port(peer.transport) or 5060}"

    def _contact(self, peer: Peer) -> Uri:
        parameters = {} if peer.transport == "udp" else {"transport": peer.transport}
        port = self.port(peer.transport) or None
        return sip_uri(self._listening.user, self._listening.address, port, **parameters)

    # ---- in

    def _receive(self, data: bytes, peer: Peer) -> None:
        self.layer.receive(data, peer, self.now)

    def _lost(self, peer: Peer) -> None:
        self.layer.connection_lost(peer, self.now)

    def _connected(self, peer: Peer) -> bool:
        return self._streams[peer.transport].connected(peer)

    # ---- time

    def _wake_at(self, when: float) -> None:
        if self._loop is None:
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self._loop.call_at(when, self._run)

    def _run(self) -> None:
        self._wake = None
        try:
            self._timers.run(self.now)
        finally:
            due = self._timers.next()
            if due is not None:
                self._wake_at(due)
