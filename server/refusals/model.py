"""The table of refusals."""

from __future__ import annotations

import sqlalchemy as sa

from server.store import Table, UtcDateTime, metadata

refusal_table = Table(
    "refusal",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=False),
    sa.Column("method", sa.String(10), nullable=False),
    sa.Column("route", sa.String(200), nullable=False),
    sa.Column("target", sa.String(40), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("code", sa.String(60), nullable=False),
    sa.Column("field", sa.String(60), nullable=False),
    sa.Column("message", sa.String(500), nullable=False),
    sa.Column("numbers", sa.Text, nullable=False),
    sa.Column("more", sa.Integer, nullable=False, server_default="0"),
    sa.Index(None, "code", "id"),
)
"""One row for each command that was refused to somebody who was signed in. `message` is the text of the catalogue with
its fields; of what fills them only the `numbers` are kept, as JSON, for words may be somebody's own. `target` is what
the path named. `more` counts refusals of the same account after this one that were too many to keep one by one."""
