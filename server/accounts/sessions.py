"""Sign-ins as rows: opening, finding, listing, ending them; a session acts in one membership of its person."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts import locks
from server.accounts.model import account_table as account
from server.accounts.model import membership_table as membership
from server.accounts.model import session_table as session
from server.accounts.permissions import Permission, Role
from server.accounts.principal import Membership, Principal
from server.accounts.rules import device_name
from server.accounts.tokens import new_secret, secret_hash
from server.config import Access
from server.errors import NotAllowedError, NotFoundError
from server.http.i18n import _
from server.store import Transaction
from server.units import service as units

FORGOTTEN = timedelta(days=60)
A_SCREEN_LASTS = timedelta(days=366)


class Candidate(msgspec.Struct, frozen=True):
    """Who may be signing in; both are None for a username that nobody has, or whose one-time password is over."""

    account_id: int | None
    password_hash: str | None


class Opened(msgspec.Struct, frozen=True):
    """A new session; `secret` is told to its owner once and stored nowhere."""

    secret: str
    public_id: str
    expires_at: datetime
    who: Principal
    must_change_password: bool = False


class Live(msgspec.Struct, frozen=True):
    """A session that is valid now."""

    who: Principal
    seen_at: datetime
    expires_at: datetime


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a person's list of sign-ins."""

    id: str
    created_at: datetime
    seen_at: datetime
    device: str
    address: str
    current: bool
    screen: bool = False
    expires_at: datetime


def begin_sign_in(tx: Transaction, username: str, address: str, access: Access) -> Candidate:
    """Count the try and find the account. Raises TooManyError."""
    locks.begin_try(tx, username, address, access)
    row = tx.one(sa.select(account).where(account.c.username == username.strip().lower()))
    if row is None or (row.one_time_until is not None and row.one_time_until <= tx.now):
        return Candidate(None, None)
    return Candidate(row.id, row.password_hash)


def finish_sign_in(
    tx: Transaction, account_id: int, address: str, user_agent: str, access: Access, new_hash: str | None = None
) -> Opened:
    """The password was right: forget the failures and open a session. Raises NotAllowedError without a membership."""
    row = tx.one(sa.select(account).where(account.c.id == account_id))
    if row is None or row.locked_at is not None:
        raise NotAllowedError("account_locked", _("Tài khoản đang bị khóa. Xin liên hệ quản trị viên."))
    locks.forgive(tx, row.username, address)
    if new_hash is not None:
        tx.execute(sa.update(account).where(account.c.id == account_id).values(password_hash=new_hash))
    opened = open_session(tx, account_id, address, user_agent, timedelta(hours=access.session_hours))
    return msgspec.structs.replace(opened, must_change_password=row.one_time_until is not None)


def open_screen(tx: Transaction, who: Principal, address: str, user_agent: str) -> Opened:
    """A long session that shows the wall of the person's unit and may do nothing else; the one in use ends."""
    who.require(Permission.WATCH_WALL)
    opened = open_session(tx, who.account_id, address, user_agent, A_SCREEN_LASTS, screen_of=who.acting.id)
    sign_out(tx, who)
    return opened


def open_session(
    tx: Transaction,
    account_id: int,
    address: str,
    user_agent: str,
    length: timedelta,
    screen_of: int | None = None,
) -> Opened:
    """A new session of an account, or a screen of one of its memberships.

    Raises NotAllowedError if it has no role in any unit today.
    """
    secret, public_id = new_secret(), secrets.token_urlsafe(9)
    expires_at = tx.now + length
    tx.insert(
        session,
        public_id=public_id,
        secret_hash=secret_hash(secret),
        account_id=account_id,
        created_at=tx.now,
        seen_at=tx.now,
        expires_at=expires_at,
        user_agent=user_agent[:200],
        address=address[:60],
        membership_id=screen_of,
        screen=screen_of is not None,
    )
    live = find_live(tx, secret_hash(secret), None)
    if live is None:
        raise NotAllowedError(
            "no_membership", _("Tài khoản chưa được giao vai trò ở đơn vị nào. Xin liên hệ quản trị viên.")
        )
    return Opened(secret, public_id, expires_at, live.who)


def find_live(tx: Transaction, hashed: str | None, public_id: str | None) -> Live | None:
    """The valid session with this secret's hash (cookie) or public id (bearer token), and who it is."""
    mark = session.c.secret_hash == hashed if hashed is not None else session.c.public_id == public_id
    row = tx.one(
        sa.select(
            session.c.secret_hash,
            session.c.membership_id,
            session.c.seen_at,
            session.c.expires_at,
            session.c.screen,
            account.c.id,
            account.c.username,
            account.c.name,
            account.c.language,
        )
        .join(account, account.c.id == session.c.account_id)
        .where(mark, session.c.revoked_at.is_(None), session.c.expires_at > tx.now, account.c.locked_at.is_(None))
    )
    if row is None:
        return None
    who = make_principal(tx, row, row.secret_hash, row.membership_id)
    if who is None or (row.screen and who.acting.id != row.membership_id):  # the screen was of a role that is over
        return None
    return Live(msgspec.structs.replace(who, screen=row.screen), row.seen_at, row.expires_at)


