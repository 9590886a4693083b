"""Alarms by the clocks, who holds which post, and requests for more time."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward. At its first start the server schedules all open deliveries (`sweep` has no digest yet)."""
    op.add_column("delivery", sa.Column("extension_asked_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("delivery", sa.Column("alarm_at", UtcDateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_delivery_alarm_at"), "delivery", ["alarm_at"])
    op.add_column("delivery_change", sa.Column("deadline", UtcDateTime(timezone=True), nullable=True))
    _extensions()
    _alarms()
    op.create_table(
        "post_holder",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("post", sa.String(length=20), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_post_holder_account_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_post_holder_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "post", "account_id", name=op.f("pk_post_holder")),
    )
    op.create_table(
        "sweep",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sweep")),
    )


def _extensions() -> None:
    op.create_table(
        "extension",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("deadline_before", UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name=op.f("fk_extension_asked_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_extension_decided_by")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_extension_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extension")),
    )
    op.create_index(op.f("ix_extension_delivery_id"), "extension", ["delivery_id"])


def _alarms() -> None:
    op.create_table(
        "alarm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("clock", sa.String(length=20), nullable=False),
        sa.Column("due", UtcDateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("duty", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("raised_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_alarm_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
        sa.UniqueConstraint(
            "delivery_id", "clock", "due", "kind", "step", name=op.f("uq_alarm_delivery_id_clock_due_kind_step")
        ),
    )
    op.create_table(
        "alarm_addressee",
        sa.Column("alarm_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_alarm_addressee_account_id")),
        sa.ForeignKeyConstraint(
            ["alarm_id"], ["alarm.id"], name=op.f("fk_alarm_addressee_alarm_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alarm_id", "account_id", name=op.f("pk_alarm_addressee")),
    )
    op.create_index(
        op.f("ix_alarm_addressee_account_id_acknowledged_at"), "alarm_addressee", ["account_id", "acknowledged_at"]
    )
