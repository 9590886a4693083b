"""The compose form: what was typed becomes a draft, and a draft becomes what the form shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from server.directives.documents import DocumentType, Urgency
from server.directives.question_forms import lines_of
from server.directives.questions import Question
from server.directives.rules import RecipientRole, Relation
from server.directives.shapes import CommandId, Directive, DraftInput, LongText, Opened, Recipient, Shown, Words
from server.errors import UserError
from server.http.formats import parse_local
from server.http.i18n import _


class ComposeForm(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of the page; `deadline` is local time, groups are keys of the unit groups.

    `revision` is that of the draft that the page began from; a new one has none. `confirmed` is what the page has shown
    that should be known first.
    """

    kind: DocumentType
    subject: LongText = ""
    body: LongText = ""
    notation: Words = ""
    urgency: Urgency = Urgency.NORMAL
    deadline: str = ""
    recipients: list[int] = []
    recipients_groups: list[str] = []
    lead: int | None = None
    info: list[int] = []
    info_groups: list[str] = []
    secrecy: Words = ""
    files_keep: list[int] = []
    relation: Relation | None = None
    related: int | None = None
    exercise: bool = False
    revision: int = 0
    command_id: CommandId = ""
    action: str = "save"
    confirmed: Shown = ""


def _united(ids: Sequence[int], keys: Sequence[str], groups: Mapping[str, Sequence[int]]) -> list[int]:
    return list(dict.fromkeys([*ids, *(unit for key in keys for unit in groups.get(key, ()))]))


def recipients_of(form: ComposeForm, groups: Mapping[str, Sequence[int]]) -> list[Recipient]:
    """Ticked units and groups with their roles: with a lead the others assist; who does something is not only told."""
    doing = _united(form.recipients, form.recipients_groups, groups)
    if form.lead is not None and form.lead not in doing:
        doing.append(form.lead)
    other = RecipientRole.EXECUTE if form.lead is None else RecipientRole.ASSIST
    chosen = [Recipient(unit=unit, role=RecipientRole.LEAD if unit == form.lead else other) for unit in doing]
    told = [unit for unit in _united(form.info, form.info_groups, groups) if unit not in doing]
    return chosen + [Recipient(unit=unit, role=RecipientRole.INFO) for unit in told]


def draft_of(
    form: ComposeForm, groups: Mapping[str, Sequence[int]], zone: ZoneInfo, questions: list[Question]
) -> DraftInput:
    """The draft that the form means. Raises UserError for a deadline that is no time."""
    try:
        deadline = parse_local(form.deadline, zone) if form.deadline else None
    except ValueError as error:
        raise UserError("bad_deadline", _("Hạn trả lời không đúng dạng ngày giờ."), field="deadline") from error
    return DraftInput(
        kind=form.kind,
        subject=form.subject,
        body=form.body,
        notation=form.notation,
        urgency=form.urgency,
        deadline=deadline,
        recipients=recipients_of(form, groups),
        secrecy=form.secrecy,
        relation=form.relation,
        related=form.related,
        questions=questions,
        exercise=form.exercise,
        revision=form.revision,
        command_id=form.command_id,
    )


def values_of(directive: Directive, zone: ZoneInfo) -> dict[str, Any]:
    """What the form shows of a stored draft."""
    by_role: dict[RecipientRole, list[int]] = {role: [] for role in RecipientRole}
    for recipient in directive.recipients:
        by_role[recipient.role].append(recipient.unit)
    lead = by_role[RecipientRole.LEAD]
    local = directive.deadline.astimezone(zone) if directive.deadline else None
    return {
        "kind": directive.kind.value,
        "subject": directive.subject,
        "body": directive.body,
        "notation": directive.notation,
        "urgency": directive.urgency.value,
        "deadline": f"{local:%Y-%m-%dT%H:%M}" if local else "",
        "recipients": [*lead, *by_role[RecipientRole.EXECUTE], *by_role[RecipientRole.ASSIST]],
        "lead": lead[0] if lead else "",
        "info": by_role[RecipientRole.INFO],
        "relation": directive.relation.value if directive.relation else "",
        "related": directive.related or "",
        "questions": lines_of(directive.questions),
        "exercise": directive.exercise,
    }


def values_typed(
    form: ComposeForm, groups: Mapping[str, Sequence[int]], questions: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """What was typed, to be shown again after an error."""
    return {
        "kind": form.kind.value,
        "subject": form.subject,
        "body": form.body,
        "notation": form.notation,
        "urgency": form.urgency.value,
        "deadline": form.deadline,
        "recipients": _united(form.recipients, form.recipients_groups, groups),
        "lead": form.lead or "",
        "info": _united(form.info, form.info_groups, groups),
        "relation": form.relation.value if form.relation else "",
        "related": form.related or "",
        "questions": questions,
        "exercise": form.exercise,
    }


def values_related(relation: Relation, earlier: Directive, zone: ZoneInfo, subject: str) -> dict[str, Any]:
    """What the form of a replacement or a correction begins with; `subject` is that of a correction."""
    values = values_of(earlier, zone) | {"relation": relation.value, "related": earlier.id, "notation": ""}
    if relation is Relation.CORRECTS:
        values |= {"kind": DocumentType.CONG_VAN.value, "subject": subject, "body": "", "deadline": "", "questions": []}
    return values


def values_forwarded(opened: Opened, below: Sequence[int], zone: ZoneInfo) -> dict[str, Any]:
    """What the form begins with when a unit carries on to those below what it has received: due when it is itself."""
    due = opened.delivery.deadline if opened.delivery else None
    local = due.astimezone(zone) if due else None
    return values_of(opened.directive, zone) | {
        "kind": DocumentType.THONG_BAO.value,
        "notation": "",
        "deadline": f"{local:%Y-%m-%dT%H:%M}" if local else "",
        "recipients": list(below),
        "lead": "",
        "info": [],
        "relation": Relation.FORWARDS.value,
        "related": opened.directive.id,
    }
