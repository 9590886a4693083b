"""What people see of one directive: its draft, its delivery to them, or its board."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import (
    attachment_table,
    directive_table,
    response_table,
)
from server.directives.policy import Policy
from server.directives.rules import DirectiveState, State, Timeliness
from server.directives.service import standing
from server.directives.service.access import BOTH, d, delivery_to_us, directive_of_ours, is_ours, issued_by, v
from server.directives.service.addressees import addressees
from server.directives.service.answers import tallies
from server.directives.service.assemble import attachment_shape, changes_of, delivery_shape, directive_shape
from server.directives.service.branches import View, branches_of, units_read
from server.directives.service.called import calls_about
from server.directives.service.inherited import goes_on_with, handovers_of
from server.directives.service.pressing import pressed_at
from server.directives.service.problems import no_directive
from server.directives.service.relations import chain
from server.directives.service.whom_to_call import out_of_reach
from server.directives.shapes import (
    Attachment,
    Counts,
    Delivery,
    Directive,
    FilePlace,
    Opened,
)
from server.errors import NotFoundError
from server.http.i18n import _
from server.store import Transaction
from server.store.many import among
from server.units import service as units

MOST_BARS = 300
"""A board of more recipients shows who held the ball only on each delivery's own page."""


def open_directive(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, view: View | None = None
) -> Opened:
    """What this person may see of a directive: the issuer's board as far as `view` says, or the own unit's delivery."""
    row = tx.one(sa.select(directive_table).where(d.id == directive_id))
    if row is None:
        raise no_directive()
    if _came_to_us(tx, who, row):
        delivery = delivery_to_us(tx, who, directive_id)
        own = delivery_shape(tx, policy, delivery, who.acting.unit_name, history=True)
        shown = directive_shape(tx, row)
        if own.state is State.RECALLED:  # the unit has destroyed its copy: it knows of the document, not what it says
            shown = msgspec.structs.replace(shown, body="", attachments=[], questions=[])
        others = addressees(tx, policy, row, own.role)
        return Opened(directive=shown, delivery=own, addressees=others, chain=chain(tx, who, directive_id))
    directive_of_ours(tx, who, directive_id)
    if row.state != DirectiveState.ISSUED:
        if not who.may(Permission.DRAFT_DIRECTIVE):
            raise no_directive()
        return Opened(directive=directive_shape(tx, row))
    return _opened_board(tx, who, policy, row, view or View())


def _came_to_us(tx: Transaction, who: Principal, directive: Any) -> bool:
    """Whether the person reads it as a recipient, also where their unit follows it up for one that has ended."""
    if directive.unit_id == who.unit_id:
        return False
    received = sa.select(v.id).where(v.directive_id == directive.id, v.unit_id == who.unit_id)
    return not is_ours(tx, who, directive) or tx.one(received) is not None


def _opened_board(tx: Transaction, who: Principal, policy: Policy, row: Any, view: View) -> Opened:
    counts, shown = standing.counts_by_unit(tx, policy, row), directive_shape(tx, row)
    lost = out_of_reach(tx, policy, [unit for unit, one in counts.items() if _only_sent(one)])
    tree = units.tree(tx, _day(policy, row))
    recipients = _in_order(tx, tree, counts, _day(policy, row))
    branches = branches_of(tree, recipients, counts, lost, view.show)
    wanted = units_read(view, branches)
    names = {unit.id: unit.name for unit in recipients if wanted is None or unit.id in wanted}
    return Opened(
        directive=shown,
        board=_board(tx, policy, row, names, lost),
        branches=branches,
        counts=standing.together(counts.values()),
        unreachable=len(lost),
        states=standing.states_of(tx, row.id),
        chain=chain(tx, who, row.id),
        answers=tallies(tx, row.id, shown.questions, {unit.id: unit.name for unit in recipients}),
    )


def _only_sent(counts: Counts) -> bool:
    """Whether it has reached no device of the unit, which could still register it."""
    return bool(counts.unregistered) and not (counts.arrived or counts.seen)


def _in_order(tx: Transaction, tree: units.Tree, unit_ids: Iterable[int], day: Any) -> list[units.UnitInfo]:
    """Units as they are in the tree of a day, in its order; then those that it does not have."""
    wanted = set(unit_ids)
    others = units.units_by_ids(tx, wanted.difference(tree.units), day)
    return [unit for unit in tree.ordered() if unit.id in wanted] + list(others.values())


