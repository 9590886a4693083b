"""INSERT … ON CONFLICT, which SQLAlchemy has for each database by itself."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def inserting(dialect: str, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`, for a database by its name."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
