"""Where a person can be reached, e-mail and mobile number, each proved by a code; and by which channels."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.errors import ConflictError, NotFoundError, TooManyError, UserError
from server.http.i18n import _
from server.reach.model import choice_table, contact_table
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import (
    ADDRESS_OF,
    CODE_MINUTES,
    CODE_PAUSE,
    CODE_TRIES,
    CODES_A_DAY,
    AddressKind,
    Channel,
    clean_address,
)
from server.reach.service.outbox import put_code
from server.reach.service.subscriptions import Device, devices
from server.store import Transaction

c, chosen = contact_table.c, choice_table.c
_BY: dict[AddressKind, tuple[Channel, ...]] = {
    AddressKind.MAIL: (Channel.MAIL,),
    AddressKind.PHONE: (Channel.SMS, Channel.ZALO),
}
"""By which channel a code goes to an address: the first that the server has."""


class MyContact(msgspec.Struct, frozen=True, kw_only=True):
    """An address of one's own; `waits` says that a code is on its way."""

    kind: AddressKind
    address: str
    verified: bool
    waits: bool


class Reachability(msgspec.Struct, frozen=True, kw_only=True):
    """How a person is reached now."""

    contacts: list[MyContact]
    channels: list[Channel]
    devices: list[Device]


def reachability(tx: Transaction, who: Principal) -> Reachability:
    """One's own addresses, channels and browsers."""
    rows = tx.all(sa.select(contact_table).where(c.account_id == who.account_id, c.address != "").order_by(c.kind))
    return Reachability(
        contacts=[
            MyContact(
                kind=AddressKind(row.kind),
                address=row.address,
                verified=row.verified_at is not None,
                waits=row.code_until is not None and row.code_until > tx.now,
            )
            for row in rows
        ],
        channels=sorted(_chosen(tx, who.account_id)),
        devices=devices(tx, who),
    )


def _chosen(tx: Transaction, account: int) -> set[Channel]:
    return {Channel(row.channel) for row in tx.all(sa.select(chosen.channel).where(chosen.account_id == account))}


def enter(tx: Transaction, who: Principal, kind: AddressKind, text: str, served: Collection[Channel]) -> None:
    """Take an address and send a code to it; until the code is typed in nothing else goes there.

    Raises UserError for what is no address, TooManyError when codes are asked for too often, ConflictError if the
    server has no channel to it.
    """
    address = clean_address(kind, text)
    if address is None:
        words = {
            AddressKind.MAIL: _("Địa chỉ thư điện tử không đúng. Ví dụ: ten@camlo.example."),
            AddressKind.PHONE: _("Số di động không đúng. Ví dụ: 0912 345 678."),
        }
        raise UserError("bad_address", words[kind], field=kind.value)
    channel = next((one for one in _BY[kind] if one in served), None)
    if channel is None:
        raise ConflictError("not_configured", _("Kênh này chưa được cài đặt trên máy chủ."), field=kind.value)
    row = tx.one(_mine(who, kind).with_for_update())
    if row is not None and row.address == address and row.verified_at is not None:
        return
    count, since = _count(row, tx.now, kind)
    code = f"{secrets.randbelow(1_000_000):06}"
    values = {
        "address": address,
        "verified_at": None,
        "code_hash": _hash(who.account_id, address, code),
        "code_until": tx.now + timedelta(minutes=CODE_MINUTES),
        "code_tries": 0,
        "code_sent_at": tx.now,
        "codes": count + 1,
        "codes_since": since,
    }
    if row is None:
        tx.execute(sa.insert(contact_table).values(account_id=who.account_id, kind=kind.value, **values))
    else:
        tx.execute(sa.update(contact_table).where(*_keys(who, kind)).values(**values))
    put_code(tx, who.account_id, channel, address, Notice(kind=NoticeKind.CODE, code=code))


