"""Messages that could not be sent, one of each channel, for the operator's page."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import msgspec

from server.accounts import service as accounts
from server.reach.model import message_table
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import Channel, MessageState, Reason
from server.store import Store

LETTERS = [
    (Channel.MAIL, "vanthu.camhieu", "vanthu.camhieu@camlo.example", Reason.REFUSED, 1, "550 5.1.1 User unknown"),
    (Channel.SMS, "thon1.camnghia", "+84912345678", Reason.BUSY, 6, "HTTP 429"),
    (Channel.ZALO, "camthuy", "+84905111222", Reason.NOT_SIGNED_IN, 6, "HTTP 401"),
    (Channel.PHONE, "thon2.camthuy", "+84912000222", Reason.NO_ANSWER, 3, ""),
    (Channel.PUSH, "vanthu.camchinh", "https://push.example/abc", Reason.TIMEOUT, 6, ""),
]


def write_letters(store: Store) -> None:
    """One of each channel, the last one of somebody whose unit has acted meanwhile."""
    store.write_now(_write)


def _write(tx: Any) -> None:
    notice = Notice(
        kind=NoticeKind.ISSUED, number="06/CĐ-UBND", subject="Ứng phó mưa lớn", urgency="FLASH", sender="UBND huyện"
    )
    for place, (channel, username, address, reason, tries, detail) in enumerate(LETTERS):
        at = tx.now - timedelta(minutes=7 * (1 + place))
        tx.insert(
            message_table,
            key=secrets.token_hex(16),
            account_id=accounts.principal_of(tx, username).account_id,
            channel=channel.value,
            address=address,
            notice=msgspec.json.encode(notice).decode(),
            rank=0,
            created_at=at,
            due_at=at,
            state=MessageState.DEAD.value,
            tries=tries,
            changed_at=at,
            stopped_at=tx.now if place == len(LETTERS) - 1 else None,
            reason=reason.value,
            detail=detail,
        )
