"""What we asked and wait to hear of (RFC 3261 §17.1, RFC 6026): one class for INVITE, one for all else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from server.telephony.sip.message import Request, Response
from server.telephony.sip.peer import Peer
from server.telephony.sip.states import CLIENT, INVITE_CLIENT, Event, State, Table, event_of
from server.telephony.sip.timers import T4, TIMEOUT, Repeating, Timer, Timers

OnResponse = Callable[[Response | None, float], None]
"""Gets every response but repetitions of one; None when nobody answers or the connection is gone."""

_PROVISIONAL_LATEST = 180.0  # s that a callee may ring without a word (timer C, §16.6)
_UNRELIABLE_D = 32.0  # s


class Layer(Protocol):
    """What a transaction needs of the layer that keeps it."""

    timers: Timers

    def send(self, data: bytes, peer: Peer) -> None:
        """Put octets on the way."""

    def forget(self, transaction: ClientTransaction) -> None:
        """It is over."""


class ClientTransaction:
    """One request of ours; of another method than INVITE."""

    table: Table = CLIENT
    first = State.TRYING

    def __init__(self, layer: Layer, request: Request, peer: Peer, on_response: OnResponse, now: float) -> None:
        self.request, self.peer = request, peer
        self.state = self.first
        self._layer, self._on_response = layer, on_response
        self._data = request.encode()
        self._repeating: Repeating | None = None
        self._timer: Timer | None = None
        self._begin(now)

    @property
    def key(self) -> tuple[str, str]:
        """What a response must name (§17.1.3)."""
        return self.request.via.branch, self.request.method

    def _begin(self, now: float) -> None:
        if not self.peer.reliable:
            self._repeating = Repeating(self._layer.timers, now, self._send)
        self._timer = self._layer.timers.at(now + TIMEOUT, self._timed_out)
        self._send(now)

    def _send(self, now: float) -> None:
        self._layer.send(self._data, self.peer)

    def _go(self, event: Event) -> bool:
        """Whether the table knows the event here; then it has happened."""
        after = self.table.get((self.state, event))
        if after is None:
            return False
        self.state = after
        if after is State.TERMINATED:
            self._stop()
            self._layer.forget(self)
        return True

    def _stop(self) -> None:
        if self._repeating is not None:
            self._repeating.stop()
            self._repeating = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_after(self, seconds: float, now: float) -> None:
        """It stays to take repetitions, and for no time at all where there are none."""
        self._stop()
        if seconds <= 0:
            self._go(Event.EXPIRED)
        else:
            self._timer = self._layer.timers.at(now + seconds, self._expired)

    def _expired(self, now: float) -> None:
        self._go(Event.EXPIRED)

    def _timed_out(self, now: float) -> None:
        if self._go(Event.TIMEOUT):
            self._on_response(None, now)

    def cancelled(self, now: float) -> None:
        """CANCEL was sent; only an INVITE minds."""

    def broken(self, now: float) -> None:
        """The connection that it went by is gone."""
        if self._go(Event.BROKEN):
            self._on_response(None, now)

    def receive(self, response: Response, now: float) -> None:
        """A response that names it."""
        if not self._go(event_of(response.status)):
            return
        if self.state is State.PROCEEDING:
            if self._repeating is not None:
                self._repeating.slow_down()
        else:
            self._end_after(0 if self.peer.reliable else T4, now)
        self._on_response(response, now)


class InviteClientTransaction(ClientTransaction):
    """One INVITE of ours. It acknowledges refusals itself; whoever is told of a 2xx acknowledges that, each time."""

    table = INVITE_CLIENT
    first = State.CALLING

    def _begin(self, now: float) -> None:
        self._ack: bytes | None = None
        if not self.peer.reliable:
            self._repeating = Repeating(self._layer.timers, now, self._send, longest=TIMEOUT)
        self._timer = self._layer.timers.at(now + TIMEOUT, self._timed_out)
        self._send(now)

    def receive(self, response: Response, now: float) -> None:
        """A response that names it."""
        before = self.state
        if not self._go(event_of(response.status)):
            return
        if self.state is State.PROCEEDING:
            self._stop()
            self._timer = self._layer.timers.at(now + _PROVISIONAL_LATEST, self._timed_out)
        elif self.state is State.ACCEPTED:
            if before is not State.ACCEPTED:
                self._end_after(TIMEOUT, now)
        elif self._acknowledge(response, before, now):
            return
        self._on_response(response, now)

    def _acknowledge(self, response: Response, before: State, now: float) -> bool:
        """Send ACK for a refusal (§17.1.1.3); True when it was a repetition."""
        if self._ack is None:
            self._ack = self._build_ack(response).encode()
        self._send_ack(now)
        if before is State.COMPLETED:
            return True
        self._end_after(0 if self.peer.reliable else _UNRELIABLE_D, now)
        return False

    def _send_ack(self, now: float) -> None:
        if self._ack is not None:
            self._layer.send(self._ack, self.peer)

    def _build_ack(self, response: Response) -> Request:
        ack = Request("ACK", self.request.target)
        ack.add("Via", self.request.via)
        ack.add("Max-Forwards", "70")
        for name, value in self.request.headers:
            if name in ("From", "Call-ID", "Route"):
                ack.add(name, value)
        ack.add("To", response.get("To") or self.request.get("To"))
        ack.add("CSeq", f"{self.request.cseq.number} ACK")
        return ack

    def cancelled(self, now: float) -> None:
        """CANCEL was sent: the final response must come soon (§9.1)."""
        if self.state in (State.CALLING, State.PROCEEDING) and self._timer is not None:
            self._timer.cancel()
            self._timer = self._layer.timers.at(now + TIMEOUT, self._timed_out)
