"""A full-text index over what was issued, in the place of the column without diacritics; indexes of the large lists."""

import sqlalchemy as sa
from alembic import op

from server.directives.model import directive_words

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    connection = op.get_bind()
    directive_words.create(connection)
    directive = sa.table("directive", sa.column("id"), sa.column("search_exact"))
    d = directive.c
    rows = connection.execute(sa.select(d.id, d.search_exact).where(d.search_exact.is_not(None))).all()
    directive_words.put_all(connection, [(row.id, row.search_exact) for row in rows])
    op.drop_column("directive", "search_plain")
    op.drop_index("ix_directive_unit_id_state", "directive")
    op.create_index("ix_directive_unit_id_state_issued_at", "directive", ["unit_id", "state", "issued_at"])
    op.create_index("ix_delivery_unit_id_sent_at", "delivery", ["unit_id", "sent_at"])
    op.add_column("delivery", sa.Column("issuer_id", sa.Integer(), nullable=False, server_default="0"))
    issuer = "(SELECT unit_id FROM directive WHERE directive.id = delivery.directive_id)"
    connection.execute(sa.text(f"UPDATE delivery SET issuer_id = {issuer}"))  # noqa: S608 - no value in it
    op.create_index("ix_delivery_issuer_id_state_deadline", "delivery", ["issuer_id", "state", "deadline"])
