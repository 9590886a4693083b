"""Guessing is slowed and then locked, by account and by address, and looks the same for accounts that do not exist.

A try is counted as wrong before the password is checked and taken back when it was right: a thousand tries sent at once
gain nothing.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import sqlalchemy as sa

from server.accounts.model import sign_in_counter as counter
from server.accounts.rules import ADDRESS_FACTOR, pause_after
from server.config import Access
from server.errors import TooManyError
from server.http.i18n import _
from server.store import Transaction


def _keys(username: str, address: str) -> tuple[str, str]:
    # Hashed: people type passwords into the wrong field.
    return "account:" + sha256(username.strip().lower().encode()).hexdigest(), f"address:{address[:60]}"


def begin_try(tx: Transaction, username: str, address: str, access: Access) -> None:
    """Count a try. Raises TooManyError with the seconds to wait, and then counts nothing."""
    lock = timedelta(minutes=access.lock_minutes)
    tx.execute(sa.delete(counter).where(counter.c.last_at <= tx.now - lock))
    account, by_address = _keys(username, address)
    failures: dict[str, int] = {}
    for key, tries in ((account, access.tries_before_lock), (by_address, access.tries_before_lock * ADDRESS_FACTOR)):
        row = tx.one(sa.select(counter).where(counter.c.key == key))
        failures[key] = row.failures if row else 0
        if row:
            # An address is not slowed from the third try on, as a person is: it stands for a whole office.
            free = 0 if key == account else tries - access.tries_before_lock
            until = row.last_at + pause_after(max(0, row.failures - free), access.tries_before_lock, lock)
            if tx.now < until:
                raise _wait(until - tx.now)
    for key, before in failures.items():
        _set(tx, key, before + 1)


def forgive(tx: Transaction, username: str, address: str) -> None:
    """The password was right: the account starts anew; the address gets back only this try."""
    account, by_address = _keys(username, address)
    tx.execute(sa.delete(counter).where(counter.c.key == account))
    tx.execute(
        sa.update(counter)
        .where(counter.c.key == by_address, counter.c.failures > 0)
        .values(failures=counter.c.failures - 1)
    )


def unlock(tx: Transaction, username: str) -> None:
    """An administrator lets a person try again at once."""
    tx.execute(sa.delete(counter).where(counter.c.key == _keys(username, "")[0]))


def _set(tx: Transaction, key: str, failures: int) -> None:
    changed = tx.execute(sa.update(counter).where(counter.c.key == key).values(failures=failures, last_at=tx.now))
    if changed.rowcount == 0:
        tx.execute(sa.insert(counter).values(key=key, failures=failures, last_at=tx.now))


def _wait(left: timedelta) -> TooManyError:
    seconds = max(1, int(left.total_seconds() + 0.999))
    if seconds < 120:
        text = _("Đăng nhập sai nhiều lần. Xin chờ {retry_after} giây rồi thử lại.")
        return TooManyError("too_many_tries", text, retry_after=seconds)
    text = _("Đăng nhập sai nhiều lần nên tạm khóa. Xin thử lại sau {minutes} phút.")
    return TooManyError("too_many_tries", text, retry_after=seconds, minutes=-(-seconds // 60))
