"""Spoken answers that nobody has sent yet, as a delivery shows them."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from server.directives.model import spoken_table
from server.directives.shapes import SpokenAnswer, WhyKept
from server.store import Transaction

s = spoken_table.c


class SpokenState(StrEnum):
    """RECORDING: it is being said, or the server died meanwhile. DROPPED: said again, or nothing was said."""

    RECORDING = "recording"
    KEPT = "kept"
    SENT = "sent"
    DROPPED = "dropped"


def kept_spoken(tx: Transaction, delivery_id: int) -> list[SpokenAnswer]:
    """Answers of a delivery that nobody has sent, newest first."""
    kept = sa.and_(s.delivery_id == delivery_id, s.state == SpokenState.KEPT)
    rows = tx.all(sa.select(spoken_table).where(kept).order_by(s.id.desc()))
    return [
        SpokenAnswer(id=row.id, person=row.account_name, at=row.at, ms=row.ms or 0, why=WhyKept(row.why))
        for row in rows
    ]
