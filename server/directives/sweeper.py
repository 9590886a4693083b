"""Raises reminders and escalations, issues what was signed for now, and hands over what ended units still owe.

A small task, in any number of processes.
"""

from __future__ import annotations

import asyncio
import logging

from server.directives import service
from server.directives.policy import Policy
from server.store import Store

log = logging.getLogger("giaoban.directives")
PAUSE_SECONDS = 5.0


class Sweeper:
    """Sweeps every few seconds until it is closed; a job that fails is logged and tried again, the others go on.

    `set_aside` counts the deliveries whose alarms failed when they were last looked at, `handovers_set_aside` the
    directives that could not be handed over.
    """

    def __init__(self, store: Store, policy: Policy, pause: float = PAUSE_SECONDS) -> None:
        self._store = store
        self._policy = policy
        self._pause = pause
        self.set_aside = self.handovers_set_aside = 0
        self._scheduled = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End after what runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            for job in (self._reschedule, self._issue, self._raise_alarms, self._hand_over, self._count):
                try:  # each by itself: what breaks one holds up no other
                    await job()
                except Exception:
                    log.exception("a look at what is due failed in %s; trying again", job.__name__)
            await asyncio.sleep(self._pause)

    async def _reschedule(self) -> None:
        if self._scheduled:
            return
        count = await self._store.write(service.reschedule, self._policy)
        self._scheduled = True
        if count:
            log.info("rules have changed: %d open deliveries are scheduled anew", count)

    async def _issue(self) -> None:
        while await self._store.write(service.issue_due, self._policy):
            pass  # one by one, so that others can write between them

    async def _raise_alarms(self) -> None:
        while await self._store.write(service.sweep, self._policy):
            pass  # batch by batch

    async def _hand_over(self) -> None:
        while await self._store.write(service.hand_over, self._policy):
            pass  # directive by directive

    async def _count(self) -> None:
        self.set_aside = await self._store.read(service.count_set_aside)
        self.handovers_set_aside = await self._store.read(service.count_handovers_set_aside)
