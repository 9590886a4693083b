"""Directives whose handing over the sweeper has set aside."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "handover_set_aside",
        sa.Column("directive_id", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("again_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["directive_id"], ["directive.id"], name=op.f("fk_handover_set_aside_directive_id_directive")
        ),
        sa.PrimaryKeyConstraint("directive_id", name=op.f("pk_handover_set_aside")),
    )
