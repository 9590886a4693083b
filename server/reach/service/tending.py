"""What the operator sees and does: messages that could not be sent, and how each channel does."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.errors import ConflictError, NotFoundError
from server.http.i18n import _
from server.reach.model import message_table
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import Channel, MessageState, Reason, masked
from server.store import Transaction

m = message_table.c
MOST_LETTERS = 200
_DAY = timedelta(days=1)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be sent; `acted` says that its unit has acted meanwhile, so that nobody needs it."""

    id: int
    person: str
    channel: Channel
    address: str
    kind: NoticeKind
    number: str
    sender: str
    created_at: datetime
    changed_at: datetime
    tries: int
    reason: Reason
    detail: str
    acted: bool


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel does: what waits now, what left in the last day, what could not be sent, and when one left last."""

    channel: Channel
    waiting: int = 0
    sent: int = 0
    dead: int = 0
    last_sent: datetime | None = None


def dead_letters(tx: Transaction) -> list[DeadLetter]:
    """The newest first."""
    dead = sa.select(message_table).where(m.state == MessageState.DEAD.value).order_by(m.changed_at.desc(), m.id.desc())
    rows = tx.all(dead.limit(MOST_LETTERS))
    people = accounts.names(tx, [row.account_id for row in rows])
    found = []
    for row in rows:
        notice = msgspec.json.decode(row.notice, type=Notice)
        found.append(
            DeadLetter(
                id=row.id,
                person=people.get(row.account_id, ""),
                channel=Channel(row.channel),
                address=masked(row.address) if row.address and row.channel != Channel.PUSH else "",
                kind=notice.kind,
                number=notice.number,
                sender=notice.sender,
                created_at=row.created_at,
                changed_at=row.changed_at,
                tries=row.tries,
                reason=Reason(row.reason),
                detail=row.detail or "",
                acted=row.stopped_at is not None,
            )
        )
    return found


def how_many_dead(tx: Transaction) -> int:
    """For the badge: those that somebody may still need."""
    query = sa.select(sa.func.count()).where(m.state == MessageState.DEAD.value, m.stopped_at.is_(None))
    return int(tx.connection.scalar(query) or 0)


def tallies(tx: Transaction) -> list[Tally]:
    """Each channel in its order."""
    recent = m.changed_at > tx.now - _DAY
    sent = m.state == MessageState.SENT.value
    open_ = m.state.in_([MessageState.WAITING.value, MessageState.SENDING.value])
    rows = tx.all(
        sa.select(
            m.channel,
            sa.func.count().filter(open_).label("waiting"),
            sa.func.count().filter(sent & recent).label("sent"),
            sa.func.count().filter(m.state == MessageState.DEAD.value).label("dead"),
            sa.func.max(sa.case((sent, m.changed_at))).label("last_sent"),
        ).group_by(m.channel)
    )
    found = {row.channel: row for row in rows}
    return [
        Tally(channel=channel, waiting=row.waiting, sent=row.sent, dead=row.dead, last_sent=row.last_sent)
        if (row := found.get(channel.value)) is not None
        else Tally(channel=channel)
        for channel in Channel
    ]


def send_again(tx: Transaction, key: int, served: frozenset[Channel]) -> None:
    """Back into the outbox with all its tries. Raises NotFoundError, ConflictError if that is of no use."""
    row = _dead(tx, key)
    if msgspec.json.decode(row.notice, type=Notice).kind is NoticeKind.CODE:
        raise ConflictError("code_over", _("Mã xác minh đã hết hạn. Người dùng cần bấm gửi mã mới."))
    if row.stopped_at is not None:
        raise ConflictError("acted", _("Đơn vị đã xử lý, không cần gửi lại tin này."))
    if Channel(row.channel) not in served:
        raise ConflictError("not_configured", _("Kênh này chưa được cài đặt trên máy chủ."))
    values = {"state": MessageState.WAITING.value, "tries": 0, "due_at": tx.now, "changed_at": tx.now}
    tx.execute(sa.update(message_table).where(m.id == key).values(**values))


def give_up(tx: Transaction, key: int) -> None:
    """Off the list; it stays in the history. Raises NotFoundError."""
    _dead(tx, key)
    values = {"state": MessageState.GIVEN_UP.value, "changed_at": tx.now}
    tx.execute(sa.update(message_table).where(m.id == key).values(**values))


def _dead(tx: Transaction, key: int) -> sa.Row[tuple[object]]:
    query = sa.select(message_table).where(m.id == key, m.state == MessageState.DEAD.value).with_for_update()
    row: sa.Row[tuple[object]] | None = tx.one(query)
    if row is None:
        raise NotFoundError("no_message", _("Tin này không còn trong danh sách."))
    return row
