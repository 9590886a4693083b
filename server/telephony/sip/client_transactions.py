"""What we asked and wait to hear of (RFC 3261 §17.1, RFC 6026): one class for INVITE, one for all else."""

from __future__ import annotations

from collections.abc import Callable

from server.telephony.sip.message import Request, Response
from server.telephony.sip.peer import Peer
from server.telephony.sip.states import CLIENT, INVITE_CLIENT, Event, State, event_of
from server.telephony.sip.timers import T4, TIMEOUT, Repeating
from server.telephony.sip.transaction import Layer, Transaction

OnResponse = Callable[[Response | None, float], None]
"""Gets every response but repetitions of one; None when nobody answers or the connection is gone."""

_PROVISIONAL_LATEST = 180.0  # s that a callee may ring without a word (timer C, §16.6)
_UNRELIABLE_D = 32.0  # s


class ClientTransaction(Transaction):
    """One request of ours; of another method than INVITE."""

    table = CLIENT
    first = State.TRYING

    def __init__(self, layer: Layer, request: Request, peer: Peer, on_response: OnResponse, now: float) -> None:
        super().__init__(layer, request, peer)
        self._on_response = on_response
        self._data = request.encode()
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