def open_delivery(tx: Transaction, who: Principal, policy: Policy, delivery_id: int) -> tuple[Directive, Delivery]:
    """One delivery of a directive of ours, with its answers and its history."""
    row = tx.one(BOTH.where(v.id == delivery_id, issued_by(tx, who.unit_id)))
    if row is None or not who.may(Permission.FOLLOW_DIRECTIVE):
        raise no_directive()
    directive: Any = tx.one(sa.select(directive_table).where(d.id == row.directive_id))
    name = units.units_by_ids(tx, [row.unit_id], _day(policy, directive))[row.unit_id].name
    called = calls_about(tx, directive.id).get(row.unit_id, ())
    lost = bool(out_of_reach(tx, policy, [row.unit_id] if State(row.state) is State.SENT else []))
    shown = delivery_shape(tx, policy, row, name, history=True, called=called, unreachable=lost)
    return directive_shape(tx, directive), shown


def may_watch_board(tx: Transaction, who: Principal, directive_id: int) -> bool:
    """Whether the live board of a directive is this person's to see."""
    mine = sa.select(d.id).where(d.id == directive_id, issued_by(tx, who.unit_id))
    return who.may(Permission.FOLLOW_DIRECTIVE) and tx.one(mine) is not None


def download(tx: Transaction, who: Principal, attachment_id: int) -> Attachment:
    """A file that this person may have: the issuer's, the recipients', or that of an answer between the two."""
    a, r = attachment_table.c, response_table.c
    row = tx.one(sa.select(attachment_table).where(a.id == attachment_id))
    found = NotFoundError("no_attachment", _("Không có tệp này."))
    if row is None:
        raise found
    if row.response_id is not None:
        pair = BOTH.join(response_table, r.delivery_id == v.id).where(r.id == row.response_id)
        delivery = tx.one(pair)
        if delivery is None:
            raise found
        between = who.unit_id in (delivery.unit_id, delivery.issuer_id)
        if not between and not goes_on_with(tx, delivery.id, who.unit_id):
            raise found
        return attachment_shape(row)
    directive: Any = tx.one(sa.select(directive_table).where(d.id == row.directive_id))
    if is_ours(tx, who, directive):
        if directive.state != DirectiveState.ISSUED and not who.may(Permission.DRAFT_DIRECTIVE):
            raise found
    else:
        ours = tx.one(sa.select(v.state).where(v.directive_id == directive.id, v.unit_id == who.unit_id))
        if ours is None or ours.state == State.RECALLED:
            raise found
    return attachment_shape(row)


def place_of_file(tx: Transaction, who: Principal, attachment_id: int) -> FilePlace:
    """Where a file that the person may have belongs; `download` has checked that."""
    a, r = attachment_table.c, response_table.c
    row: Any = tx.one(sa.select(attachment_table).where(a.id == attachment_id))
    delivery = tx.one(BOTH.join(response_table, r.delivery_id == v.id).where(r.id == row.response_id))
    mine = d.id == (delivery.directive_id if delivery is not None else row.directive_id)
    directive: Any = tx.one(sa.select(d.id, d.unit_id, d.state, d.number_text, d.subject, d.exercise).where(mine))
    ours = is_ours(tx, who, directive)
    answered = delivery if ours else None
    return FilePlace(
        directive=directive.id,
        name=directive.number_text or directive.subject,
        ours=ours,
        exercise=directive.exercise,
        delivery=answered.id if answered is not None else None,
        unit_name=units.units_by_ids(tx, [answered.unit_id])[answered.unit_id].name if answered is not None else "",
    )


def _day(policy: Policy, directive: Any) -> Any:
    """The day whose unit names hold: that of the issue, for history keeps the names of its own day."""
    return directive.issued_at.astimezone(policy.zone).date() if directive.issued_at else None


def _board(
    tx: Transaction, policy: Policy, directive: Any, names: Mapping[int, str], lost: Collection[int]
) -> list[Delivery]:
    """Deliveries to the units of `names`, in their order, overdue ones first."""
    rows = tx.all(BOTH.where(v.directive_id == directive.id, v.unit_id.in_(among(tx.connection, names))))
    places = {unit: place for place, unit in enumerate(names)}
    rows.sort(key=lambda row: places[row.unit_id])
    bars = len(rows) <= MOST_BARS
    history = changes_of(tx, [row.id for row in rows]) if bars else {}
    called, pressed = calls_about(tx, directive.id), pressed_at(tx, [row.id for row in rows])
    handovers = handovers_of(tx, [row.id for row in rows])
    board = [
        delivery_shape(
            tx,
            policy,
            row,
            names[row.unit_id],
            changes=history.get(row.id, []) if bars else None,
            called=called.get(row.unit_id, ()),
            unreachable=row.unit_id in lost,
            pressed_at=pressed.get(row.id),
            handovers=handovers,
        )
        for row in rows
    ]
    return sorted(board, key=lambda delivery: delivery.timeliness is not Timeliness.OVERDUE)
