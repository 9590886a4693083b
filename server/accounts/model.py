"""Tables of people, their roles, their sign-ins, and the counters that slow guessing."""

from __future__ import annotations

import sqlalchemy as sa

from server.store import Table, UtcDateTime, metadata

account_table = Table(
    "account",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("username", sa.String(50), nullable=False, unique=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("password_hash", sa.String(200), nullable=False),
    sa.Column("language", sa.String(5), nullable=False, server_default="vi"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("one_time_until", UtcDateTime),
    sa.Column("locked_at", UtcDateTime),
)

membership_table = Table(
    "membership",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=False, index=True),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("position", sa.String(100), nullable=False, server_default=""),
    sa.Column("valid_from", UtcDateTime, nullable=False),
    sa.Column("valid_to", UtcDateTime),
)

session_table = Table(
    "session",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("public_id", sa.String(16), nullable=False, unique=True),
    sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("membership_id", sa.ForeignKey("membership.id")),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("user_agent", sa.String(200), nullable=False),
    sa.Column("address", sa.String(60), nullable=False),
    sa.Column("screen", sa.Boolean, nullable=False, server_default=sa.false()),
)
"""Sign-ins; a `screen` shows a hall's wall and may do nothing else."""

sign_in_counter = Table(
    "sign_in_counter",
    metadata,
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False, index=True),
)
