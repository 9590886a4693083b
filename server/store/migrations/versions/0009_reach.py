"""The outbox beyond the live page, where people can be reached, and confirmations made without a network."""

import sqlalchemy as sa
from alembic import op

from server.store import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("delivery", sa.Column("confirmed_at", UtcDateTime(), nullable=True))
    _outbox()
    _people()


def _outbox() -> None:
    op.create_table(
        "reach_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.Column("address", sa.String(200), nullable=True),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(32), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(20), nullable=True),
        sa.Column("detail", sa.String(300), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_reach_message_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reach_message")),
        sa.UniqueConstraint("key", name=op.f("uq_reach_message_key")),
    )
    op.create_index(op.f("ix_reach_message_account_id"), "reach_message", ["account_id"])
    op.create_index(op.f("ix_reach_message_state_channel_due_at"), "reach_message", ["state", "channel", "due_at"])
    op.create_table(
        "reach_about",
        sa.Column("directive_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("clock", sa.String(20), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["directive_id"], ["directive.id"], name=op.f("fk_reach_about_directive_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_reach_about_unit_id")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["reach_message.id"], name=op.f("fk_reach_about_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("directive_id", "unit_id", "message_id", name=op.f("pk_reach_about")),
    )
    op.create_index(op.f("ix_reach_about_message_id"), "reach_about", ["message_id"])


def _people() -> None:
    op.create_table(
        "reach_contact",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("verified_at", UtcDateTime(), nullable=True),
        sa.Column("code_hash", sa.String(64), nullable=True),
        sa.Column("code_until", UtcDateTime(), nullable=True),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("code_sent_at", UtcDateTime(), nullable=True),
        sa.Column("codes", sa.Integer(), nullable=False),
        sa.Column("codes_since", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_reach_contact_account_id")),
        sa.PrimaryKeyConstraint("account_id", "kind", name=op.f("pk_reach_contact")),
    )
    op.create_table(
        "reach_choice",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_reach_choice_account_id")),
        sa.PrimaryKeyConstraint("account_id", "channel", name=op.f("pk_reach_choice")),
    )
    op.create_table(
        "push_subscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.String(500), nullable=False),
        sa.Column("p256dh", sa.String(100), nullable=False),
        sa.Column("auth", sa.String(40), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("device", sa.String(100), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_push_subscription_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_subscription")),
        sa.UniqueConstraint("endpoint", name=op.f("uq_push_subscription_endpoint")),
    )
    op.create_index(op.f("ix_push_subscription_account_id"), "push_subscription", ["account_id"])
    op.create_index(op.f("ix_push_subscription_session_id"), "push_subscription", ["session_id"])
