"""What is overdue, and the newest alarms of a person, are answered from an index alone."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.drop_index(op.f("ix_delivery_issuer_id_stage_deadline"), "delivery")
    owed = ["issuer_id", "stage", "deadline", "unit_id", "exercise", "role", "extension_asked_at"]
    op.create_index("ix_delivery_owed", "delivery", owed)
    op.drop_index(op.f("ix_alarm_addressee_account_id_acknowledged_at"), "alarm_addressee")
    newest = ["account_id", "acknowledged_at", "alarm_id"]
    op.create_index(op.f(f"ix_alarm_addressee_{'_'.join(newest)}"), "alarm_addressee", newest)