def _count(row: Any, now: datetime, kind: AddressKind) -> tuple[int, datetime]:
    """How many codes were sent since when, within a day. Raises TooManyError."""
    if row is None or row.codes_since is None or now - row.codes_since >= timedelta(days=1):
        return 0, now
    wait = CODE_PAUSE - (now - row.code_sent_at)
    if wait > timedelta(0):
        seconds = -(-int(wait.total_seconds() * 1000) // 1000)
        raise TooManyError(
            "code_too_soon", _("Vừa gửi một mã rồi. Xin chờ {retry_after} giây."), retry_after=seconds, field=kind.value
        )
    if row.codes >= CODES_A_DAY:
        left = int((row.codes_since + timedelta(days=1) - now).total_seconds())
        raise TooManyError(
            "codes_used_up", _("Hôm nay đã gửi quá nhiều mã. Xin thử lại ngày mai."), retry_after=left, field=kind.value
        )
    return row.codes, row.codes_since


def confirm(tx: Transaction, who: Principal, kind: AddressKind, code: str) -> bool:
    """Type the code in: the address counts from now on, and its channels are switched on. False if it is wrong.

    A wrong code is counted, so the transaction must commit. Raises NotFoundError, TooManyError, UserError.
    """
    row = tx.one(_mine(who, kind).with_for_update())
    if row is None or not row.address:
        raise NotFoundError("no_address", _("Chưa có địa chỉ này."))
    if row.verified_at is not None:
        return True
    field = f"{kind.value}_code"
    if row.code_until is None or row.code_until <= tx.now:
        raise UserError("code_over", _("Mã đã hết hạn. Xin bấm gửi mã mới."), field=field)
    if row.code_tries >= CODE_TRIES:
        raise UserError("code_over", _("Mã sai nhiều lần nên không dùng được nữa. Xin gửi mã mới."), field=field)
    if not hmac.compare_digest(row.code_hash, _hash(who.account_id, row.address, code.strip().replace(" ", ""))):
        tx.execute(sa.update(contact_table).where(*_keys(who, kind)).values(code_tries=row.code_tries + 1))
        return False
    values = {"verified_at": tx.now, "code_hash": None, "code_until": None, "codes": 0, "codes_since": None}
    tx.execute(sa.update(contact_table).where(*_keys(who, kind)).values(**values))
    _choose(tx, who.account_id, _chosen(tx, who.account_id) | set(_BY[kind]))
    return True


def drop(tx: Transaction, who: Principal, kind: AddressKind) -> None:
    """Take an address back; nothing is sent there any more. How many codes were sent today is remembered."""
    values = {"address": "", "verified_at": None, "code_hash": None, "code_until": None}
    tx.execute(sa.update(contact_table).where(*_keys(who, kind)).values(**values))
    _choose(tx, who.account_id, _chosen(tx, who.account_id) - set(_BY[kind]))


def change_channels(tx: Transaction, who: Principal, wanted: Collection[Channel], served: Collection[Channel]) -> None:
    """Switch channels on and off; one that the server has not, or whose address is not verified, stays as it is."""
    rows = tx.all(sa.select(c.kind).where(c.account_id == who.account_id, c.verified_at.is_not(None)))
    verified = {AddressKind(row.kind) for row in rows}
    offered = {one for one in served if one in ADDRESS_OF and ADDRESS_OF[one] in verified}
    _choose(tx, who.account_id, (_chosen(tx, who.account_id) - offered) | (set(wanted) & offered))


def _choose(tx: Transaction, account: int, channels: Collection[Channel]) -> None:
    tx.execute(sa.delete(choice_table).where(chosen.account_id == account))
    rows = [{"account_id": account, "channel": channel.value} for channel in sorted(channels)]
    if rows:
        tx.execute(sa.insert(choice_table), rows)


def _mine(who: Principal, kind: AddressKind) -> sa.Select[Any]:
    return sa.select(contact_table).where(*_keys(who, kind))


def _keys(who: Principal, kind: AddressKind) -> tuple[sa.ColumnElement[bool], ...]:
    return c.account_id == who.account_id, c.kind == kind.value


def _hash(account: int, address: str, code: str) -> str:
    return sha256(f"{account}:{address}:{code}".encode()).hexdigest()
