"""All telephone calls of the node: those in no room yet, and those of each room."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from server.media.phone.bridge import Bridge, Call, Ports
from server.media.phone.conference import Conference
from server.media.phone.dictation import Dictated, Dictation
from server.media.phone.leg import Terms
from server.media.phone.sounds import Player, Sound
from server.media.protocol_calls import CallBroken, CallEvent, CallInfo, KeyPressed, Played
from server.media.room import Room

log = logging.getLogger(__name__)

MOST_CALLS = 300  # in the whole node
NOTHING = Terms("PCMA", -1, -1, sends=False)
"""Before anything is agreed: no packet is one of these."""


class FullError(Exception):
    """So many calls are not taken."""


class Lines:
    """Calls by their names. `tell` takes events. KeyError of any method is a call that is not there."""

    def __init__(self, ports: Ports, tell: Callable[[CallEvent], None], clock: Callable[[], float] = time.monotonic):
        self._ports, self._tell, self._clock = ports, tell, clock
        self._lobby = self._bridge()
        self._conferences: dict[str, Conference] = {}
        self._rooms: dict[str, str] = {}  # of each call, empty in the lobby
        self._pairs: dict[str, Bridge] = {}  # of calls in no room that are joined with another
        self._closing: set[asyncio.Task[Dictated | None]] = set()

    def __len__(self) -> int:
        return len(self._rooms)

    def __iter__(self) -> Iterator[Call]:
        yield from self._lobby
        for pair in set(self._pairs.values()):
            yield from pair
        for conference in self._conferences.values():
            yield from conference.bridge

    def _bridge(self) -> Bridge:
        return Bridge(self._ports, self._pressed, self._broke, clock=self._clock)

    def _broke(self, call: str) -> None:
        room = self._rooms.get(call, "")
        self.close(call)
        self._tell(CallBroken(call=call, room=room))

    def _pressed(self, call: str, key: str) -> None:
        self._tell(KeyPressed(call=call, key=key, room=self._rooms.get(call, "")))

    def ticks(self) -> list[float]:
        """How long each 20 ms of the last minute took, of every room, of the lobby and of pairs; s."""
        return [length for bridge in self._bridges() for length in bridge.metronome.lengths]

    def tick_counts(self) -> Counter[int]:
        """The same as counts of `Metronome`, since each began."""
        counts: Counter[int] = Counter()
        for bridge in self._bridges():
            counts.update(bridge.metronome.counts)
        return counts

    def _bridges(self) -> Iterator[Bridge]:
        yield self._lobby
        yield from set(self._pairs.values())
        yield from (one.bridge for one in self._conferences.values())

    def infos(self) -> list[CallInfo]:
        """Every call and where it sits."""
        return [
            CallInfo(call=call, room=room, participant=self._conferences[room].participant(call) if room else "")
            for call, room in self._rooms.items()
        ]

    def seated(self, room: str | None) -> Iterator[tuple[str, Call]]:
        """Participants by telephone, of all rooms with None."""
        for name, conference in self._conferences.items():
            if room in (None, name):
                yield from conference.seated()

    # ---- calls

    def open(self, call: str) -> int:
        """A port; a call of that name ends. Raises NoPortError, FullError."""
        self.close(call)
        if len(self._rooms) >= MOST_CALLS:
            raise FullError
        port = self._lobby.open(call, NOTHING)
        self._rooms[call] = ""
        return port

    def change(self, call: str, terms: Terms) -> None:
        """What was agreed. Raises ValueError for keys that do not fit."""
        self._call(call).change(terms)

    def close(self, call: str) -> None:
        """It is over, and what it dictates is complete. No such call is no error."""
        if call not in self._rooms:
            return
        self._end_dictation(call)
        bridge = self._bridge_of(call)
        room = self._rooms.pop(call)
        self._pairs.pop(call, None)
        if room:
            self._conferences[room].close(call)
            self._tidy(room)
        else:
            bridge.close(call)

    def _bridge_of(self, call: str) -> Bridge:
        room = self._rooms[call]
        return self._conferences[room].bridge if room else self._pairs.get(call, self._lobby)

    def _call(self, call: str) -> Call:
        return self._bridge_of(call)[call]

    # ---- what a caller dictates, and two callers with each other

    def dictate(self, call: str, path: Path, longest: float) -> None:
        """Write what it says from now on, for so many seconds. Raises OSError."""
        bridge = self._bridge_of(call)
        self._end_dictation(call)
        bridge.dictate(call, Dictation(path, longest))

    async def end_dictation(self, call: str) -> Dictated:
        """Complete the file; nothing when none is written. Raises OSError."""
        made = self._bridge_of(call).dictate(call, None)
        return await made.close() if made is not None else Dictated(0, 0)

    def _end_dictation(self, call: str) -> None:
        made = self._bridge_of(call).dictate(call, None)
        if made is not None:
            task = asyncio.get_running_loop().create_task(_complete(made, call))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def join(self, call: str, other: str) -> None:
        """Two calls in no room hear each other from now on."""
        made = [self._call(call), self._call(other)]
        pair = self._bridge()
        for one in made:
            name = one.listener.who
            one.play(None)
            pair.admit(self._bridge_of(name).let_go(name))
            self._pairs[name] = pair
        pair.talk((call, other))

    def play(self, call: str, number: int, sounds: list[Sound], *, repeat: bool) -> None:
        """Instead of what it hears; `Played` is told when they are over."""
        made = self._call(call)
        if not sounds:
            made.play(None)
            return

        def played() -> None:
            self._tell(Played(call=call, number=number, room=self._rooms.get(call, "")))

        made.play(Player(sounds, repeat=repeat), played)

    # ---- rooms

    def seat(self, call: str, room: Room, participant: str) -> None:
        """It is a participant of the room from now on; a call that was ends."""
        self._call(call)
        self.unseat(call)
        made = self._bridge_of(call).let_go(call)
        self._pairs.pop(call, None)
        made.play(None)
        conference = self._conferences.get(room.name)
        if conference is None:
            conference = self._conferences[room.name] = Conference(room, self._bridge(), self._clock)
        self._rooms[call] = room.name
        before = conference.seat(made, participant)
        if before is not None:
            self.close(before)

    def unseat(self, call: str) -> None:
        """Back to the lobby."""
        room = self._rooms[call]
        if room:
            made = self._conferences[room].unseat(call)
            self._rooms[call] = ""
            self._lobby.admit(made)
            self._tidy(room)

    def announce(self, room: str, sound: Sound) -> None:
        """To all telephones of a room; without any, to nobody."""
        if room in self._conferences:
            self._conferences[room].announce(sound)

    def room_closed(self, room: str) -> None:
        """Its calls are in none now; they do not end by it."""
        conference = self._conferences.pop(room, None)
        for made in conference.end() if conference is not None else ():
            self._rooms[made.listener.who] = ""
            self._lobby.admit(made)

    def _tidy(self, room: str) -> None:
        if not len(self._conferences[room].bridge):
            self._conferences.pop(room).end()

    def close_all(self) -> None:
        """The node ends."""
        for call in list(self._rooms):
            self.close(call)


async def _complete(dictation: Dictation, call: str) -> Dictated | None:
    try:
        return await dictation.close()
    except OSError as error:
        log.error("call %s: what was said could not be written whole: %s", call, error)
        return None
