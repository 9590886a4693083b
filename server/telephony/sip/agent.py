"""The user agent (RFC 3261 §8, §13-15): which request belongs to which call, and what is refused before it is one.

Sans-IO. It trusts whoever its messages come from: strangers are turned away where datagrams arrive.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from server.errors import ProtocolError
from server.telephony import PRODUCT
from server.telephony.sip import content, info
from server.telephony.sip import session as sessions
from server.telephony.sip.asking import Asking
from server.telephony.sip.call import ALLOW, Call, Ending
from server.telephony.sip.content import DESCRIPTIONS, SDP
from server.telephony.sip.dialog import Dialog, Id
from server.telephony.sip.digest import Credentials
from server.telephony.sip.headers import Address
from server.telephony.sip.incoming import IncomingCall, Merging, merging
from server.telephony.sip.layer import TransactionLayer
from server.telephony.sip.message import Message, Request, Response
from server.telephony.sip.outgoing import OutgoingCall
from server.telephony.sip.peer import Peer
from server.telephony.sip.server_transactions import InviteServerTransaction, Key, ServerTransaction
from server.telephony.sip.uri import Uri

log = logging.getLogger(__name__)

MOST_CALLS = 500

_ALLOWED = frozenset(ALLOW.split(", "))
_KNOWN = _ALLOWED | {"REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER", "PUBLISH", "PRACK"}
_EXTENSIONS = frozenset({"timer"})
_READABLE = frozenset({SDP, "application/*", "*/*"})

Refusal = tuple[int, tuple[tuple[str, str], ...]]


class Phone(Protocol):
    """Who handles calls. No method may raise or wait."""

    def on_call(self, call: IncomingCall, now: float) -> None:
        """Somebody calls: ring, answer or refuse, now or later."""

    def on_ringing(self, call: OutgoingCall, description: bytes, now: float) -> None:
        """It rings over there; `description` is of a tone or announcement to be heard meanwhile, or b""."""

    def on_up(self, call: Call, description: bytes, now: float) -> None:
        """A call is up, or what we offered anew is agreed: `description` is their answer, b"" when it is unchanged."""

    def on_offer(self, call: Call, description: bytes, now: float) -> bytes | None:
        """They offer another description within the call: our answer, None to refuse. b"" asks us to offer."""

    def on_key(self, call: Call, key: str, now: float) -> None:
        """A key was pressed over there, told by INFO; those told by RTP are not known here."""

    def on_ended(self, call: Call, ending: Ending, now: float) -> None:
        """A call is over; told once for each call."""


class Agent:
    """All calls over a transaction layer. `contact` gives our own address as a peer can reach it, a SIP URI."""

    def __init__(self, layer: TransactionLayer, phone: Phone, contact: Callable[[Peer], Uri]) -> None:
        self.layer, self.phone = layer, phone
        self.timers = layer.timers
        self.calls: dict[str, Call] = {}
        self.known_hosts: Callable[[str], bool] = lambda host: False  # addresses that we may send to
        self.connected: Callable[[Peer], bool] = lambda peer: True
        self.credentials: Callable[[Peer], Credentials | None] = lambda peer: None  # for calls that come from there
        self.contact = contact
        self._dialogs: dict[Id, Call] = {}
        self._invited_by: dict[Key, IncomingCall] = {}
        self._merging: dict[Merging, IncomingCall] = {}
        layer.user = self

    def call(
        self,
        target: Uri,
        local: Address,
        peer: Peer,
        description: bytes,
        now: float,
        *,
        credentials: Credentials | None = None,
        ring_for: float = 45.0,
    ) -> OutgoingCall:
        """Call a number through a trunk."""
        call = OutgoingCall(self, peer, credentials)
        self.calls[call.id] = call
        call.start(target, local, description, ring_for, now)
        return call

    def end_for_another(self, dialog: Dialog, now: float, reason: str) -> None:
        """End a call of an agent that is gone: the other side may not know yet. Its answer changes nothing."""
        bye = dialog.request("BYE")
        bye.add("Reason", f'SIP;cause=200;text="{reason}"')
        proof = self.credentials(dialog.peer)
        Asking(self.layer, bye, self.route(dialog), lambda response, now: None, now, proof)

    # ---- for calls

    def joined(self, call: Call) -> None:
        """Its dialog is known now."""
        if call.dialog is not None:
            self._dialogs[call.dialog.id] = call

    def ended(self, call: Call) -> None:
        """Nothing more comes of it."""
        self.calls.pop(call.id, None)
        if call.dialog is not None:
            self._dialogs.pop(call.dialog.id, None)
        if isinstance(call, IncomingCall):
            self._invited_by.pop(call.transaction.key, None)
            self._merging.pop(call.merging, None)

    def chose(self, call: Call) -> bool:
        """Whether we chose the Call-ID (§14.1)."""
        return isinstance(call, OutgoingCall)

    def route(self, dialog: Dialog) -> Peer:
        """Where its requests go: an address that is named and trusted, or back to where the dialog began.

        So no Contact makes us send to a third party, nor to an address behind somebody's NAT.
        """
        hop, peer = dialog.next_hop, dialog.peer
        if peer.reliable and self.connected(peer):
            return peer
        host = hop.host.strip("[]")
        trusted = self.known_hosts(host) and (hop.transport == peer.transport or hop.scheme == "sips")
        if not trusted and peer.listens:
            return peer
        port = hop.port or (5061 if peer.transport == "tls" else 5060)
        return Peer(peer.transport, host if trusted else peer.host, port)

    def introduce(self, message: Message, peer: Peer) -> None:
        """What INVITE, UPDATE and what is answered to them say of us."""
        message.add("Contact", f"<{self.contact(peer)}>")
        message.add("Allow", ALLOW)
        message.add("Supported", "timer")
        message.add("User-Agent" if isinstance(message, Request) else "Server", PRODUCT)

    def respond(self, transaction: ServerTransaction, response: Response, now: float) -> None:
        """Answer, unless it is answered."""
        transaction.respond(response, now)

    def refuse(self, transaction: ServerTransaction, status: int, now: float, *headers: tuple[str, str]) -> None:
        """Answer with an error."""
        request = transaction.request
        response = request.response(status, tag=self.layer.tag_for(request))
        for name, value in headers:
            response.add(name, value)
        transaction.respond(response, now)

    def answer_any(self, transaction: ServerTransaction, now: float) -> None:
        """OPTIONS: what we can (§11.2)."""
        request = transaction.request
        response = request.response(200, tag=self.layer.tag_for(request))
        self.introduce(response, transaction.peer)
        response.add("Accept", SDP)
        response.add("Accept-Encoding", "identity")
        response.add("Accept-Language", "vi, en")
        transaction.respond(response, now)

    # ---- what arrives

    def on_request(self, transaction: ServerTransaction, now: float) -> None:
        """A new request."""
        request = transaction.request
        if request.method == "CANCEL":
            self._cancel(transaction, now)
            return
        refusal = _refusal(request)
        call = self._call_of(request) if request.to.tag else None
        if refusal is not None:
            self.refuse(transaction, refusal[0], now, *refusal[1])
        elif call is not None and request.method == "INFO":
            self._informed(call, transaction, now)
        elif call is not None:
            call.receive(transaction, now)
        elif request.to.tag or request.method in ("BYE", "UPDATE", "INFO"):
            self.refuse(transaction, 481, now)
        elif isinstance(transaction, InviteServerTransaction):
            self._invited(transaction, now)
        else:
            self.answer_any(transaction, now)

    def _informed(self, call: Call, transaction: ServerTransaction, now: float) -> None:
        """Without a key it is a sign of life, or nothing that we asked for."""
        request = transaction.request
        if not call.accepts(request, now):
            self.refuse(transaction, 500, now)
            return
        told = content.first(request, info.KINDS)
        key = info.key_of(told) if told is not None else None
        if told is not None and key is None:
            self.refuse(transaction, 400, now)
            return
        self.respond(transaction, request.response(200), now)
        if key is not None:
            self.phone.on_key(call, key, now)

    def on_ack(self, ack: Request, now: float) -> None:
        """The acknowledgement of a 2xx."""
        call = self._call_of(ack)
        if call is not None:
            call.acknowledged(ack, now)

    def _call_of(self, request: Request) -> Call | None:
        return self._dialogs.get((request.call_id, request.to.tag, request.sender.tag))

    def _cancel(self, transaction: ServerTransaction, now: float) -> None:
        invite = self.layer.cancelled_by(transaction.request)
        if invite is None:
            self.refuse(transaction, 481, now)
            return
        call = self._invited_by.get(invite.key)
        tag = call.dialog.local.tag if call is not None and call.dialog is not None else ""
        request = transaction.request
        transaction.respond(request.response(200, tag=tag or self.layer.tag_for(request)), now)
        if call is not None:
            call.cancelled(now)

    def _invited(self, transaction: InviteServerTransaction, now: float) -> None:
        request = transaction.request
        if merging(request) in self._merging:
            self.refuse(transaction, 482, now)  # §8.2.2.2: it has come another way already
            return
        if len(self.calls) >= MOST_CALLS:
            self.refuse(transaction, 503, now, ("Retry-After", "30"))
            return
        try:
            call = IncomingCall(self, transaction)
        except sessions.TooShortError:
            self.refuse(transaction, 422, now, ("Min-SE", str(sessions.SHORTEST)))
            return
        except ProtocolError as error:
            log.info("%s: INVITE refused: %s", transaction.peer, error)
            self.refuse(transaction, 400, now)
            return
        self.calls[call.id] = call
        self._invited_by[transaction.key] = self._merging[call.merging] = call
        self.joined(call)
        self.phone.on_call(call, now)


def _refusal(request: Request) -> Refusal | None:
    """What is refused of any request (§8.2): method, address, extensions, content."""
    if request.method not in _ALLOWED:
        return 405 if request.method in _KNOWN else 501, (("Allow", ALLOW),)
    if not request.uri.known:
        return 416, ()
    try:
        unknown = [option for option in request.items("Require") if option.lower() not in _EXTENSIONS]
        accepted = {item.partition(";")[0].strip().lower() for item in request.items("Accept")}
        readable = _is_readable(request)
    except ProtocolError:
        return 400, ()
    if unknown:
        return 420, (("Unsupported", ", ".join(unknown)),)
    if not readable:  # with what it could be sent again: not with the same parts
        return 415, (("Accept", SDP), ("Accept-Encoding", "identity"))
    if request.method == "INVITE" and accepted and not accepted & _READABLE:
        return 406, ()
    return None


def _is_readable(request: Request) -> bool:
    """Whether all that must be understood is; of a BYE nothing must, as who sends it is gone (§15.1.1)."""
    if not request.body or request.method == "BYE":
        return True
    return content.read(request).understood(info.KINDS if request.method == "INFO" else DESCRIPTIONS)
