"""Tables of what is written, issued, delivered and exchanged, and of its numbers. Times are set once, when a delivery
first reaches a state; what happened is in the history.
"""

from __future__ import annotations

import sqlalchemy as sa

from server.store import Table, UtcDateTime, metadata
from server.store.fulltext import FullText

directive_table = Table(
    "directive",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("notation", sa.String(30), nullable=False),
    sa.Column("subject", sa.String(500), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("urgency", sa.String(20), nullable=False),
    sa.Column("deadline", UtcDateTime),
    sa.Column("author_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("year", sa.Integer),
    sa.Column("number", sa.Integer),
    sa.Column("number_text", sa.String(60)),
    sa.Column("signer_id", sa.ForeignKey("account.id")),
    sa.Column("signer_name", sa.String(50)),
    sa.Column("signer_position", sa.String(100)),
    sa.Column("signer_capacity", sa.String(5)),
    sa.Column("signer_authority", sa.String(200)),
    sa.Column("issued_at", UtcDateTime),
    sa.Column("relation", sa.String(20)),
    sa.Column("related_id", sa.ForeignKey("directive.id"), index=True),
    sa.Column("questions", sa.Text),
    sa.Column("search_exact", sa.Text),
    sa.Column("organ_exact", sa.Text),
    sa.Column("exercise", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("scheduled_at", UtcDateTime),
    sa.Column("schedule_problem", sa.String(40)),
    sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
    sa.UniqueConstraint("unit_id", "year", "number", "exercise"),
    sa.Index(None, "unit_id", "state", "issued_at"),
    sa.Index(None, "state", "scheduled_at"),
    sa.Index(None, "issued_at"),
)
"""`relation` says what it is to the earlier directive `related_id`, if it is anything to one; `questions` are JSON.
`revision` grows with each change of a draft, its files included: who signs names the one that they have read.
`signer_authority` is the line over the signer's position that the capacity makes, as the units were called then.
`scheduled_at` is the moment it was signed for; `schedule_problem` says why it was not issued then.
An `exercise` is numbered by itself, so that the numbers of real documents have no gaps.
What was issued is searched by `directive_words`, and in `search_exact` where diacritics count; what came from others by
`received_words`, and in `organ_exact`, too."""

directive_words = FullText("directive_words")
"""The words of number, type, subject and signer of what was issued."""

received_words = FullText("received_words")
"""The same with those of the issuer's names on the day of the issue, for who looks for what came from somebody."""

recipient_table = Table(
    "directive_recipient",
    metadata,
    sa.Column("directive_id", sa.ForeignKey("directive.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), primary_key=True),
    sa.Column("role", sa.String(10), nullable=False),
    sqlite_with_rowid=False,
)
"""Who a draft will go to; after the issue the deliveries say who it went to."""

returned_table = Table(
    "directive_returned",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("directive_id", sa.ForeignKey("directive.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("account_name", sa.String(50), nullable=False),
    sa.Column("note", sa.String(1000), nullable=False),
)
"""Each time that a leader has handed a draft back to its author, and why."""

delivery_table = Table(
    "delivery",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("directive_id", sa.ForeignKey("directive.id"), nullable=False),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=False),
    sa.Column("issuer_id", sa.Integer, nullable=False, server_default="0"),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("state_before", sa.String(20)),
    sa.Column("stage", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("deadline", UtcDateTime),
    sa.Column("sent_at", UtcDateTime, nullable=False),
    sa.Column("arrived_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime),
    sa.Column("seen_by", sa.ForeignKey("account.id")),
    sa.Column("registered_at", UtcDateTime),
    sa.Column("registered_by", sa.ForeignKey("account.id")),
    sa.Column("registered_through", sa.String(10)),
    sa.Column("confirmed_at", UtcDateTime),
    sa.Column("registry_year", sa.Integer),
    sa.Column("registry_number", sa.Integer),
    sa.Column("reported_at", UtcDateTime),
    sa.Column("completed_at", UtcDateTime),
    sa.Column("returned_at", UtcDateTime),
    sa.Column("return_reason", sa.String(20)),
    sa.Column("return_note", sa.String(1000)),
    sa.Column("recall_asked_at", UtcDateTime),
    sa.Column("extension_asked_at", UtcDateTime),
    sa.Column("alarm_at", UtcDateTime, index=True),
    sa.Column("exercise", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("directive_id", "unit_id"),
    sa.Index(
        None,
        "unit_id",
        "registry_year",
        "registry_number",
        "exercise",
        unique=True,
        sqlite_where=sa.text("registry_number IS NOT NULL"),
        postgresql_where=sa.text("registry_number IS NOT NULL"),
    ),
    sa.Index(
        "ix_delivery_not_arrived",
        "unit_id",
        "seq",
        sqlite_where=sa.text("arrived_at IS NULL"),
        postgresql_where=sa.text("arrived_at IS NULL"),
    ),
    sa.Index(None, "stage", "unit_id", "seq"),
    sa.Index(
        "ix_delivery_owed",
        "issuer_id",
        "stage",
        "deadline",
        "unit_id",
        "exercise",
        "role",
        "extension_asked_at",
        "directive_id",
    ),
)
"""`issuer_id` is the directive's unit, or who took over from it, and `exercise` its mark, here again so that what a
unit is owed is found at once.
`stage` follows from the state (rules). No index has the state itself: it changes with each receipt, of a thousand units
at once. Indexes begin with the stage, because then new deliveries stand side by side in them;
`ix_delivery_owed` holds all that counting what is overdue, and finding its directives, needs.
`seq` is the unit's event that told of it, so it grows as deliveries are sent. `deadline` is that of the directive,
later that of the rework.
`confirmed_at` is when the person pressed the button, if that was without a network; `registered_at`, when we heard of
it, is what counts; `registered_through` says that it was by telephone. `state_before` is set while a recall is
undecided, `extension_asked_at` while a request is. At `alarm_at` the sweeper looks at it next; it follows from the
other columns and the rules, so any earlier moment does no harm."""

attachment_table = Table(
    "attachment",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("directive_id", sa.ForeignKey("directive.id"), index=True),
    sa.Column("response_id", sa.ForeignKey("response.id"), index=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("content_type", sa.String(100), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("question", sa.Integer),
    sa.CheckConstraint("(directive_id IS NULL) <> (response_id IS NULL)", name="one_owner"),
)
"""A file of a directive or of a response; its bytes stand in the file store under their SHA-256.
`question` is the number of the question that it answers, if it does."""

edxml_table = Table(
    "edxml_document",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=False),
    sa.Column("document_id", sa.String(200), nullable=False),
    sa.Column("business", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("directive_id", sa.ForeignKey("directive.id", ondelete="SET NULL"), index=True),
    sa.Column("organ_id", sa.String(50), nullable=False),
    sa.Column("organ_name", sa.String(200), nullable=False),
    sa.Column("sender_id", sa.ForeignKey("unit.id")),
    sa.Column("number_text", sa.String(60), nullable=False),
    sa.Column("promulgated_on", sa.Date, nullable=False),
    sa.Column("type_name", sa.String(100), nullable=False),
    sa.Column("subject", sa.String(500), nullable=False, server_default=""),
    sa.Column("signer", sa.String(200), nullable=False, server_default=""),
    sa.Column("due", sa.Date),
    sa.Column("registered_at", UtcDateTime),
    sa.Column("registered_by", sa.ForeignKey("account.id")),
    sa.Column("registry_year", sa.Integer),
    sa.Column("registry_number", sa.Integer),
    sa.Column("search_exact", sa.Text),
    sa.Column("withdrawn_at", UtcDateTime),
    sa.Column("withdrawn_reason", sa.String(500)),
    sa.Column("concerns", sa.String(200), nullable=False, server_default=""),
    sa.Column("refused_at", UtcDateTime),
    sa.Column("refused_by", sa.ForeignKey("account.id")),
    sa.Column("refused_reason", sa.String(20)),
    sa.Column("refused_note", sa.String(1000)),
    sa.Column("answered_at", UtcDateTime),
    sa.Column("answered_by", sa.ForeignKey("account.id")),
    sa.Column("answer_agreed", sa.Boolean),
    sa.Column("answer_note", sa.String(1000)),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("unit_id", "document_id", "business"),
    sa.Index(None, "unit_id", "registry_year", "registry_number", unique=True),
)
"""Documents of other organs that a unit has taken in as edXML, and the draft that each became (`directive_id`; none if
that was deleted). `sha256` is that of the file, which is kept among the attachments' files; `sender_id` is the sender
if it is a unit of ours. Once the clerk has registered it, it stands in the register of what came under
`registry_number`, and is searched by `edxml_words` and `search_exact`. `withdrawn_at` is when its sender's recall was
taken in, `answered_at` when the unit agreed to that or did not. `concerns` is the id of the earlier document that an
update or a replacement is about."""

edxml_words = FullText("edxml_words")
"""The words of number, type, subject, signer and organ of what was registered."""

counter_table = Table(
    "register_counter",
    metadata,
    sa.Column("register", sa.String(10), primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), primary_key=True),
    sa.Column("year", sa.Integer, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)
"""The last number of each register: `out` for documents issued, `in` for documents received (số đến)."""

gap_table = Table(
    "number_gap",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("unit_id", sa.ForeignKey("unit.id"), nullable=False),
    sa.Column("register", sa.String(10), nullable=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("first", sa.Integer, nullable=False),
    sa.Column("last", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(1000), nullable=False),
    sa.Column("account_id", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("account_name", sa.String(50), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("unit_id", "register", "year", "first"),
)
"""Numbers that were left out on purpose, with who said so and why."""

command_table = Table(
    "directive_command",
    metadata,
    sa.Column("account_id", sa.ForeignKey("account.id"), primary_key=True),
    sa.Column("command_id", sa.String(64), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""Commands that were done: a repeat gets the first answer, another content under the same id is a conflict."""
