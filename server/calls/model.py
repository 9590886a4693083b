"""Tables of telephone calls: people's numbers and PINs, and what became of each call."""

from __future__ import annotations

import sqlalchemy as sa

from server.store.tables import Table, UtcDateTime, metadata

phone_number = Table(
    "phone_number",
    metadata,
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("number", sa.String(20), nullable=False),
)
phone_pin = Table(
    "phone_pin",
    metadata,
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("pin_hash", sa.String(64), nullable=False, unique=True),  # keyed: eight digits are soon tried
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("made_by", sa.ForeignKey("account.id"), nullable=False),
)
phone_call = Table(
    "phone_call",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("call", sa.String(40), nullable=False),  # its name in the logs and at the nodes
    sa.Column("direction", sa.String(4), nullable=False),
    sa.Column("purpose", sa.String(12), nullable=False),
    sa.Column("number", sa.String(40), nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=True),
    sa.Column("meeting_id", sa.ForeignKey("meeting.id"), nullable=True),
    sa.Column("directive_id", sa.ForeignKey("directive.id"), nullable=True, index=True),
    sa.Column("asked_by", sa.ForeignKey("account.id"), nullable=True),
    sa.Column("started_at", UtcDateTime, nullable=False, index=True),
    sa.Column("answered_at", UtcDateTime, nullable=True),
    sa.Column("ended_at", UtcDateTime, nullable=True),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),  # SIP's, 0 as long as there is none
    sa.Column("cause", sa.Integer, nullable=True),  # Q.850's
    sa.Column("wrong_pins", sa.Integer, nullable=False),
    sa.Column("dialog", sa.Text, nullable=False, server_default=""),  # SIP's, as long as the call runs
)
