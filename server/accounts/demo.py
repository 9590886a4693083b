"""People of the demo district: made up, with one well-known password, and refused outside demo mode."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec
import sqlalchemy as sa

from server.accounts.model import account_table as account
from server.accounts.model import membership_table as membership
from server.accounts.passwords import hash_password
from server.accounts.permissions import Role
from server.config import Settings
from server.errors import NotAllowedError, UserError
from server.http.i18n import _
from server.store import Transaction
from server.units import service as units
from server.units.import_ import District, UnitEntry

DEFAULT_PASSWORD = "giaoban"  # noqa: S105 - published with the demo on purpose
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Hoàng", "Phan", "Hồ", "Võ", "Bùi", "Đỗ", "Thái")
_MIDDLES = ("Văn", "Thị", "Quốc", "Thị Thanh", "Xuân", "Thị Kim", "Đức")
_GIVEN = ("An", "Bình", "Cường", "Duyên", "Hạnh", "Hiếu", "Khánh", "Lợi", "Minh", "Ngọc", "Phúc", "Sơn", "Tuyết")
_COMMUNE_ROLES = (
    ("", Role.CADRE, "Cán bộ văn phòng"),
    ("chutich.", Role.LEADER, "Chủ tịch UBND"),
    ("vanthu.", Role.CLERK, "Văn thư – lưu trữ"),
)


class DemoMembership(msgspec.Struct, frozen=True, kw_only=True):
    """A role in the unit with a code."""

    unit: str
    role: Role
    position: str = ""


class DemoAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up person."""

    username: str
    name: str
    memberships: list[DemoMembership]


def demo_password(settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """The demo's password. Raises NotAllowedError outside demo mode."""
    if not settings.demo:
        raise NotAllowedError("not_demo", _("Chỉ tạo tài khoản mẫu ở chế độ trình diễn."))
    return environ.get("GIAOBAN_DEMO_PASSWORD") or DEFAULT_PASSWORD


def people_of(district: District) -> list[DemoAccount]:
    """All people of the demo: those of the file, three a commune, one a village."""
    found = msgspec.convert(district.demo.get("accounts", []), list[DemoAccount])
    number = 0

    def add(username: str, unit: str, role: Role, position: str) -> None:
        nonlocal number
        found.append(
            DemoAccount(
                username=username,
                name=_name(number),
                memberships=[DemoMembership(unit=unit, role=role, position=position)],
            )
        )
        number += 1

    for commune in (entry for entry in district.units if entry.slug):
        for prefix, role, position in _COMMUNE_ROLES:
            add(prefix + commune.slug, commune.code, role, position)
        for place, village in enumerate(commune.villages, start=1):
            add(f"thon{place}.{commune.slug}", f"{commune.code}.{place:02}", Role.VILLAGE_HEAD, _head(village, commune))
    return found


def _name(number: int) -> str:
    parts = (_FAMILIES, number), (_MIDDLES, number // 3), (_GIVEN, number * 5 + number // 13)
    return " ".join(words[place % len(words)] for words, place in parts)


def _head(village: str, commune: UnitEntry) -> str:
    return f"{'Tổ trưởng' if village.startswith('Khu phố') else 'Trưởng'} {village.lower()}, {commune.short_name}"


def seed(tx: Transaction, district: District, password: str) -> int:
    """Add the people who are not there yet; gives their number. One hash serves them all: it is one password."""
    known = {row.username for row in tx.all(sa.select(account.c.username))}
    missing = [person for person in people_of(district) if person.username not in known]
    if not missing:
        return 0
    hashed = hash_password(password)
    for person in missing:
        account_id = tx.insert(
            account, username=person.username, name=person.name, password_hash=hashed, created_at=tx.now
        )
        for held in person.memberships:
            unit = units.by_code(tx, held.unit)
            if unit is None:
                raise UserError("unknown_unit_code", _("Không có đơn vị mang mã {unit}."), unit=held.unit)
            tx.insert(
                membership,
                account_id=account_id,
                unit_id=unit.id,
                role=held.role.value,
                position=held.position,
                valid_from=tx.now,
            )
    return len(missing)
