"""The issuer presses units (đôn đốc) that are late or have not registered, at most once an hour each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.documents import Urgency
from server.directives.model import change_table
from server.directives.policy import Policy
from server.directives.posts import Post
from server.directives.rules import UNREGISTERED, Event, State, Timeliness
from server.directives.running import ClockName
from server.directives.service import standing
from server.directives.service.access import deliveries_of, directive_of_ours
from server.directives.service.assigned import accounts_of, assigned
from server.directives.service.commands import once
from server.directives.service.news import announced
from server.directives.service.posts import Directory
from server.directives.service.problems import no_directive
from server.directives.service.steps import step_all
from server.directives.service.telling import in_writing, notice_of
from server.directives.shapes import PressDone, PressInput, PressWhich
from server.errors import ConflictError
from server.http.i18n import _
from server.reach import service as reach
from server.reach.notice import NoticeKind
from server.store import Transaction
from server.units import service as units

PAUSE = timedelta(hours=1)
c = change_table.c


def press(tx: Transaction, who: Principal, policy: Policy, directive_id: int, data: PressInput) -> PressDone:
    """Tell clerk, chair and whoever works on it in units that are late or have not registered, and note it.

    Units that were pressed within the last hour are left out. Raises ConflictError if nobody is left.
    """
    who.require(Permission.FOLLOW_DIRECTIVE)

    def work() -> PressDone:
        directive = directive_of_ours(tx, who, directive_id)
        rows, wanted = deliveries_of(tx, directive_id), set(data.units)
        if wanted - {row.unit_id for row in rows}:
            raise no_directive()
        asked = [row for row in rows if not wanted or row.unit_id in wanted]
        owing = [row for row in asked if _owes(policy, row, tx.now, data.which)]
        if not owing:
            raise ConflictError("nothing_to_press", _("Không có nơi nào quá hạn hay chưa tiếp nhận để đôn đốc."))
        last = pressed_at(tx, [row.id for row in owing])
        now = [row for row in owing if row.id not in last or last[row.id] <= tx.now - PAUSE]
        if not now:
            left = min(last[row.id] for row in owing) + PAUSE - tx.now
            raise ConflictError(
                "pressed_lately",
                _("Mỗi nơi chỉ đôn đốc được một lần trong một giờ. Xin đợi {minutes} phút nữa."),
                minutes=-(-int(left.total_seconds()) // 60) or 1,
            )
        step_all(tx, now, Event.PRESS, who)
        _tell(tx, policy, who, directive, now)
        return PressDone(id=directive_id, pressed=[row.unit_id for row in now], lately=len(owing) - len(now))

    return once(tx, who, data.command_id, ["press", directive_id, msgspec.to_builtins(data)], work, PressDone)


def pressed_at(tx: Transaction, delivery_ids: Collection[int]) -> dict[int, datetime]:
    """When these deliveries were last pressed; those that never were are left out."""
    mine = sa.and_(c.delivery_id.in_(tx.among(delivery_ids)), c.event == Event.PRESS.value)
    rows = tx.all(sa.select(c.delivery_id, sa.func.max(c.at).label("at")).where(mine).group_by(c.delivery_id))
    return {row.delivery_id: row.at for row in rows}


def _owes(policy: Policy, row: Any, now: datetime, which: PressWhich | None) -> bool:
    unregistered = State(row.state) in UNREGISTERED
    late = standing.of(policy, row, now)[1] is Timeliness.OVERDUE
    return {PressWhich.UNREGISTERED: unregistered, PressWhich.LATE: late, None: unregistered or late}[which]


def _tell(tx: Transaction, policy: Policy, who: Principal, directive: Any, rows: Sequence[Any]) -> None:
    """By the channels of an escalation, until the unit has done what is late."""
    urgency, ids = Urgency(directive.urgency), [row.unit_id for row in rows]
    plan = in_writing(policy, "escalation", urgency, tx.now)
    directory, sender = Directory(tx, ids), units.unit(tx, who.unit_id).name
    working = accounts_of(assigned(tx, [row.id for row in rows]))
    tellings, bodies = [], {}
    for row in rows:
        posts = [one for post in (Post.CLERK, Post.CHAIR) for one in directory.find(row.unit_id, post)]
        people = {*posts, *directory.at_work(row, working)} - {who.account_id}
        if not people:
            continue
        due = standing.of(policy, row, tx.now)[0]
        notice = notice_of(NoticeKind.PRESSED, directive, sender, due=due)
        bodies[row.unit_id] = announced(notice, people)
        if plan:
            tellings.append(reach.Telling(notice, people, plan, _clock(State(row.state)).value, [row.unit_id]))
    tx.emit_each("delivery.news", bodies)
    reach.put(tx, tellings)


def _clock(state: State) -> ClockName:
    """The clock whose end makes it needless to press."""
    if state is State.RECALL_PENDING:
        return ClockName.RECALL
    return ClockName.REGISTER if state in UNREGISTERED else ClockName.RESPOND
