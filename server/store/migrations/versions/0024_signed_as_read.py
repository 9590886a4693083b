"""What is signed is what was read, and in which capacity: revisions of drafts, reasons why they were handed back."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("directive", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("directive", sa.Column("signer_capacity", sa.String(length=5), nullable=True))
    op.add_column("directive", sa.Column("signer_authority", sa.String(length=200), nullable=True))
    op.create_table(
        "directive_returned",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("directive_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("account_name", sa.String(length=50), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(
            ["directive_id"],
            ["directive.id"],
            name=op.f("fk_directive_returned_directive_id_directive"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_directive_returned_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directive_returned")),
    )
    op.create_index(op.f("ix_directive_returned_directive_id"), "directive_returned", ["directive_id"])
