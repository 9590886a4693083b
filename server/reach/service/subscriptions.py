"""Browsers that take Web Push: each belongs to a sign-in, and goes with it when that is ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.principal import Principal
from server.errors import NotFoundError
from server.http.i18n import _
from server.reach.model import subscription_table
from server.store import Transaction

s = subscription_table.c
MOST_DEVICES = 10


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The browser's public key (P-256, uncompressed) and secret, base64url without padding."""

    p256dh: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{80,100}$")]
    auth: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{16,40}$")]


class NewSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """What `PushSubscription.toJSON()` gives."""

    endpoint: Annotated[str, msgspec.Meta(max_length=500)]
    keys: Keys


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that takes messages for a person."""

    id: int
    device: str
    current: bool


def subscribe(tx: Transaction, who: Principal, data: NewSubscription, device: str) -> int:
    """This browser takes the person's messages from now on, whoever's it took before; gives the number it has."""
    tx.execute(sa.delete(subscription_table).where(s.endpoint == data.endpoint, s.account_id != who.account_id))
    values = {"p256dh": data.keys.p256dh, "auth": data.keys.auth, "session_id": who.session_id, "device": device[:100]}
    known = tx.one(sa.select(s.id).where(s.endpoint == data.endpoint))
    if known is not None:
        tx.execute(sa.update(subscription_table).where(s.id == known.id).values(**values))
        return int(known.id)
    made = tx.insert(subscription_table, endpoint=data.endpoint, account_id=who.account_id, created_at=tx.now, **values)
    mine = tx.all(sa.select(s.id).where(s.account_id == who.account_id).order_by(s.id.desc()).offset(MOST_DEVICES))
    tx.execute(sa.delete(subscription_table).where(s.id.in_([row.id for row in mine])))
    return made


def devices(tx: Transaction, who: Principal) -> list[Device]:
    """The person's browsers, the newest first."""
    rows = tx.all(sa.select(subscription_table).where(s.account_id == who.account_id).order_by(s.id.desc()))
    ended = accounts.ended(tx, [row.session_id for row in rows])
    return [
        Device(id=row.id, device=row.device, current=row.session_id == who.session_id)
        for row in rows
        if row.session_id not in ended
    ]


def forget_device(tx: Transaction, who: Principal, key: int) -> None:
    """Send nothing more to one of the person's browsers. Raises NotFoundError for another's."""
    gone = tx.execute(sa.delete(subscription_table).where(s.id == key, s.account_id == who.account_id))
    if not gone.rowcount:
        raise NotFoundError("no_device", _("Không có máy này."))


def drop_ended(tx: Transaction, rows: Sequence[Any]) -> set[int]:
    """Delete those of these subscriptions whose sign-in was ended; gives their ids."""
    revoked = accounts.ended(tx, [row.session_id for row in rows])
    ended = {int(row.id) for row in rows if row.session_id in revoked}
    if ended:
        tx.execute(sa.delete(subscription_table).where(s.id.in_(ended)))
    return ended
