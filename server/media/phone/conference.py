"""The telephones of one room: they are participants of it, hear its voices, and are heard like everybody else.

Telephones hear those whom browsers hear: the loudest who hold the floor, from browsers and from telephones. So 85 open
lines do not add up to noise.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from server.media.phone.bridge import Bridge, Call, Clock, Hearing, Speakers
from server.media.phone.codecs import OpusCodec
from server.media.phone.playout import Playout
from server.media.phone.sounds import Player, Sound
from server.media.phone.telephone import Telephone
from server.media.room import Room
from server.media.wire.opus import RATE, Samples

log = logging.getLogger(__name__)

ANNOUNCEMENT = "."
"""In the mix, where names of participants and calls are not empty and have no such letter alone."""

FORGET_AFTER = 30.0  # s without a packet after which a browser's voice is forgotten


class _Browser:
    """A browser's voice on its way to the telephones."""

    def __init__(self) -> None:
        self.playout = Playout(OpusCodec())
        self.heard_at = float("-inf")


class Conference:
    """Hears its room, and is the owner of its bridge's calls."""

    def __init__(self, room: Room, bridge: Bridge, clock: Clock) -> None:
        self.room, self.bridge = room, bridge
        self._clock = clock
        self._by_call: dict[str, Telephone] = {}
        self._voices: dict[str, _Browser] = {}
        self._failed: set[str] = set()  # browsers with whose voice we failed, which is logged once
        self._audible: frozenset[str] | None = None
        self._announcement: Player | None = None
        self._frames = 0  # of 20 ms since the beginning
        bridge.hear = self._hear
        room.voice_sinks.append(self)

    # ---- who is here

    def seat(self, made: Call, participant: str) -> str | None:
        """A call becomes a participant; the call is given whose place it takes."""
        before = self.room.telephones.get(participant)
        telephone = Telephone(participant, made.listener.who)
        self._by_call[telephone.call] = telephone
        if before is not None:
            self._by_call.pop(before.call, None)
        self.room.enter_telephone(telephone, self._clock())
        self.bridge.admit(made)
        self._audible = None
        return before.call if before is not None and before.call != telephone.call else None

    def unseat(self, call: str) -> Call:
        """It goes. Raises KeyError."""
        made = self.bridge.let_go(call)
        self._forget(call)
        return made

    def close(self, call: str) -> None:
        """It is over."""
        self.bridge.close(call)
        self._forget(call)

    def _forget(self, call: str) -> None:
        telephone = self._by_call.pop(call, None)
        if telephone is not None and self.room.telephones.get(telephone.name) is telephone:
            self.room.depart_telephone(telephone.name, self._clock())

    def participant(self, call: str) -> str:
        """The name that a call has in the room."""
        telephone = self._by_call.get(call)
        return telephone.name if telephone is not None else ""

    def seated(self) -> Iterator[tuple[str, Call]]:
        """Who of the room is on a telephone, by name. A call whose place a browser has taken is not."""
        for call, one in self._by_call.items():
            if self.room.telephones.get(one.name) is one:
                yield one.name, self.bridge[call]

    def announce(self, sound: Sound) -> None:
        """Mix a sound into what telephones hear, unless one is being played."""
        if self._announcement is None:
            self._announcement = Player([sound])

    def end(self) -> list[Call]:
        """The room is over: its calls, which are in none now."""
        calls = [self.unseat(call) for call in list(self._by_call)]
        self.room.voice_sinks.remove(self)
        return calls

    # ---- every 20 ms

    def _hear(self, said: Speakers, now: float) -> Hearing:
        self._frames += 1
        for telephone in [one for one in self._by_call.values() if self._is_audible(one)]:
            samples, rate = said.get(telephone.call, (None, RATE))
            try:
                made = telephone.packet(samples, rate, self._frames, now)
            except Exception:
                self.bridge.broke(telephone.call)
                continue
            if made is not None and self._is_audible(telephone):
                telephone.source.accept(made[0])
                self.room.arrived(telephone, telephone.source, *made, now)
                yield  # a voice was encoded, which is what takes long
        for source in self.room.take_busy():
            self.room.pass_on(source, now)
        if self._audible is not self.room.audible:
            self._audible = self.room.audible
            self.bridge.talk(call for call, one in self._by_call.items() if self._is_audible(one))
        return self._heard(said, now)

    def _is_audible(self, telephone: Telephone) -> bool:
        return telephone.name in self.room.audible and self.room.telephones.get(telephone.name) is telephone

    def _heard(self, said: Speakers, now: float) -> Speakers:
        slots = [name for name in self.room.speakers.slots if name is not None]
        heard: Speakers = {}
        for name in slots:
            telephone = self.room.telephones.get(name)
            if telephone is not None and telephone.call in said:
                heard[telephone.call] = said[telephone.call]
            elif name in self._voices:
                samples = self._take(name, now)
                if samples is not None:
                    heard[name] = samples, RATE
        if self._announcement is not None:
            played = self._announcement.frame(RATE)
            if played is None:
                self._announcement = None
            else:
                heard[ANNOUNCEMENT] = played, RATE
        return heard

    def _take(self, name: str, now: float) -> Samples | None:
        """20 ms of a browser's voice. An error of ours in one begins that voice anew and disturbs no other."""
        try:
            return self._voices[name].playout.take(now)
        except Exception:
            if name not in self._failed:
                log.exception("telephones could not hear %s", name)
            self._failed.add(name)
            del self._voices[name]
            return None

    # ---- what the room tells its sinks

    def on_audio(self, participant: str, payload: bytes, rtp_timestamp: int, arrival: float) -> None:
        """A voice of the room; telephones come another way."""
        if participant in self.room.telephones:
            return
        now = self._clock()
        voice = self._voices.get(participant)
        if voice is None:
            self._voices = {name: one for name, one in self._voices.items() if now - one.heard_at < FORGET_AFTER}
            voice = self._voices[participant] = _Browser()
        voice.heard_at = now
        voice.playout.push(payload, rtp_timestamp, now)
