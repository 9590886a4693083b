"""What the worker takes out of the outbox and puts back: each message is leased by one worker at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.reach.model import about_table, contact_table, message_table, subscription_table
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import (
    ADDRESS_OF,
    AddressKind,
    Awake,
    Backoff,
    Channel,
    Gone,
    Later,
    MessageState,
    Never,
    Outcome,
    Reason,
    Sent,
    always_awake,
)
from server.reach.service.subscriptions import drop_ended
from server.store import Transaction

LEASE = timedelta(minutes=3)
"""Longer than any try may take: after this the message is taken for one whose sender has died."""

m = message_table.c
_OPEN = (MessageState.WAITING.value, MessageState.SENDING.value)
_DETAIL = 300


class PushKeys(msgspec.Struct, frozen=True):
    """Where a browser listens, and the keys that encrypt for it alone (RFC 8291)."""

    endpoint: str
    p256dh: str
    auth: str


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be sent now, and for when it was meant; None after a sender that died."""

    id: int
    notice: Notice
    meant_for: datetime | None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way: to whom, where to, what, and the `key` that is the same at each try."""

    id: int
    key: str
    lease: str
    channel: Channel
    address: str
    name: str
    language: str
    notice: Notice
    tries: int
    account: int
    push: PushKeys | None = None


def something_due(tx: Transaction, channel: Channel) -> bool:
    """Whether a try is due; asked often, so that nothing is written while nothing is to be done."""
    due = sa.select(m.id).where(m.state.in_(_OPEN), m.channel == channel.value, m.due_at <= tx.now).limit(1)
    return tx.one(due) is not None


def first_due(tx: Transaction, channel: Channel, but: Collection[int] = ()) -> Due | None:
    """The message that `claim` would give first."""
    row = tx.one(_due(tx, channel, but, m.id, m.notice, m.due_at, m.state).limit(1))
    if row is None:
        return None
    meant_for = row.due_at if row.state == MessageState.WAITING else None
    return Due(id=row.id, notice=msgspec.json.decode(row.notice, type=Notice), meant_for=meant_for)


def put_off(tx: Transaction, key: int, until: datetime) -> None:
    """Let a message that is due wait."""
    due = sa.and_(m.id == key, m.state.in_(_OPEN), m.due_at <= tx.now)
    values = {"state": MessageState.WAITING.value, "lease": None, "due_at": until, "changed_at": tx.now}
    tx.execute(sa.update(message_table).where(due).values(**values))


def _due(tx: Transaction, channel: Channel, but: Collection[int], *columns: Any) -> sa.Select[Any]:
    due = sa.and_(m.state.in_(_OPEN), m.channel == channel.value, m.due_at <= tx.now, m.id.not_in(but))
    return sa.select(*columns).where(due).order_by(m.rank, m.due_at, m.id)


def claim(
    tx: Transaction,
    channel: Channel,
    lease: str,
    limit: int,
    awake: Awake = always_awake,
    but: Collection[int] = (),
) -> list[Letter]:
    """Lease at most `limit` messages that are due, the urgent first; those that cannot be sent at all are settled.

    What comes into quiet hours, by a second try, after a downtime or as it is to be sent again, waits for their end.
    `but` are those that the claimer has in hand: a lease may end while the database is away.
    """
    ids = [row.id for row in tx.all(_due(tx, channel, but, m.id).limit(limit).with_for_update(skip_locked=True))]
    if not ids:
        return []
    needless = sa.and_(m.id.in_(ids), m.stopped_at.is_not(None))  # its sender died, and meanwhile somebody acted
    values = {"state": MessageState.STOPPED.value, "changed_at": tx.now}
    tx.execute(sa.update(message_table).where(needless).values(**values))
    late = _put_off(tx, ids, awake)
    ids = [one for one in ids if one not in late]
    tx.execute(
        sa.update(message_table)
        .where(m.id.in_(ids), m.stopped_at.is_(None))
        .values(state=MessageState.SENDING.value, lease=lease, due_at=tx.now + LEASE, tries=m.tries + 1)
    )
    rows = tx.all(sa.select(message_table).where(m.id.in_(ids), m.stopped_at.is_(None)).order_by(m.rank, m.id))
    return _letters(tx, channel, rows)


def _put_off(tx: Transaction, ids: Collection[int], awake: Awake) -> set[int]:
    """Let those of these messages wait that would come into quiet hours; a code never waits."""
    found: dict[datetime, list[int]] = {}
    for row in tx.all(sa.select(m.id, m.notice).where(m.id.in_(ids), m.stopped_at.is_(None))):
        notice = msgspec.json.decode(row.notice, type=Notice)
        at = tx.now if notice.kind is NoticeKind.CODE else awake(tx.now, notice.urgency)
        if at > tx.now:
            found.setdefault(at, []).append(row.id)
    for at, late in found.items():
        values = {"state": MessageState.WAITING.value, "lease": None, "due_at": at, "changed_at": tx.now}
        tx.execute(sa.update(message_table).where(m.id.in_(late)).values(**values))
    return {one for late in found.values() for one in late}


def _letters(tx: Transaction, channel: Channel, rows: list[Any]) -> list[Letter]:
    people = accounts.addressees(tx, [row.account_id for row in rows])
    where = _addresses(tx, channel, rows)
    notices = {row.id: msgspec.json.decode(row.notice, type=Notice) for row in rows}
    left = _have_left(tx, rows, notices)
    found = []
    for row in rows:
        notice = notices[row.id]
        fixed = notice.kind is NoticeKind.CODE or channel is Channel.PHONE
        address = row.address if fixed else where.get(_place(channel, row))
        person = people.get(row.account_id)
        if person is None or address is None or row.id in left:
            _end(tx, row.id, MessageState.STOPPED, stopped_at=tx.now)  # locked out, gone, or not to be reached so now
            continue
        push = address if isinstance(address, PushKeys) else None
        found.append(
            Letter(
                id=row.id,
                key=row.key,
                lease=row.lease,
                channel=channel,
                address=push.endpoint if push else address,
                name=person.name,
                language=person.language,
                notice=notice,
                tries=row.tries,
                account=row.account_id,
                push=push,
            )
        )
    return found


def _have_left(tx: Transaction, rows: Sequence[Any], notices: Mapping[int, Notice]) -> set[int]:
    """Ids of messages to people who are neither in the units that these are about nor in the issuer's any more.

    What names no issuer (a code, or what was written before notices named it) is for whoever it was written to.
    """
    told = [row for row in rows if notices[row.id].issuer]
    if not told:
        return set()
    units = accounts.units_of(tx, [row.account_id for row in told])
    a, theirs = about_table.c, set().union(*units.values())
    about = {row.id: {notices[row.id].issuer} for row in told}
    links = sa.select(a.message_id, a.unit_id).where(a.message_id.in_(sorted(about)), a.unit_id.in_(sorted(theirs)))
    for link in tx.all(links):
        about[link.message_id].add(link.unit_id)
    return {row.id for row in told if about[row.id].isdisjoint(units.get(row.account_id, ()))}


def _place(channel: Channel, row: Any) -> int:
    return int(row.address) if channel is Channel.PUSH else int(row.account_id)


def _addresses(tx: Transaction, channel: Channel, rows: list[Any]) -> dict[int, Any]:
    """Subscriptions by their id, other addresses by account."""
    if channel is Channel.PUSH:
        s = subscription_table.c
        found = tx.all(sa.select(subscription_table).where(s.id.in_([int(row.address) for row in rows])))
        ended = drop_ended(tx, found)
        return {row.id: PushKeys(row.endpoint, row.p256dh, row.auth) for row in found if row.id not in ended}
    if channel is Channel.PHONE:
        return {}
    c = contact_table.c
    kind: AddressKind = ADDRESS_OF[channel]
    query = sa.select(c.account_id, c.address).where(
        c.account_id.in_([row.account_id for row in rows]), c.kind == kind.value, c.verified_at.is_not(None)
    )
    return {row.account_id: row.address for row in tx.all(query)}


def about_units(tx: Transaction, letter: Letter) -> list[int]:
    """The units that a message is about."""
    mine = sa.select(about_table.c.unit_id).where(about_table.c.message_id == letter.id)
    return [row.unit_id for row in tx.all(mine.order_by(about_table.c.unit_id))]


def clock_of(tx: Transaction, letter: Letter) -> str:
    """The clock because of which a message is written; empty for one that is about no unit."""
    row = tx.one(sa.select(about_table.c.clock).where(about_table.c.message_id == letter.id).limit(1))
    return str(row.clock) if row is not None else ""


def renew(tx: Transaction, letter: Letter) -> bool:
    """Keep the lease of a try that takes long; False when nobody needs it any more, or it is another's by now."""
    mine = sa.and_(m.id == letter.id, m.lease == letter.lease, m.state == MessageState.SENDING.value)
    kept = tx.execute(sa.update(message_table).where(mine).values(due_at=tx.now + LEASE).returning(m.stopped_at))
    row = kept.first()
    return row is not None and row.stopped_at is None


