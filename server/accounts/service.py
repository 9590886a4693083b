"""What other features may ask about people: names, members of units, and a person as a principal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from server.accounts import locks
from server.accounts.model import account_table as account
from server.accounts.model import membership_table as membership
from server.accounts.model import session_table as session
from server.accounts.permissions import Role
from server.accounts.principal import Principal
from server.accounts.sessions import ended, make_principal, memberships_of
from server.config import Access
from server.errors import NotFoundError
from server.http.i18n import _
from server.store import Transaction

__all__ = ["Addressee", "Member", "addressees", "ended", "members", "names", "principal_of"]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person in one role of one unit."""

    account_id: int
    username: str
    name: str
    membership_id: int
    unit_id: int
    role: Role
    position: str


class Addressee(msgspec.Struct, frozen=True):
    """Whom a message is written to."""

    name: str
    language: str


def addressees(tx: Transaction, account_ids: Iterable[int]) -> dict[int, Addressee]:
    """Name and language of people by account id; unknown and locked accounts are left out."""
    wanted = sorted(set(account_ids))
    query = sa.select(account.c.id, account.c.name, account.c.language)
    rows = tx.all(query.where(account.c.id.in_(wanted), account.c.locked_at.is_(None))) if wanted else []
    return {row.id: Addressee(row.name, row.language) for row in rows}


def names(tx: Transaction, account_ids: Iterable[int]) -> dict[int, str]:
    """Names of people by account id; unknown ids are left out."""
    wanted = sorted(set(account_ids))
    rows = tx.all(sa.select(account.c.id, account.c.name).where(account.c.id.in_(wanted))) if wanted else []
    return {row.id: row.name for row in rows}


def members(tx: Transaction, unit_ids: Iterable[int], roles: Iterable[Role] = tuple(Role)) -> list[Member]:
    """Those who hold one of the roles in one of the units now, by unit and membership."""
    m = membership.c
    rows = tx.all(
        sa.select(membership, account.c.username, account.c.name)
        .join(account, account.c.id == m.account_id)
        .where(
            m.unit_id.in_(sorted(set(unit_ids))),
            m.role.in_([role.value for role in roles]),
            m.valid_from <= tx.now,
            sa.or_(m.valid_to.is_(None), m.valid_to > tx.now),
            account.c.locked_at.is_(None),
        )
        .order_by(m.unit_id, m.id)
    )
    return [
        Member(
            account_id=row.account_id,
            username=row.username,
            name=row.name,
            membership_id=row.id,
            unit_id=row.unit_id,
            role=Role(row.role),
            position=row.position,
        )
        for row in rows
    ]


def units_of(tx: Transaction, account_ids: Iterable[int]) -> dict[int, set[int]]:
    """The units in which people hold a role now, by account id; those who hold none are left out."""
    m = membership.c
    now = sa.and_(m.valid_from <= tx.now, sa.or_(m.valid_to.is_(None), m.valid_to > tx.now))
    wanted = sa.select(m.account_id, m.unit_id).where(m.account_id.in_(sorted(set(account_ids))), now)
    found: dict[int, set[int]] = {}
    for row in tx.all(wanted):
        found.setdefault(row.account_id, set()).add(row.unit_id)
    return found


def units_seen(tx: Transaction, unit_ids: Iterable[int], since: datetime) -> set[int]:
    """Those of the units of which somebody was signed in on some device after `since`."""
    m = membership.c
    seen = sa.select(m.unit_id).join(session, session.c.account_id == m.account_id).where(session.c.seen_at > since)
    return {row.unit_id for row in tx.all(seen.where(m.unit_id.in_(sorted(set(unit_ids)))).distinct())}


def principals(tx: Transaction, account_id: int) -> list[Principal]:
    """A person in each of their memberships, without a session; nobody when the account is locked."""
    row = tx.one(sa.select(account).where(account.c.id == account_id, account.c.locked_at.is_(None)))
    held = memberships_of(tx, account_id) if row else ()
    found = (make_principal(tx, row, "", one.id) for one in held)
    return [who for who in found if who is not None]


def begin_guess(tx: Transaction, what: str, source: str, access: Access) -> None:
    """Count a try at a secret that is no password, such as a PIN, by who tries. Raises TooManyError, counting nothing.

    It is slowed and locked as sign-ins are; `forgive_guess` takes back a right one.
    """
    locks.begin_try(tx, f"{what} {source}", f"{what} {source}", access)


def forgive_guess(tx: Transaction, what: str, source: str) -> None:
    """It was right."""
    locks.forgive(tx, f"{what} {source}", f"{what} {source}")


def principal_of(tx: Transaction, username: str) -> Principal:
    """A person in their first membership, without a session: for commands, demo data and tests."""
    row = tx.one(sa.select(account).where(account.c.username == username))
    who = make_principal(tx, row, "", None) if row else None
    if who is None:
        raise NotFoundError("no_account", _("Không có tài khoản “{username}”."), username=username)
    return who
