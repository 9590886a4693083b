"""What a restart leaves: calls whose other end does not know yet that they are over, and people who were in a meeting.

SIP lives in the control process, and with it every call ends. A server that stops says so itself; after one that was
killed, the calls in the log are ended by its successor, which knows their dialogs. Either calls back.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from server.calls.model import phone_call
from server.calls.rules import Outcome
from server.errors import ProtocolError
from server.store import Transaction
from server.telephony.sip.dialog import Dialog

if TYPE_CHECKING:
    from server.calls.exchange import Exchange

log = logging.getLogger("giaoban.calls")

CALLED_BACK_WITHIN = timedelta(minutes=10)  # of a stop; later the meeting has gone on without them
REASON = "Server restart"


class Cut(NamedTuple):
    """A line that broke in a meeting, or on the way into one: whom to call back."""

    number: str
    meeting: int | None
    unit: int | None
    account: int | None


class Left(NamedTuple):
    """What the server before us has left: dialogs to end, and who was in a meeting, then or at a stop just now."""

    dialogs: list[str]
    cut: list[Cut]


def clean_up(exchange: Exchange, left: Left) -> None:
    """End the dialogs, and let those be called back who were in a meeting."""
    for text in left.dialogs:
        try:
            exchange.endpoint.agent.end_for_another(Dialog.read(text), exchange.now(), REASON)
        except ProtocolError as error:
            log.error("a call of before the restart cannot be ended: %s", error)
    if left.dialogs:
        log.warning("%d calls were cut off by a restart", len(left.dialogs))
    for one in left.cut:
        exchange.dropped(one)


def cut_off(tx: Transaction) -> Left:
    """Close the log of whatever still ran, before any call of our own."""
    c = phone_call.c
    running = tx.all(sa.select(phone_call).where(c.ended_at.is_(None)))
    for row in running:
        outcome = Outcome.RESTARTED if _in_meeting(row) else Outcome.STOPPED
        tx.execute(sa.update(phone_call).where(c.id == row.id).values(ended_at=tx.now, outcome=outcome, dialog=""))
    lately = sa.and_(c.outcome == Outcome.RESTARTED, c.ended_at >= tx.now - CALLED_BACK_WITHIN)
    cut = [
        Cut(row.number, row.meeting_id, row.unit_id, row.account_id)
        for row in tx.all(sa.select(phone_call).where(lately))
    ]
    return Left([row.dialog for row in running if row.dialog], cut)


def _in_meeting(row: Any) -> bool:
    return row.meeting_id is not None and row.answered_at is not None
