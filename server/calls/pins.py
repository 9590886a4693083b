"""People's PINs: made here, shown once, kept as a keyed hash."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from itertools import pairwise

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.calls.model import phone_pin
from server.calls.rules import PIN_DIGITS
from server.meetings.service import telephone
from server.store import Transaction


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A new PIN: this is the only time that it is to be seen."""

    account: int
    pin: str


def pin_hash(key: bytes, pin: str) -> str:
    """What is stored of a PIN. Without the server's key nobody can try all eight digits."""
    return hmac.digest(key, f"phone pin {pin}".encode(), "sha256").hex()


def make(tx: Transaction, key: bytes, who: Principal, accounts: Iterable[int]) -> list[Made]:
    """New PINs for these people; their old ones are not valid any more."""
    wanted = sorted(set(accounts))
    tx.execute(sa.delete(phone_pin).where(phone_pin.c.account_id.in_(wanted)))
    taken = {row.pin_hash for row in tx.all(sa.select(phone_pin.c.pin_hash))}
    made = []
    for account in wanted:
        pin = _new(tx, key, taken)
        taken.add(pin_hash(key, pin))
        tx.insert(phone_pin, account_id=account, pin_hash=pin_hash(key, pin), made_at=tx.now, made_by=who.account_id)
        made.append(Made(account=account, pin=pin))
    return made


def _new(tx: Transaction, key: bytes, taken: set[str]) -> str:
    """One that nobody has, nor a meeting, and that is not of one digit or a row."""
    while True:
        pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
        steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
        free = pin_hash(key, pin) not in taken and telephone.meeting_by_code(tx, pin) is None
        if len(steps) > 1 and free:
            return pin


def owner(tx: Transaction, key: bytes, pin: str) -> int | None:
    """Whose PIN this is."""
    row = tx.one(sa.select(phone_pin.c.account_id).where(phone_pin.c.pin_hash == pin_hash(key, pin)))
    return int(row.account_id) if row else None


def take_back(tx: Transaction, account_id: int) -> None:
    """A PIN is not valid any more."""
    tx.execute(sa.delete(phone_pin).where(phone_pin.c.account_id == account_id))


def those_with(tx: Transaction) -> set[int]:
    """Accounts that have a PIN."""
    return {row.account_id for row in tx.all(sa.select(phone_pin.c.account_id))}