def settle(tx: Transaction, letter: Letter, outcome: Outcome, backoff: Backoff, rng: Random) -> MessageState | None:
    """Write down what became of a try; None if the lease is another's by now, whose outcome counts."""
    mine = sa.and_(m.id == letter.id, m.lease == letter.lease, m.state == MessageState.SENDING.value)
    row = tx.one(sa.select(message_table).where(mine).with_for_update())
    if row is None:
        return None
    tried = {"address": row.address if letter.channel is Channel.PUSH else letter.address[:200]}
    match outcome:
        case Sent():
            return _end(tx, row.id, MessageState.SENT, reason=None, detail=outcome.reference[:_DETAIL], **tried)
        case Gone():
            tx.execute(sa.delete(subscription_table).where(subscription_table.c.endpoint == letter.address))
            return _end(tx, row.id, MessageState.STOPPED, stopped_at=row.stopped_at or tx.now)
        case Never():
            why = {"reason": outcome.reason.value, "detail": outcome.detail[:_DETAIL]}
            return _end(tx, row.id, MessageState.DEAD, **why, **tried)
        case Later():
            why = {"reason": outcome.reason.value, "detail": outcome.detail[:_DETAIL]}
            if row.stopped_at is not None:
                return _end(tx, row.id, MessageState.STOPPED, **why, **tried)
            wait = backoff.wait(row.tries, rng)
            if wait is None:
                return _end(tx, row.id, MessageState.DEAD, **why, **tried)
            again = tx.now + max(wait, outcome.after or wait)
            values = {"state": MessageState.WAITING.value, "lease": None, "due_at": again, "changed_at": tx.now}
            if letter.notice.kind is not NoticeKind.CODE:
                values |= tried
            tx.execute(sa.update(message_table).where(m.id == row.id).values(**values, **why))
            return MessageState.WAITING


