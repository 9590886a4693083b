"""Status messages: what became of a delivery, for other systems, and what other systems say became of ours.

A unit whose people sign in here says by itself what it does: that a file says so proves nothing. Only deliveries to
units that have nobody here are moved by what comes as edXML, by the clerk who takes it in, and the history says so.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.edxml.message import (
    REACHED,
    STATUS_WORDS,
    STEPS,
    Organ,
    Staff,
    Status,
    StatusCode,
    described,
    make_document_id,
    refusal,
    written,
)
from server.directives.model import change_table, delivery_table, directive_table, response_table
from server.directives.policy import Policy
from server.directives.rules import EDXML_CODES, STATES, DirectiveState, Event, RecipientRole, State, registering
from server.directives.service.access import BOTH, d, delivery_of_ours, delivery_to_us, v
from server.directives.service.assemble import changes_of
from server.directives.service.notes import note_of
from server.directives.service.problems import wrong_state
from server.directives.service.steps import step
from server.directives.shapes import EdxmlDone
from server.errors import ConflictError, NotFoundError
from server.http.i18n import _
from server.store import Transaction
from server.units import service as units

_OWN_STATES = {State.SEEN: "01", State.REPORTED: "05"}
"""States without a code of their own: the last one that they have passed."""


# ---- for other systems


def status_of_delivery(tx: Transaction, who: Principal, policy: Policy, delivery_id: int) -> Status:
    """What became of a delivery of ours, as its recipient would say it."""
    return _status(tx, policy, delivery_of_ours(tx, who, delivery_id))


def status_of_ours(tx: Transaction, who: Principal, policy: Policy, directive_id: int) -> Status:
    """What our unit has done with a directive that came."""
    return _status(tx, policy, delivery_to_us(tx, who, directive_id))


def _status(tx: Transaction, policy: Policy, row: Any) -> Status:
    changes = changes_of(tx, [row.id]).get(row.id, [])
    entered = next((one for one in reversed(changes) if one.after == row.state and one.before != row.state), None)
    code = EDXML_CODES.get(State(row.state)) or _OWN_STATES.get(State(row.state))
    if entered is not None and entered.event == Event.REFUSE_RECALL:
        code = StatusCode.RECALL_REFUSED
    if code is None:
        raise ConflictError("no_edxml_status", _("Trạng thái này không có mã trong edXML nên không xuất được."))
    require_real(row)
    directive: Any = tx.one(sa.select(directive_table).where(d.id == row.directive_id))
    names = units.units_by_ids(tx, [row.issuer_id, row.unit_id])
    issuer, recipient = (
        Organ(policy.organ_id(one.code), one.name) for one in (names[row.issuer_id], names[row.unit_id])
    )
    day = directive.issued_at.astimezone(policy.zone).date()
    status = StatusCode(code)
    sender = issuer if status is StatusCode.RECALL_ASKED else recipient
    return Status(
        organ_id=issuer.id,
        code=directive.number_text,
        promulgated_on=day,
        document_id=make_document_id(issuer.id, day, directive.number_text),
        sender=sender,
        status=status,
        description=described(status, _why(status, row, entered)),
        at=entered.at if entered is not None else row.sent_at,
        staff=Staff(sender.name, (entered.account_name if entered is not None else None) or ""),
    )


def _why(status: StatusCode, row: Any, entered: Any) -> str:
    """What was said with the refusal, the recall or the answer to it, by which the state was `entered`."""
    match status:
        case StatusCode.REFUSED:
            return refusal(row.return_reason, row.return_note)
        case StatusCode.RECALL_ASKED | StatusCode.RECALL_AGREED | StatusCode.RECALL_REFUSED:
            return (entered.note if entered is not None else None) or ""
        case _:
            return ""


def require_real(row: Any) -> None:
    """The exchange knows no exercises: one must not arrive elsewhere as a real document. Raises ConflictError."""
    if row.exercise:
        raise ConflictError("exercise_stays", _("Văn bản diễn tập không xuất ra ngoài hệ thống."))


# ---- from other systems


def take_status(tx: Transaction, who: Principal, policy: Policy, status: Status) -> EdxmlDone:
    """Move the delivery that a status is about. What comes late or twice changes nothing. Raises ConflictError."""
    row = _delivery_meant(tx, who, policy, status)
    if accounts.members(tx, [row.unit_id]):
        text = _("Đơn vị này tự xác nhận trên hệ thống, nên không nhập trạng thái thay họ.")
        raise ConflictError("unit_signs_in", text)
    state, note = State(row.state), _note(status)
    if state in REACHED[status.status] or _told_before(tx, row.id, note):
        return EdxmlDone(kind="status", directive=row.directive_id, delivery=row.id, state=state, repeated=True)
    for event in STEPS[status.status]:
        meant = registering(RecipientRole(row.role)) if event is Event.REGISTER else event
        if meant in STATES[state]:
            state = _move(tx, who, row, meant, status, note)
            row = _again(tx, row.id)
    if state not in REACHED[status.status]:
        raise wrong_state(state)
    return EdxmlDone(kind="status", directive=row.directive_id, delivery=row.id, state=state)


def _note(status: Status) -> str | None:
    """What the history says of it, by which it is known again."""
    by = ", ".join(part for part in (status.staff.name, status.staff.department) if part)
    said = f"edXML {status.status.value}, {status.at:%d/%m/%Y %H:%M}"
    return note_of(": ".join(part for part in (said, by, status.description) if part)[:1000])


def _told_before(tx: Transaction, delivery_id: int, note: str | None) -> bool:
    c = change_table.c
    return tx.one(sa.select(c.id).where(c.delivery_id == delivery_id, c.note == note).limit(1)) is not None


def _delivery_meant(tx: Transaction, who: Principal, policy: Policy, status: Status) -> Any:
    """The locked delivery of a directive of ours to the unit that the status is from."""
    who.require(Permission.REVIEW_RESPONSE)
    ours = policy.organ_id(units.unit(tx, who.unit_id).code)
    unit = units.by_code(tx, policy.unit_code(status.sender.id))
    issued = sa.and_(
        d.unit_id == who.unit_id,
        d.state == DirectiveState.ISSUED.value,
        d.number_text.in_(written(status.code)),
        d.year == status.promulgated_on.year,
        d.exercise.is_(False),
    )
    query = BOTH.where(issued, v.unit_id == (unit.id if unit else 0)).with_for_update(of=delivery_table)
    row = tx.one(query) if status.organ_id == ours else None
    if row is None:
        text = _("Không có văn bản số {number} của đơn vị đã gửi cho {name}.")
        name = status.sender.name or status.sender.id
        raise NotFoundError("edxml_unknown", text, number=status.code, name=name)
    return row


def _again(tx: Transaction, delivery_id: int) -> Any:
    return tx.one(BOTH.where(v.id == delivery_id))


def _move(tx: Transaction, who: Principal, row: Any, event: Event, status: Status, note: str | None) -> State:
    times: dict[Event, dict[str, Any]] = {
        Event.ARRIVE: {"arrived_at": tx.now},
        Event.REGISTER: {"registered_at": tx.now, "arrived_at": row.arrived_at or tx.now},
        Event.REGISTER_INFO: {"registered_at": tx.now, "arrived_at": row.arrived_at or tx.now},
        Event.RETURN: {"returned_at": tx.now, "return_note": status.description},
        Event.REPORT: {"reported_at": tx.now},
    }
    if event is Event.REPORT:
        _respond(tx, who, row, status)
    return step(tx, row, event, who, note=note, **times.get(event, {}))


def _respond(tx: Transaction, who: Principal, row: Any, status: Status) -> None:
    """The answer that the issuer judges; its words are those of the message, its author who is named there."""
    r = response_table.c
    last = tx.one(sa.select(sa.func.max(r.version).label("version")).where(r.delivery_id == row.id))
    tx.insert(
        response_table,
        delivery_id=row.id,
        version=((last.version if last else None) or 0) + 1,
        text=status.description or STATUS_WORDS[status.status],
        account_id=who.account_id,
        author_name=(status.staff.name or status.sender.name)[:50],
        at=tx.now,
    )
