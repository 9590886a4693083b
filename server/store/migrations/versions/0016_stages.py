"""The stage of a delivery beside its state, and fewer indexes that a directive to a thousand units must write."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_STAGES = {
    0: ("SENT", "ARRIVED", "SEEN", "RECALL_PENDING"),
    1: ("REGISTERED", "ASSIGNED", "IN_PROGRESS", "REWORK"),
    2: ("REPORTED",),
    3: ("RETURNED", "COMPLETED", "CLOSED_INFO", "RECALLED", "SUPERSEDED", "WAIVED"),
}
_REGISTRY = ["unit_id", "registry_year", "registry_number", "exercise"]


def upgrade() -> None:
    """Go forward."""
    for columns in ("unit_id_state", "unit_id_sent_at", "issuer_id_state_deadline"):
        op.drop_index(op.f(f"ix_delivery_{columns}"), "delivery")
    with op.batch_alter_table("delivery") as batch:
        batch.add_column(sa.Column("stage", sa.SmallInteger(), nullable=False, server_default="0"))
        batch.drop_constraint(op.f(f"uq_delivery_{'_'.join(_REGISTRY)}"), type_="unique")
    delivery = sa.table("delivery", sa.column("state"), sa.column("stage"))
    for stage, states in _STAGES.items():
        op.execute(sa.update(delivery).where(delivery.c.state.in_(states)).values(stage=stage))
    numbered = sa.text("registry_number IS NOT NULL")
    op.create_index(
        op.f(f"ix_delivery_{'_'.join(_REGISTRY)}"),
        "delivery",
        _REGISTRY,
        unique=True,
        sqlite_where=numbered,
        postgresql_where=numbered,
    )
    waits = sa.text("arrived_at IS NULL")
    unit_seq = ["unit_id", "seq"]
    op.create_index("ix_delivery_not_arrived", "delivery", unit_seq, sqlite_where=waits, postgresql_where=waits)
    op.create_index(op.f("ix_delivery_stage_unit_id_seq"), "delivery", ["stage", "unit_id", "seq"])
    op.create_index(op.f("ix_delivery_issuer_id_stage_deadline"), "delivery", ["issuer_id", "stage", "deadline"])
    op.create_index(op.f("ix_directive_issued_at"), "directive", ["issued_at"])
