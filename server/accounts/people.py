"""The directory of people, and what an administrator does with accounts and memberships."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts import locks, sessions
from server.accounts.model import account_table as account
from server.accounts.model import membership_table as membership
from server.accounts.permissions import Role
from server.accounts.principal import Principal
from server.accounts.rules import PASSWORD_LENGTH, clean_name, clean_username
from server.errors import ConflictError, NotFoundError, UserError
from server.http.i18n import _
from server.store import Transaction
from server.store.search import exact, plain
from server.units import service as units
from server.units.rules import sort_key

ONE_TIME = timedelta(days=7)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A membership as the directory shows it; `valid_to` is None while it lasts."""

    id: int
    unit_id: int
    unit_name: str
    role: Role
    position: str
    valid_from: datetime
    valid_to: datetime | None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the directory; `username` is shown to administrators only."""

    id: int
    username: str
    name: str
    language: str
    locked: bool
    held: tuple[Held, ...]


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator types for a new person."""

    username: str
    name: str
    unit_id: int
    role: Role
    position: str = ""


def _held(tx: Transaction, account_ids: list[int] | None, *, ended: bool = False) -> dict[int, list[Held]]:
    m = membership.c
    query = sa.select(membership).order_by(m.id)
    if account_ids is not None:
        query = query.where(m.account_id.in_(account_ids))
    if not ended:
        query = query.where(m.valid_from <= tx.now, sa.or_(m.valid_to.is_(None), m.valid_to > tx.now))
    rows = tx.all(query)
    names = units.units_by_ids(tx, (row.unit_id for row in rows))
    found: dict[int, list[Held]] = {}
    for row in rows:
        found.setdefault(row.account_id, []).append(
            Held(
                id=row.id,
                unit_id=row.unit_id,
                unit_name=names[row.unit_id].name,
                role=Role(row.role),
                position=row.position,
                valid_from=row.valid_from,
                valid_to=row.valid_to,
            )
        )
    return found


def _person(row: Any, held: list[Held]) -> Person:
    return Person(
        id=row.id,
        username=row.username,
        name=row.name,
        language=row.language,
        locked=row.locked_at is not None,
        held=tuple(held),
    )


def directory(tx: Transaction, unit_id: int | None = None, text: str = "", *, locked: bool = False) -> list[Person]:
    """People by name; of one unit and those below it, and whose name, position or unit contains every word."""
    wanted = {unit_id, *(u.id for u in units.descendants(tx, unit_id))} if unit_id is not None else None
    held = _held(tx, None)
    words = [(plain(word), exact(word)) for word in text.split()]
    found = []
    for row in tx.all(sa.select(account)):
        mine = held.get(row.id, [])
        if row.locked_at is not None and not locked:
            continue
        if wanted is not None and not any(h.unit_id in wanted for h in mine):
            continue
        seen = " ".join([row.name, *(f"{h.position} {h.unit_name}" for h in mine)])
        if _matches(seen, words):
            found.append(_person(row, mine))
    return sorted(found, key=lambda person: (sort_key(person.name.split()[-1]), sort_key(person.name), person.id))


def _matches(seen: str, words: list[tuple[str, str]]) -> bool:
    """A word typed with marks must be there with its marks: “Thành” does not find “Thanh”."""
    marked, bare = exact(seen), plain(seen)
    return all(typed in (bare if folded == typed else marked) for folded, typed in words)


def person(tx: Transaction, account_id: int, *, ended: bool = False) -> Person:
    """One person, with memberships that ended if wanted. Raises NotFoundError."""
    row = tx.one(sa.select(account).where(account.c.id == account_id))
    if row is None:
        raise NotFoundError("no_person", _("Không có người này."))
    return _person(row, _held(tx, [account_id], ended=ended).get(account_id, []))


def add_account(tx: Transaction, new: NewAccount, password_hash: str) -> int:
    """A new person with a first role; the password is one-time. Raises UserError or ConflictError."""
    username, name = clean_username(new.username), clean_name(new.name)
    if username is None:
        raise UserError(
            "bad_username",
            _("Tên đăng nhập chỉ gồm chữ không dấu, số, dấu chấm và gạch nối, dài nhất 50 chữ."),
            field="username",
        )
    if name is None:
        raise UserError("bad_name", _("Họ tên để trống, quá dài hoặc có ký tự không hợp lệ."), field="name")
    if tx.one(sa.select(account.c.id).where(account.c.username == username)):
        raise ConflictError("username_taken", _("Tên đăng nhập “{username}” đã có người dùng."), username=username)
    _check_membership(tx, new.unit_id, new.position)
    account_id = tx.insert(
        account,
        username=username,
        name=name,
        password_hash=password_hash,
        one_time_until=tx.now + ONE_TIME,
        created_at=tx.now,
    )
    _add(tx, account_id, new.unit_id, new.role, new.position)
    return account_id


