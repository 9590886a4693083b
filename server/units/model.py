"""Tables of units. `unit` says that a unit exists, `unit_version` what was true of it and when we came to know.

`valid_from`/`valid_to` (end exclusive) are the days when a version holds in the district; `recorded_at`/`superseded_at`
are when this system held it for true. A version is never changed but for its `superseded_at`.
"""

from __future__ import annotations

import sqlalchemy as sa

from server.store import Table, UtcDateTime, metadata

unit_table = Table(
    "unit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("code", sa.String(20), nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.UniqueConstraint("code", "valid_from"),
)

version_table = Table(
    "unit_version",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=False, index=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("short_name", sa.String(80), nullable=False),
    sa.Column("level", sa.String(20), nullable=False),
    sa.Column("bloc", sa.String(20), nullable=False),
    sa.Column("parent_id", sa.ForeignKey("unit.id"), index=True),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_to", sa.Date),
    sa.Column("recorded_at", UtcDateTime, nullable=False),
    sa.Column("superseded_at", UtcDateTime),
)

successor_table = Table(
    "unit_successor",
    metadata,
    sa.Column("unit_id", sa.ForeignKey("unit.id"), primary_key=True),
    sa.Column("successor_id", sa.ForeignKey("unit.id"), primary_key=True),
    sa.Column("since", sa.Date, nullable=False),
)
