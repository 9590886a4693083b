"""Pages where a directive is written: a new one, a draft, and what its buttons do."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives import service
from server.directives.documents import ABBREVIATIONS, DocumentType, Urgency
from server.directives.forms import ComposeForm, draft_of, values_forwarded, values_of, values_related, values_typed
from server.directives.held import held_again, let_go
from server.directives.keys import POLICY
from server.directives.policy import Policy
from server.directives.question_forms import lines_typed, read_questions
from server.directives.rules import Relation
from server.directives.service.issue import issue_id
from server.directives.service.problems import problem_texts
from server.directives.shapes import (
    Attachment,
    CheckResult,
    Directive,
    DirectiveDone,
    DraftInput,
    IssueInput,
    Upload,
)
from server.directives.uploads import read_uploads
from server.errors import ConflictError, UserError
from server.http import STORE, Route, principal, read_body, read_query, render, see_other
from server.http.i18n import _, in_context, translate
from server.http.pages import now_of
from server.http.reading import path_id, read_form
from server.store import Transaction
from server.units import service as units
from server.units.service import Group, Tree, UnitInfo

QUICK_DAYS = (1, 3, 5, 10)
QUICK_OPENINGS = (1, 2, 3)
COMMON = (
    DocumentType.CONG_VAN,
    DocumentType.THONG_BAO,
    DocumentType.KE_HOACH,
    DocumentType.CHI_THI,
    DocumentType.QUYET_DINH,
    DocumentType.GIAY_MOI,
    DocumentType.CONG_DIEN,
)


class NewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The directive that a new one is to replace, to correct, or to carry on to units below."""

    replaces: int | None = None
    corrects: int | None = None
    forwards: int | None = None


class Choices(msgspec.Struct, frozen=True):
    """The units that the person's unit may send to, their tree, the groups among them, and the usual notations."""

    tree: Tree
    allowed: list[UnitInfo]
    groups: list[Group]
    notations: dict[str, str]

    def group_ids(self) -> dict[str, Sequence[int]]:
        """Key of a group → ids of its units."""
        return {group.key: group.unit_ids for group in self.groups}

    def nodes(self) -> list[dict[str, Any]]:
        """The tree as the recipient picker takes it; units that may not be chosen only lead to those below."""
        allowed = {unit.id for unit in self.allowed}

        def of(unit: UnitInfo) -> list[dict[str, Any]]:
            below = [node for child in self.tree.children(unit.id) for node in of(child)]
            return [{"id": unit.id, "name": unit.name, "children": below}] if unit.id in allowed else below

        return [node for root in self.tree.roots for node in of(root)]


def choices(tx: Transaction, who: Principal, policy: Policy) -> Choices:
    """What the form offers to this person."""
    allowed = service.reachable(tx, who.unit_id)
    ids = {unit.id for unit in allowed}
    among = [
        msgspec.structs.replace(group, unit_ids=tuple(unit for unit in group.unit_ids if unit in ids))
        for group in units.groups(tx)
    ]
    own = units.unit(tx, who.unit_id)
    place = (own.bloc.value, own.level.value, own.code)
    notations = {kind.value: policy.notation(kind, *place) for kind in ABBREVIATIONS}
    return Choices(units.tree(tx), allowed, [group for group in among if group.unit_ids], notations)


def quick_days(request: web.Request) -> list[tuple[str, str]]:
    """Usual deadlines, as the date field's buttons take them."""
    policy, now = request.app[POLICY], now_of(request)
    moments = [(days, policy.day_deadline(now, days).astimezone(policy.zone)) for days in QUICK_DAYS]
    words = _("{n} ngày làm việc")
    return [(translate(request, words, n=days), f"{moment:%Y-%m-%dT%H:%M}") for days, moment in moments]


def suggested(request: web.Request, urgency: Urgency) -> str:
    """The deadline that an urgency suggests (T3), as the date field takes it."""
    policy = request.app[POLICY]
    moment = policy.suggested_deadline(now_of(request), urgency).astimezone(policy.zone)
    return f"{moment:%Y-%m-%dT%H:%M}"


def suggestions(request: web.Request) -> dict[str, str]:
    """The same of each urgency; what names an hour suggests none."""
    return {one.value: "" if one is Urgency.FLASH_TIMED else suggested(request, one) for one in Urgency}


