"""Types of attachments may have long names: those of Word and Excel files have."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("attachment") as batch:
        batch.alter_column("content_type", existing_type=sa.String(40), type_=sa.String(100), existing_nullable=False)
