"""The media nodes of this machine and who carries which room: the rest of the server asks a room, not a node.

A room is given to the least loaded node when it is first needed and stays there. Nothing of this is in the database:
the nodes outlive the control process, and say in their `Welcome` what they carry.

Which core a node runs on is left to the kernel. A node that is pinned waits whenever something else (PostgreSQL, the
page server, an interrupt) runs on its core, and the kernel moves a busy process only when another core idles.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from server.config import Settings
from server.errors import UnavailableError
from server.media.protocol import Command, Done, Event, GetStats, Stats, Welcome
from server.media.protocol_calls import CallEvent, CallStats
from server.meetings import placing
from server.meetings.line import MediaRefusedError, away
from server.meetings.link import MediaLink
from server.meetings.places import surplus
from server.meetings.placing import NodeFigures

log = logging.getLogger("giaoban.media")
HEARD_SECONDS = 3.0  # nodes that live are heard of at once; one that hangs does not hold up the others
KNOWN_SECONDS = 15.0  # a node that has not said by then what it carries is not waited for
TOGETHER_SECONDS = 1.0  # nodes that start together are waited for, else the first would be given everything
ASIDE_SECONDS = 3.0  # a start takes a core for a second or two, of which those who lost their meeting have more need
T = TypeVar("T")


class MediaPool:
    """All nodes. `on_up`, `on_event` and `on_change` are set before `start`.

    `on_up(number, welcome)` runs before a node is ready; `on_change()` says that a node became ready or is gone, and
    rooms that it carried have no carrier any more.
    """

    def __init__(self, settings: Settings) -> None:
        self.on_up: Callable[[int, Welcome], Awaitable[None]] | None = None
        self.on_event: Callable[[Event], None] | None = None
        self.on_change: Callable[[], None] | None = None
        self.on_stats: Callable[[int, Stats], None] | None = None
        self.on_call_stats: Callable[[int, Sequence[CallStats]], None] | None = None
        self.on_call_event: Callable[[CallEvent], None] | None = None
        self.on_lost: Callable[[int], None] | None = None  # a node is gone, with all that it carried
        self.settled = asyncio.Event()
        """While it is known what each node carries: only then may rooms without a carrier be given to a node."""
        self._settings = settings
        self._links: dict[int, MediaLink] = {}
        self._carriers: dict[str, int] = {}
        self._said: dict[int, dict[str, int]] = {}  # until settled: people by room, in each node's welcome
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        if settings.media.socket:
            for number in range(1, settings.media.nodes + 1):
                self._add(MediaLink(settings, number))

    def _add(self, link: MediaLink) -> None:
        self._links[link.number] = link
        link.on_up = partial(self._up, link)
        link.on_ready = partial(self._became_ready, link)
        link.on_gone = partial(self._gone, link)
        link.stand_aside = self._stand_aside
        link.on_event = partial(self._hear, link)
        link.on_stats = partial(self._counted, link)

    # ---- for the rest of the server

    @property
    def ready(self) -> bool:
        """Whether a meeting could be given to a node now."""
        return self.settled.is_set() and placing.choose(self.nodes()) is not None

    def nodes(self) -> list[NodeFigures]:
        """Each node as it is now, by number; readings of its load are a few seconds old at most."""
        carried = list(self._carriers.values())
        return [self._links[number].figures(carried.count(number)) for number in sorted(self._links)]

    def carrier(self, room: str) -> int | None:
        """The number of the node that carries the room."""
        return self._carriers.get(room)

    def process(self, room: str) -> int | None:
        """The process that carries the room; another one than before has nobody of those who came before."""
        link = self._links.get(self._carriers.get(room, 0))
        return link.pid if link is not None else None

    def best(self) -> int | None:
        """The number of the node for what belongs to no room yet: the least loaded."""
        return placing.choose(self.nodes())

    def can_carry(self, room: str) -> bool:
        """Whether the room's node is ready; for a room without one, whether it could be given to one."""
        link = self._links.get(self._carriers.get(room, 0))
        return link.ready if link is not None else self.ready

    async def wait_for(self, room: str, seconds: float) -> None:
        """Wait until the room's node, or any for a room without one, is ready. Raises UnavailableError."""
        try:
            async with asyncio.timeout(seconds if self._links else 0):
                while not self.can_carry(room):
                    await self._changed.wait()
        except TimeoutError:
            raise away() from None

    async def ask(self, room: str, command: Command, kind: type[T], seconds: float | None = None) -> T:
        """Ask the node that carries the room; see `MediaLink.ask`. Raises UnavailableError too if none does."""
        link = self._links.get(self._carriers.get(room, 0))
        if link is None:
            raise away()
        return await link.ask(command, kind, seconds)

    async def ask_node(self, number: int, command: Command, kind: type[T], seconds: float | None = None) -> T:
        """Ask a node by its number, whatever it carries."""
        link = self._links.get(number)
        if link is None:
            raise away()
        return await link.ask(command, kind, seconds)

    async def tell(self, room: str, command: Command) -> None:
        """Send a command whose failure needs nobody's attention: a node that is away has nothing to be told."""
        try:
            await self.ask(room, command, Done)
        except (MediaRefusedError, UnavailableError) as error:
            log.info("%s: %s", type(command).__name__, error)

    # ---- rooms

    def place(self, room: str) -> int:
        """The room's node; a room without one is given to the least loaded. Raises UnavailableError."""
        number = self._carriers.get(room)
        if number is None:
            number = placing.choose(self.nodes()) if self.ready else None
            if number is None:
                raise away()
            self._carriers[room] = number
            log.info("%s: on media node %d", room, number)
        return number

    async def claim(self, room: str, number: int, sessions: int) -> bool:
        """A node that we found carries the room; False if another does, with at least as many people in it."""
        carrier = self._carriers.get(room)
        if carrier is not None and carrier != number:
            if not placing.takes_over(carrier_sessions=await self._people(carrier, room), claimant_sessions=sessions):
                return False
            log.warning("%s: taken from media node %d by %d, where %d people are", room, carrier, number, sessions)
        elif carrier is None and not self.settled.is_set():
            rivals = [said.get(room, 0) for other, said in self._said.items() if other != number]
            if any(placing.takes_over(carrier_sessions=sessions, claimant_sessions=rival) for rival in rivals):
                return False
        self._carriers[room] = number
        return True

    def release(self, room: str) -> None:
        """The room is over; a node that the settings have no place for ends with its last room."""
        link = self._links.get(self._carriers.pop(room, 0))
        if link is not None:
            self._dismiss_if_done(link)

    async def _people(self, number: int, room: str) -> int:
        try:
            return len((await self.ask_node(number, GetStats(room=room), Stats)).participants)
        except (UnavailableError, MediaRefusedError):
            return 0

    # ---- nodes

    async def start(self) -> None:
        """Begin to look after the nodes, also those that earlier settings have left behind; returns at once."""
        if not self._links:
            return
        for number in surplus(self._settings):
            log.info("media node %d is one more than the settings have: it gets no new meetings", number)
            self._add(MediaLink(self._settings, number, restart=False))
        for link in self._links.values():
            await link.start()
        self._spawn(self._settle())

    def rest(self) -> None:
        """Replace no node any more: the server is about to end, and its nodes may have been told to end as well."""
        for link in self._links.values():
            link.restart = False

    async def close(self, *, keep: bool) -> None:
        """Let go of all nodes at once; unless they are to be kept, they complete their recordings and end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(link.close(keep=keep) for link in self._links.values()))

    async def _settle(self) -> None:
        links = list(self._links.values())
        await _all([link.known for link in links], KNOWN_SECONDS)
        ready = [asyncio.create_task(link.wait_ready()) for link in links if link.restart]
        if not ready:  # the server ends already
            return
        try:
            await asyncio.wait(ready, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(ready, timeout=TOGETHER_SECONDS)
        finally:
            for task in ready:
                task.cancel()
            await asyncio.gather(*ready, return_exceptions=True)
        self._said.clear()
        self.settled.set()
        self._note_change()

    async def _up(self, link: MediaLink, welcome: Welcome) -> None:
        carried = {info.room for info in welcome.rooms}
        for room in [room for room, number in self._carriers.items() if number == link.number and room not in carried]:
            del self._carriers[room]
        if not self.settled.is_set():
            self._said[link.number] = {info.room: len(info.sessions) for info in welcome.rooms}
            # Else a room that two nodes have would be given to the one that is heard first.
            await _all([other.heard for other in self._links.values()], HEARD_SECONDS)
        if self.on_up is not None:
            await self.on_up(link.number, welcome)

    async def _stand_aside(self) -> None:
        """Wait for a while, as long as another node can carry meanwhile what a new one would."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASIDE_SECONDS):
                while any(link.ready for link in self._links.values()):
                    await self._changed.wait()

    def _became_ready(self, link: MediaLink) -> None:
        self._note_change()
        self._dismiss_if_done(link)

    def _gone(self, link: MediaLink) -> None:
        lost = [room for room, number in self._carriers.items() if number == link.number]
        for room in lost:
            del self._carriers[room]
        if self.on_lost is not None:
            self.on_lost(link.number)
        if not link.restart:
            log.info("media node %d has ended for good", link.number)
            del self._links[link.number]
        if self.settled.is_set() and not any(other.ready for other in self._links.values()):
            self.settled.clear()  # all are gone: as at the start, the first to come back shall not be given everything
            self._spawn(self._settle())
        self._note_change()

    def _dismiss_if_done(self, link: MediaLink) -> None:
        if not link.restart and link.number not in self._carriers.values():
            self._spawn(link.dismiss())

    def _hear(self, link: MediaLink, event: Event) -> None:
        """What a node says of a room that another has by now is of no interest."""
        if isinstance(event, CallEvent):
            if self.on_call_event is not None:
                self.on_call_event(event)
            return
        if self.on_event is not None and self._carriers.get(event.room, link.number) == link.number:
            self.on_event(event)

    def _counted(self, link: MediaLink, stats: Stats) -> None:
        if self.on_stats is not None:
            self.on_stats(link.number, stats)
        if self.on_call_stats is not None:
            self.on_call_stats(link.number, stats.calls)

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if self.on_change is not None:
            self.on_change()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _all(events: Iterable[asyncio.Event], seconds: float) -> None:
    """Wait until all are set, for so long at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(event.wait() for event in events))
