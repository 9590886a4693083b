"""What a unit answers the sender of a document that came as edXML: that it is refused, or what of its recall."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("edxml_document") as batch:
        batch.add_column(sa.Column("concerns", sa.String(length=200), nullable=False, server_default=""))
        batch.add_column(sa.Column("refused_at", UtcDateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("refused_by", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("refused_reason", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("refused_note", sa.String(length=1000), nullable=True))
        batch.add_column(sa.Column("answered_at", UtcDateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("answered_by", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("answer_agreed", sa.Boolean(), nullable=True))
        batch.add_column(sa.Column("answer_note", sa.String(length=1000), nullable=True))
        batch.create_foreign_key(op.f("fk_edxml_document_refused_by_account"), "account", ["refused_by"], ["id"])
        batch.create_foreign_key(op.f("fk_edxml_document_answered_by_account"), "account", ["answered_by"], ["id"])
