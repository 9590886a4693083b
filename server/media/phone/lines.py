"""All telephone calls of the node: those in no room yet, and those of each room."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from server.media.phone.bridge import Bridge, Call, Ports
from server.media.phone.conference import Conference
from server.media.phone.leg import Terms
from server.media.phone.sounds import Player, Sound
from server.media.protocol_calls import CallEvent, CallInfo, KeyPressed, Played
from server.media.room import Room

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

    def __len__(self) -> int:
        return len(self._rooms)

    def __iter__(self) -> Iterator[Call]:
        yield from self._lobby
        for conference in self._conferences.values():
            yield from conference.bridge

    def _bridge(self) -> Bridge:
        return Bridge(self._ports, self._pressed, clock=self._clock)

    def _pressed(self, call: str, key: str) -> None:
        self._tell(KeyPressed(call=call, key=key, room=self._rooms.get(call, "")))

    @property
    def slowest_tick(self) -> float:
        """Seconds, of late."""
        return max(bridge.spent for bridge in (self._lobby, *(one.bridge for one in self._conferences.values())))

    def infos(self) -> list[CallInfo]:
        """Every call and where it sits."""
        return [
            CallInfo(call=call, room=room, participant=self._conferences[room].participant(call) if room else "")
            for call, room in self._rooms.items()
        ]

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
        """It is over. No such call is no error."""
        room = self._rooms.pop(call, "")
        if room:
            self._conferences[room].close(call)
            self._tidy(room)
        else:
            self._lobby.close(call)

    def _call(self, call: str) -> Call:
        room = self._rooms[call]
        return self._conferences[room].bridge[call] if room else self._lobby[call]

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
        made = self._lobby.let_go(call)
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
