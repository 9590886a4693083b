"""A leader hands a draft that waits for a signature back to its author, with a reason that stays with the draft."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import returned_table
from server.directives.policy import Policy
from server.directives.rules import DraftEvent
from server.directives.service.access import UPDATE_DIRECTIVE, draft_after, draft_of_ours
from server.directives.service.commands import once
from server.directives.service.news import TO_SIGN, tell_handed_back
from server.directives.service.notes import reason_of
from server.directives.service.recipients import settle_recipients
from server.directives.service.telling import MOMENT
from server.directives.shapes import DirectiveDone, HandBackInput, Returned
from server.reach import service as reach
from server.store import Transaction


def hand_back(tx: Transaction, who: Principal, policy: Policy, directive_id: int, data: HandBackInput) -> DirectiveDone:
    """Hand it back; its author is told. Raises ConflictError, UserError.

    It is another revision then: whoever else might sign reads first why it was handed back.
    """
    who.require(Permission.ISSUE_DIRECTIVE)

    def work() -> DirectiveDone:
        row = draft_of_ours(tx, who, directive_id, DraftEvent.HAND_BACK)
        state, note = draft_after(row, DraftEvent.HAND_BACK), reason_of(data.note)
        by = {"account_id": who.account_id, "account_name": who.name}
        tx.insert(returned_table, directive_id=directive_id, at=tx.now, note=note, **by)
        reach.stop(tx, directive_id, [who.unit_id], [MOMENT, TO_SIGN])  # that it waits is dealt with
        settle_recipients(tx, row)
        values = {"state": state.value, "changed_at": tx.now, "revision": row.revision + 1}
        tx.execute(UPDATE_DIRECTIVE, {"directive": directive_id, **values})
        body = {"directive": directive_id, "subject": row.subject, "exercise": row.exercise}
        body |= {"accounts": [row.author_id], "href": f"/directives/{directive_id}"}
        tx.emit("directive.handed_back", [who.unit_id], body)
        tell_handed_back(tx, policy, who, row)
        return DirectiveDone(id=directive_id, state=state, revision=row.revision + 1)

    content = ["hand_back", directive_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DirectiveDone)


def returns_of(tx: Transaction, directive_id: int) -> list[Returned]:
    """Each time that a draft was handed back, newest first."""
    r = returned_table.c
    rows = tx.all(sa.select(returned_table).where(r.directive_id == directive_id).order_by(r.id.desc()))
    return [Returned(at=row.at, person=row.account_name, note=row.note) for row in rows]
