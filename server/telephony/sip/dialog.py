"""A dialog (RFC 3261 §12): what both sides remember between the requests of a call."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import msgspec

from server.errors import ProtocolError
from server.telephony.sip.headers import Address, read_address
from server.telephony.sip.message import Message, Request, Response
from server.telephony.sip.peer import Peer
from server.telephony.sip.uri import Uri, read_uri

_SKIPPED = 10_000  # numbers that requests may have used since a dialog was written down

Id = tuple[str, str, str]
"""Call-ID, our tag, theirs."""


_Written = tuple[str, str, str, str, tuple[str, str, int], list[str], int]


def new_tag() -> str:
    """64 random bits (§19.3)."""
    return secrets.token_hex(8)


@dataclass
class Dialog:
    """`local` and `remote` carry their tags; `target` is their Contact, `routes` the way there, nearest first.

    `peer` is the element next to us that the dialog began with.
    """

    call_id: str
    local: Address
    remote: Address
    target: Uri
    peer: Peer
    routes: list[str] = field(default_factory=list)
    local_seq: int = 0
    remote_seq: int = -1

    @classmethod
    def of_request(cls, request: Request, tag: str, peer: Peer) -> Dialog:
        """The dialog that our 2xx or 1xx to an INVITE begins (§12.1.1). Raises ProtocolError without a target."""
        return cls(
            request.call_id,
            request.to.with_tag(tag),
            request.sender,
            _target(request, request.sender.uri),
            peer,
            request.items("Record-Route"),
            secrets.randbelow(2**16),
            request.cseq.number,
        )

    @classmethod
    def of_response(cls, request: Request, response: Response, peer: Peer) -> Dialog:
        """The dialog that a 2xx to our INVITE begins (§12.1.2); its Record-Route is walked the other way round.

        Raises ProtocolError when no request of ours could go that way.
        """
        routes = response.items("Record-Route")[::-1]
        for route in routes:
            read_address(route)
        return cls._begun(request, response, peer, routes)

    @classmethod
    def without_routes(cls, request: Request, response: Response, peer: Peer) -> Dialog:
        """The same when they cannot be read: all goes the way that the INVITE went."""
        return cls._begun(request, response, peer, [])

    @classmethod
    def _begun(cls, request: Request, response: Response, peer: Peer, routes: list[str]) -> Dialog:
        target = _target(response, request.uri)
        return cls(request.call_id, request.sender, response.to, target, peer, routes, request.cseq.number)

    def write(self) -> str:
        """As text, from which another process can go on (`read`)."""
        peer = [self.peer.transport, self.peer.host, self.peer.port if self.peer.listens else 0]
        told = [self.call_id, str(self.local), str(self.remote), str(self.target), peer, self.routes, self.local_seq]
        return msgspec.json.encode(told).decode()

    @classmethod
    def read(cls, text: str) -> Dialog:
        """What `write` wrote; its next request is numbered above all that may have come since. Raises ProtocolError."""
        try:
            call_id, local, remote, target, peer, routes, number = msgspec.json.decode(text, type=_Written)
        except msgspec.DecodeError as error:
            raise ProtocolError("a dialog is not as it was written") from error
        ends = read_address(local), read_address(remote), read_uri(target)
        return cls(call_id, *ends, Peer(*peer), routes, number + _SKIPPED)

    @property
    def id(self) -> Id:
        """What its messages name."""
        return self.call_id, self.local.tag, self.remote.tag

    @property
    def next_hop(self) -> Uri:
        """Where its requests go next: the first route, or the other side itself (§8.1.2, §12.2.1.1)."""
        return read_address(self.routes[0]).uri if self.routes else self.target

    def request(self, method: str, number: int | None = None) -> Request:
        """A request within it (§12.2.1.1). ACK takes the `number` of its INVITE; others get the next one."""
        if number is None:
            self.local_seq += 1
            number = self.local_seq
        target, routes = str(self.target), list(self.routes)
        if routes and "lr" not in read_address(routes[0]).uri.parameters:  # a strict router of RFC 2543
            target, routes = str(read_address(routes[0]).uri), [*routes[1:], f"<{self.target}>"]
        request = Request(method, target)
        request.add("Max-Forwards", 70)
        for route in routes:
            request.add("Route", route)
        request.add("From", self.local)
        request.add("To", self.remote)
        request.add("Call-ID", self.call_id)
        request.add("CSeq", f"{number} {method}")
        return request

    def accepts(self, request: Request) -> bool:
        """Whether a request of theirs comes in order; then it is noted (§12.2.2)."""
        if request.cseq.number <= self.remote_seq:
            return False
        self.remote_seq = request.cseq.number
        return True

    def refresh(self, message: Message) -> None:
        """A target refresh (§12.2): INVITE and UPDATE, and what is answered to them, move the target."""
        self.target = self.target_of(message)

    def target_of(self, message: Message) -> Uri:
        """Where it would move the target. Raises ProtocolError when it has to say so and does not."""
        return _target(message, self.target)


def _target(message: Message, otherwise: Uri) -> Uri:
    for contact in message.contacts:
        if contact.uri.known:
            return contact.uri
    if isinstance(message, Request) and message.via.by_3261 and message.method == "INVITE":
        raise ProtocolError("Contact is missing")
    return otherwise
