"""Exercises: directives that are marked as one everywhere, and numbered by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_NUMBERS = {"directive": ("year", "number"), "delivery": ("registry_year", "registry_number")}


def upgrade() -> None:
    """Go forward."""
    for table, numbers in _NUMBERS.items():
        key = op.f(f"uq_{table}_unit_id_{'_'.join(numbers)}")
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("exercise", sa.Boolean(), nullable=False, server_default=sa.false()))
            batch.drop_constraint(key, type_="unique")
            batch.create_unique_constraint(op.f(f"{key}_exercise"), ["unit_id", *numbers, "exercise"])
