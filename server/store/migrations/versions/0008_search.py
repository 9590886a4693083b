"""What issued directives are searched in; those issued before are made searchable."""

import sqlalchemy as sa
from alembic import op

from server.store.search import exact, plain

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("directive", sa.Column("search_exact", sa.Text(), nullable=True))
    op.add_column("directive", sa.Column("search_plain", sa.Text(), nullable=True))
    names = ("id", "number_text", "kind", "subject", "signer_name", "search_exact", "search_plain")
    directive = sa.table("directive", *map(sa.column, names))
    d, connection = directive.c, op.get_bind()
    issued = connection.execute(
        sa.select(d.id, d.number_text, d.kind, d.subject, d.signer_name).where(d.number_text.is_not(None))
    ).all()
    for row in issued:
        text = " ".join(word for word in row[1:] if word)
        values = {"search_exact": exact(text), "search_plain": plain(text)}
        connection.execute(sa.update(directive).where(d.id == row.id).values(**values))
