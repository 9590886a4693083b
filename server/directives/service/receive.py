"""The recipient's side: arrived, seen, registered, returned, reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission, Role
from server.accounts.principal import Principal
from server.directives.documents import BODY_LENGTH, check_text, clean_text
from server.directives.model import attachment_table, change_table, delivery_table, directive_table, response_table
from server.directives.policy import Policy
from server.directives.questions import Answer, Question, check_answers, clean_answers
from server.directives.rules import FINAL, Event, RecipientRole, ReturnReason, State, Through, advance, registering
from server.directives.service.access import delivery_to_us
from server.directives.service.assemble import questions_in
from server.directives.service.assigned import require_may_answer
from server.directives.service.commands import once
from server.directives.service.drafts import add_attachments
from server.directives.service.news import tell_answered, tell_returned, tell_to_assign
from server.directives.service.notes import note_of
from server.directives.service.numbers import IN, series, take_number
from server.directives.service.problems import DraftError
from server.directives.service.steps import places, position_of, step, tell, wake
from server.directives.shapes import DeliveryDone, ReportInput, ReturnInput, Upload
from server.errors import ConflictError, UserError
from server.http.i18n import _
from server.store import Transaction, many

v = delivery_table.c


def arrived(tx: Transaction, acknowledged: Mapping[int, int]) -> int:
    """Devices have everything up to a number (unit → seq): all deliveries sent until then have arrived.

    Few statements however many units; gives how many deliveries moved. One that is further already keeps its state:
    only the arrival is noted, and of a recalled one not even that.
    """
    groups = tx.all(_arriving(tx.connection.dialect.name), {"acknowledged": many.bound_pairs(acknowledged)})
    return sum(_arrive(tx, group) for group in groups)


@cache
def _arriving(dialect: str) -> sa.Select[Any]:
    """What arrives by `acknowledged`, gathered by directive and state; locked in the order of the ids."""
    upto = many.named_pairs(dialect, "acknowledged")
    one = (
        sa.select(v.id, v.unit_id, v.directive_id, v.issuer_id, v.state, v.state_before)
        .join_from(upto, delivery_table, v.unit_id == upto.c.key)
        .where(v.seq <= upto.c.value, v.arrived_at.is_(None), v.state != State.RECALLED.value)
        .order_by(v.id)
        .with_for_update(of=delivery_table)
        .subquery()
    )
    same = (one.c.directive_id, one.c.issuer_id, one.c.state, one.c.state_before)
    ids, units = many.gathered(dialect, one.c.id), many.gathered(dialect, one.c.unit_id)
    return sa.select(*same, ids.label("ids"), units.label("units")).group_by(*same).order_by(*same)


def _arrive(tx: Transaction, group: Any) -> int:
    """Note when a group of locked ones (a row of `_arriving`) arrived, and move those that this moves: gives how many.

    A unit may have confirmed by telephone before: that its device has it, too, is noted then and changes nothing else.
    """
    before, dialect = position_of(group), tx.connection.dialect.name
    after, units = advance(before, Event.ARRIVE), sorted(many.numbers_in(group.units))
    values = {**places(after), "arrived_at": tx.now}
    del values["stage"]  # a receipt leaves it as it is, so that no index needs to be written
    tx.execute(_moving(dialect), {"ids": group.ids, **values})
    if after == before:
        wake(tx, group.directive_id, units, after.state)
        return 0
    names = {"event": Event.ARRIVE.value, "before": before.state.value, "after": after.state.value}
    tx.execute(_noting(dialect), {"ids": group.ids, **names, "at": tx.now})
    tell(tx, group.directive_id, group.issuer_id, units, after.state)
    return len(units)


@cache
def _moving(dialect: str) -> sa.Executable:
    return sa.update(delivery_table).where(v.id.in_(sa.select(many.named(dialect, "ids").c.value)))


@cache
def _noting(dialect: str) -> sa.Executable:
    """One line in the history of each of `ids`."""
    columns = [change_table.c[name] for name in ("event", "before", "after", "at")]
    same = [sa.bindparam(column.name, type_=column.type) for column in columns]
    rows = sa.select(many.named(dialect, "ids").c.value, *same)
    return sa.insert(change_table).from_select([change_table.c.delivery_id, *columns], rows)


def see(tx: Transaction, who: Principal, directive_id: int) -> DeliveryDone:
    """The first person of the unit opens it; later ones change nothing.

    What was confirmed by telephone before is seen from now on, too, and stays where it is.
    """
    row = delivery_to_us(tx, who, directive_id, lock=True)
    times, place = _received(tx, who, row), position_of(row)
    if row.seen_at is not None or advance(place, Event.SEE) != place:
        return _done(row, step(tx, row, Event.SEE, who, **times))
    if place.state is not State.RECALLED:  # of that there is nothing left to see
        tx.execute(sa.update(delivery_table).where(v.id == row.id).values(**times))
        wake(tx, row.directive_id, [row.unit_id], place.state)
    return _done(row, place.state)


def _received(tx: Transaction, who: Principal, row: Any) -> dict[str, Any]:
    """The receipts of a delivery that the person has before them on a page, each as it was first."""
    return {
        "arrived_at": row.arrived_at or tx.now,
        "seen_at": row.seen_at or tx.now,
        "seen_by": row.seen_by or who.account_id,
    }


def register(
    tx: Transaction,
    who: Principal,
    policy: Policy,
    directive_id: int,
    command_id: str = "",
    made_at: datetime | None = None,
    through: Through | None = None,
) -> DeliveryDone:
    """Register (số đến), which makes it the unit's duty; a village head confirms without a number.

    A device says when the person did so without a network (`made_at`). That is kept and shown beside the time at which
    we hear of it, which counts; a time that cannot be is not kept, as clocks of telephones go wrong. Who confirms by
    a key of a telephone has heard of it: it has reached no device from that, and nobody has seen it.
    """
    who.require(Permission.REGISTER_DELIVERY)

    def work() -> DeliveryDone:
        row = delivery_to_us(tx, who, directive_id, lock=True)
        if row.registered_at is not None and State(row.state) not in FINAL | {State.RECALL_PENDING}:
            text = _("Đơn vị đã tiếp nhận văn bản này rồi, đồng chí không cần làm lại.")
            raise ConflictError("wrong_state", text)
        times: dict[str, Any] = {
            "registered_at": tx.now,
            "registered_by": who.account_id,
            "registered_through": through,
            "confirmed_at": made_at if made_at is not None and row.sent_at <= made_at <= tx.now else None,
        }
        if through is not Through.TELEPHONE:
            times |= _received(tx, who, row)
        state = step(tx, row, registering(RecipientRole(row.role)), who, through=through, **times)
        number = None
        if who.role is not Role.VILLAGE_HEAD:
            year = policy.year(tx.now)
            number = take_number(tx, series(IN, row.exercise), who.unit_id, year)
            values = {"registry_year": year, "registry_number": number}
            tx.execute(sa.update(delivery_table).where(v.id == row.id).values(**values))
            if state is State.REGISTERED:
                tell_to_assign(tx, policy, who, row)
        return _done(row, state, number)

    return _once(tx, who, command_id, ["register", directive_id], work)


def return_delivery(
    tx: Transaction, who: Principal, policy: Policy, directive_id: int, data: ReturnInput
) -> DeliveryDone:
    """Send it back unregistered, with a reason."""
    who.require(Permission.REGISTER_DELIVERY)

    def work() -> DeliveryDone:
        row = delivery_to_us(tx, who, directive_id, lock=True)
        note = note_of(data.note)
        values: dict[str, Any] = {
            "returned_at": tx.now,
            "return_reason": ReturnReason(data.reason).value,
            "return_note": note,
        }
        state = step(tx, row, Event.RETURN, who, note=note, **values)
        tell_returned(tx, policy, who, row)
        return _done(row, state)

    return _once(tx, who, data.command_id, ["return", directive_id, msgspec.to_builtins(data)], work)


def report(
    tx: Transaction,
    who: Principal,
    policy: Policy,
    directive_id: int,
    data: ReportInput,
    uploads: Sequence[Upload] = (),
    through: Through | None = None,
) -> DeliveryDone:
    """A new version of the unit's answer; once people are named, by one of them, the leader or the clerk.

    What answered a question by files stays until others take their place.
    """
    who.require(Permission.ANSWER_DELIVERY)

    def work() -> DeliveryDone:
        row = delivery_to_us(tx, who, directive_id, lock=True)
        require_may_answer(tx, who, row)
        answers = clean_answers(data.answers)
        r = response_table.c
        last = tx.one(sa.select(r.id, r.version).where(r.delivery_id == row.id).order_by(r.version.desc()).limit(1))
        kept = _files_kept(tx, last.id, uploads) if last else []
        text = _check_report(data.text, questions_of(tx, row.directive_id), answers, uploads, kept)
        state = step(tx, row, Event.REPORT, who, through=through, reported_at=tx.now)
        response_id = tx.insert(
            response_table,
            delivery_id=row.id,
            version=(last.version if last else 0) + 1,
            text=text,
            account_id=who.account_id,
            author_name=who.name,
            at=tx.now,
            answers=msgspec.json.encode(answers).decode() if answers else None,
        )
        for file in kept:
            tx.insert(attachment_table, response_id=response_id, **{name: getattr(file, name) for name in _OF_A_FILE})
        add_attachments(tx, who, policy, uploads, response_id=response_id)
        tell_answered(tx, policy, who, row)
        return _done(row, state, row.registry_number)

    content = ["report", directive_id, msgspec.to_builtins(data), [upload.sha256 for upload in uploads]]
    return _once(tx, who, data.command_id, content, work)


_OF_A_FILE = ("name", "content_type", "size", "sha256", "account_id", "at", "question")


def _files_kept(tx: Transaction, response_id: int, uploads: Sequence[Upload]) -> list[Any]:
    """Rows of the files that answered questions in the version before, but for those that have new ones."""
    a = attachment_table.c
    answered = {upload.question for upload in uploads}
    rows = tx.all(
        sa.select(attachment_table).where(a.response_id == response_id, a.question.is_not(None)).order_by(a.id)
    )
    return [row for row in rows if row.question not in answered]


def questions_of(tx: Transaction, directive_id: int) -> list[Question]:
    """The questions of a directive."""
    d = directive_table.c
    row = tx.one(sa.select(d.questions).where(d.id == directive_id))
    return questions_in(row.questions if row else None)


def questions_to_us(tx: Transaction, who: Principal, directive_id: int) -> list[Question]:
    """The questions that the person's unit is to answer. Raises NotFoundError."""
    delivery_to_us(tx, who, directive_id)
    return questions_of(tx, directive_id)


def _check_report(
    text: str, questions: Sequence[Question], answers: Sequence[Answer], uploads: Sequence[Upload], kept: Sequence[Any]
) -> str:
    clean = clean_text(text)
    problems = check_text("text", clean, BODY_LENGTH)
    files = {one.question for one in (*uploads, *kept) if one.question is not None}
    problems += check_answers(questions, answers, files)
    if not problems and not clean and not uploads and not answers:
        raise UserError("empty_report", _("Xin viết nội dung báo cáo hoặc kèm tệp."), field="text")
    if problems:
        raise DraftError(problems)
    return clean


def _done(row: sa.Row[tuple[object]], state: State, number: int | None = None) -> DeliveryDone:
    return DeliveryDone(id=row.id, directive=row.directive_id, state=state, registry_number=number)


def _once(
    tx: Transaction, who: Principal, command_id: str, content: list[object], work: Callable[[], DeliveryDone]
) -> DeliveryDone:
    return once(tx, who, command_id, content, work, DeliveryDone)
