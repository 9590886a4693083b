"""Directives by voice: calls about a directive, what was confirmed by telephone, and spoken answers."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("delivery", sa.Column("registered_through", sa.String(length=10), nullable=True))
    op.add_column("delivery_change", sa.Column("through", sa.String(length=10), nullable=True))
    with op.batch_alter_table("phone_call") as batch:
        batch.add_column(sa.Column("directive_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(op.f("fk_phone_call_directive_id"), "directive", ["directive_id"], ["id"])
        batch.create_index(op.f("ix_phone_call_directive_id"), ["directive_id"])
    op.create_table(
        "spoken_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("account_name", sa.String(length=50), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("why", sa.String(length=10), nullable=True),
        sa.Column("file", sa.String(length=100), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("ms", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_spoken_answer_account_id")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_spoken_answer_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spoken_answer")),
    )
    with op.batch_alter_table("spoken_answer") as batch:
        batch.create_index(op.f("ix_spoken_answer_delivery_id"), ["delivery_id"])
        batch.create_index(op.f("ix_spoken_answer_state"), ["state"])
