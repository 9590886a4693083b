"""The index of what a unit is owed names the directive, too: which directives somebody is late with is read from it."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    owed = ["issuer_id", "stage", "deadline", "unit_id", "exercise", "role", "extension_asked_at", "directive_id"]
    op.drop_index("ix_delivery_owed", "delivery")
    op.create_index("ix_delivery_owed", "delivery", owed)
