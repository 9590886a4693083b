"""Open work of ended units is handed over to their heirs; refusals are kept."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "delivery_handover",
        sa.Column("from_id", sa.Integer(), nullable=False),
        sa.Column("to_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("deadline", UtcDateTime(timezone=True), nullable=True),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["from_id"], ["delivery.id"], name=op.f("fk_delivery_handover_from_id_delivery")),
        sa.ForeignKeyConstraint(["to_id"], ["delivery.id"], name=op.f("fk_delivery_handover_to_id_delivery")),
        sa.PrimaryKeyConstraint("from_id", "to_id", name=op.f("pk_delivery_handover")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_delivery_handover_to_id"), "delivery_handover", ["to_id"])
