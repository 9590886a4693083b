"""Tables of the archive. What belongs to other features (units, meetings, accounts) is kept by id and by its name then.

A record's rows are written once by the archiver; `custody_event` is only ever added to.
"""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from server.store import Table, UtcDateTime, metadata


class State(StrEnum):
    """ASSEMBLING until its files are joined and hashed; DAMAGED when they cannot be, or no longer match their sums."""

    ASSEMBLING = "assembling"
    READY = "ready"
    DAMAGED = "damaged"


record = Table(
    "record",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("meeting_id", sa.Integer, nullable=False, unique=True),
    sa.Column("unit_id", sa.Integer, nullable=False, index=True),  # the chair's unit, which keeps the record
    sa.Column("title", sa.String(500), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("chair", sa.String(200), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False, index=True),
    sa.Column("ended_at", UtcDateTime, nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("problem", sa.String(500), nullable=False, default=""),
    sa.Column("facts", sa.Text, nullable=False),  # EndedMeeting as JSON
    sa.Column("folder", sa.String(200), nullable=False),  # relative to the recordings folder
    sa.Column("playable", sa.String(300)),  # relative to the recordings folder
    sa.Column("media_type", sa.String(40), nullable=False, default=""),
    sa.Column("duration_ms", sa.Integer, nullable=False, default=0),
    sa.Column("bytes", sa.BigInteger, nullable=False, default=0),
    sa.Column("merkle_root", sa.String(64), nullable=False, default=""),
    sa.Column("retention", sa.String(40), nullable=False),
    sa.Column("due_on", sa.Date),  # None: kept for ever
    sa.Column("hold", sa.String(500), nullable=False, default=""),  # the reason of a legal hold; "" is none
    sa.Column("sealed_at", UtcDateTime),
    sa.Column("verified_at", UtcDateTime),
    sa.Column("search_exact", sa.Text, nullable=False),
    sa.Column("search_plain", sa.Text, nullable=False),
)

record_unit = Table(
    "record_unit",
    metadata,
    sa.Column("record_id", sa.ForeignKey("record.id"), primary_key=True),
    sa.Column("unit_id", sa.Integer, primary_key=True, index=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("present", sa.Boolean, nullable=False),
)

record_file = Table(
    "record_file",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("record_id", sa.ForeignKey("record.id"), nullable=False, index=True),
    sa.Column("name", sa.String(300), nullable=False),  # relative to the recordings folder
    sa.Column("role", sa.String(20), nullable=False),  # master or derivative
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("segment", sa.Integer),
    sa.Column("media_ms", sa.Integer, nullable=False),
    sa.Column("recovered", sa.Boolean, nullable=False),
    sa.UniqueConstraint("record_id", "name"),
)

record_chapter = Table(
    "record_chapter",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("record_id", sa.ForeignKey("record.id"), nullable=False, index=True),
    sa.Column("start_ms", sa.Integer, nullable=False),
    sa.Column("title", sa.String(500), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),  # agenda or speaker
)

record_gap = Table(
    "record_gap",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("record_id", sa.ForeignKey("record.id"), nullable=False, index=True),
    sa.Column("at_ms", sa.Integer, nullable=False),  # where in the playable file
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime, nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),
)

custody_event = Table(
    "custody_event",
    metadata,
    sa.Column("record_id", sa.ForeignKey("record.id"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),  # from 1 without holes
    sa.Column("what", sa.String(40), nullable=False),
    sa.Column("who", sa.String(300), nullable=False),
    sa.Column("account_id", sa.Integer),  # None: the server itself
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("purpose", sa.String(500), nullable=False, default=""),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("ix_custody_event_account_id_record_id", "account_id", "record_id"),
)
