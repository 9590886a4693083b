"""The database may be away for a second or a minute (PostgreSQL restarts or hangs, a disk is full): no call ends by it.

What a call needs to know is asked again (`patiently`); what must be written of a call is written at once, else when the
database answers again (`Owed`). What is owed yet when this server ends is found by the next one (`restart`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeVar

from server.errors import UnavailableError

log = logging.getLogger("giaoban.calls")
T = TypeVar("T")
Work = Callable[[], Awaitable[object]]

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # s until the database is asked again
TRY_SECONDS = 3.0  # that somebody waits for a database that says nothing until what they write is owed
CLOSING_SECONDS = 1.0  # for what is being written when the server ends


def is_away(error: UnavailableError) -> bool:
    """Whether it is the database that does not answer."""
    return error.code == "database_away"


async def patiently(
    ask: Callable[[], Awaitable[T]], seconds: float = inf, wait: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> T:
    """What it gives, asked again as long as the database is away, for so many seconds. Raises UnavailableError.

    Whether a write that failed was done all the same nobody knows: it must be one that may be done twice. One that is
    not answered when the seconds are over may yet be done.
    """
    clock = asyncio.get_running_loop().time
    waited, pause = 0.0, FIRST_PAUSE
    while True:
        asked = clock()
        try:
            return await answered(ask, seconds - waited)
        except UnavailableError as error:
            waited += clock() - asked
            if not is_away(error) or waited + pause > seconds:
                raise
        await wait(pause)
        waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)


async def answered(ask: Callable[[], Awaitable[T]], seconds: float) -> T:
    """What it gives; when the seconds are over, the database is away. Raises UnavailableError."""
    limit = asyncio.timeout(None if seconds == inf else seconds)
    try:
        async with limit:
            return await ask()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise UnavailableError("database_away", "") from error


class Entry:
    """Something to be written, and the try that is under way."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._trying: asyncio.Task[bool] | None = None

    async def is_done(self, seconds: float | None = None) -> bool:
        """Whether it could be written, within so many seconds; it is never tried twice at the same time."""
        if self._trying is None:
            self._trying = asyncio.get_running_loop().create_task(_is_done(self._work))
        await asyncio.wait({self._trying}, timeout=seconds)
        if not self._trying.done():
            return False
        done, self._trying = self._trying.result(), None
        return done

    def stop(self) -> None:
        """Wait for it no more."""
        if self._trying is not None:
            self._trying.cancel()


class Owed:
    """What must be written, in its order; each of it may be done twice. It is as much as calls have left, no more."""

    def __init__(self) -> None:
        self._left: deque[Entry] = deque()
        self._trying: set[asyncio.Task[None]] = set()
        self._paying: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._left)

    async def do(self, work: Work) -> None:
        """Returns when it is done, or has to wait for the database. Who is cancelled meanwhile does not stop it."""
        task = asyncio.get_running_loop().create_task(self._try(Entry(work)))
        self._trying.add(task)
        task.add_done_callback(self._trying.discard)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Let what is being written be written, and wait for nothing else."""
        if self._trying:
            await asyncio.wait(self._trying, timeout=CLOSING_SECONDS)
        tasks = [*self._trying, *([self._paying] if self._paying is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for entry in self._left:
            entry.stop()
        if self._left:
            log.error("the database is away: %d entries about calls are left to the next start", len(self._left))

    async def _try(self, entry: Entry) -> None:
        try:
            if not self._left and await entry.is_done(TRY_SECONDS):
                return
        except asyncio.CancelledError:  # the server ends
            self._left.append(entry)
            raise
        self._left.append(entry)
        if self._paying is None or self._paying.done():
            self._paying = asyncio.get_running_loop().create_task(self._pay())

    async def _pay(self) -> None:
        pause = FIRST_PAUSE
        while self._left:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            while self._left and await self._left[0].is_done():
                self._left.popleft()
                pause = FIRST_PAUSE


async def _is_done(work: Work) -> bool:
    """False when the database is away; whatever else is wrong with it will be so the next time, too."""
    try:
        await work()
    except UnavailableError as error:
        if is_away(error):
            return False
        log.warning("about a call: %s", error)
    except Exception:
        log.exception("something about a call could not be written")
    return True
