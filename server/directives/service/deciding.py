"""What waits for the issuer's word: requests for more time, and answers to be judged."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import attachment_table, delivery_table, response_table
from server.directives.rules import Stage
from server.directives.service.access import d, v
from server.directives.service.lateness import at
from server.directives.shapes import Decisions, ToDecide
from server.store import Transaction

EXCERPT = 240
MOST_LOOKED_AT = 5_000
_ASKING = sa.and_(at(Stage.WORKING), v.extension_asked_at.is_not(None))
_UNJUDGED = at(Stage.ANSWERED)


class ToJudge(msgspec.Struct, frozen=True):
    """The newest answer of a delivery that nobody has judged: which it is, how it begins, how many files it has."""

    version: int
    begin: str
    files: int


class Further(msgspec.Struct, frozen=True):
    """How many more recipients of a directive wait for a decision, and the delivery to look at next."""

    left: int
    next: int | None


def answers_to_judge(tx: Transaction, directive_id: int) -> dict[int, ToJudge]:
    """Answers to a directive that wait for a judgement, by delivery. Who may see its board has been checked."""
    r, a, again = response_table.c, attachment_table.c, response_table.alias()
    newest = sa.select(sa.func.max(again.c.version)).where(again.c.delivery_id == v.id).scalar_subquery()
    files = sa.select(sa.func.count()).select_from(attachment_table).where(a.response_id == r.id).scalar_subquery()
    columns = (v.id, r.version, sa.func.substr(r.text, 1, EXCERPT + 1).label("begin"), files.label("files"))
    query = sa.select(*columns).where(r.delivery_id == v.id, r.version == newest)
    rows = tx.all(query.where(v.directive_id == directive_id, _UNJUDGED))
    return {row.id: ToJudge(row.version, _begin(row.begin), row.files) for row in rows}


def _begin(text: str) -> str:
    words = " ".join(text.split())
    return words if len(text) <= EXCERPT else words[:EXCERPT].rstrip() + "…"


def further_to_decide(tx: Transaction, directive_id: int, delivery_id: int) -> Further:
    """What else of a directive is to be decided beside one delivery: those after it, then from the first."""
    wanted = sa.and_(v.directive_id == directive_id, v.id != delivery_id, sa.or_(_ASKING, _UNJUDGED))
    ids = [row.id for row in tx.all(sa.select(v.id).where(wanted).order_by(v.id))]
    return Further(len(ids), next((one for one in ids if one > delivery_id), ids[0] if ids else None))


def decisions(tx: Transaction, who: Principal) -> Decisions:
    """All that waits for a decision of the person's unit, by directive: exercises last, else the earliest due first.

    Beyond so many deliveries of either kind directives are named as earlier ones are decided; the counts are whole.
    """
    who.require(Permission.REVIEW_RESPONSE)
    found: dict[int, dict[str, int]] = {}
    for name, wanted in (("asking", _ASKING), ("unjudged", _UNJUDGED)):
        first = sa.select(v.id).where(v.issuer_id == who.unit_id, wanted).order_by(v.deadline).limit(MOST_LOOKED_AT)
        by_directive = sa.select(v.directive_id, sa.func.count().label("number")).where(v.id.in_(first))
        for row in tx.all(by_directive.group_by(v.directive_id)):
            found.setdefault(row.directive_id, {"asking": 0, "unjudged": 0})[name] = row.number
    about = sa.select(d.id, d.number_text, d.subject, d.exercise).where(d.id.in_(tx.among(found)))
    rows = tx.all(about.order_by(d.exercise, d.deadline, d.id))
    return Decisions(
        asking=_count(tx, who, _ASKING),
        unjudged=_count(tx, who, _UNJUDGED),
        lines=[_line(row, found[row.id]) for row in rows],
    )


def _count(tx: Transaction, who: Principal, wanted: sa.ColumnElement[bool]) -> int:
    real = sa.and_(v.issuer_id == who.unit_id, wanted, v.exercise.is_(False))
    return int(tx.execute(sa.select(sa.func.count()).select_from(delivery_table).where(real)).scalar_one())


def _line(row: Any, numbers: dict[str, int]) -> ToDecide:
    return ToDecide(
        directive=row.id,
        number_text=row.number_text,
        subject=row.subject,
        exercise=row.exercise,
        asking=numbers["asking"],
        unjudged=numbers["unjudged"],
    )
