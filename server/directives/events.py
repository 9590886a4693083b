"""Directives on the live channel: receipts of devices, and who may watch a board."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from server import faults
from server.accounts.principal import Principal
from server.channel.messages import Announcement
from server.directives import service
from server.store import Store

log = logging.getLogger("giaoban.directives")
BATCH_SECONDS = 0.05
RETRY_SECONDS = 1.0

ANNOUNCEMENTS = (
    Announcement("directive.issued", "A directive came to the unit", durable=True),
    Announcement("directive.waiting", "A draft of the unit waits for its leader", durable=True),
    Announcement(
        "directive.released", "A signed directive was issued at its moment; `accounts` are told", durable=True
    ),
    Announcement("directive.held", "A signed directive could not be issued; `accounts` are told", durable=True),
    Announcement(
        "directive.handed_back", "A leader handed a draft back; `accounts`, its author, are told", durable=True
    ),
    Announcement(
        "directive.clerk_wanted",
        "A caller could not reach a clerk; `accounts` are to call back",
        durable=True,
    ),
    Announcement("delivery.changed", "Deliveries of a directive changed state", durable=True),
    Announcement("delivery.assigned", "The leader named people for a delivery: `accounts`", durable=True),
    Announcement("delivery.news", "What became of a delivery (`what`); `accounts` are told", durable=True),
    Announcement("directive.recalled", "The issuer asks the unit to give a directive up", durable=True),
    Announcement("delivery.reminder", "A deadline of the unit is near; `accounts` are those it is for", durable=True),
    Announcement("delivery.escalated", "A time has passed and nobody has acted; `accounts` are told", durable=True),
    Announcement("board.changed", "The watched board of a directive changed"),
)


class Receipts:
    """Gathers what devices acknowledge and writes it in one transaction every 50 ms: no row for each message."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seqs: dict[int, int] = {}
        self._flushing: asyncio.Task[None] | None = None

    def note(self, who: Principal, seq: int) -> None:
        """A device of the person's unit has everything up to `seq`."""
        unit = who.unit_id
        if seq > self._seqs.get(unit, 0):
            self._seqs[unit] = seq
        faults.place("noted", "receipts")
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        pause = BATCH_SECONDS
        try:
            while self._seqs:
                await asyncio.sleep(pause)
                pause = BATCH_SECONDS if await self._write() else RETRY_SECONDS
        finally:
            self._flushing = None

    async def _write(self) -> bool:
        batch, self._seqs = self._seqs, {}
        try:
            await self._store.write(service.arrived, batch)
        except Exception:
            log.exception("receipts of %d units were not written; trying again", len(batch))
            for unit, seq in batch.items():
                self._seqs[unit] = max(seq, self._seqs.get(unit, 0))
            return False
        return True

    async def close(self) -> None:
        """Write what is left."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        if self._seqs:
            await self._write()


def board_watch(store: Store) -> Callable[[Principal, str], Awaitable[bool]]:
    """The check for rooms `board:<directive id>`."""

    async def may_watch(who: Principal, room: str) -> bool:
        number = room.partition(":")[2]
        return (
            number.isascii()
            and number.isdigit()
            and await store.read(service.may_watch_board, who, min(int(number[:10]), 2**31 - 1))
        )

    return may_watch
