"""What the recipients have answered to the questions of a directive, newest answers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from server.directives.model import attachment_table, delivery_table, response_table
from server.directives.questions import Given, Question, Tally, tally
from server.directives.rules import RecipientRole, State
from server.directives.service.assemble import answers_in
from server.store import Transaction

v, r, a = delivery_table.c, response_table.c, attachment_table.c
_LEFT = (State.RETURNED.value, State.RECALLED.value, State.SUPERSEDED.value, State.WAIVED.value)


def tallies(tx: Transaction, directive_id: int, questions: Sequence[Question], names: Mapping[int, str]) -> list[Tally]:
    """Each question with all answers, in the order of `names` (unit → name); units that were let off do not count."""
    if not questions:
        return []
    asked = sa.and_(v.directive_id == directive_id, v.role != RecipientRole.INFO.value, v.state.not_in(_LEFT))
    mine = sa.select(v.id).where(v.directive_id == directive_id)
    versions = sa.select(r.delivery_id, sa.func.max(r.version).label("version")).where(r.delivery_id.in_(mine))
    newest = versions.group_by(r.delivery_id).subquery()
    rows = tx.all(
        sa.select(v.unit_id, r.id.label("response_id"), r.answers)
        .select_from(delivery_table)
        .outerjoin(newest, newest.c.delivery_id == v.id)
        .outerjoin(response_table, sa.and_(r.delivery_id == v.id, r.version == newest.c.version))
        .where(asked)
    )
    places = {unit: place for place, unit in enumerate(names)}
    rows = sorted((row for row in rows if row.unit_id in places), key=lambda row: places[row.unit_id])
    answers = {row.unit_id: {one.question: one for one in answers_in(row.answers)} for row in rows}
    files = _files(tx, directive_id)
    found = []
    for number, question in enumerate(questions, 1):
        given = [
            Given(unit=row.unit_id, unit_name=names[row.unit_id], answer=answer, files=attached)
            for row in rows
            for answer in [answers[row.unit_id].get(number)]
            for attached in [files.get((row.response_id, number), [])]
            if answer is not None or attached
        ]
        found.append(tally(number, question, len(rows), given))
    return found


def _files(tx: Transaction, directive_id: int) -> dict[tuple[int, int], list[tuple[int, str]]]:
    """(Response, question) → ids and names of the files that answer it."""
    query = (
        sa.select(a.id, a.name, a.response_id, a.question)
        .join(response_table, r.id == a.response_id)
        .join(delivery_table, v.id == r.delivery_id)
        .where(v.directive_id == directive_id, a.question.is_not(None))
        .order_by(a.id)
    )
    found: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for row in tx.all(query):
        found.setdefault((row.response_id, row.question), []).append((row.id, row.name))
    return found
