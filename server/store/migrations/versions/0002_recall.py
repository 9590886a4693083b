"""Where a delivery stood before its recall was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("delivery", sa.Column("state_before", sa.String(length=20), nullable=True))
