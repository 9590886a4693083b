"""What others ask and wait to hear of (RFC 3261 §17.2, RFC 6026): one class for INVITE, one for all else."""

from __future__ import annotations

from collections.abc import Callable

from server.telephony.sip.message import Request, Response
from server.telephony.sip.peer import Peer
from server.telephony.sip.states import INVITE_SERVER, SERVER, Event, State, event_of
from server.telephony.sip.timers import T4, TIMEOUT, Repeating
from server.telephony.sip.transaction import Layer, Transaction

Key = tuple[str, ...]


def key_of(request: Request) -> Key:
    """What makes requests one transaction (§17.2.3), without a unique branch by RFC 2543; ACK has its INVITE's."""
    via = request.via
    method = "INVITE" if request.method == "ACK" else request.method
    if via.by_3261:
        return via.branch, via.sent_by, method
    cseq, tag = str(request.cseq.number), request.sender.tag
    return request.target, tag, request.call_id, cseq, via.sent_by, via.branch, method


def key_of_cancelled(cancel: Request) -> Key:
    """The key of the INVITE that a CANCEL means (§9.2)."""
    return (*key_of(cancel)[:-1], "INVITE")


class ServerTransaction(Transaction):
    """One request of another method than INVITE and ACK. `peer` is where its responses go."""

    table = SERVER
    first = State.TRYING

    def __init__(self, layer: Layer, request: Request, peer: Peer) -> None:
        super().__init__(layer, request, peer)
        self.key = key_of(request)
        self._last: bytes | None = None

    @property
    def answered(self) -> bool:
        """Whether a final response went out."""
        return self.state not in (State.TRYING, State.PROCEEDING)

    def respond(self, response: Response, now: float) -> bool:
        """Answer; False when it is too late for this answer."""
        if not self._go(event_of(response.status)):
            return False
        self._last = response.encode()
        self._layer.send(self._last, self.peer)
        if response.status >= 200:
            self._end_after(0 if self.peer.reliable else TIMEOUT, now)
        return True

    def receive(self, request: Request, now: float) -> None:
        """The request again: the last answer again."""
        if self._go(Event.REQUEST) and self._last is not None:
            self._layer.send(self._last, self.peer)


class InviteServerTransaction(ServerTransaction):
    """One INVITE. It repeats refusals until they are acknowledged; whoever accepts repeats the 2xx by `respond`."""

    table = INVITE_SERVER
    first = State.PROCEEDING

    def __init__(self, layer: Layer, request: Request, peer: Peer) -> None:
        super().__init__(layer, request, peer)
        self.on_ack: Callable[[Request, float], None] | None = None

    def respond(self, response: Response, now: float) -> bool:
        """Answer; False when it is too late for this answer."""
        before = self.state
        if not self._go(event_of(response.status)):
            return False
        self._last = response.encode()
        self._layer.send(self._last, self.peer)
        if self.state is State.COMPLETED:
            if not self.peer.reliable:
                self._repeating = Repeating(self._layer.timers, now, self._again)
            self._timer = self._layer.timers.at(now + TIMEOUT, self._timed_out)
        elif self.state is State.ACCEPTED and before is not State.ACCEPTED:
            self._end_after(TIMEOUT, now)
        return True

    def _timed_out(self, now: float) -> None:
        self._go(Event.TIMEOUT)

    def _again(self, now: float) -> None:
        if self._last is not None:
            self._layer.send(self._last, self.peer)

    def receive(self, request: Request, now: float) -> None:
        """The INVITE again, or ACK. A repeated 2xx is its sender's affair (RFC 6026 §7.1)."""
        before = self.state
        if request.method == "ACK":
            if not self._go(Event.ACK):
                return
            if before is State.COMPLETED:
                self._end_after(0 if self.peer.reliable else T4, now)
            elif before is State.ACCEPTED and self.on_ack is not None:
                self.on_ack(request, now)
        elif self._go(Event.REQUEST) and before in (State.PROCEEDING, State.COMPLETED):
            self._again(now)
