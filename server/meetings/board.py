"""The board of lines (Đường truyền) of a running meeting, for who runs it and for administrators.

Pages ask every few seconds while the board is open. The node is asked once for all who look, and each answer is the
difference to the reading before: nothing is measured in a meeting whose board nobody has open.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable

from aiohttp import web

from server.accounts.permissions import Role
from server.accounts.principal import Principal
from server.media.protocol import GetStats, ParticipantStats, Stats
from server.meetings.health import Health, Healths, Report
from server.meetings.names import number_of, room_of
from server.meetings.pool import MediaPool
from server.meetings.quality import Line, line, weakest_first
from server.meetings.service import rows
from server.store import Store, Transaction

LEAST_SECONDS = 1.5  # between two readings of a meeting
STALE_SECONDS = 20.0  # a reading from before is too old for a rate
Reading = tuple[float, dict[str, ParticipantStats]]


class Board:
    """Last readings by meeting; `clock` is monotonic."""

    def __init__(self, store: Store, pool: MediaPool, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._pool, self._clock = store, pool, clock
        self._readings: dict[int, list[Reading]] = {}
        self._healths = Healths()
        self.on_report: Callable[[Report], None] = lambda report: None
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def look(self, who: Principal, meeting_id: int) -> list[Line]:
        """The lines of all who are connected, by telephone too, the weakest first.

        Raises NotFoundError, ConflictError (not running), NotAllowedError, UnavailableError.
        """
        await self._store.read(may_look, who, meeting_id)
        async with self._locks[meeting_id]:
            readings = await self._read(meeting_id)
        (then, before), (now, after) = readings[0], readings[-1]

        def health(name: str) -> Health | None:
            return self._healths.of(meeting_id, number_of(name), self._clock())

        return weakest_first(
            line(number_of(name), before.get(name), stats, now - then, health(name))
            for name, stats in sorted(after.items(), key=lambda item: number_of(item[0]))
        )

    def hear(self, meeting_id: int, participant: int, report: Report) -> None:
        """A participant's page tells how it fares."""
        self._healths.take(meeting_id, participant, report, self._clock())
        self.on_report(report)

    async def _read(self, meeting_id: int) -> list[Reading]:
        now = self._clock()
        self._forget(now)
        kept = self._readings.get(meeting_id, [])
        if kept and now - kept[-1][0] < LEAST_SECONDS:
            return kept
        room = room_of(meeting_id)
        stats = await self._pool.ask(room, GetStats(room=room), Stats)
        found = [*kept[-1:], (now, {entry.participant: entry for entry in (*stats.telephones, *stats.participants)})]
        self._readings[meeting_id] = found
        return found

    def _forget(self, now: float) -> None:
        for number in [number for number, kept in self._readings.items() if now - kept[-1][0] > STALE_SECONDS]:
            del self._readings[number]


def may_look(tx: Transaction, who: Principal, meeting_id: int) -> None:
    """Raise unless the meeting runs and the person runs it or is an administrator."""
    if who.role is Role.ADMINISTRATOR:
        rows.require_live(tx, meeting_id)
        return
    rows.require_host(rows.find_live(tx, who, meeting_id), who)


BOARD = web.AppKey("board", Board)
