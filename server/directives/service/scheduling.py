"""Scheduled issue: a leader signs now, the sweeper issues at the moment that was chosen, once, however many sweep.

Until then it can be taken back. After a downtime it is issued as soon as somebody sweeps; whether it may be is judged
then. What must not be issued any more goes back to the leader with the reason, and nothing is lost.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import directive_table
from server.directives.policy import Policy
from server.directives.rules import DirectiveState, DraftEvent
from server.directives.service.access import d, directive_of_ours, draft_after, draft_of_ours, require_revision
from server.directives.service.checks import check_stored
from server.directives.service.commands import once
from server.directives.service.issue import check_fit, release, require_fit
from server.directives.service.news import HANDED_BACK, TO_SIGN
from server.directives.service.problems import FAILED
from server.directives.service.recipients import settle_recipients
from server.directives.service.signature import UNSIGNED, signature
from server.directives.service.telling import MOMENT, tell_moment
from server.directives.shapes import CheckResult, DirectiveDone, ScheduleInput
from server.errors import UserError
from server.http.i18n import _
from server.reach import service as reach
from server.store import Transaction
from server.units import service as units

log = logging.getLogger("giaoban.directives")
LONGEST_AHEAD = timedelta(days=366)


def schedule(tx: Transaction, who: Principal, directive_id: int, data: ScheduleInput) -> DirectiveDone:
    """Sign a draft that is fit to be issued at a later moment. Raises DraftError, UserError, ConflictError."""
    who.require(Permission.ISSUE_DIRECTIVE)

    def work() -> DirectiveDone:
        row = draft_of_ours(tx, who, directive_id, DraftEvent.SIGN)
        require_revision(row, data.revision)
        _require_moment(tx, data.at)
        check_fit(tx, who, row, data.at)
        signer = signature(tx, who, data.capacity)
        reach.stop(tx, directive_id, [who.unit_id], [MOMENT, TO_SIGN, HANDED_BACK])
        settle_recipients(tx, row)
        state = draft_after(row, DraftEvent.SIGN)
        _change(tx, directive_id, state, scheduled_at=data.at, schedule_problem=None, **signer)
        return DirectiveDone(id=directive_id, state=state)

    content = ["schedule", directive_id, msgspec.to_builtins(data)]
    return once(tx, who, data.command_id, content, work, DirectiveDone)


def before_schedule(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, at: datetime, revision: int | None = None
) -> CheckResult:
    """What is to be shown between the click and the signature; nothing once it is signed. Raises as `schedule` does."""
    if directive_of_ours(tx, who, directive_id).state in (DirectiveState.SCHEDULED, DirectiveState.ISSUED):
        return CheckResult()
    _require_moment(tx, at)
    require_fit(tx, who, directive_id, revision, at)
    return check_stored(tx, who, policy, directive_id, at)


def _require_moment(tx: Transaction, at: datetime) -> None:
    if at <= tx.now:
        raise UserError("past_moment", _("Giờ ban hành phải sau lúc này."), field="at")
    if at > tx.now + LONGEST_AHEAD:
        raise UserError("too_far_ahead", _("Chỉ hẹn trước nhiều nhất một năm."), field="at")


def take_back(tx: Transaction, who: Principal, directive_id: int, command_id: str = "") -> DirectiveDone:
    """Take a signature back before the moment has come. Raises ConflictError."""
    who.require(Permission.ISSUE_DIRECTIVE)

    def work() -> DirectiveDone:
        row = directive_of_ours(tx, who, directive_id, lock=True)
        return DirectiveDone(id=directive_id, state=_unsign(tx, row, DraftEvent.TAKE_BACK))

    return once(tx, who, command_id, ["take_back", directive_id], work, DirectiveDone)


def issue_due(tx: Transaction, policy: Policy) -> bool:
    """Issue the one directive whose moment came first; gives whether there was any.

    Raises OperationalError when the database itself fails: then it stays as it is.
    """
    due = sa.and_(d.state == DirectiveState.SCHEDULED.value, d.scheduled_at <= tx.now)
    query = sa.select(directive_table).where(due).order_by(d.scheduled_at, d.id).limit(1)
    row = tx.one(query.with_for_update(skip_locked=True))
    if row is None:
        return False
    problem = _try(tx, policy, row)
    if problem:
        _unsign(tx, row, DraftEvent.HOLD, problem)
        _tell_held(tx, policy, row, problem)
    return True


def _try(tx: Transaction, policy: Policy, row: Any) -> str:
    """Issue it, all or nothing; gives the code of what keeps it from being issued.

    A mistake of ours has a code that stands in the log beside what it was, for who tells the administrator.
    """
    who = _signer(tx, row)
    if who is None:
        return "signer_left"
    try:
        with tx.savepoint():
            done = release(tx, who, policy, row)
            _tell(tx, policy, "directive.released", row, {"number": done.number_text})
    except sa.exc.OperationalError:
        raise
    except UserError as error:
        log.warning("directive %d was not issued at its moment: %s", row.id, error.code)
        return error.code[:40]
    except Exception:
        incident = secrets.token_hex(4)
        log.exception("directive %d could not be issued at its moment (incident %s)", row.id, incident)
        return f"{FAILED}:{incident}"
    return ""


def _tell_held(tx: Transaction, policy: Policy, row: Any, problem: str) -> None:
    """A mistake of ours here leaves it held back all the same, or it would come first again and again."""
    try:
        with tx.savepoint():
            _tell(tx, policy, "directive.held", row, {"problem": problem})
    except sa.exc.OperationalError:
        raise
    except Exception:
        log.exception("directive %d was held back at its moment, and nobody could be told", row.id)


def _signer(tx: Transaction, row: Any) -> Principal | None:
    """Who signed it, in the unit that it is issued by; None if they may issue there no more."""
    found = (who for who in accounts.principals(tx, row.signer_id) if who.unit_id == row.unit_id)
    return next((who for who in found if who.may(Permission.ISSUE_DIRECTIVE)), None)


def _unsign(tx: Transaction, row: Any, event: DraftEvent, problem: str | None = None) -> DirectiveState:
    state = draft_after(row, event)
    settle_recipients(tx, row)
    _change(tx, row.id, state, scheduled_at=None, schedule_problem=problem, **UNSIGNED)
    return state


def _change(tx: Transaction, directive_id: int, state: DirectiveState, **values: Any) -> None:
    values |= {"state": state.value, "changed_at": tx.now}
    tx.execute(sa.update(directive_table).where(d.id == directive_id).values(**values))


def _tell(tx: Transaction, policy: Policy, kind: str, row: Any, more: dict[str, Any]) -> None:
    """Who wrote it and who signed it hear what became of it, on their pages and by the channels that they have."""
    people = sorted({row.author_id, row.signer_id})
    tell_moment(tx, policy, row, people, units.unit(tx, row.unit_id).name, more.get("number", ""))
    body = {
        "directive": row.id,
        "subject": row.subject,
        "exercise": row.exercise,
        "scheduled_at": row.scheduled_at,
        "accounts": people,
        "href": f"/directives/{row.id}",
        **more,
    }
    tx.emit(kind, [row.unit_id], body)