def make_principal(tx: Transaction, person: Any, session_id: str, membership_id: int | None) -> Principal | None:
    """A person (row with id, username, name, language) in one of their memberships; None if they have none today."""
    held = memberships_of(tx, person.id)
    if not held:
        return None
    return Principal(
        account_id=person.id,
        username=person.username,
        name=person.name,
        session_id=session_id,
        language=person.language,
        acting=next((m for m in held if m.id == membership_id), held[0]),
        memberships=held,
    )


def memberships_of(tx: Transaction, account_id: int) -> tuple[Membership, ...]:
    """The memberships that hold now, oldest first."""
    m = membership.c
    rows = tx.all(
        sa.select(membership)
        .where(m.account_id == account_id, m.valid_from <= tx.now, sa.or_(m.valid_to.is_(None), m.valid_to > tx.now))
        .order_by(m.id)
    )
    names = units.units_by_ids(tx, (row.unit_id for row in rows))
    return tuple(
        Membership(
            id=row.id,
            unit_id=row.unit_id,
            unit_name=names[row.unit_id].short_name,
            level=names[row.unit_id].level.value,
            bloc=names[row.unit_id].bloc.value,
            role=Role(row.role),
            position=row.position,
        )
        for row in rows
    )


def touch(tx: Transaction, session_ids: Iterable[str]) -> None:
    """Note that the sessions are in use."""
    tx.execute(sa.update(session).where(session.c.secret_hash.in_(sorted(session_ids))).values(seen_at=tx.now))


def still_valid(tx: Transaction, session_ids: Iterable[str]) -> set[str]:
    """Those of the sessions that are neither over nor revoked."""
    s = session.c
    query = sa.select(s.secret_hash).where(
        s.secret_hash.in_(list(session_ids)), s.revoked_at.is_(None), s.expires_at > tx.now
    )
    return {row.secret_hash for row in tx.all(query)}


def ended(tx: Transaction, session_ids: Iterable[str]) -> set[str]:
    """Those that somebody ended, or that ran out so long ago that the browser may be anybody's by now.

    A browser that a sign-in allowed to be told of new things is told them after the sign-in has run out, too: that
    happens every night.
    """
    s = session.c
    over = sa.or_(s.revoked_at.is_not(None), s.expires_at <= tx.now - FORGOTTEN)
    return {
        row.secret_hash for row in tx.all(sa.select(s.secret_hash).where(s.secret_hash.in_(list(session_ids)), over))
    }


def list_sessions(tx: Transaction, who: Principal) -> list[SessionInfo]:
    """The person's valid sign-ins, the last used first."""
    s = session.c
    rows = tx.all(
        sa.select(session)
        .where(s.account_id == who.account_id, s.revoked_at.is_(None), s.expires_at > tx.now)
        .order_by(s.seen_at.desc(), s.id.desc())
    )
    return [
        SessionInfo(
            id=row.public_id,
            created_at=row.created_at,
            seen_at=row.seen_at,
            device=device_name(row.user_agent),
            address=row.address,
            current=row.secret_hash == who.session_id,
            screen=row.screen,
            expires_at=row.expires_at,
        )
        for row in rows
    ]


def revoke(tx: Transaction, who: Principal, public_id: str) -> str:
    """End one of the person's own sign-ins; gives its session id. Raises NotFoundError for another's."""
    s = session.c
    row = tx.one(
        sa.select(session).where(
            s.public_id == public_id, s.account_id == who.account_id, s.revoked_at.is_(None), s.expires_at > tx.now
        )
    )
    if row is None:
        raise NotFoundError("no_session", _("Không có lần đăng nhập này."))
    tx.execute(sa.update(session).where(s.id == row.id).values(revoked_at=tx.now))
    return str(row.secret_hash)


def sign_out(tx: Transaction, who: Principal) -> None:
    """End the session in use."""
    tx.execute(
        sa.update(session)
        .where(session.c.secret_hash == who.session_id, session.c.revoked_at.is_(None))
        .values(revoked_at=tx.now)
    )


def revoke_all(tx: Transaction, account_id: int, keep: str | None = None) -> list[str]:
    """End all sign-ins of an account but `keep`, those that ran out as well; gives the ids of the ended."""
    s = session.c
    query = sa.select(s.secret_hash).where(s.account_id == account_id, s.revoked_at.is_(None))
    ended = [row.secret_hash for row in tx.all(query) if row.secret_hash != keep]
    tx.execute(sa.update(session).where(s.secret_hash.in_(ended)).values(revoked_at=tx.now))
    return ended


def act_in(tx: Transaction, who: Principal, membership_id: int) -> None:
    """Act in another of one's memberships from now on. Raises NotFoundError if it is not one's own."""
    if membership_id not in {m.id for m in memberships_of(tx, who.account_id)}:
        raise NotFoundError("no_membership", _("Đồng chí không giữ vai trò này."))
    tx.execute(sa.update(session).where(session.c.secret_hash == who.session_id).values(membership_id=membership_id))
