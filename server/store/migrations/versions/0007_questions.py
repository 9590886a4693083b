"""Questions of a directive, the answers to them, and which file answers which."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("directive", sa.Column("questions", sa.Text(), nullable=True))
    op.add_column("response", sa.Column("answers", sa.Text(), nullable=True))
    op.add_column("attachment", sa.Column("question", sa.Integer(), nullable=True))
