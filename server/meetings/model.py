"""Tables of meetings. What is true of a meeting is here; a restarted control process goes on from these rows."""

from __future__ import annotations

import sqlalchemy as sa

from server.store.tables import Table, UtcDateTime, metadata

meeting = Table(
    "meeting",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("starts_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("chair_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("chair_unit_id", sa.ForeignKey("unit.id"), nullable=False),
    sa.Column("secretary_id", sa.ForeignKey("account.id"), nullable=True),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("floor_mode", sa.String(12), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=True),
    sa.Column("ended_at", UtcDateTime, nullable=True),
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),  # of what the room shows; each change +1
    sa.Column("dial_in_code", sa.String(8), nullable=True, unique=True),  # for telephones; None once it is over
    sa.Column("calls_back", sa.Boolean, nullable=False, server_default=sa.false()),  # whom the line has dropped
    sa.Index(None, "state", "starts_at"),
)
meeting_unit = Table(
    "meeting_unit",
    metadata,
    sa.Column("meeting_id", sa.ForeignKey("meeting.id"), primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), primary_key=True),
    sa.Column("call", sa.String(20), nullable=False, server_default=""),  # what became of the last one to it
    sa.Column("called_at", UtcDateTime, nullable=True),
    sa.Column("called_again_at", UtcDateTime, nullable=True),  # when it will be
    sa.Index(None, "unit_id"),
)
agenda_item = Table(
    "agenda_item",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("meeting_id", sa.ForeignKey("meeting.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("title", sa.String(300), nullable=False),
    sa.Column("minutes", sa.Integer, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=True),
    sa.Column("ended_at", UtcDateTime, nullable=True),
    sa.Index(None, "meeting_id", "position"),
)
participant = Table(
    "participant",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("meeting_id", sa.ForeignKey("meeting.id"), nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=True),  # None: a unit's telephone, nobody by name
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("unit_name", sa.String(200), nullable=False),
    sa.Column("role", sa.String(12), nullable=False),
    sa.Column("first_joined_at", UtcDateTime, nullable=False),
    sa.Column("joined_at", UtcDateTime, nullable=False),
    sa.Column("left_at", UtcDateTime, nullable=True),
    sa.Column("removed_at", UtcDateTime, nullable=True),
    sa.Column("session", sa.String(64), nullable=False, server_default=""),  # the node's name of the connection or call
    sa.Column("by_phone", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("number", sa.String(40), nullable=False, server_default=""),  # a unit's telephone's, for nobody's eyes
    sa.Column("help_wanted_at", UtcDateTime, nullable=True),  # asked for by *0, until a host has answered
    sa.Column("link", sa.String(12), nullable=False),  # connecting, connected, lost, closed: as the node sees it
    sa.Column("hand_raised_at", UtcDateTime, nullable=True),
    sa.Column("has_floor", sa.Boolean, nullable=False),
    sa.Column("floor_since", UtcDateTime, nullable=True),
    sa.Column("muted", sa.Boolean, nullable=False),  # by the chair; enforced by the node
    sa.Column("microphone", sa.Boolean, nullable=False),  # what the person switched on
    sa.Column("camera", sa.Boolean, nullable=False),
    sa.Column("screen", sa.Boolean, nullable=False),
    sa.UniqueConstraint("meeting_id", "account_id"),
)
meeting_log = Table(
    "meeting_log",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("meeting_id", sa.ForeignKey("meeting.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=True),  # who did it; None is the system
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("participant_id", sa.ForeignKey("participant.id"), nullable=True),
    sa.Column("detail", sa.String(300), nullable=False, server_default=""),
    sa.Index(None, "meeting_id", "at"),
)
meeting_message = Table(
    "meeting_message",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("meeting_id", sa.ForeignKey("meeting.id"), nullable=False),
    sa.Column("participant_id", sa.ForeignKey("participant.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("text", sa.String(1000), nullable=False),
    sa.Index(None, "meeting_id", "id"),
)
recording = Table(
    "recording",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("meeting_id", sa.ForeignKey("meeting.id"), nullable=False),
    sa.Column("directory", sa.String(200), nullable=False),  # a name under settings.storage.recordings
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("started_by", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("stopped_at", UtcDateTime, nullable=True),
    sa.Column("segments", sa.Integer, nullable=False),  # how often the node was asked to begin
    sa.Column("failure", sa.String(40), nullable=False, server_default=""),
    sa.Column("handed_over_at", UtcDateTime, nullable=True),  # to the archive
    sa.Index(None, "meeting_id"),
)
