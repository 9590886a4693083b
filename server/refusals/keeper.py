"""Keeps refusals as they happen, each in a transaction of its own, not more than a disk holds, and not for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa

from server.errors import GiaoBanError, TooManyError
from server.http.limits import Limiter
from server.refusals import service
from server.refusals.service import Refused
from server.store import Store

log = logging.getLogger("giaoban.refusals")
MOST_A_MINUTE = 10
"""Of one account; a page that is sent again and again is written down so often, and then counted."""
MOST_OF_ALL = 100
PAUSE_SECONDS = 10.0
DAY_SECONDS = 86_400.0
BATCH = 500


@contextmanager
def _whatever_the_database_does() -> Iterator[None]:
    try:
        yield
    except (GiaoBanError, sa.exc.SQLAlchemyError) as error:
        log.warning("a refusal could not be kept: %s", error)


class Keeper:
    """Writes refusals down; those that are too many are counted beside the last one of the account.

    What is older than `kept` is deleted at the start and once a day. A database that does not work keeps nobody from
    their answer: the log has the refusal, too.
    """

    def __init__(self, store: Store, kept: timedelta, pause: float = PAUSE_SECONDS) -> None:
        self._store = store
        self._kept = kept
        self._pause = pause
        self._each, self._all = Limiter(MOST_A_MINUTE), Limiter(MOST_OF_ALL)
        self._last: dict[int, int] = {}
        self._more: Counter[int] = Counter()
        self._task: asyncio.Task[None] | None = None

    async def keep(self, refused: Refused) -> None:
        """Write one down, or count it."""
        now = time.monotonic()
        try:
            self._each.check(str(refused.account), now)
            self._all.check("", now)
        except TooManyError:
            if refused.account in self._last:
                self._more[self._last[refused.account]] += 1
            return
        with _whatever_the_database_does():
            self._last[refused.account] = await self._store.write(service.keep, refused)

    async def flush(self) -> None:
        """Write down what was only counted."""
        if self._more:
            more, self._more = self._more, Counter()
            with _whatever_the_database_does():
                await self._store.write(service.add_more, more)

    async def forget(self) -> None:
        """Delete what has been kept for long enough, batch by batch, so that others can write between them."""
        with _whatever_the_database_does():
            while await self._store.write(service.forget, self._kept, BATCH) == BATCH:
                pass

    def start(self) -> None:
        """Begin to flush now and then, and to forget once a day."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End, after a last flush."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    async def _run(self) -> None:
        forgotten = time.monotonic() - DAY_SECONDS
        while True:
            if time.monotonic() - forgotten >= DAY_SECONDS:
                await self.forget()
                forgotten = time.monotonic()
            await asyncio.sleep(self._pause)
            await self.flush()
