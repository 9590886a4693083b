"""In the unit: the leader names who leads and who assists, and they begin."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission, Role
from server.accounts.principal import Principal
from server.accounts.service import Member
from server.directives.model import assignment_table
from server.directives.policy import Policy
from server.directives.rules import Event
from server.directives.service.access import delivery_to_us
from server.directives.service.assigned import ASSIST, LEAD, assigned, not_assigned
from server.directives.service.commands import once
from server.directives.service.news import tell_assigned
from server.directives.service.notes import note_of
from server.directives.service.steps import step
from server.directives.shapes import AssignInput, Command, DeliveryDone
from server.errors import UserError
from server.http.i18n import _
from server.store import Transaction

s = assignment_table.c


def colleagues(tx: Transaction, who: Principal) -> list[Member]:
    """People of the unit who may be given work: everybody but administrators, each once."""
    found = accounts.members(tx, [who.unit_id], [role for role in Role if role is not Role.ADMINISTRATOR])
    return list({member.account_id: member for member in found}.values())


def assign(tx: Transaction, who: Principal, policy: Policy, directive_id: int, data: AssignInput) -> DeliveryDone:
    """Name the one who leads and those who assist; naming others later takes the work from the first."""
    who.require(Permission.ASSIGN_DELIVERY)

    def work() -> DeliveryDone:
        row = delivery_to_us(tx, who, directive_id, lock=True)
        names = {member.account_id: member.name for member in colleagues(tx, who)}
        assists = [account for account in dict.fromkeys(data.assists) if account != data.lead]
        if not {data.lead, *assists} <= set(names):
            raise UserError("not_a_member", _("Người được chọn không thuộc đơn vị."), field="lead")
        note = note_of(data.note)
        told = ", ".join(names[account] for account in (data.lead, *assists))
        state = step(tx, row, Event.ASSIGN, who, note=f"{told}. {note}"[:1000] if note else told[:1000])
        tx.execute(sa.delete(assignment_table).where(s.delivery_id == row.id))
        common = {"delivery_id": row.id, "at": tx.now, "assigned_by": who.account_id, "note": note}
        people = [(data.lead, LEAD), *((account, ASSIST) for account in assists)]
        rows = [{"account_id": account, "part": part, **common} for account, part in people]
        tx.execute(sa.insert(assignment_table), rows)
        tell_assigned(tx, policy, who, row, [account for account, _part in people])
        return DeliveryDone(id=row.id, directive=directive_id, state=state, registry_number=row.registry_number)

    content = ["assign", directive_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DeliveryDone)


def start(tx: Transaction, who: Principal, directive_id: int, data: Command) -> DeliveryDone:
    """The work has begun. Once people are named for it, it is one of them who says so."""
    who.require(Permission.ANSWER_DELIVERY)

    def work() -> DeliveryDone:
        row = delivery_to_us(tx, who, directive_id, lock=True)
        named = {one.account for one in assigned(tx, [row.id]).get(row.id, [])}
        if named and who.account_id not in named:
            raise not_assigned()
        state = step(tx, row, Event.START, who)
        return DeliveryDone(id=row.id, directive=directive_id, state=state, registry_number=row.registry_number)

    return once(tx, who, data.command_id, ["start", directive_id], work, DeliveryDone)
