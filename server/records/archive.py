"""The archiver: joins and hashes the files of ended meetings, one record at a time, outside the event loop.

It is woken by the commit that made a record, and at the start it finds what an earlier process left unfinished; doing a
record twice gives the same result.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from server.http.keys import STORE
from server.records import service
from server.records.facts import EndedMeeting
from server.records.sending import recordings_folder
from server.records.service import Archived
from server.store import Store, StoredEvent

Join = Callable[[Path, str, EndedMeeting], Archived]
"""Joins and hashes the recordings of a meeting: recordings folder, folder for what is made, facts. Blocking."""

log = logging.getLogger("giaoban.records")


class Archiver:
    """A queue of record ids and the one task that works it off."""

    def __init__(self, store: Store, root: Path, join: Join) -> None:
        self.store, self.root, self.join = store, root, join
        self._waiting: asyncio.Queue[int] = asyncio.Queue()

    def committed(self, _events: Sequence[StoredEvent], notes: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """After each commit of the store: take up new records."""
        for _room, body in notes:
            if body.get("kind") == service.CREATED:
                self._waiting.put_nowait(body["record"])

    async def run(self) -> None:
        """What was left unfinished, then what comes."""
        for record_id in await self.store.read(service.unfinished):
            self._waiting.put_nowait(record_id)
        while True:
            record_id = await self._waiting.get()
            try:
                await self.archive(record_id)
            except Exception as error:
                log.exception("record %d", record_id)
                await self.store.write(service.fail, record_id, f"{type(error).__name__}: {error}")

    async def archive(self, record_id: int) -> None:
        """Join, hash and seal one record; nothing if it is sealed already."""
        found = await self.store.read(service.to_assemble, record_id)
        if found is None:
            return
        ended, folder = found
        begin = time.monotonic()
        archived = await asyncio.to_thread(self.join, self.root, folder, ended)
        await self.store.write(service.seal, record_id, archived)
        log.info(
            "record %d sealed in %.1f s, %d ms of media", record_id, time.monotonic() - begin, archived.duration_ms
        )


def archiver_context(join: Join) -> Callable[[web.Application], AsyncIterator[None]]:
    """The archiver for as long as an application runs. What it works on when that ends is done anew at the start."""

    async def run_archiver(app: web.Application) -> AsyncIterator[None]:
        archiver = Archiver(app[STORE], recordings_folder(app), join)
        app[STORE].listeners.append(archiver.committed)
        task = asyncio.get_running_loop().create_task(archiver.run())
        yield
        app[STORE].listeners.remove(archiver.committed)
        task.cancel()
        await asyncio.wait([task])

    return run_archiver
