"""The telephones of one meeting: their ports, and the clock by which every 20 ms are taken from and given to them.

A call has a port of its own, so that whose sound arrives is known before a word of it is believed. Calls that are in no
meeting yet have a bridge too, in which nobody is heard.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import TypeVar

from server.media.phone import reports
from server.media.phone.arrivals import Arrivals, note_times
from server.media.phone.codecs import FRAME_TIME, Codec, codec
from server.media.phone.dictation import Dictation
from server.media.phone.leg import Leg, Terms
from server.media.phone.metronome import Metronome, Turns
from server.media.phone.mix import Listener, Mix
from server.media.phone.sounds import Player
from server.media.transport.ice import Address
from server.media.wire.opus import Samples

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE = 16
"""Calls that are read or given their sound before the meeting's media get their turn: a fifth of a millisecond."""
REPORTS = round(reports.EVERY / FRAME_TIME)
"""Ticks from one report to a call to the next; some calls' turn is in each."""
UNHEARD = 4
"""Ticks from one look at the port of a call that nobody may hear to the next. Its keys can wait for so long, when its
packets came the kernel tells, and four packets cost a system call as one does."""

Speakers = dict[str, tuple[Samples, int]]
Hearing = Generator[None, None, Speakers]
"""What telephones hear, made in turns."""
OnKey = Callable[[str, str], None]
"""Call and key."""
OnBroken = Callable[[str], None]
"""A call that ends by an error of ours."""
OnPlayed = Callable[[], None]
Clock = Callable[[], float]


def _each_other(speakers: Speakers, _now: float) -> Hearing:
    yield from ()
    return speakers


def _some_of(all_: list[T]) -> Iterator[list[T]]:
    """One turn's after the other's."""
    return (all_[start : start + AT_ONCE] for start in range(0, len(all_), AT_ONCE))


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
            note_times(opened)
            try:
                opened.bind((self._host, number))
            except OSError:
                opened.close()
                continue
            return opened
        raise NoPortError("no port is free for a call")


class Call:
    """A leg with its socket, and what is played to it."""

    def __init__(self, name: str, opened: socket.socket, terms: Terms, on_key: OnKey) -> None:
        self.socket = opened
        self.listener = Listener(name, terms.codec)
        self.dictation: Dictation | None = None
        self.leg = Leg(terms, self._send, lambda key: on_key(name, key))
        self._player: Player | None = None
        self._on_played: OnPlayed = lambda: None
        self._encoder: Codec | None = None

    @property
    def port(self) -> int:
        """Where its sound arrives."""
        number: int = self.socket.getsockname()[1]
        return number

    def change(self, terms: Terms) -> None:
        """Other terms. Raises ValueError as `Leg`."""
        self.leg.change(terms)
        if terms.codec != self.listener.name:
            self.listener = Listener(self.listener.who, terms.codec)
            self._encoder = None

    def play(self, player: Player | None, on_played: OnPlayed = lambda: None) -> None:
        """It hears this and nothing else until it is over; with None, what everybody hears."""
        self._player, self._on_played = player, on_played

    @property
    def played(self) -> bool:
        """Whether something is played to it."""
        return self._player is not None

    def played_payload(self) -> bytes | None:
        """20 ms of what is played; None when nothing is, or not any more."""
        if self._player is None:
            return None
        if self._encoder is None:
            self._encoder = codec(self.listener.name)
        samples = self._player.frame(self._encoder.rate)
        if samples is None:
            self._player = None
            self._on_played()
            return None
        return self._encoder.encode(samples)

    def _send(self, data: bytes, to: Address) -> None:
        try:
            self.socket.sendto(data, to)
        except OSError as error:
            log.debug("%s: cannot send: %s", self.listener.who, error)


