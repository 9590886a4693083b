"""The telephones of one meeting: their ports, and the clock by which every 20 ms are taken from and given to them.

A call has a port of its own, so that whose sound arrives is known before a word of it is believed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterable

from server.media.ice import Address
from server.media.opus import Samples
from server.media.phone.codecs import FRAME_TIME
from server.media.phone.leg import Leg, Terms
from server.media.phone.mix import Listener, Mix

log = logging.getLogger(__name__)

Speakers = dict[str, tuple[Samples, int]]
OnKey = Callable[[str, str], None]
"""Call and key."""
Clock = Callable[[], float]

BURST = 50  # datagrams taken in one go: a second of a call
_LARGEST = 2_048
_BEHIND = 0.2  # s: the machine stood still; what was missed is not made up for


class NoPortError(OSError):
    """Every port of the range is taken."""


class Ports:
    """A range of UDP ports on one address, even ones first (RFC 3550 §11)."""

    def __init__(self, host: str, first: int, last: int) -> None:
        self._host = host
        self._numbers = [*range(first + first % 2, last + 1, 2)]
        self._next = 0

    def open(self) -> socket.socket:
        """A bound socket. Raises NoPortError."""
        for _ in self._numbers:
            number = self._numbers[self._next]
            self._next = (self._next + 1) % len(self._numbers)
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setblocking(False)
            try:
                opened.bind((self._host, number))
            except OSError:
                opened.close()
                continue
            return opened
        raise NoPortError("no port is free for a call")


class _Call:
    """A leg with its socket."""

    def __init__(self, name: str, opened: socket.socket, terms: Terms, on_key: OnKey, clock: Clock) -> None:
        self.socket = opened
        self._clock = clock
        self.listener = Listener(name, terms.codec)
        self.leg = Leg(terms, self._send, lambda key: on_key(name, key))

    def _send(self, data: bytes, to: Address) -> None:
        try:
            self.socket.sendto(data, to)
        except OSError as error:
            log.debug("%s: cannot send: %s", self.listener.who, error)

    def read(self) -> None:
        """Whatever has arrived."""
        now = self._clock()
        for _ in range(BURST):
            try:
                data, source = self.socket.recvfrom(_LARGEST)
            except BlockingIOError:
                return
            except OSError as error:  # an ICMP answer to an earlier send
                log.debug("%s: %s", self.listener.who, error)
                continue
            self.leg.receive(data, source, now)


class Bridge:
    """Legs by the names of their calls. `others` gives who else speaks (browsers) in these 20 ms.

    `spent` is the time that the last tick took, in s; `skipped` counts ticks left out. Without `ticking`, its owner
    calls `step` by a clock of its own.
    """

    def __init__(self, ports: Ports, on_key: OnKey, *, clock: Clock = time.monotonic, ticking: bool = True) -> None:
        self.spent = 0.0
        self.skipped = 0
        self.others: Callable[[float], Speakers] = lambda now: {}
        self.on_speech: Callable[[Speakers, float], None] = lambda speakers, now: None
        self._ports, self._on_key = ports, on_key
        self._clock, self._ticking = clock, ticking
        self._calls: dict[str, _Call] = {}
        self._mix = Mix()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._calls)

    def open(self, call: str, terms: Terms) -> int:
        """A port for a call, whose sound flows from now on. Raises NoPortError, ValueError when keys do not fit."""
        opened = self._ports.open()
        try:
            made = _Call(call, opened, terms, self._on_key, self._clock)
        except ValueError:
            opened.close()
            raise
        self.close(call)
        self._calls[call] = made
        asyncio.get_running_loop().add_reader(opened.fileno(), made.read)
        if self._ticking and self._timer is None:
            self._begin()
        port: int = opened.getsockname()[1]
        return port

    def change(self, call: str, terms: Terms) -> None:
        """Other terms. Raises KeyError for no such call, ValueError as `open`."""
        made = self._calls[call]
        made.leg.change(terms)
        made.listener = Listener(call, terms.codec)

    def talk(self, allowed: Iterable[str]) -> None:
        """Who may be heard."""
        names = set(allowed)
        for name, made in self._calls.items():
            made.leg.talk(name in names)

    def leg(self, call: str) -> Leg:
        """For figures. Raises KeyError."""
        return self._calls[call].leg

    def close(self, call: str) -> None:
        """The call is over."""
        made = self._calls.pop(call, None)
        if made is not None:
            asyncio.get_running_loop().remove_reader(made.socket.fileno())
            made.socket.close()
        if not self._calls and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close_all(self) -> None:
        """Every call."""
        for call in list(self._calls):
            self.close(call)

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + FRAME_TIME, self._tick, loop.time() + FRAME_TIME)

    def _tick(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        if began - due > _BEHIND:
            self.skipped += round((began - due) / FRAME_TIME)
            due = began
        self._timer = loop.call_at(due + FRAME_TIME, self._tick, due + FRAME_TIME)
        self.step(self._clock())
        self.spent = loop.time() - began

    def step(self, now: float) -> None:
        """20 ms of everybody."""
        speakers: Speakers = {}
        for name, made in self._calls.items():
            samples = made.leg.take(now) if made.leg.talks else None
            if samples is not None:
                speakers[name] = samples, made.leg.rate
        self.on_speech(speakers, now)
        speakers |= self.others(now)
        payloads = self._mix.tick(speakers, [made.listener for made in self._calls.values()])
        for made in self._calls.values():
            made.leg.give(payloads[made.listener])