def _end(tx: Transaction, key: int, state: MessageState, **values: Any) -> MessageState:
    """Nothing follows by itself; a code is not kept."""
    row = tx.one(sa.select(m.notice).where(m.id == key))
    if row is not None and msgspec.json.decode(row.notice, type=Notice).kind is NoticeKind.CODE:
        values["notice"] = msgspec.json.encode(Notice(kind=NoticeKind.CODE)).decode()
    values |= {"state": state.value, "lease": None, "changed_at": tx.now}
    tx.execute(sa.update(message_table).where(m.id == key).values(**values))
    return state


def retire(tx: Transaction, served: Collection[Channel]) -> int:
    """Messages of channels that the settings do not have any more go to the operator; gives how many.

    Also what was being sent, once its lease is over; of that, what somebody has acted on meanwhile is only stopped.
    """
    others = [channel.value for channel in Channel if channel not in served]
    left = sa.and_(m.state == MessageState.SENDING.value, m.due_at <= tx.now)
    lost = sa.and_(m.channel.in_(others), sa.or_(m.state == MessageState.WAITING.value, left))
    change = sa.update(message_table).values(lease=None, changed_at=tx.now)
    tx.execute(change.where(lost, m.stopped_at.is_not(None)).values(state=MessageState.STOPPED.value))
    values = {"state": MessageState.DEAD.value, "reason": Reason.NOT_CONFIGURED.value}
    return int(tx.execute(change.where(lost).values(**values)).rowcount)
