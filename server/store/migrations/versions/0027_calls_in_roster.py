"""What the roster says of telephones: how calls to a unit went, who asks for help, and from which number a seat is."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("meeting_unit", sa.Column("call", sa.String(length=20), nullable=False, server_default=""))
    op.add_column("meeting_unit", sa.Column("called_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("meeting_unit", sa.Column("called_again_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("participant", sa.Column("help_wanted_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("participant", sa.Column("number", sa.String(length=40), nullable=False, server_default=""))
