"""Tables of what happens after the issue: work on deliveries, its history, alarms, who is on duty, and the sweeper."""

from __future__ import annotations

import sqlalchemy as sa

from server.store import Table, UtcDateTime, metadata

handover_table = Table(
    "delivery_handover",
    metadata,
    sa.Column("from_id", sa.ForeignKey("delivery.id"), primary_key=True),
    sa.Column("to_id", sa.ForeignKey("delivery.id"), primary_key=True, index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("deadline", UtcDateTime),
    sa.Column("at", UtcDateTime, nullable=False),
    sqlite_with_rowid=False,
)
"""Deliveries of units that have ended, and those of their heirs that go on with them: where the work stood then."""

response_table = Table(
    "response",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("author_name", sa.String(50), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("accepted", sa.Boolean),
    sa.Column("judged_at", UtcDateTime),
    sa.Column("judged_by", sa.ForeignKey("account.id")),
    sa.Column("note", sa.String(1000)),
    sa.Column("answers", sa.Text),
    sa.UniqueConstraint("delivery_id", "version"),
)
"""Answers of a recipient, those to questions as JSON; `accepted` is unknown until the issuer decides. T3 is judged by
`at` of the accepted one."""

change_table = Table(
    "delivery_change",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), nullable=False, index=True),
    sa.Column("event", sa.String(20), nullable=False),
    sa.Column("before", sa.String(20), nullable=False),
    sa.Column("after", sa.String(20), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id")),
    sa.Column("account_name", sa.String(50)),
    sa.Column("note", sa.String(1000)),
    sa.Column("deadline", UtcDateTime),
    sa.Column("through", sa.String(10)),
)
"""The history: one row for each change; without an account a device did it. `deadline` is the new one, if any, and
`through` what the person did it by, where that was no page."""

spoken_table = Table(
    "spoken_answer",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), nullable=False, index=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("account_name", sa.String(50), nullable=False),
    sa.Column("state", sa.String(10), nullable=False, index=True),
    sa.Column("why", sa.String(10)),
    sa.Column("file", sa.String(100), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("sha256", sa.String(64)),
    sa.Column("size", sa.Integer),
    sa.Column("ms", sa.Integer),
)
"""What somebody has said into the telephone as the unit's answer. While it is spoken it stands in `file`, later among
the attachments' files under its `sha256`. It is kept until somebody sends it as a report; `why` says why that has not
happened in the call."""

extension_table = Table(
    "extension",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), nullable=False, index=True),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("asked_by", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("reason", sa.String(1000), nullable=False),
    sa.Column("deadline_before", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime, nullable=False),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("decided_by", sa.ForeignKey("account.id")),
    sa.Column("granted", sa.Boolean),
    sa.Column("note", sa.String(1000)),
)
"""Requests for more time; one that was never decided moved nothing."""

assignment_table = Table(
    "assignment",
    metadata,
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("part", sa.String(10), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("assigned_by", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("note", sa.String(1000)),
    sa.Index(None, "account_id"),
)
"""Who works on a delivery now: `part` is `lead` or `assist`; who did before is in the history."""

alarm_table = Table(
    "alarm",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), nullable=False),
    sa.Column("clock", sa.String(20), nullable=False),
    sa.Column("due", UtcDateTime, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("duty", sa.String(20), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("raised_at", UtcDateTime, nullable=False),
    sa.Column("told", sa.Boolean, nullable=False),
    sa.UniqueConstraint("delivery_id", "clock", "due", "kind", "step"),
)
"""Each reminder and escalation that came due, once: `at` by the rules, `raised_at` by the sweeper; `told` is false for
a reminder that a later one had overtaken."""

addressee_table = Table(
    "alarm_addressee",
    metadata,
    sa.Column("alarm_id", sa.ForeignKey("alarm.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("acknowledged_at", UtcDateTime),
    sa.Index(None, "account_id", "acknowledged_at", "alarm_id"),
)
"""Whom an alarm was for, by name."""

holder_table = Table(
    "post_holder",
    metadata,
    sa.Column("unit_id", sa.ForeignKey("unit.id"), primary_key=True),
    sa.Column("post", sa.String(20), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("place", sa.Integer, nullable=False),
)
"""People whom a unit has named for a post, in their order."""

turn_table = Table(
    "post_turn",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=False),
    sa.Column("post", sa.String(20), nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("begins_at", UtcDateTime, nullable=False),
    sa.Column("ends_at", UtcDateTime, nullable=False),
    sa.Index(None, "unit_id", "ends_at"),
)
"""People on duty for some days: while a turn lasts it comes before those who are named without dates."""

sweep_table = Table(
    "sweep",
    metadata,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("value", sa.String(100), nullable=False),
)
"""By which rules (`policy`, a digest) the open deliveries were last scheduled."""

set_aside_table = Table(
    "sweep_set_aside",
    metadata,
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("error", sa.String(500), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""Deliveries that the sweeper could not look at: how often, why, and when last."""

handover_aside_table = Table(
    "handover_set_aside",
    metadata,
    sa.Column("directive_id", sa.ForeignKey("directive.id"), primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("error", sa.String(500), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("again_at", UtcDateTime, nullable=False),
)
"""Directives whose open work the sweeper could not hand over: how often, why, when last, and when it tries again."""
