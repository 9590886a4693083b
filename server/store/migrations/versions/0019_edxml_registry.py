"""Documents that came as edXML are registered (số đến) like any other."""

import sqlalchemy as sa
from alembic import op

from server.directives.model import edxml_words
from server.store.tables import UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("edxml_document") as batch:
        batch.add_column(sa.Column("subject", sa.String(length=500), nullable=False, server_default=""))
        batch.add_column(sa.Column("signer", sa.String(length=200), nullable=False, server_default=""))
        batch.add_column(sa.Column("due", sa.Date(), nullable=True))
        batch.add_column(sa.Column("registered_at", UtcDateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("registered_by", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("registry_year", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("registry_number", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("search_exact", sa.Text(), nullable=True))
        batch.create_foreign_key(op.f("fk_edxml_document_registered_by"), "account", ["registered_by"], ["id"])
    registry = ["unit_id", "registry_year", "registry_number"]
    op.create_index(op.f(f"ix_edxml_document_{'_'.join(registry)}"), "edxml_document", registry, unique=True)
    op.execute(
        "UPDATE edxml_document SET subject = (SELECT subject FROM directive WHERE directive.id = directive_id)"
        " WHERE directive_id IS NOT NULL"
    )
    edxml_words.create(op.get_bind())