def add_membership(tx: Transaction, account_id: int, unit_id: int, role: Role, position: str) -> int:
    """One role more. Raises UserError, ConflictError if the person has it already."""
    person(tx, account_id)
    _check_membership(tx, unit_id, position)
    if any(h.unit_id == unit_id and h.role is role for h in _held(tx, [account_id]).get(account_id, [])):
        raise ConflictError("membership_twice", _("Người này đã giữ vai trò đó ở đơn vị đó."))
    return _add(tx, account_id, unit_id, role, position)


def end_membership(tx: Transaction, who: Principal, account_id: int, membership_id: int) -> None:
    """A role ends now; it stays in the history. Raises NotFoundError, ConflictError for the one in use oneself."""
    if membership_id == who.acting.id:
        raise ConflictError("own_membership", _("Đồng chí đang dùng vai trò này nên không tự kết thúc được."))
    if membership_id not in {h.id for h in _held(tx, [account_id]).get(account_id, [])}:
        raise NotFoundError("no_membership", _("Người này không giữ vai trò đó."))
    tx.execute(sa.update(membership).where(membership.c.id == membership_id).values(valid_to=tx.now))


def _check_membership(tx: Transaction, unit_id: int, position: str) -> None:
    if unit_id not in units.tree(tx).units:
        raise UserError("no_unit", _("Không có đơn vị này."), field="unit_id")
    if position and clean_name(position, 100) is None:
        raise UserError("bad_position", _("Chức vụ quá dài hoặc có ký tự không hợp lệ."), field="position")


def _add(tx: Transaction, account_id: int, unit_id: int, role: Role, position: str) -> int:
    return tx.insert(
        membership,
        account_id=account_id,
        unit_id=unit_id,
        role=role.value,
        position=clean_name(position, 100) or "",
        valid_from=tx.now,
    )


def reset_password(tx: Transaction, account_id: int, password_hash: str) -> list[str]:
    """A one-time password; whoever was signed in is signed out. Gives the ended sessions."""
    found = person(tx, account_id)
    values = {"password_hash": password_hash, "one_time_until": tx.now + ONE_TIME}
    tx.execute(sa.update(account).where(account.c.id == account_id).values(values))
    locks.unlock(tx, found.username)
    return sessions.revoke_all(tx, account_id)


def lock_account(tx: Transaction, who: Principal, account_id: int) -> list[str]:
    """Nobody signs in with it until it is unlocked. Gives the ended sessions. Raises ConflictError for one's own."""
    if account_id == who.account_id:
        raise ConflictError("own_account", _("Đồng chí không tự khóa tài khoản của mình được."))
    person(tx, account_id)
    tx.execute(sa.update(account).where(account.c.id == account_id).values(locked_at=tx.now))
    return sessions.revoke_all(tx, account_id)


def unlock_account(tx: Transaction, account_id: int) -> None:
    """The person may sign in again, also after too many wrong passwords."""
    found = person(tx, account_id)
    tx.execute(sa.update(account).where(account.c.id == account_id).values(locked_at=None))
    locks.unlock(tx, found.username)


def check_new_password(who: Principal, password: str) -> None:
    """Raises UserError for a password that is too short or too easy."""
    shortest, longest = PASSWORD_LENGTH
    if len(password) < shortest:
        raise UserError(
            "short_password", _("Mật khẩu mới cần ít nhất {shortest} ký tự."), field="new", shortest=shortest
        )
    if len(password) > longest:
        raise UserError("long_password", _("Mật khẩu mới dài quá {longest} ký tự."), field="new", longest=longest)
    if password.strip().lower() in (who.username, who.name.lower()) or len(set(password)) < 4:
        raise UserError("easy_password", _("Mật khẩu mới quá dễ đoán. Xin chọn mật khẩu khác."), field="new")


def set_password(tx: Transaction, who: Principal, password_hash: str) -> list[str]:
    """One's own new password; other devices are signed out. Gives their sessions."""
    values = {"password_hash": password_hash, "one_time_until": None}
    tx.execute(sa.update(account).where(account.c.id == who.account_id).values(values))
    return sessions.revoke_all(tx, who.account_id, keep=who.session_id)


def set_language(tx: Transaction, account_id: int, language: str) -> None:
    """The language of a person's pages."""
    tx.execute(sa.update(account).where(account.c.id == account_id).values(language=language))
