"""Commits of which nobody knows whether they were made: the database went away while it was asked for one.

Such a transaction may be there though its caller was refused, and then its events went out to nobody. Whoever sends the
command again is told what became of it, and a page that hears of the next event asks for those before; but where
nothing follows, a page would not know. So once the database answers again, every page here is told its unit's last
number and asks for what it has missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import web

from server.errors import UnavailableError

if TYPE_CHECKING:
    from server.channel.channel import Channel

log = logging.getLogger("giaoban.channel")
LOOK_SECONDS = 1.0
"""Until the database is asked, and asked again: what it was about to commit has then been committed, or never will."""


class Doubts:
    """Told of each write that failed as the database went away; looks once for all that came together."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._raised = asyncio.Event()

    def raised(self) -> None:
        """A write has failed, and may be there nevertheless."""
        self._raised.set()

    async def run(self, _app: web.Application) -> AsyncIterator[None]:
        """For the application's `cleanup_ctx`: look whenever there is a doubt, until the end."""
        looking = asyncio.create_task(self._look_on(), name="doubts")
        yield
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking

    async def _look_on(self) -> None:
        while True:
            await self._raised.wait()
            self._raised.clear()
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._tell()
            except UnavailableError:
                self._raised.set()
            except Exception:
                log.exception("could not tell pages how far their units are; again at the next doubt")

    async def _tell(self) -> None:
        heads = await self._channel.store.heads(self._channel.presence.here())
        for unit, seq in heads.items():
            await self._channel.send_here(f"unit:{unit}", "channel.head", {"head": seq})
