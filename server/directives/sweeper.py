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
    """Sweeps every few seconds until it is closed; a failure is logged and tried again.

    `set_aside` counts the deliveries whose alarms failed when they were last looked at, `handovers_set_aside` the
    directives that could not be handed over.
    """

    def __init__(self, store: Store, policy: Policy, pause: float = PAUSE_SECONDS) -> None:
        self._store = store
        self._policy = policy
        self._pause = pause
        self.set_aside = self.handovers_set_aside = 0
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
        scheduled = False
        while True:
            try:
                if not scheduled:
                    count = await self._store.write(service.reschedule, self._policy)
                    scheduled = True
                    if count:
                        log.info("rules have changed: %d open deliveries are scheduled anew", count)
                while await self._store.write(service.issue_due, self._policy):
                    pass  # one by one, so that others can write between them
                looked_at = True
                while looked_at:  # batch by batch, so that others can write between them
                    looked_at = bool(await self._store.write(service.sweep, self._policy))
                while await self._store.write(service.hand_over, self._policy):
                    pass  # directive by directive
                self.set_aside = await self._store.read(service.count_set_aside)
                self.handovers_set_aside = await self._store.read(service.count_handovers_set_aside)
            except Exception:
                log.exception("a look at what is due failed; trying again")
            await asyncio.sleep(self._pause)