def _why_held(request: web.Request, code: str) -> str:
    """In words, why a signed document was not issued at its moment."""
    return translate(request, service.schedule_problem(code), incident=code.rpartition(":")[2])


def schedule_offer(request: web.Request, directive: Directive) -> dict[str, Any]:
    """What a draft's page says of its moment: `quick` openings of offices, whether it is `outside` their hours."""
    policy, at = request.app[POLICY], directive.scheduled_at
    today, opens = now_of(request).astimezone(policy.zone).date(), policy.calendar.hours[0][0]
    days = [policy.calendar.working_day_after(today, count) for count in QUICK_OPENINGS]
    words, moments = _("Đầu giờ sáng {day}"), [datetime.combine(day, opens) for day in days]
    return {
        "quick": [(translate(request, words, day=f"{one:%d/%m}"), f"{one:%Y-%m-%dT%H:%M}") for one in moments],
        "outside": at is not None and not policy.calendar.is_open(at),
        "problem": _why_held(request, directive.schedule_problem),
    }


def kind_options(request: web.Request) -> list[tuple[str, str]]:
    """The types of documents as a form offers them, common ones first."""
    kinds = [*COMMON, *(kind for kind in DocumentType if kind not in COMMON)]
    return [(kind.value, translate(request, in_context("document type", kind.value))) for kind in kinds]


async def show_form(
    request: web.Request,
    offered: Choices,
    values: dict[str, Any],
    *,
    draft: int | None = None,
    revision: int | None = None,
    files: Sequence[Attachment] = (),
    error: UserError | None = None,
    found: CheckResult | None = None,
) -> web.Response:
    """The compose page with values, with what is wrong with them, or with what should be known before the click.

    `revision` is that of the stored `draft`, which what is typed is to take the place of.
    """
    who, policy = principal(request), request.app[POLICY]
    problems = problem_texts(request, error) if error else []
    earlier = int(values["related"] or 0)
    related = await request.app[STORE].read(service.number_texts, who, [earlier]) if earlier else {}
    groups = [
        {
            "id": group.key,
            "name": translate(request, group.label, name=translate(request, group.name)),
            "unit_ids": group.unit_ids,
        }
        for group in offered.groups
    ]
    context = {
        "draft": draft,
        "revision": revision or 0,
        "files": files,
        "held": held_again(request),
        "values": values,
        "problems": problems,
        "found": found,
        "errors": dict(reversed(problems)),
        "related_number": related.get(earlier, ""),
        "kind_options": kind_options(request),
        "notations": msgspec.json.encode(offered.notations).decode(),
        "asks_notation": not any(offered.notations.values()),
        "tree": offered.nodes(),
        "groups": groups,
        "unit_options": [(unit.id, unit.name) for unit in offered.allowed if unit.level != "village"],
        "quick": quick_days(request),
        "suggestions": msgspec.json.encode(suggestions(request)).decode(),
        "may_issue": who.may(Permission.ISSUE_DIRECTIVE),
        "limit": policy.attachment_limit,
        "command_id": secrets.token_hex(16),
    }
    return await render(request, "directives/compose.html", context, status=error.status if error else 200)


async def get_new(request: web.Request) -> web.Response:
    """An empty form, with the deadline that the urgency suggests. With `?replaces=` and the like that of another."""
    policy, wanted = request.app[POLICY], read_query(request, NewQuery)
    offered = await request.app[STORE].read(choices, principal(request), policy)
    if earlier := wanted.replaces or wanted.corrects or wanted.forwards:
        opened = await request.app[STORE].read(service.open_directive, principal(request), policy, earlier)
        if wanted.forwards:
            below = [unit.id for unit in offered.allowed if unit.level == "village"]
            values = values_forwarded(opened, below, policy.zone)
            return await show_form(request, offered, values)
        relation = Relation.REPLACES if wanted.replaces else Relation.CORRECTS
        subject = translate(request, _("Đính chính văn bản số {number}"), number=opened.directive.number_text)
        return await show_form(request, offered, values_related(relation, opened.directive, policy.zone, subject))
    values = {
        "kind": DocumentType.CONG_VAN.value,
        "subject": "",
        "body": "",
        "notation": "",
        "urgency": Urgency.NORMAL.value,
        "deadline": suggested(request, Urgency.NORMAL),
        "recipients": [],
        "lead": "",
        "info": [],
        "relation": "",
        "related": "",
        "questions": [],
        "exercise": False,
    }
    return await show_form(request, offered, values)


