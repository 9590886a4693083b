"""What transactions of both sides have in common: a state by a table, a timer, repetitions (RFC 3261 §17)."""

from __future__ import annotations

from typing import Protocol

from server.telephony.sip.message import Request
from server.telephony.sip.peer import Peer
from server.telephony.sip.states import Event, State, Table
from server.telephony.sip.timers import Repeating, Timer, Timers


class Layer(Protocol):
    """What a transaction needs of the layer that keeps it."""

    timers: Timers

    def send(self, data: bytes, peer: Peer) -> None:
        """Put octets on the way."""

    def forget(self, transaction: Transaction) -> None:
        """It is over."""


class Transaction:
    """One request, and what follows from it; `peer` is who is at the other end."""

    table: Table
    first: State

    def __init__(self, layer: Layer, request: Request, peer: Peer) -> None:
        self.request, self.peer = request, peer
        self.state = self.first
        self._layer = layer
        self._repeating: Repeating | None = None
        self._timer: Timer | None = None

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
