"""What came is found by who issued it, too; a key of a telephone no longer counts as a receipt.

Times that the key itself had set are taken away: they are those of the registration.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

from server.directives.model import received_words
from server.store.search import exact
from server.store.tables import UtcDateTime
from server.units.rules import day_of

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_DIRECTIVE = sa.table(
    "directive",
    *(sa.column(name) for name in ("id", "unit_id", "search_exact", "organ_exact")),
    sa.column("issued_at", UtcDateTime),
)
_VERSION = sa.table(
    "unit_version",
    *(sa.column(name) for name in ("unit_id", "name", "short_name", "superseded_at")),
    *(sa.column(name, sa.Date) for name in ("valid_from", "valid_to")),
)


def upgrade() -> None:
    """Go forward."""
    op.add_column("directive", sa.Column("organ_exact", sa.Text(), nullable=True))
    received_words.create(op.get_bind())
    _index(op.get_bind())
    for receipt in ("arrived_at", "seen_at"):
        by = ", seen_by = NULL" if receipt == "seen_at" else ""
        op.execute(
            f"UPDATE delivery SET {receipt} = NULL{by} "  # noqa: S608 - no value in it
            f"WHERE registered_through = 'TELEPHONE' AND {receipt} = registered_at"
        )


def _index(connection: sa.Connection) -> None:
    """The names of each issuer are those of the day of the issue."""
    d, v = _DIRECTIVE.c, _VERSION.c
    versions: dict[int, list[Any]] = {}
    for row in connection.execute(sa.select(_VERSION).where(v.superseded_at.is_(None)).order_by(v.valid_from)):
        versions.setdefault(row.unit_id, []).append(row)
    rows = connection.execute(sa.select(_DIRECTIVE).where(d.search_exact.is_not(None)).order_by(d.id)).all()
    found = [(row, _names(versions, row.unit_id, day_of(row.issued_at) if row.issued_at else None)) for row in rows]
    received_words.put_all(connection, [(row.id, f"{row.search_exact} {names}") for row, names in found])
    if found:
        update = sa.update(_DIRECTIVE).where(d.id == sa.bindparam("key")).values(organ_exact=sa.bindparam("names"))
        connection.execute(update, [{"key": row.id, "names": exact(names)} for row, names in found])


def _names(versions: Mapping[int, Sequence[Any]], unit: int, day: date | None) -> str:
    known = versions.get(unit, ())
    then = [one for one in known if day and one.valid_from <= day and (one.valid_to is None or day < one.valid_to)]
    last = (*known, *then)[-1:]
    return " ".join(f"{one.name} {one.short_name}" for one in last)