async def get_edit(request: web.Request) -> web.Response:
    """The form of a draft."""
    return await show_draft_form(request)


async def show_draft_form(request: web.Request, error: UserError | None = None) -> web.Response:
    """The form of a stored draft, with what is wrong with it."""
    who, policy, store = principal(request), request.app[POLICY], request.app[STORE]
    opened = await store.read(service.open_directive, who, policy, path_id(request))
    _require_draft(opened.directive)
    offered, values = await store.read(choices, who, policy), values_of(opened.directive, policy.zone)
    return await show_form(request, offered, values, **_stored(opened.directive), error=error)


def _stored(directive: Directive) -> dict[str, Any]:
    """What the form says of a stored draft besides its values."""
    return {"draft": directive.id, "revision": directive.revision, "files": directive.attachments}


def _require_draft(directive: Directive) -> None:
    if directive.state == "ISSUED":
        raise ConflictError("already_issued", _("Văn bản đã ban hành nên không sửa hay xóa được nữa."))


def _save(
    tx: Transaction,
    who: Principal,
    policy: Policy,
    draft_id: int | None,
    draft: DraftInput,
    uploads: Sequence[Upload],
    keep: Sequence[int],
) -> DirectiveDone:
    if draft_id is None:
        return service.create_draft(tx, who, policy, draft, uploads)
    return service.edit_draft(tx, who, policy, draft_id, draft, uploads, keep)


async def post_compose(request: web.Request) -> web.Response:
    """Keep the draft; then, by the button, hand it to the leader or issue it.

    What is kept stays kept, its files too, when the second step is refused: the form comes again with the reason. So it
    does when somebody else has changed the draft meanwhile; nothing is kept then.
    """
    who, policy, store = principal(request), request.app[POLICY], request.app[STORE]
    draft_id = path_id(request) if "id" in request.match_info else None
    form = await read_body(request, ComposeForm)
    values = await read_form(request)
    offered = await store.read(choices, who, policy)
    groups = offered.group_ids()
    typed = values_typed(form, groups, lines_typed(values))
    try:
        uploads = await read_uploads(request)
        draft = draft_of(form, groups, policy.zone, read_questions(values))
        saved = await store.write(_save, who, policy, draft_id, draft, uploads, form.files_keep)
        let_go(request)
        draft_id = saved.id
        if form.action in ("issue", "submit"):
            found = await store.read(service.before_issue, who, policy, saved.id)
            if found.goes_beyond(form.confirmed):
                kept = (await store.read(service.open_directive, who, policy, saved.id)).directive
                return await show_form(request, offered, typed, **_stored(kept), found=found)
        if form.action == "issue":
            data = IssueInput(revision=saved.revision, command_id=issue_id(form.command_id))
            await store.write(service.issue, who, policy, saved.id, data)
        elif form.action == "submit":
            await store.write(service.submit, who, policy, saved.id)
    except ConflictError as error:
        if error.code != "draft_changed" or draft_id is None:
            raise
        return await _show_typed(request, offered, typed, draft_id, error)
    except UserError as error:
        return await _show_typed(request, offered, typed, draft_id, error)
    return see_other(f"/directives/{saved.id}")


async def _show_typed(
    request: web.Request, offered: Choices, typed: dict[str, Any], draft_id: int | None, error: UserError
) -> web.Response:
    """The form again as it was typed, on top of the draft as it is stored now."""
    who, policy, stored = principal(request), request.app[POLICY], dict[str, Any]()
    if draft_id is not None:
        stored = _stored((await request.app[STORE].read(service.open_directive, who, policy, draft_id)).directive)
    return await show_form(request, offered, typed, **stored, error=error)


async def post_delete(request: web.Request) -> web.Response:
    """Delete a draft."""
    await request.app[STORE].write(service.delete_draft, principal(request), path_id(request))
    return see_other("/directives/out")


_DRAFT = Permission.DRAFT_DIRECTIVE
ROUTES = [
    Route("GET", "/directives/new", get_new, _DRAFT),
    Route("POST", "/directives/new", post_compose, _DRAFT),
    Route("GET", "/directives/{id:\\d+}/edit", get_edit, _DRAFT),
    Route("POST", "/directives/{id:\\d+}/edit", post_compose, _DRAFT),
    Route("POST", "/directives/{id:\\d+}/delete", post_delete, _DRAFT),
]
