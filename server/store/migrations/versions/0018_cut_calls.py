"""The SIP dialogs of running calls, so that they can be ended after a restart."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("phone_call", sa.Column("dialog", sa.Text(), nullable=False, server_default=""))
