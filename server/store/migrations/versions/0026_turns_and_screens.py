"""People on duty for a post for some days, and sessions of screens that show a wall."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("session", sa.Column("screen", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "post_turn",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("post", sa.String(length=20), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("begins_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_post_turn_account_id_account")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_post_turn_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_turn")),
    )
    op.create_index(op.f("ix_post_turn_unit_id_ends_at"), "post_turn", ["unit_id", "ends_at"])
