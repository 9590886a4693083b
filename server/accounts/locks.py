"""Guessing is slowed and then locked, by account and by address, and looks the same for accounts that do not exist.

A try is counted as wrong before the password is checked and taken back when it was right: a thousand tries sent at once
gain nothing.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from server.accounts.model import sign_in_counter as counter
from server.accounts.rules import ADDRESS_FACTOR, pause_after
from server.config import Access
from server.errors import TooManyError
from server.http.i18n import _
from server.store import Transaction

KEPT = timedelta(days=1)


def _keys(username: str, address: str) -> tuple[str, str]:
    # Hashed: people type passwords into the wrong field.
    return "account:" + sha256(username.strip().lower().encode()).hexdigest(), f"address:{address[:60]}"


def begin_try(tx: Transaction, username: str, address: str, access: Access) -> None:
    """Count a try. Raises TooManyError with the seconds to wait, and then counts nothing."""
    lock = timedelta(minutes=access.lock_minutes)
    tx.execute(sa.delete(counter).where(counter.c.last_at <= tx.now - KEPT))
    account, by_address = _keys(username, address)
    for key, free in ((account, 0), (by_address, access.tries_before_lock * (ADDRESS_FACTOR - 1))):
        row = _locked_row(tx, key)
        passed = tx.now - row.last_at  # less than nothing after the clock was set back: that is no reason to wait
        over = passed >= lock
        # An address is not slowed from the third try on, as a person is: it stands for a whole office.
        pause = pause_after(max(0, row.failures - free), access.tries_before_lock, lock)
        if timedelta(0) <= passed < pause and not over:
            raise _wait(pause - passed)
        failures = 1 if over else row.failures + 1
        tx.execute(sa.update(counter).where(counter.c.key == key).values(failures=failures, last_at=tx.now))


def _locked_row(tx: Transaction, key: str) -> Any:
    """The counter's row, made if missing and locked until the commit: two tries at once are counted as two."""
    tx.claim(counter, key=key, failures=0, last_at=tx.now)
    return tx.one(sa.select(counter).where(counter.c.key == key).with_for_update())


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


def _wait(left: timedelta) -> TooManyError:
    seconds = max(1, int(left.total_seconds() + 0.999))
    if seconds < 120:
        text = _("Đăng nhập sai nhiều lần. Xin chờ {retry_after} giây rồi thử lại.")
        return TooManyError("too_many_tries", text, retry_after=seconds)
    text = _("Đăng nhập sai nhiều lần nên tạm khóa. Xin thử lại sau {minutes} phút.")
    return TooManyError("too_many_tries", text, retry_after=seconds, minutes=-(-seconds // 60))
