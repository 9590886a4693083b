"""A full-text index over what was issued; it takes the place of the column without diacritics."""

import sqlalchemy as sa
from alembic import op

from server.directives.model import directive_words

revision = "0010"
down_revision = "0009"
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
