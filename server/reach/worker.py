"""Takes messages out of the outbox and sends them: one task a channel, in any number of processes.

At least once: a message whose sender dies is anybody's again when its lease is over, and goes with the same key. A slow
channel holds up no other, and one that asks us to wait is left alone by this process until then.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from random import Random

from server.reach import service
from server.reach.rules import Awake, Backoff, Channel, Later, MessageState, Outcome, Reason, always_awake
from server.reach.sender import Sender
from server.reach.service import Letter
from server.store import Store

log = logging.getLogger("giaoban.reach")
PAUSE_SECONDS = 2.0
RETIRE_SECONDS = 200.0
"""Longer than a lease: what a process was sending that died is found by whoever starts after it."""
AT_ONCE = 8
LONGEST_SECONDS = 120.0
"""No try takes longer, whatever its sender thinks: less than the lease."""


class Worker:
    """Serves the channels of `senders` until it is closed."""

    def __init__(
        self,
        store: Store,
        senders: Sequence[Sender],
        backoff: Backoff,
        rng: Random | None = None,
        pause: float = PAUSE_SECONDS,
        served: Collection[Channel] = (),
        awake: Awake = always_awake,
    ) -> None:
        """`served` are all channels that the server has, also those that another serves."""
        self._store = store
        self._senders = senders
        self._served = {*served, *(sender.channel for sender in senders)}
        self._backoff, self._awake = backoff, awake
        self._rng = rng or Random()  # noqa: S311 - spreads tries over time, keeps no secret
        self._pause = pause
        self._quiet_until: dict[str, datetime] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(sender)) for sender in self._senders]
        self._tasks.append(loop.create_task(self._retire()))

    async def close(self) -> None:
        """End; what was being sent is sent again by whoever serves next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sender in self._senders:
            await sender.close()

    async def _retire(self) -> None:
        while True:
            try:
                lost = await self._store.write(service.retire, self._served)
                if lost:
                    log.warning("%d messages wait for channels that the settings do not have any more", lost)
            except Exception:
                log.exception("messages of channels that are not served could not be put aside; trying again")
            await asyncio.sleep(RETIRE_SECONDS)

    async def _run(self, sender: Sender) -> None:
        while True:
            try:
                while await self.turn(sender):
                    pass
            except Exception:
                log.exception("messages by %s could not be sent; trying again", sender.channel)
            await asyncio.sleep(self._pause)

    async def turn(self, sender: Sender) -> int:
        """Send what is due of one channel, a few at once; gives how many were tried."""
        channel = sender.channel
        quiet = self._quiet_until.get(channel)
        if quiet is not None and self._store.clock() < quiet:
            return 0
        if not await self._store.read(service.something_due, channel):
            return 0
        letters = await self._store.write(service.claim, channel, secrets.token_hex(16), AT_ONCE, self._awake)
        await asyncio.gather(*(self._deliver(sender, letter) for letter in letters))
        return len(letters)

    async def _deliver(self, sender: Sender, letter: Letter) -> None:
        outcome = await self._try(sender, letter)
        if isinstance(outcome, Later) and outcome.everybody and outcome.after is not None:
            self._quiet_until[sender.channel] = self._store.clock() + outcome.after
        state = await self._store.write(service.settle, letter, outcome, self._backoff, self._rng)
        if state is MessageState.DEAD:
            log.warning("message %d by %s is given to the operator: %s", letter.id, letter.channel, outcome)
        else:
            log.info("message %d by %s, try %d: %s", letter.id, letter.channel, letter.tries, state or "not ours")

    async def _try(self, sender: Sender, letter: Letter) -> Outcome:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await sender.send(letter)
        except TimeoutError:
            return Later(Reason.TIMEOUT)
        except Exception as error:
            log.exception("message %d by %s failed in a way we do not know", letter.id, letter.channel)
            return Later(Reason.FAILING, f"{type(error).__name__}: {error}")
