"""What many units are told alike is stored once, and a draft's recipients in one tree instead of two."""

import sqlalchemy as sa
from alembic import op

from server.store.tables import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.rename_table("event", "event_before")
    if is_postgresql:
        op.execute("ALTER TABLE event_before RENAME CONSTRAINT pk_event TO pk_event_before")
    op.create_table(
        "event_content",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_content")),
    )
    op.create_table(
        "event",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", "seq", name=op.f("pk_event")),
        sqlite_with_rowid=False,
    )
    # Whose content was told to several units cannot be seen any more: each event keeps its own.
    columns: list[sa.ColumnClause[object]] = [sa.column(name) for name in ("unit_id", "seq", "kind", "body", "at")]
    before = sa.table("event_before", *columns).c
    order = sa.func.row_number().over(order_by=[before.unit_id, before.seq]).label("id")
    contents = sa.select(order, before.kind, before.body, before.at)
    content = sa.table("event_content", *map(sa.column, ("id", "kind", "body", "at")))
    op.execute(sa.insert(content).from_select(["id", "kind", "body", "at"], contents))
    told = sa.select(before.unit_id, before.seq, order)
    event = sa.table("event", *map(sa.column, ("unit_id", "seq", "content_id")))
    op.execute(sa.insert(event).from_select(["unit_id", "seq", "content_id"], told))
    op.drop_table("event_before")
    if is_postgresql:
        last = "SELECT setval(pg_get_serial_sequence('event_content', 'id'), max(id)) FROM event_content"
        op.execute(last + " HAVING max(id) > 0")
    else:
        _recipients_without_rowid()


def _recipients_without_rowid() -> None:
    op.create_table(
        "directive_recipient_new",
        sa.Column("directive_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["directive_id"],
            ["directive.id"],
            name=op.f("fk_directive_recipient_directive_id_directive"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_directive_recipient_unit_id_unit")),
        sa.PrimaryKeyConstraint("directive_id", "unit_id", name=op.f("pk_directive_recipient")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO directive_recipient_new SELECT directive_id, unit_id, role FROM directive_recipient")
    op.drop_table("directive_recipient")
    op.rename_table("directive_recipient_new", "directive_recipient")
