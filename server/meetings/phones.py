"""Telephone calls at the media nodes: which node has which, and its commands for the rest of the server.

A call is given to the node of its meeting where that is known, else to any; whoever calls moves it (`where`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from server.errors import UnavailableError
from server.media import protocol_calls as c
from server.media.protocol import Done
from server.media.protocol_calls import CallStats, CallTerms, Codec, Dictated
from server.meetings.line import MediaRefusedError, away
from server.meetings.names import name_of, room_of
from server.meetings.pool import MediaPool

log = logging.getLogger("giaoban.calls")
__all__ = ["CallTerms", "Codec", "Dictated", "Phones"]
T = TypeVar("T")

SILENT = 30.0  # s without a packet: nearly all telephones send sound whether anybody speaks or not


class Phones:
    """The `on_...` are set by whoever handles calls: keys, sounds that have ended, calls that no node has any more.

    `on_silent` names calls from which nothing has come for `SILENT`, once each time: they may be gone without a word.
    """

    def __init__(self, pool: MediaPool) -> None:
        self.on_key: Callable[[str, str], None] = lambda call, key: None
        self.on_played: Callable[[str, int], None] = lambda call, number: None
        self.on_lost: Callable[[list[str]], None] = lambda calls: None
        self.on_silent: Callable[[list[str]], None] = lambda calls: None
        self._pool = pool
        self._nodes: dict[str, int] = {}
        self._silent: dict[int, set[str]] = {}  # by node
        pool.on_call_event = self._hear
        pool.on_call_stats = self._counted
        pool.on_lost = self._lost

    def _hear(self, event: c.CallEvent) -> None:
        if isinstance(event, c.KeyPressed):
            self.on_key(event.call, event.key)
        elif isinstance(event, c.Played):
            self.on_played(event.call, event.number)
        elif self._nodes.pop(event.call, None) is not None:
            self.on_lost([event.call])

    def _counted(self, number: int, calls: Sequence[CallStats]) -> None:
        silent = {one.call for one in calls if one.silent_for is not None and one.silent_for >= SILENT}
        fresh = silent - self._silent.get(number, set())
        self._silent[number] = silent
        if fresh:
            self.on_silent(sorted(fresh))

    def _lost(self, number: int) -> None:
        calls = [call for call, node in self._nodes.items() if node == number]
        for call in calls:
            del self._nodes[call]
        if calls:
            self.on_lost(calls)

    def is_where(self, call: str, meeting_id: int) -> bool:
        """Whether the call is at the node that carries the meeting."""
        return self._nodes.get(call) == self._pool.carrier(room_of(meeting_id))

    async def open(self, call: str, meeting_id: int | None = None, beside: str | None = None) -> int:
        """A port; where the call has one at another node, that stays open until `close_at`. Raises UnavailableError.

        `beside`: at the node of that other call.
        """
        number = self._pool.carrier(room_of(meeting_id)) if meeting_id is not None else self._nodes.get(beside or "")
        if number is None:
            number = self._pool.best()
        if number is None:
            raise away()
        try:
            opened = await self._pool.ask_node(number, c.OpenCall(call=call), c.CallOpened)
        except MediaRefusedError as error:
            log.error("no port for a call: %s", error)
            raise away() from error
        self._nodes[call] = number
        return opened.port

    def node(self, call: str) -> int | None:
        """The node that has the call."""
        return self._nodes.get(call)

    def stay(self, call: str, number: int) -> int | None:
        """The call was to move, and is at this node all the same; gives the one that it was to move to."""
        other, self._nodes[call] = self._nodes.get(call), number
        return other

    async def close_at(self, call: str, number: int | None) -> None:
        """Close the port that a call had at a node before."""
        if number is not None:
            try:
                await self._pool.ask_node(number, c.CloseCall(call=call), Done)
            except (MediaRefusedError, UnavailableError) as error:
                log.info("call %s: %s", call, error)

    async def close(self, call: str) -> None:
        """The call is over."""
        await self.close_at(call, self._nodes.pop(call, None))

    async def agree(self, call: str, terms: CallTerms) -> None:
        """What was agreed on its sound."""
        await self._ask(call, c.SetTerms(call=call, terms=terms))

    async def play(self, call: str, number: int, files: list[str], *, repeat: bool = False) -> None:
        """Play files to it; `on_played` follows with this number."""
        await self._ask(call, c.Play(call=call, number=number, files=files, repeat=repeat))

    async def seat(self, call: str, meeting_id: int, participant_id: int) -> None:
        """It is this participant from now on."""
        room = room_of(meeting_id)
        await self._ask(call, c.SeatCall(call=call, room=room, participant=name_of(participant_id)))

    async def announce(self, meeting_id: int, file: str) -> None:
        """Let the telephones of a meeting hear a sound. Nothing depends on it."""
        room = room_of(meeting_id)
        await self._pool.tell(room, c.Announce(room=room, file=file))

    async def dictate(self, call: str, file: Path, longest: float) -> None:
        """Write what it says from now on into a new file, for so many seconds."""
        await self._ask(call, c.DictateCall(call=call, file=str(file), longest=longest))

    async def end_dictation(self, call: str) -> Dictated:
        """Complete that file."""
        return await self._ask_for(call, c.EndDictation(call=call), Dictated)

    async def join(self, call: str, other: str) -> None:
        """Two calls at one node hear each other from now on."""
        await self._ask(call, c.JoinCalls(call=call, other=other))

    async def _ask(self, call: str, command: c.CallCommand) -> None:
        await self._ask_for(call, command, Done)

    async def _ask_for(self, call: str, command: c.CallCommand, kind: type[T]) -> T:
        """Raises UnavailableError, also when the node knows no such call (any more)."""
        number = self._nodes.get(call)
        if number is None:
            raise away()
        try:
            return await self._pool.ask_node(number, command, kind)
        except MediaRefusedError as error:
            log.warning("call %s: %s refused: %s", call, type(command).__name__, error)
            raise away() from error

    async def close_strangers(self, number: int, calls: list[str]) -> None:
        """Calls of a control process that is gone: nobody can end them but we."""
        for call in calls:
            if self._nodes.get(call) != number:
                await self.close_at(call, number)
