"""Directives that are signed for a later moment."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("directive", sa.Column("scheduled_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("directive", sa.Column("schedule_problem", sa.String(length=40), nullable=True))
    op.create_index(op.f("ix_directive_state_scheduled_at"), "directive", ["state", "scheduled_at"])
