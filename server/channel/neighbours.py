"""Several control processes that behave as one: each tells the others what it committed and whom it has on the line.

Redis only makes it quick. A process also compares, every other second, the numbers of the units that are connected to
it with the database. Pages of a unit that is further than what went out here are told so and catch up: whatever was
lost on the way, because Redis was gone or another process could not reach it, is there a few seconds later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from server.channel import direct
from server.channel.sharing import SharedRooms
from server.http.health import DETAILS, SOFT_CHECKS

if TYPE_CHECKING:
    from server.channel.channel import Channel

log = logging.getLogger("giaoban.channel")
LOOK_SECONDS = 1.5
SAY_EVERY = 3  # looks; who has said nothing for four such times is not there any more
SILENT_SECONDS = 4 * SAY_EVERY * LOOK_SECONDS
GATHER_SECONDS = 0.1
MOST_EVENTS = 500  # in one message
EVENTS, UNITS, HELLO, GONE, ENDED = "events", "units", "hello", "gone", "ended"


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """An event as it goes to the pages of a unit."""

    unit: int
    seq: int
    text: str


class Neighbours:
    """The other processes, as the channel of this one sees them."""

    def __init__(self, channel: Channel, rooms: SharedRooms) -> None:
        self._channel, self.rooms = channel, rooms
        self._told: dict[int, int] = {}  # unit → the last number that went out here or was announced
        self._ahead: dict[int, int] = {}  # unit → its number at the last look, if that was further
        self._saying: asyncio.TimerHandle | None = None
        rooms.on_shared = self._hear
        rooms.on_up = self._introduce

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        """For the application's `cleanup_ctx`: listen and look until the end."""
        app.setdefault(SOFT_CHECKS, {})["redis"] = self._works
        app.setdefault(DETAILS, {})["processes"] = self._channel.presence.processes
        sio = self._channel.sio
        sio.manager_initialized = True
        self.rooms.initialize()
        looking = asyncio.create_task(self._look_on(), name="neighbours")
        yield
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        self.rooms.share(GONE, None)
        await self.rooms.close()

    async def _works(self) -> bool:
        return self.rooms.up

    # ---- what this process says

    def sent(self, events: Sequence[Sent]) -> None:
        """These went out to the pages here; the others shall send them to theirs."""
        self._note(events)
        for begin in range(0, len(events), MOST_EVENTS):
            self.rooms.share(EVENTS, events[begin : begin + MOST_EVENTS])

    def ended(self, sessions: Sequence[str], account: int | None) -> None:
        """Sessions, or all of an account, are over or changed."""
        self.rooms.share(ENDED, {"sessions": list(sessions), "account": account})

    def presence_changed(self) -> None:
        """Say within a moment which units are here: one word for many that come at once."""
        if self._saying is None:
            self._saying = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._say_units)

    def _say_units(self) -> None:
        if self._saying is not None:
            self._saying.cancel()
            self._saying = None
        self.rooms.share(UNITS, self._channel.presence.here())

    def _introduce(self) -> None:
        self.rooms.share(HELLO, None)
        self._say_units()

    # ---- what the others say

    async def _hear(self, process: str, topic: str, body: msgspec.Raw) -> None:
        presence = self._channel.presence
        if topic == EVENTS:
            await self._send(msgspec.json.decode(body, type=list[Sent]))
        elif topic == UNITS:
            units = msgspec.json.decode(body, type=list[int])
            await self._changed(presence.heard(process, units, time.monotonic()))
        elif topic == HELLO:
            self._say_units()
        elif topic == GONE:
            await self._changed(presence.forget(process))
        elif topic == ENDED:
            told = msgspec.json.decode(body)
            await self._channel.end_here(told["sessions"], told["account"])

    async def _send(self, events: Sequence[Sent]) -> None:
        for event in events:
            await direct.send_packet(self._channel.sio, f"unit:{event.unit}", event.text.encode())
        self._note(events)

    def _note(self, events: Iterable[Sent]) -> None:
        for event in events:
            self._told[event.unit] = max(event.seq, self._told.get(event.unit, 0))

    async def _changed(self, change: tuple[list[int], list[int]]) -> None:
        for unit_ids, connected in zip(change, (True, False), strict=True):
            for unit_id in unit_ids:
                await self._channel.tell_presence(unit_id, connected=connected)

    # ---- looking for what was lost

    async def _look_on(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                await self.look()
                if looks % SAY_EVERY == 0:
                    self._say_units()
                    await self._let_go_of_the_silent()
            except Exception:
                log.exception("could not look for events of other processes; looking again")

    async def look(self) -> None:
        """Tell pages whose unit is further in the database than what went out here.

        With Redis at work only what was not on its way at the last look already: the next message may bring it.
        """
        here = set(self._channel.presence.here())
        heads = await self._channel.store.heads(here)
        self._told = {unit: seq for unit, seq in self._told.items() if unit in here}
        for unit, seq in heads.items():
            told = self._told.get(unit, 0)
            if told < (min(seq, self._ahead.get(unit, 0)) if self.rooms.up else seq):
                await self._channel.send_here(f"unit:{unit}", "channel.head", {"head": seq})
                self._told[unit] = max(seq, self._told.get(unit, 0))
        self._ahead = heads

    async def _let_go_of_the_silent(self) -> None:
        """Processes that were killed say no goodbye. Without Redis nobody is heard, and nothing follows from that."""
        if self.rooms.up:
            for process in self._channel.presence.silent(time.monotonic() - SILENT_SECONDS):
                log.warning("another process has said nothing for %d s and is taken to be gone", SILENT_SECONDS)
                await self._changed(self._channel.presence.forget(process))


def make(channel: Channel, manager: Any) -> Neighbours | None:
    """The neighbours of a channel whose rooms are shared; None for one that is alone."""
    return Neighbours(channel, manager) if isinstance(manager, SharedRooms) else None