class Bridge:
    """Legs by the names of their calls. `hear` makes what telephones hear out of what telephones say in these 20 ms.

    An error of ours in one call ends that call, of which `on_broken` is told, and disturbs no other.

    Without `ticking`, its owner calls `step` by a clock of its own, at which then all that is taken has just come.
    """

    def __init__(
        self,
        ports: Ports,
        on_key: OnKey,
        on_broken: OnBroken = lambda call: None,
        *,
        clock: Clock = time.monotonic,
        ticking: bool = True,
    ) -> None:
        self.metronome = Metronome(self._tick, self._read)
        self.hear: Callable[[Speakers, float], Hearing] = _each_other
        self._ports, self._on_key, self._on_broken = ports, on_key, on_broken
        self._arrivals = Arrivals()
        self._clock, self._ticking = clock, ticking
        self._calls: dict[str, Call] = {}
        self._talking: frozenset[str] = frozenset()
        self._looks = self._ticks = 0
        self._mix = Mix()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls.values())

    def open(self, call: str, terms: Terms) -> int:
        """A port for a call, whose sound flows from now on. Raises NoPortError, ValueError when keys do not fit."""
        opened = self._ports.open()
        try:
            made = Call(call, opened, terms, self._on_key)
        except ValueError:
            opened.close()
            raise
        self.close(call)
        self.admit(made)
        return made.port

    def admit(self, made: Call) -> None:
        """A call that another bridge let go."""
        name = made.listener.who
        self._calls[name] = made
        made.leg.talk(name in self._talking or made.dictation is not None)
        if self._ticking:
            self.metronome.start()

    def let_go(self, call: str) -> Call:
        """A call goes to another bridge. Raises KeyError."""
        made = self._calls.pop(call)
        made.leg.talk(False)
        self._rest()
        return made

    def change(self, call: str, terms: Terms) -> None:
        """Other terms. Raises KeyError for no such call, ValueError as `open`."""
        self._calls[call].change(terms)

    def talk(self, allowed: Iterable[str]) -> None:
        """Who may be heard."""
        self._talking = frozenset(allowed)
        for name, made in self._calls.items():
            made.leg.talk(name in self._talking or made.dictation is not None)

    def dictate(self, call: str, dictation: Dictation | None) -> Dictation | None:
        """What it says from now on is written; nobody hears it because of that. Gives what was written until now."""
        made = self._calls[call]
        before, made.dictation = made.dictation, dictation
        made.leg.talk(call in self._talking or dictation is not None)
        return before

    def __getitem__(self, call: str) -> Call:
        return self._calls[call]

    def leg(self, call: str) -> Leg:
        """For figures. Raises KeyError."""
        return self._calls[call].leg

    def close(self, call: str) -> None:
        """The call is over."""
        made = self._calls.pop(call, None)
        if made is not None:
            made.socket.close()
        self._rest()

    def _rest(self) -> None:
        if not self._calls:
            self.metronome.stop()

    def close_all(self) -> None:
        """Every call."""
        for call in list(self._calls):
            self.close(call)

    def _read(self, due: float) -> Turns:
        """Whatever has arrived by the tick that is due then. What came after that is in time all the same when we are
        late: the machine stood, and what came to it or was noted by it meanwhile may have waited for it.
        """
        take, ticking = self._arrivals.take_timed, self._ticking
        for some in _some_of(self._to_read()):
            now = self._clock()
            for made in some:  # a key that is told may end a call: nothing comes to a socket that is closed
                try:
                    for data, source, age in take(made.socket.fileno()):
                        came = now - age if ticking else now
                        made.leg.receive(data, source, came, overdue=came > due)
                except Exception:
                    self.broke(made.listener.who)
            if len(some) == AT_ONCE:
                yield

    def _to_read(self) -> list[Call]:
        calls = list(self._calls.values())
        if not self._ticking:
            return calls
        self._looks += 1
        return [made for number, made in enumerate(calls, self._looks) if made.leg.talks or number % UNHEARD == 0]

    def step(self, now: float) -> None:
        """20 ms of everybody, for an owner with a clock of its own."""
        for _ in chain(self._read(now), self._tick(now)):
            pass

    def _tick(self, now: float) -> Turns:
        heard = yield from self.hear(self._said(now), now)
        calls = list(self._calls.values())
        played = self._played(calls)
        hearing = [made for made in calls if made not in played] if played else calls
        listeners = [made.listener for made in hearing]
        payloads = self._mix.tick(heard, listeners)
        yield
        giving = [*zip(hearing, listeners, payloads, strict=True)]
        giving += [(made, made.listener, payload) for made, payload in played.items()]
        for some in _some_of(giving):
            for made, listener, payload in some:
                if made.listener is not listener:  # it has another codec by now
                    continue
                try:
                    made.leg.give(payload)
                except Exception:
                    self.broke(made.listener.who)
            if len(some) == AT_ONCE:
                yield
        self._report(calls)

    def _report(self, calls: list[Call]) -> None:
        self._ticks += 1
        for made in calls[self._ticks % REPORTS :: REPORTS]:
            try:
                made.leg.report(self._clock())
            except Exception:
                self.broke(made.listener.who)

    def _said(self, now: float) -> Speakers:
        speakers: Speakers = {}
        for name, made in list(self._calls.items()):
            if not made.leg.talks:  # nor does it dictate
                continue
            try:
                samples = made.leg.take(now)
                if made.dictation is not None:
                    made.dictation.add(samples, made.leg.rate)
            except Exception:
                self.broke(name)
                continue
            if samples is not None and name in self._talking:
                speakers[name] = samples, made.leg.rate
        return speakers

    def _played(self, calls: list[Call]) -> dict[Call, bytes]:
        played = {}
        for made in calls:
            if not made.played:
                continue
            try:
                payload = made.played_payload()
            except Exception:
                self.broke(made.listener.who)
                continue
            if payload is not None:
                played[made] = payload
        return played

    def broke(self, call: str) -> None:
        """An error of ours, being handled now, concerns this call alone: it ends, before it can be logged once more."""
        log.exception("call %s breaks off", call)
        if call in self._calls:
            self._on_broken(call)
            self.close(call)
