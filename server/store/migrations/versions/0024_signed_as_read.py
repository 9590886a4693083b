"""What is signed is what was read: drafts have revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("directive", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
