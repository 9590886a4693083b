"""Messages into the outbox, in the transaction of what they tell; and out of it, when somebody has acted."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import product
from typing import Any

import msgspec
import sqlalchemy as sa

from server.reach.model import about_table, choice_table, contact_table, message_table, subscription_table
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import ADDRESS_OF, AddressKind, Channel, MessageState
from server.store import Transaction

_AGAIN = (NoticeKind.REMINDER, NoticeKind.ESCALATION)
m, about, c = message_table.c, about_table.c, contact_table.c


class Telling(msgspec.Struct, frozen=True):
    """A notice to some people: when by which channel. It is needless once `units` have stopped `clock`.

    `numbers` (account → number) says whom the telephone reaches, and where.
    """

    notice: Notice
    accounts: Collection[int]
    plan: Sequence[tuple[Channel, datetime]]
    clock: str
    units: Sequence[int]
    numbers: Mapping[int, str] = {}


def put(tx: Transaction, tellings: Iterable[Telling]) -> int:
    """Write one message for each person and each channel that both the plan and the person have; gives how many.

    Who is told the same twice, by two duties, gets one message, at the sooner moment.
    """
    told = list(tellings)
    ways = _ways(tx, {account for one in told for account in one.accounts}) if told else {}
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    units: dict[tuple[Any, ...], set[int]] = {}
    for one in told:
        text = msgspec.json.encode(one.notice).decode()
        for account, (channel, at) in product(sorted(set(one.accounts)), one.plan):
            for address in _addresses(ways, one, account, channel):
                key = (one.notice.kind, one.notice.directive, one.clock, account, channel, address)
                row = rows.setdefault(key, _row(tx, account, channel, address, text, one.notice.rank, at))
                row["due_at"] = min(row["due_at"], at)
                units.setdefault(key, set()).update(one.units)
    if not rows:
        return 0
    for key, row in rows.items():
        if row["channel"] == Channel.PHONE and key[0] in _AGAIN:
            row["due_at"] = min([row["due_at"], *_replaced_calls(tx, key[1], row["account_id"], units[key])])
    statement = sa.insert(message_table).returning(m.id, sort_by_parameter_order=True)
    ids = [row.id for row in tx.connection.execute(statement, list(rows.values()))]
    links = [
        {"directive_id": key[1], "unit_id": unit, "message_id": number, "clock": key[2]}
        for number, key in zip(ids, rows, strict=True)
        for unit in sorted(units[key])
    ]
    tx.execute(sa.insert(about_table), links)
    return len(ids)


def _replaced_calls(tx: Transaction, directive: int, account: int, units: Collection[int]) -> list[datetime]:
    """Stop the calls to a person about a directive that a new one makes needless: it says the same of these units.

    Gives when they would have been made. Of those who are never there only one call is ever due, however many reminders
    there were.
    """
    waiting = sa.and_(m.account_id == account, m.channel == Channel.PHONE.value, m.state == MessageState.WAITING.value)
    query = sa.select(m.id, m.due_at, about.unit_id).join(about_table, about.message_id == m.id)
    found: dict[int, datetime] = {}
    others: set[int] = set()
    for row in tx.all(query.where(waiting, about.directive_id == directive).order_by(m.id).with_for_update(of=m.id)):
        found[row.id] = row.due_at
        if row.unit_id not in units:
            others.add(row.id)
    ids = [number for number in found if number not in others]
    stopped = {"state": MessageState.STOPPED.value, "stopped_at": tx.now, "changed_at": tx.now}
    if ids:
        tx.execute(sa.update(message_table).where(m.id.in_(ids)).values(**stopped))
    return [found[number] for number in ids]


def _addresses(
    ways: Mapping[int, Mapping[Channel, list[str | None]]], one: Telling, account: int, channel: Channel
) -> Sequence[str | None]:
    if channel is Channel.PHONE:
        return [one.numbers[account]] if account in one.numbers else []
    return ways.get(account, {}).get(channel, ())


def put_code(tx: Transaction, account: int, channel: Channel, address: str, notice: Notice) -> None:
    """A code to an address that is not verified yet."""
    text = msgspec.json.encode(notice).decode()
    tx.execute(sa.insert(message_table), [_row(tx, account, channel, address, text, notice.rank, tx.now)])


def _row(
    tx: Transaction, account: int, channel: Channel, address: str | None, text: str, rank: int, at: datetime
) -> dict[str, Any]:
    return {
        "key": secrets.token_hex(16),
        "account_id": account,
        "channel": channel.value,
        "address": address,
        "notice": text,
        "rank": rank,
        "created_at": tx.now,
        "due_at": at,
        "state": MessageState.WAITING.value,
        "tries": 0,
        "changed_at": tx.now,
    }


def _ways(tx: Transaction, accounts: Collection[int]) -> Mapping[int, Mapping[Channel, list[str | None]]]:
    """How each of these can be reached: channel → addresses; None is whichever is theirs when it is sent."""
    found: dict[int, dict[Channel, list[str | None]]] = {}
    ids = sorted(accounts)
    subscriptions = tx.all(
        sa.select(subscription_table.c.id, subscription_table.c.account_id).where(
            subscription_table.c.account_id.in_(ids)
        )
    )
    for row in subscriptions:
        found.setdefault(row.account_id, {}).setdefault(Channel.PUSH, []).append(str(row.id))
    chosen = tx.all(
        sa.select(choice_table.c.account_id, choice_table.c.channel, c.kind)
        .join(contact_table, c.account_id == choice_table.c.account_id)
        .where(choice_table.c.account_id.in_(ids), c.verified_at.is_not(None))
    )
    for row in chosen:
        channel = Channel(row.channel)
        if ADDRESS_OF.get(channel) == AddressKind(row.kind):
            found.setdefault(row.account_id, {})[channel] = [None]
    return found


def anybody(tx: Transaction) -> bool:
    """Whether there is anybody at all to be reached: issuing to a thousand units need not look for people else."""
    some = sa.union_all(
        sa.select(sa.literal(1).label("x")).select_from(subscription_table).limit(1).subquery().select(),
        sa.select(sa.literal(1).label("x")).select_from(choice_table).limit(1).subquery().select(),
    )
    return tx.connection.execute(some).first() is not None


def told(tx: Transaction, directive: int, units: Collection[int]) -> dict[int, dict[int, set[Channel]]]:
    """Whom messages about a directive have left for, because of which of these units: unit → account → channels."""
    left = m.state.in_([MessageState.SENT.value, MessageState.SENDING.value])
    mine = sa.and_(about.directive_id == directive, about.unit_id.in_(list(units)))
    query = sa.select(about.unit_id, m.account_id, m.channel).join(message_table, m.id == about.message_id)
    found: dict[int, dict[int, set[Channel]]] = {}
    for row in tx.all(query.where(mine, left)):
        found.setdefault(row.unit_id, {}).setdefault(row.account_id, set()).add(Channel(row.channel))
    return found


def addressed(tx: Transaction, directive: int) -> set[int]:
    """Accounts that some message about a directive is for, whether it has left or not."""
    query = sa.select(m.account_id).join(about_table, m.id == about.message_id).where(about.directive_id == directive)
    return {row.account_id for row in tx.all(query.distinct())}


class Hurried(StrEnum):
    """What became of the wish to tell somebody now who is told already."""

    NOTHING = "nothing"  # no message is on its way
    NOW = "now"
    RUNNING = "running"  # it is being told at this moment


def hurry(tx: Transaction, directive: int, unit: int, channel: Channel, account: int) -> Hurried:
    """Send now what waits for a person about a delivery by a channel, with all its tries.

    Others, such as the issuer's deputy, may be told of the same delivery for another reason.
    """
    mine = sa.select(about.message_id).where(
        about.directive_id == directive, about.unit_id == unit, about.stopped_at.is_(None)
    )
    open_ = [MessageState.WAITING.value, MessageState.SENDING.value]
    ours = sa.and_(m.id.in_(mine), m.channel == channel.value, m.state.in_(open_), m.stopped_at.is_(None))
    theirs = sa.and_(ours, m.account_id == account)
    rows = tx.all(sa.select(m.id, m.state).where(theirs).order_by(m.id).with_for_update())
    if not rows:
        return Hurried.NOTHING
    if any(row.state == MessageState.SENDING for row in rows):
        return Hurried.RUNNING
    first = {"due_at": tx.now, "tries": 0, "changed_at": tx.now}
    tx.execute(sa.update(message_table).where(m.id == rows[0].id).values(**first))
    return Hurried.NOW


def join(tx: Transaction, directive: int, unit: int, clock: str) -> None:
    """What people are told about a directive because of a clock is about this unit, too: not needless without it."""
    ours = sa.and_(about.directive_id == directive, about.clock == clock)
    rows = tx.all(sa.select(about.message_id, about.unit_id, about.stopped_at).where(ours))
    going = {row.message_id for row in rows if row.stopped_at is None}
    before = {row.message_id for row in rows if row.unit_id == unit}
    again = sa.and_(ours, about.unit_id == unit, about.message_id.in_(sorted(going & before)))
    tx.execute(sa.update(about_table).where(again).values(stopped_at=None))
    common = {"directive_id": directive, "unit_id": unit, "clock": clock}
    links = [{"message_id": number, **common} for number in sorted(going - before)]
    if links:
        tx.execute(sa.insert(about_table), links)


def stop(
    tx: Transaction, directive: int, units: Collection[int], clocks: Collection[str], account: int | None = None
) -> None:
    """These units have acted: what waits because of these clocks of theirs is not sent any more.

    With `account` that person has taken note, and only what goes to them stops.
    """
    if not units or not clocks:
        return
    asked = {"directive": directive, "units": list(units), "clocks": list(clocks), "now": tx.now}
    if account is None:
        stopped = tx.execute(_STOP, asked).scalars()
    else:
        stopped = tx.execute(_STOP_ONE, {**asked, "account": account}).scalars()
    ids = sorted(set(stopped))
    if not ids:
        return
    # Units that act at the same moment wait here for each other: the last of them sees that nobody is left.
    tx.all(sa.select(m.id).where(m.id.in_(ids)).order_by(m.id).with_for_update())
    still = sa.select(about.message_id).where(about.message_id.in_(ids), about.stopped_at.is_(None))
    needless = sa.and_(m.id.in_(ids), m.id.not_in(still))
    tx.execute(sa.update(message_table).where(needless).values(stopped_at=tx.now))
    waiting = sa.and_(needless, m.state == MessageState.WAITING.value)
    tx.execute(sa.update(message_table).where(waiting).values(state=MessageState.STOPPED.value, changed_at=tx.now))


def _stopping() -> tuple[sa.Executable, sa.Executable]:
    """Stop `clocks` of `units` for everybody, and for one `account`: made once, as each step of a delivery does it."""
    mine = (
        about.directive_id == sa.bindparam("directive"),
        about.unit_id.in_(sa.bindparam("units", expanding=True)),
        about.clock.in_(sa.bindparam("clocks", expanding=True)),
        about.stopped_at.is_(None),
    )
    all_ = sa.update(about_table).where(*mine).values(stopped_at=sa.bindparam("now")).returning(about.message_id)
    theirs = sa.select(m.id).where(m.account_id == sa.bindparam("account"))
    return all_, all_.where(about.message_id.in_(theirs))


_STOP, _STOP_ONE = _stopping()


def forget(tx: Transaction, directive: int) -> None:
    """A draft is deleted: what waits about it is not sent, and of what was sent nothing says any more what it told."""
    mine = sa.select(about.message_id).where(about.directive_id == directive)
    waiting = sa.and_(m.id.in_(mine), m.state == MessageState.WAITING.value)
    stopped = {"state": MessageState.STOPPED.value, "stopped_at": tx.now, "changed_at": tx.now}
    tx.execute(sa.update(message_table).where(waiting).values(**stopped))
    tx.execute(sa.delete(about_table).where(about.directive_id == directive))
