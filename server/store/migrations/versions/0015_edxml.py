"""Documents of other organs that came as edXML."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "edxml_document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=200), nullable=False),
        sa.Column("business", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("directive_id", sa.Integer(), nullable=True),
        sa.Column("organ_id", sa.String(length=50), nullable=False),
        sa.Column("organ_name", sa.String(length=200), nullable=False),
        sa.Column("sender_id", sa.Integer(), nullable=True),
        sa.Column("number_text", sa.String(length=60), nullable=False),
        sa.Column("promulgated_on", sa.Date(), nullable=False),
        sa.Column("type_name", sa.String(length=100), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_reason", sa.String(length=500), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_edxml_document_account_id")),
        sa.ForeignKeyConstraint(
            ["directive_id"],
            ["directive.id"],
            name=op.f("fk_edxml_document_directive_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["sender_id"], ["unit.id"], name=op.f("fk_edxml_document_sender_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_edxml_document_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edxml_document")),
        sa.UniqueConstraint(
            "unit_id", "document_id", "business", name=op.f("uq_edxml_document_unit_id_document_id_business")
        ),
    )
    op.create_index(op.f("ix_edxml_document_directive_id"), "edxml_document", ["directive_id"])
