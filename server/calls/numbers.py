"""People's telephone numbers, and whom to call for a unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Role
from server.calls.model import phone_number
from server.errors import UserError
from server.http.i18n import _
from server.store import Transaction
from server.telephony.numbers import same as same

BETWEEN = re.compile(r"[\s.\-()]")
_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_ORDER = (Role.VILLAGE_HEAD, Role.LEADER, Role.CADRE, Role.CLERK)


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to call for a unit, and where."""

    unit: int
    account: int
    name: str
    number: str


def clean(text: str) -> str:
    """A number without what people write between its digits. Raises UserError when it is none."""
    number = BETWEEN.sub("", text)
    if not _NUMBER.fullmatch(number):
        raise UserError("bad_number", _("Số điện thoại gồm 3 đến 15 chữ số, có thể có dấu + ở đầu."), field="number")
    return number


def give(tx: Transaction, account_id: int, text: str) -> tuple[str, str]:
    """Note a person's number; an empty one takes it away. Gives what was noted before, and what is now."""
    number, before = clean(text) if text.strip() else "", of(tx, [account_id]).get(account_id, "")
    tx.execute(sa.delete(phone_number).where(phone_number.c.account_id == account_id))
    if number:
        tx.insert(phone_number, account_id=account_id, number=number)
    return before, number


def end_of(number: str) -> str:
    """As much of a number as may stand in the server's log."""
    return f"…{number[-3:]}" if number else "none"


def known(tx: Transaction) -> dict[int, str]:
    """All numbers by account."""
    return {row.account_id: row.number for row in tx.all(sa.select(phone_number))}


def of(tx: Transaction, account_ids: Iterable[int]) -> dict[int, str]:
    """The numbers of some people, of those who have one."""
    rows = tx.all(sa.select(phone_number).where(phone_number.c.account_id.in_(sorted(set(account_ids)))))
    return {row.account_id: row.number for row in rows}


def name_at(tx: Transaction, unit_id: int, number: str) -> str:
    """The name of who of a unit's people has this number; "" for nobody, or several."""
    people = {one.account_id: one.name for one in accounts.members(tx, [unit_id])}
    noted = of(tx, people)
    names = [people[account] for account, known in noted.items() if same(known, number)]
    return names[0] if len(names) == 1 else ""


def reach(tx: Transaction, unit_ids: Iterable[int], order: Sequence[Role] = _ORDER) -> dict[int, Reach]:
    """For each of the units its first person with a number, by role: its head, then its officials. Others are left out.

    The roles are tried in that `order`.
    """
    wanted, found = list(unit_ids), {}
    numbers = known(tx)
    members = accounts.members(tx, wanted, order)
    for member in sorted(members, key=lambda one: (order.index(one.role), one.membership_id)):
        if member.account_id in numbers and member.unit_id not in found:
            found[member.unit_id] = Reach(
                unit=member.unit_id,
                account=member.account_id,
                name=member.name,
                number=numbers[member.account_id],
            )
    return found


def out_of_reach(tx: Transaction, unit_ids: Iterable[int], since: datetime) -> set[int]:
    """Those of the units that have neither a device on which somebody was signed in after `since` nor a number."""
    silent = set(unit_ids)
    silent -= accounts.units_seen(tx, silent, since)
    return silent - reach(tx, silent).keys() if silent else silent
