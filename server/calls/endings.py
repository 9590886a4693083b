"""How calls ended, as long as the log does not know. A server that ends meanwhile leaves it in a file to the next one.

Else that one would take whoever hung up while the database was away for cut off by the restart, and call them back.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import msgspec

from server.calls import log as call_log
from server.calls.rules import Outcome
from server.store import Store, Transaction

log = logging.getLogger("giaoban.calls")


class Over(msgspec.Struct, frozen=True):
    """A call, by its row if that is known and by its name, and how it ended."""

    row: int
    call: str
    outcome: Outcome
    status: int
    cause: int | None
    at: datetime


class Endings:
    """Those that are not written yet; `file` is where they wait for the next server."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open: dict[str, Over] = {}

    def note(self, over: Over) -> None:
        """It is over."""
        self._open[over.call] = over

    async def write(self, store: Store, over: Over) -> None:
        """Into the log. Raises UnavailableError."""
        await store.write(_write, [over])
        self._open.pop(over.call, None)

    def leave(self) -> None:
        """When the server ends."""
        if not self._open:
            return
        try:
            self._file.write_bytes(msgspec.json.encode(list(self._open.values())))
        except OSError as error:
            log.error("how %d calls ended is lost: %s", len(self._open), error)

    async def take_over(self, store: Store) -> None:
        """What the server before us has left, before its calls are taken for cut off."""
        try:
            left = msgspec.json.decode(self._file.read_bytes(), type=list[Over])
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            log.error("how calls ended before the restart cannot be read: %s", error)
            return
        await store.write(
            _write, [msgspec.structs.replace(over, row=0) for over in left]
        )  # by name: it is no one else's
        self._file.unlink(missing_ok=True)


def _write(tx: Transaction, endings: list[Over]) -> None:
    for over in endings:
        call_log.ended(tx, over.row, over.outcome, over.status, over.cause, over.call, over.at)
