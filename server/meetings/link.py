"""The link to one media node: starts it, adopts a running one, asks it, and starts it anew when it dies.

The node is a session of its own, so that it outlives a restart of the control process; whoever comes next finds it by
its socket and learns from `Welcome` what it carries. What must be so in the node is in the database: `on_up` is called
with each `Welcome`, new or adopted, and brings the node in line. Several links make a `pool`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from server.config import Settings
from server.errors import ProtocolError, UnavailableError
from server.media.protocol import Command, Done, Event, GetStats, Hello, Shutdown, Stats, Welcome
from server.meetings.line import MediaLine, MediaRefusedError, away
from server.meetings.meter import Meter
from server.meetings.places import place
from server.meetings.placing import NodeFigures

log = logging.getLogger("giaoban.media")
KEEP_MEDIA = web.AppKey("keep_media", asyncio.Event)
"""Set when the control process is only restarted: the media nodes and their meetings go on."""

ANSWER_SECONDS = 5.0
HELLO_SECONDS = 1.5  # a line to a process that is just dying is given up soon
HELLO_TRIES = 3  # a node that was silent so often hangs: it is ended
START_SECONDS = 15.0
GOODBYE_SECONDS = 10.0  # a node completes its recordings before it answers
PING_SECONDS = 1.0
PULSE_SECONDS = 1.2  # in which a node says something, whatever it is busy with
PULSES = 2.0  # so often it may not
LATE_SECONDS = 0.2  # that we ourselves are, so that the machine is at its limit and a node may well be as late:
WHERE_LATE = 0.25  # of a time that it did not
PINGS_A_COUNT = 3  # its counters are read with each third
NOBODY = ""  # a room: of whom nothing is to be told
PAUSES = (0.0, 0.2, 1.0, 3.0)  # before the first, second... start in a row; a node that lives resets it
STEADY_SECONDS = 10.0
T = TypeVar("T")
__all__ = ["KEEP_MEDIA", "MediaLink", "MediaRefusedError", "away"]


class MediaLink:
    """The node of a number, behind the socket that `places` gives it. The `on_...` are set before `start`.

    `on_up` brings the node in line after each `Welcome`, `on_ready` follows it; `on_gone` is called whenever nobody
    listens at the socket: what the node carried is lost; `on_stats` gets its counters every few seconds. A link that
    does not `restart` is for a node that the settings have no place for any more: it ends with it.
    """

    def __init__(self, settings: Settings, number: int = 1, *, restart: bool = True) -> None:
        self.number, self.restart = number, restart
        self.place = place(settings, number)
        self.on_up: Callable[[Welcome], Awaitable[None]] | None = None
        self.on_ready: Callable[[], None] | None = None
        self.on_gone: Callable[[], None] | None = None
        self.on_event: Callable[[Event], None] | None = None
        self.on_stats: Callable[[Stats], None] | None = None
        self.stand_aside: Callable[[], Awaitable[None]] | None = None  # before a start
        self.pid: int | None = None
        self.heard = asyncio.Event()  # whether anybody is there, and what it carries
        self.known = asyncio.Event()  # what the node carried when we came: it has said so, or nobody was there
        self._meter = Meter()
        self._line: MediaLine | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unheard = 0  # greetings in a row

    # ---- for the rest of the server

    @property
    def ready(self) -> bool:
        """Whether the node is there and in line with the database."""
        return self._ready.is_set()

    def figures(self, rooms: int) -> NodeFigures:
        """The node as it is now, with the rooms that it was given."""
        meter = self._meter
        return NodeFigures(
            number=self.number,
            pid=self.pid if self.ready else None,
            ready=self.ready,
            draining=not self.restart,
            rooms=rooms,
            sessions=meter.sessions,
            cpu_share=meter.cpu_share,
            lag=meter.lag,
        )

    async def start(self) -> None:
        """Begin to look after the node; returns at once (`wait_ready` waits)."""
        self._task = asyncio.create_task(self._look_after(), name=f"media link {self.number}")

    async def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until the node is there. Raises UnavailableError."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            raise away() from None

    async def ask(self, command: Command, kind: type[T], seconds: float | None = None) -> T:
        """Send a command and give its answer of type `kind`.

        Raises MediaRefusedError if the node says no, UnavailableError if it is away or silent.
        """
        if self._line is None:
            raise away()
        return await self._line.ask(command, kind, ANSWER_SECONDS if seconds is None else seconds)

    async def dismiss(self) -> None:
        """Tell the node to complete its recordings and to end."""
        with contextlib.suppress(UnavailableError, MediaRefusedError):
            await self.ask(Shutdown(), Done, GOODBYE_SECONDS)

    async def close(self, *, keep: bool) -> None:
        """Let go of the node; unless it is to be kept, it closes its recordings and ends."""
        if self._task is None:
            return
        if not keep:
            await self.dismiss()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        self._reap()

    # ---- looking after the node

    async def _look_after(self) -> None:
        """Connect, listen until the line breaks, and again: for ever, or as long as there is a node to adopt."""
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            begin = loop.time()
            try:
                line = await self._connect()
                if line is None:
                    return
                await self._serve(line)
            except (OSError, ProtocolError, UnavailableError, MediaRefusedError, TimeoutError) as error:
                log.error("media node %d: %r", self.number, error)
            self._reap()
            tries = 0 if loop.time() - begin > STEADY_SECONDS else tries + 1
            log.warning("the line to media node %d (process %s) is broken", self.number, self.pid)
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES)) - 1] if tries else 0.0)

    async def _connect(self) -> MediaLine | None:
        """The line to a running node, else to one that we start, if we do. Raises OSError, TimeoutError."""
        line = await self._open()
        if line is not None:
            return line
        self._nobody()
        if self.restart and self.stand_aside is not None:
            await self.stand_aside()
        if not self.restart:
            self.place.socket.unlink(missing_ok=True)
            return None
        process = self.place.spawn()
        self.pid = process.pid
        log.info("started media node %d, process %d", self.number, process.pid)
        async with asyncio.timeout(START_SECONDS):
            while process.poll() is None:
                await asyncio.sleep(0.02)
                line = await self._open()
                if line is not None:
                    return line
        raise OSError(f"the media node ended at its start ({process.returncode}), see {self.place.log_file}")

    async def _open(self) -> MediaLine | None:
        return await MediaLine.open(self.place.socket, self._hear)

    def _nobody(self) -> None:
        """Nobody listens: the node, if there was one, is gone with all that it carried."""
        self.heard.set()
        self.known.set()
        self._meter = Meter()
        self._unheard = 0
        if self.on_gone is not None:
            self.on_gone()

    async def _serve(self, line: MediaLine) -> None:
        """Greet the node, bring it in line, and watch it until it is gone."""
        self._line, self.pid = line, line.peer
        try:
            welcome = await self._greet()
            if welcome is None:
                return
            if self.on_up is not None:
                await self.on_up(welcome)
            self.known.set()
            self._ready.set()
            if self.on_ready is not None:
                self.on_ready()
            await self._watch(line)
        finally:
            self._ready.clear()
            self._line = None
            broken = await line.close()
        if broken is not None:
            raise broken

    async def _greet(self) -> Welcome | None:
        """What the node carries; one that speaks another version is told to end, one that hangs is ended."""
        try:
            welcome = await self.ask(Hello(), Welcome, HELLO_SECONDS)
        except MediaRefusedError as error:
            log.warning("media node %d speaks another version (%s): it is replaced", self.number, error)
            await self.ask(Shutdown(), Done, GOODBYE_SECONDS)
            return None
        except UnavailableError as error:
            self._unheard += isinstance(error.__cause__, TimeoutError)
            if self._unheard >= HELLO_TRIES:
                self._kill()
            raise
        self._unheard = 0
        self.heard.set()
        self._meter = Meter(sessions=sum(len(room.sessions) for room in welcome.rooms))
        where = (self.number, welcome.pid, welcome.udp_port, len(welcome.rooms))
        log.info("media node %d, process %d, on UDP port %d, %d rooms", *where)
        return welcome

    async def _watch(self, line: MediaLine) -> None:
        """Until the line breaks; a node that says nothing any more is ended, so that a new one can serve."""
        for number in itertools.count():
            counted = number % PINGS_A_COUNT == 0
            stats = await self._pulse(line, GetStats(room=None if counted else NOBODY))
            if stats is None:
                return
            if counted:
                self._measured(stats)
            await asyncio.wait([line.listening], timeout=PING_SECONDS)

    async def _pulse(self, line: MediaLine, command: GetStats) -> Stats | None:
        """The node's answer, however late it is as long as the node says anything; None when it is gone, or was ended.

        Three hundred who come at once keep it busy for seconds, and it answers in the order in which it is asked. Where
        this process does not come to its turn either, it is given more time.
        """
        loop = asyncio.get_running_loop()
        patience = PULSES
        while patience > 0 and not line.listening.done():
            heard, due = line.heard, loop.time() + PULSE_SECONDS
            try:
                return await self.ask(command, Stats, PULSE_SECONDS)
            except UnavailableError:
                late = loop.time() - due > LATE_SECONDS
                patience = PULSES if line.heard != heard else patience - (WHERE_LATE if late else 1)
        if not line.listening.done():
            self._kill()
        return None

    def _measured(self, stats: Stats) -> None:
        """Say it once when the node begins to be too busy; `/readyz` and the figures say it all the time."""
        if self.on_stats is not None:
            self.on_stats(stats)
        before = self.figures(0).overloaded
        self._meter.take(stats, asyncio.get_running_loop().time())
        now = self.figures(0)
        if now.overloaded and not before:
            heavy = (self.number, 100 * now.cpu_share, 1000 * now.lag, now.sessions)
            log.warning("media node %d is overloaded: %.0f %% of a core, %.0f ms late, %d sessions", *heavy)

    def _kill(self) -> None:
        if self.pid:
            log.error("media node %d does not answer: process %d killed", self.number, self.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _hear(self, event: Event) -> None:
        if self.on_event is not None:
            self.on_event(event)

    def _reap(self) -> None:
        """Take the exit status of a node that was our child; an adopted one is not."""
        if self.pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
