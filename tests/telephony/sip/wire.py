"""A network in made-up time: it loses, doubles and delays what it is told to."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from server.telephony.sip.peer import Peer
from server.telephony.sip.timers import Timers

Receiver = Callable[[bytes, Peer, float], None]


@dataclass
class Wire:
    """Both ends use its timers. `loss` and `doubled` are shares of the messages; delays in s are drawn evenly."""

    loss: float = 0.0
    doubled: float = 0.0
    delay: tuple[float, float] = (0.01, 0.01)
    transport: str = "udp"
    seed: int = 0
    timers: Timers = field(default_factory=Timers)
    now: float = 0.0
    sent: list[tuple[float, bytes, Peer]] = field(default_factory=list)
    lose: Callable[[bytes], bool] = lambda data: False

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._ends: dict[str, Receiver] = {}

    def attach(self, host: str, receive: Receiver) -> Callable[[bytes, Peer], None]:
        """Put an end on the wire; gives what it sends by."""
        self._ends[host] = receive
        source = self.peer(host)

        def send(data: bytes, to: Peer) -> None:
            self.sent.append((self.now, data, to))
            if self.lose(data):
                return
            copies = 1 + (self._chance.random() < self.doubled)
            for _ in range(copies):
                if self._chance.random() >= self.loss:
                    self.timers.at(self.now + self._chance.uniform(*self.delay), self._arrival(data, source, to))

        return send

    def _arrival(self, data: bytes, source: Peer, to: Peer) -> Callable[[float], None]:
        def arrive(now: float) -> None:
            if to.host in self._ends:
                self._ends[to.host](data, source, now)

        return arrive

    def peer(self, host: str) -> Peer:
        """How others see an end."""
        return Peer(self.transport, host, 5060, 0 if self.transport == "udp" else 7)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while (due := self.timers.next()) is not None and due <= end:
            self.now = max(self.now, due)
            self.timers.run(self.now)
        self.now = end

    def lines(self, since: float = 0.0) -> list[str]:
        """First lines of what was sent since."""
        return [data.split(b"\r\n", 1)[0].decode() for at, data, _ in self.sent if at >= since]
