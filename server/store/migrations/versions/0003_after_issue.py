"""What a directive is to an earlier one, and when a recall was asked for."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("directive", sa.Column("relation", sa.String(length=20), nullable=True))
    # As text: Alembic would copy the whole table for a foreign key on SQLite, which both databases can add in place.
    key = op.f("fk_directive_related_id")
    op.execute(f"ALTER TABLE directive ADD COLUMN related_id INTEGER CONSTRAINT {key} REFERENCES directive (id)")
    op.create_index(op.f("ix_directive_related_id"), "directive", ["related_id"])
    op.add_column("delivery", sa.Column("recall_asked_at", UtcDateTime(timezone=True), nullable=True))
