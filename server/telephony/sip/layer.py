"""The transaction layer: which message belongs to which transaction (RFC 3261 §17, §18.2).

Sans-IO: datagrams and whole messages come in by `receive`, octets go out by `send`, time passes by `timers.run`.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from server.errors import ProtocolError
from server.telephony.sip.client_transactions import ClientTransaction, InviteClientTransaction, OnResponse
from server.telephony.sip.headers import MAGIC_COOKIE
from server.telephony.sip.message import BadRequestError, Request, Response
from server.telephony.sip.parsing import parse
from server.telephony.sip.peer import Peer
from server.telephony.sip.server_transactions import (
    InviteServerTransaction,
    Key,
    ServerTransaction,
    key_of,
    key_of_cancelled,
)
from server.telephony.sip.states import UNANSWERED
from server.telephony.sip.timers import Timers
from server.telephony.sip.transaction import Transaction

log = logging.getLogger(__name__)

Send = Callable[[bytes, Peer], None]

MOST_TRANSACTIONS = 4_096  # of either side; a thousand calls are set up and ended by half as many
_DEFAULT_PORT = {"udp": 5060, "tcp": 5060, "tls": 5061}


class User(Protocol):
    """Who is told what came."""

    def on_request(self, transaction: ServerTransaction, now: float) -> None:
        """A new request: answer it by the transaction."""

    def on_ack(self, ack: Request, now: float) -> None:
        """The acknowledgement of a 2xx."""


@dataclass
class Counts:
    """What happened so far: messages dropped, refused as malformed, repeated by others; requests nobody answered."""

    dropped: int = 0
    refused: int = 0
    repeated: int = 0
    unanswered: int = 0


class TransactionLayer:
    """All transactions. `sent_by` is how we call ourselves in Via to a peer: `host:port`."""

    def __init__(self, send: Send, sent_by: Callable[[Peer], str], timers: Timers | None = None) -> None:
        self.timers = timers or Timers()
        self.counts = Counts()
        self.user: User | None = None
        self._send, self._sent_by = send, sent_by
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[Key, ServerTransaction] = {}
        self._secret = secrets.token_bytes(16)

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    @property
    def asking(self) -> int:
        """How many requests of ours are not answered yet; OPTIONS, which changes nothing, is not counted."""
        return sum(one.state in UNANSWERED and one.request.method != "OPTIONS" for one in self._clients.values())

    # ---- for transactions

    def send(self, data: bytes, peer: Peer) -> None:
        """Put octets on the way."""
        self._send(data, peer)

    def forget(self, transaction: Transaction) -> None:
        """A transaction is over."""
        if isinstance(transaction, ClientTransaction):
            self._clients.pop(transaction.key, None)
        elif isinstance(transaction, ServerTransaction):
            self._servers.pop(transaction.key, None)

    # ---- for the user

    def request(self, request: Request, peer: Peer, on_response: OnResponse, now: float) -> ClientTransaction:
        """Ask a peer, and tell `on_response`. The request gets its Via here, unless it is a CANCEL, which has one."""
        if request.method != "CANCEL":
            self.add_via(request, peer)
        kind = InviteClientTransaction if request.method == "INVITE" else ClientTransaction

        def heard(response: Response | None, now: float) -> None:
            self.counts.unanswered += response is None
            on_response(response, now)

        transaction = kind(self, request, peer, heard, now)
        self._clients[transaction.key] = transaction
        return transaction

    def add_via(self, request: Request, peer: Peer) -> None:
        """Put our Via on top: a new branch (§8.1.1.7), and rport (RFC 3581)."""
        branch = MAGIC_COOKIE + secrets.token_hex(8)
        via = f"SIP/2.0/{peer.transport.upper()} {self._sent_by(peer)};branch={branch};rport"
        request.headers.insert(0, ("Via", via))

    def cancelled_by(self, cancel: Request) -> InviteServerTransaction | None:
        """The INVITE that a CANCEL means."""
        found = self._servers.get(key_of_cancelled(cancel))
        return found if isinstance(found, InviteServerTransaction) else None

    def connection_lost(self, lost: Peer, now: float) -> None:
        """What went by a connection is not answered any more; a peer without one stands for whatever led there."""
        for transaction in list(self._clients.values()):
            peer = transaction.peer
            there = (peer.transport, peer.host, peer.port) == (lost.transport, lost.host, lost.port)
            if peer.reliable and (peer.connection == lost.connection if peer.connection else there):
                transaction.broken(now)

    # ---- what arrives

    def receive(self, data: bytes, peer: Peer, now: float) -> None:
        """One datagram or one message of a stream, from somebody whom we know. Never raises."""
        try:
            message = parse(data)
        except BadRequestError as error:
            self._refuse(error, peer)
            return
        except ProtocolError as error:
            self.counts.dropped += 1
            log.debug("%s: dropped: %s", peer, error)
            return
        if isinstance(message, Response):
            self._receive_response(message, peer, now)
        else:
            self._receive_request(message, peer, now)

    def _refuse(self, error: BadRequestError, peer: Peer) -> None:
        """Statelessly: nothing of it is remembered. The answer goes to its source, as its Via may be unreadable."""
        self.counts.refused += 1
        response = error.response(self.tag_for(error.request))
        log.info("%s: %s refused: %d %s", peer, error.request.method, error.status, error.reason)
        if response is not None:
            self._send(response.encode(), peer)

    def tag_for(self, request: Request) -> str:
        """A To tag that is the same each time the request comes (§8.2.7)."""
        what = "\n".join([request.get("Call-ID") or "", *request.all("Via")[:1], request.get("CSeq") or ""])
        return hmac.digest(self._secret, what.encode("utf-8", "surrogateescape"), "sha256").hex()[:16]

    def _receive_response(self, response: Response, peer: Peer, now: float) -> None:
        transaction = self._clients.get((response.via.branch, response.cseq.method))
        if transaction is None or len(response.items("Via")) != 1:
            self.counts.dropped += 1
            log.debug("%s: %d to nothing that we asked", peer, response.status)
            return
        transaction.receive(response, now)

    def _receive_request(self, request: Request, peer: Peer, now: float) -> None:
        request.received_from(peer.host, peer.port)
        transaction = self._servers.get(key_of(request))
        if transaction is not None:
            self.counts.repeated += request.method != "ACK"
            transaction.receive(request, now)
        elif request.method == "ACK":
            if self.user is not None:
                self.user.on_ack(request, now)
        elif len(self._servers) >= MOST_TRANSACTIONS:
            response = request.response(503, tag=self.tag_for(request))
            response.add("Retry-After", 5)
            self._send(response.encode(), _answered_at(request, peer))
        else:
            self._begin(request, peer, now)

    def _begin(self, request: Request, peer: Peer, now: float) -> None:
        kind = InviteServerTransaction if request.method == "INVITE" else ServerTransaction
        transaction = kind(self, request, _answered_at(request, peer))
        self._servers[transaction.key] = transaction
        if isinstance(transaction, InviteServerTransaction):
            transaction.respond(request.response(100), now)
        if self.user is not None:
            self.user.on_request(transaction, now)


def _answered_at(request: Request, peer: Peer) -> Peer:
    """Where responses go: back by the connection, or to the source's address (§18.2.2, RFC 3581 §4)."""
    if peer.reliable or "rport" in request.via.parameters:
        return peer
    return Peer(peer.transport, peer.host, request.via.port or _DEFAULT_PORT[peer.transport])
