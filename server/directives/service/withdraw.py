"""The issuer takes a document back: recall and its answer, replacement, waiver (Nghị định 30/2020, Điều 18)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import delivery_table
from server.directives.policy import Policy
from server.directives.rules import HOLDS_COPY, STATES, DirectiveState, Event, State
from server.directives.service.access import deliveries_of, delivery_of_ours, delivery_to_us, directive_of_ours
from server.directives.service.carried import require_not_carried_on
from server.directives.service.commands import once
from server.directives.service.news import announce_replaced, tell_recall_refused, tell_waived
from server.directives.service.notes import note_of, reason_of
from server.directives.service.problems import no_directive, wrong_state
from server.directives.service.steps import step, step_all
from server.directives.service.telling import tell_recalled, tell_replaced
from server.directives.shapes import DeliveryDone, RecallAnswer, RecallDone, RecallInput, WaiveInput
from server.errors import ConflictError
from server.http.i18n import _
from server.store import Transaction
from server.units import service as units


def recall(tx: Transaction, who: Principal, policy: Policy, directive_id: int, data: RecallInput) -> RecallDone:
    """Ask recipients to give a document up. Named units must all still have it; raises ConflictError if one has not."""
    who.require(Permission.WITHDRAW_DIRECTIVE)

    def work() -> RecallDone:
        row = directive_of_ours(tx, who, directive_id, lock=True)
        note = reason_of(data.note)
        if row.state != DirectiveState.ISSUED:
            raise ConflictError("not_issued", _("Văn bản chưa ban hành nên chưa có gì để thu hồi."))
        rows = deliveries_of(tx, directive_id)
        wanted = set(data.units)
        if wanted - {row.unit_id for row in rows}:
            raise no_directive()
        if wanted:
            asked = [row for row in rows if row.unit_id in wanted]
        else:
            asked = [row for row in rows if Event.RECALL in STATES[State(row.state)]]
        if not asked:
            raise wrong_state(State(rows[0].state)) if rows else no_directive()
        step_all(tx, asked, Event.RECALL, who, note=note, recall_asked_at=tx.now)
        tell_recalled(tx, policy, row, [one.unit_id for one in asked], units.unit(tx, who.unit_id).name)
        return RecallDone(id=directive_id, asked=len(asked), left=len(rows) - len(asked))

    return once(tx, who, data.command_id, ["recall", directive_id, msgspec.to_builtins(data)], work, RecallDone)


def answer_recall(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, data: RecallAnswer
) -> DeliveryDone:
    """The recipient has destroyed its copy, or refuses with a reason and goes on where it was.

    Raises ConflictError for who agrees while it is handed on to others.
    """
    who.require(Permission.REGISTER_DELIVERY)

    def work() -> DeliveryDone:
        row = delivery_to_us(tx, who, directive_id, lock=True)
        note = note_of(data.note) if data.agree else reason_of(data.note)
        if data.agree and row.state == State.RECALL_PENDING:
            require_not_carried_on(tx, row)
        event = Event.AGREE_RECALL if data.agree else Event.REFUSE_RECALL
        state = step(tx, row, event, who, note=note)
        if not data.agree:
            tell_recall_refused(tx, policy, who, row)
        return DeliveryDone(id=row.id, directive=directive_id, state=state, registry_number=row.registry_number)

    content = ["answer_recall", directive_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DeliveryDone)


def given_up(tx: Transaction, who: Principal, among: Sequence[int]) -> list[int]:
    """Those of some directives that the person's unit has given up at a recall."""
    v = delivery_table.c
    mine = sa.select(v.directive_id).where(
        v.directive_id.in_(among), v.unit_id == who.unit_id, v.state == State.RECALLED.value
    )
    return sorted(row.directive_id for row in tx.all(mine))


def waive(tx: Transaction, who: Principal, policy: Policy, delivery_id: int, data: WaiveInput) -> DeliveryDone:
    """One recipient need not do the work any more."""
    who.require(Permission.WITHDRAW_DIRECTIVE)

    def work() -> DeliveryDone:
        row = delivery_of_ours(tx, who, delivery_id)
        state = step(tx, row, Event.WAIVE, who, note=reason_of(data.note))
        tell_waived(tx, policy, who, row)
        return DeliveryDone(id=row.id, directive=row.directive_id, state=state)

    content = ["waive", delivery_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DeliveryDone)


def supersede(tx: Transaction, who: Principal, policy: Policy, directive_id: int, by: int, by_number: str) -> None:
    """The newer document `by` took the place of this one. What is finished stays finished, and its unit is told."""
    rows = deliveries_of(tx, directive_id)
    going_on = [row for row in rows if Event.SUPERSEDE in STATES[State(row.state)]]
    holders = [*going_on, *(row for row in rows if State(row.state) in HOLDS_COPY)]
    tx.will_tell({unit for row in holders for unit in (row.unit_id, row.issuer_id)})
    step_all(tx, going_on, Event.SUPERSEDE, who, note=by_number)
    replaced = directive_of_ours(tx, who, directive_id)
    own = units.unit(tx, who.unit_id).name
    tell_replaced(tx, policy, replaced, [row.unit_id for row in holders], own, by, by_number)
    announce_replaced(tx, who, replaced, holders, by)
