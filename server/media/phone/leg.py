"""The packets of one telephone call (RTP, RFC 3550; SRTP with keys of the description, RFC 4568). Sans-IO.

In: keys pressed, and sound as far as it may be heard. Out: a payload each 20 ms. What is agreed may change at any time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from pylibsrtp import Error, Session

from server.errors import ProtocolError
from server.media.phone.codecs import FRAME_TIME, Codec, codec
from server.media.phone.events import Keypad
from server.media.phone.g711 import LAWS
from server.media.phone.inband import Listening
from server.media.phone.latch import Latch
from server.media.phone.playout import Playout
from server.media.phone.reports import Reports
from server.media.phone.srtp import Inward, Keys, outward
from server.media.phone.tally import Tally
from server.media.terms import Sound
from server.media.transport.ice import Address
from server.media.wire.opus import Samples
from server.media.wire.rtp import RtpPacket, build_header, is_rtcp, read_plain

LARGEST = 1_500  # octets of a datagram; libsrtp's binding has room for no more, and sound needs far less
KEY_HUSH = 0.1  # s after a packet of a pressed key in which no sound is heard: some telephones send the tone as well
PAUSE = 5.0  # s without a packet after which its sound does not come: nearly all telephones send it all the time
_KEYPADS = 4  # sources of a call whose pressed keys are remembered: a PBX that transfers it begins another


@dataclass(frozen=True)
class Terms:
    """What was agreed on a call's sound: the codec's name, payload types each way, and where theirs comes from.

    `events` and `noise` None: the telephone has no such thing. `their_events`: another type under which keys may come.
    `named` None: it is found by its packets. `sends` and `receives`: whether we may, and whether any need come.
    `reports`: whether RTCP comes and goes at the same ports.
    """

    codec: str
    sending: int
    receiving: int
    events: int | None = None
    noise: int | None = None
    named: Address | None = None
    sends: bool = True
    keys: Keys | None = None
    their_events: int | None = None
    receives: bool = True
    reports: bool = False


class Leg:
    """One call. `on_key` is told of each key once.

    `heard_at` is when the last packet of theirs was believed, `malformed` counts those that could not be read.
    """

    def __init__(self, terms: Terms, send: Callable[[bytes, Address], None], on_key: Callable[[str], None]) -> None:
        """Raises ValueError when a key or suite does not fit."""
        self.terms = terms
        self.talks = False
        self.heard_at: float | None = None
        self.malformed = self.received = self.sent = self.sent_bytes = self._octets = 0
        self._send, self._on_key = send, on_key
        self._latch = Latch(terms.named)
        self._ssrc = secrets.randbits(32)
        self.reports = Reports(self._ssrc)
        self._sequence = secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._first = True
        self._hush_until = float("-inf")
        self._keypads: dict[int, Keypad] = {}  # by SSRC
        self._inband: Listening | None = None
        self._in: Inward | None = None
        self._out: Session | None = None
        self._codec: Codec = codec(terms.codec)
        self._step = round(self._codec.clock * FRAME_TIME)
        self._playout = Playout(self._codec)
        self.tally = Tally(self._codec.clock)
        self._secure(terms.keys)
        self._listen(terms)

    @property
    def rate(self) -> int:
        """Of the samples that `take` gives."""
        return self._codec.rate

    @property
    def address(self) -> Address | None:
        """Where its sound goes."""
        return self._latch.address

    @property
    def playout(self) -> Playout:
        """For figures."""
        return self._playout

    @property
    def ssrc(self) -> int:
        """Of what it hears; no other leg has the same."""
        return self._ssrc

    def sound(self, now: float) -> Sound:
        """Whether its sound arrives."""
        terms = self.terms
        if not terms.sends:
            return "held"
        if self.heard_at is not None and now - self.heard_at < PAUSE:
            return "comes"
        quiet = not terms.receives or (terms.noise is not None and self.heard_at is not None)
        return "pauses" if quiet else "missing"

    @property
    def strangers(self) -> int:
        """Packets of third parties."""
        return self._latch.others

    def _secure(self, keys: Keys | None, before: Keys | None = None) -> None:
        """Each way by its key. One whose key stays goes on: begun anew it would use the same key stream once more."""
        if keys is None:
            self._in = self._out = None
            return
        same = before if before is not None and before.suite == keys.suite else None
        incoming, outgoing = self._in, self._out
        try:
            if same is None or keys.theirs != same.theirs:
                incoming = Inward(keys.suite, keys.theirs)
            if same is None or keys.ours != same.ours:
                outgoing = outward(keys.suite, keys.ours)
        except (KeyError, TypeError, ValueError, Error) as error:
            raise ValueError(f"the keys do not fit {keys.suite}") from error
        self._in, self._out = incoming, outgoing

    def _listen(self, terms: Terms) -> None:
        """Where keys are told in no other way they are heard in the sound, which G.711 leaves as it is."""
        law = LAWS.get(terms.codec) if terms.events is None else None
        if law is None or terms.codec != self.terms.codec or self._inband is None:
            self._inband = Listening(law) if law is not None else None

    def change(self, terms: Terms) -> None:
        """Other terms (re-INVITE). Raises ValueError as at the beginning; then nothing has changed."""
        if terms.keys != self.terms.keys:
            self._secure(terms.keys, self.terms.keys)
        if terms.codec != self.terms.codec:
            self._codec = codec(terms.codec)
            self._step = round(self._codec.clock * FRAME_TIME)
            self._playout = Playout(self._codec)
        if (terms.codec, terms.sends) != (self.terms.codec, self.terms.sends):  # who was on hold may have played to us
            self.tally.begin(self._codec.clock)
        self._listen(terms)
        self._latch.name(terms.named)
        self.terms = terms

    def talk(self, allowed: bool) -> None:
        """Whether its sound may be heard: given the floor, and not muted."""
        if allowed and not self.talks:
            self._playout = Playout(self._codec)
        self.talks = allowed

    def receive(self, data: bytes, source: Address, now: float, *, overdue: bool = False) -> None:
        """A datagram at its port; from anybody. `overdue` as of `Playout.push`."""
        if len(data) > LARGEST:
            self.malformed += 1
            return
        if not self.talks and self._in is None and self._passes_by(data, source, now, overdue):
            return
        if is_rtcp(data):
            self._reported(data, source, now)
            return
        terms, size = self.terms, len(data)
        try:
            if self._in is not None:
                data = self._in.unprotect(data, terms.keys.mki if terms.keys is not None else 0, now)
            packet = RtpPacket.parse(data)
        except (Error, ProtocolError):
            self.malformed += 1
            return
        kind = packet.payload_type
        if kind not in (terms.receiving, terms.events, terms.noise, terms.sending, terms.their_events):
            self.malformed += 1
        elif self._latch.admits(source, packet.ssrc, packet.sequence, now):
            self.heard_at = now
            self.received += 1
            is_key = kind == terms.events or kind == terms.their_events
            timestamp = None if is_key or overdue else packet.timestamp
            self.tally.packet(packet.ssrc, packet.sequence, timestamp, size, now)
            if is_key:
                self._key(packet, now)
            elif kind != terms.noise:
                self._sound(packet, now, overdue)

    def _reported(self, data: bytes, source: Address, now: float) -> None:
        """RTCP came; only from where its sound comes, too."""
        terms = self.terms
        if not terms.reports or source != self._latch.address or not self.reports.due(now):
            return
        try:
            if self._in is not None:
                data = self._in.unprotect_rtcp(data, terms.keys.mki if terms.keys is not None else 0)
            self.reports.hear(data, self._codec.clock, now)
        except (Error, ProtocolError):
            self.malformed += 1

    def _passes_by(self, data: bytes, source: Address, now: float, overdue: bool) -> bool:
        """Nearly all packets are sound of those who may not be heard: no more of them is read than who it is."""
        plain = read_plain(data) if self._inband is None else None
        if plain is None or plain[0] != self.terms.receiving:
            return False
        _kind, sequence, timestamp, ssrc = plain
        if self._latch.admits(source, ssrc, sequence, now):
            self.heard_at = now
            self.received += 1
            self.tally.packet(ssrc, sequence, None if overdue else timestamp, len(data), now)
        return True

    def _sound(self, packet: RtpPacket, now: float, overdue: bool) -> None:
        if self._inband is not None:
            for key in self._inband.hear(packet.payload):
                self._on_key(key)
            if self._inband.pressed:
                self._hush(now)
        if self.talks and now >= self._hush_until:
            self._playout.push(packet.payload, packet.timestamp, now, overdue=overdue)

    def _hush(self, now: float) -> None:
        """A key sounds, which others need not hear; its tone may have begun before it was known for what it is."""
        if now >= self._hush_until:
            self._playout.drop()
        self._hush_until = now + KEY_HUSH

    def _key(self, packet: RtpPacket, now: float) -> None:
        self._hush(now)
        try:
            key = self._keypad(packet.ssrc).hear(packet.payload, packet.timestamp)
        except ProtocolError:
            self.malformed += 1
            return
        if key is not None:
            self._on_key(key)

    def _keypad(self, ssrc: int) -> Keypad:
        keypad = self._keypads.get(ssrc)
        if keypad is None:
            if len(self._keypads) == _KEYPADS:
                del self._keypads[next(iter(self._keypads))]
            keypad = self._keypads[ssrc] = Keypad()
        return keypad

    def take(self, now: float) -> Samples | None:
        """Its next 20 ms, None when it is silent or may not be heard."""
        return self._playout.take(now) if self.talks else None

    def give(self, payload: bytes) -> None:
        """20 ms for its ear. Time passes also when nothing can be sent; numbers count what is sent (RFC 3550 §5.1)."""
        self._timestamp += self._step
        terms, address = self.terms, self._latch.address
        if not payload or not terms.sends or address is None:
            self._first = True  # after a silence (RFC 3551 §4.1)
            return
        self._sequence += 1  # the header takes both modulo
        data = build_header(terms.sending, self._first, self._sequence, self._timestamp, self._ssrc) + payload
        self._first = False
        data = data if self._out is None else self._out.protect(data)
        self._send(data, address)
        self.sent += 1
        self.sent_bytes += len(data)
        self._octets += len(payload)

    def report(self, now: float) -> None:
        """Tell it how its sound arrives and when ours was sent; to be called every few seconds."""
        terms, address = self.terms, self._latch.address
        if not terms.reports or not terms.sends or not self.sent or address is None:
            return
        data = self.reports.build(self.tally.newest, self._timestamp, self.sent, self._octets, now)
        self._send(data if self._out is None else self._out.protect_rtcp(data), address)
