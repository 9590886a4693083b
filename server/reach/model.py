"""Tables of the outbox beyond the live page, and of where people can be reached."""

from __future__ import annotations

import sqlalchemy as sa

from server.store import Table, UtcDateTime, metadata

message_table = Table(
    "reach_message",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(32), nullable=False, unique=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("channel", sa.String(10), nullable=False),
    sa.Column("address", sa.String(200)),
    sa.Column("notice", sa.Text, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("lease", sa.String(32)),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("stopped_at", UtcDateTime),
    sa.Column("reason", sa.String(20)),
    sa.Column("detail", sa.String(300)),
    sa.Index(None, "state", "channel", "due_at"),
)
"""One message to one person by one channel. `notice` is JSON, from which its words are made; `rank` sorts the urgent
first; `key` is the same at each try, so that the other side can tell a repeat. Who sends it holds its `lease` until
`due_at`, when it is anybody's again. `address` is set for a code or a browser; else it is where the last try went to.
`stopped_at` says since when nobody needs it any more: somebody has acted, or a newer call took its place."""

about_table = Table(
    "reach_about",
    metadata,
    sa.Column("directive_id", sa.ForeignKey("directive.id"), primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), primary_key=True),
    sa.Column("message_id", sa.ForeignKey("reach_message.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("clock", sa.String(20), nullable=False),
    sa.Column("stopped_at", UtcDateTime),
    sa.Index(None, "message_id"),
)
"""Which deliveries a message is about, and which clock of theirs: it stops when each of them has stopped."""

contact_table = Table(
    "reach_contact",
    metadata,
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("address", sa.String(200), nullable=False),
    sa.Column("verified_at", UtcDateTime),
    sa.Column("code_hash", sa.String(64)),
    sa.Column("code_until", UtcDateTime),
    sa.Column("code_tries", sa.Integer, nullable=False),
    sa.Column("code_sent_at", UtcDateTime),
    sa.Column("codes", sa.Integer, nullable=False),
    sa.Column("codes_since", UtcDateTime),
)
"""A person's own e-mail address and mobile number; it counts from `verified_at` on, when its code was typed in."""

choice_table = Table(
    "reach_choice",
    metadata,
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("channel", sa.String(10), primary_key=True),
)
"""Channels that a person has switched on (a browser is switched on by its subscription)."""

subscription_table = Table(
    "push_subscription",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("endpoint", sa.String(500), nullable=False, unique=True),
    sa.Column("p256dh", sa.String(100), nullable=False),
    sa.Column("auth", sa.String(40), nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("session_id", sa.String(64), nullable=False, index=True),
    sa.Column("device", sa.String(100), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""A browser that takes Web Push for a person, by the sign-in through which it was allowed (RFC 8030, RFC 8291)."""
