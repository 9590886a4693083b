"""Pages of directives: what came, one directive for its reader, one delivery for the issuer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission, Role
from server.calls.rules import Outcome
from server.calls.words import OUTCOMES
from server.directives import compose, deciding, service
from server.directives.api import InboxQuery, inbox_page, register_here
from server.directives.capacity import Capacity
from server.directives.day import When, when
from server.directives.downloads import get_attachment
from server.directives.held import held_again
from server.directives.keys import POLICY
from server.directives.policy import Policy
from server.directives.question_forms import read_report, typed_answers
from server.directives.rules import UNREGISTERED, Event, ReturnReason, State, possible
from server.directives.service.problems import problem_texts
from server.directives.shapes import (
    AcceptInput,
    Attachment,
    CheckResult,
    CommandId,
    Delivery,
    Opened,
    ReceivedLine,
    ReturnInput,
    SendBackInput,
    Words,
)
from server.errors import ConflictError, GiaoBanError, NotFoundError, UserError
from server.http import STORE, Route, principal, read_body, read_query, render, see_other
from server.http.formats import parse_local
from server.http.i18n import _, decimal_mark, translate
from server.http.keys import HEAD_SEQ
from server.http.pages import now_of
from server.http.reading import path_id, read_form
from server.reach.rules import Channel
from server.units.service import units_by_ids

GONE = (State.RECALL_PENDING, State.SUPERSEDED, State.WAIVED)
"""Where the unit is told what it has made of the directive that others still work on."""
SECTIONS = {
    When.LATE: _("Quá hạn"),
    When.TODAY: _("Hôm nay"),
    When.WEEK: _("Tuần này"),
    When.LATER: _("Sau đó"),
}
RETURN_REASONS = {
    ReturnReason.WRONG_RECIPIENT: _("Gửi nhầm nơi nhận"),
    ReturnReason.NOT_AUTHENTIC: _("Văn bản không bảo đảm tính xác thực"),
    ReturnReason.DAMAGED: _("Tệp hỏng, không đọc được"),
    ReturnReason.DUPLICATE: _("Trùng với văn bản đã nhận"),
}


CAPACITIES = {
    Capacity.TM: _("Thay mặt"),
    Capacity.KT: _("Ký thay"),
    Capacity.TL: _("Thừa lệnh"),
    Capacity.TUQ: _("Thừa ủy quyền"),
    Capacity.Q: _("Quyền"),
    Capacity.OWN: _("Ký theo chức vụ của mình"),
}


_AT_FIRST = {"capacity": None, "later_capacity": None, "stopped": False, "issue_at": None}
"""What a draft's page shows before a click on it did nothing."""


class BoardQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which recipients the board shows; `open` are keys of the branches that are open (`none` if all are closed)."""

    show: service.Show = service.Show.ALL
    open: list[str] | None = None


class AcceptForm(msgspec.Struct, frozen=True, kw_only=True):
    """The page's button: `version` is that of the answer on the page."""

    version: int = 0
    command_id: CommandId = ""


class SendBackForm(msgspec.Struct, frozen=True, kw_only=True):
    """The page's form: `deadline` is local time, `version` that of the answer on the page."""

    note: Words = ""
    deadline: Words = ""
    version: int = 0
    command_id: CommandId = ""


def by_due(lines: Sequence[ReceivedLine], now: datetime, policy: Policy) -> list[tuple[When, list[ReceivedLine]]]:
    """Lines in the sections late, today, this week, later; empty sections are left out."""
    sections: dict[When, list[ReceivedLine]] = {section: [] for section in When}
    for line in lines:
        sections[when(line.delivery.due, line.delivery.timeliness, now, policy.zone)].append(line)
    return [(section, found) for section, found in sections.items() if found]


async def get_inbox(request: web.Request) -> web.Response:
    """What came to the unit, by what is due next."""
    who, policy = principal(request), request.app[POLICY]
    query = read_query(request, InboxQuery)
    found = await inbox_page(request, query)
    lines = found.deliveries
    due = {} if query.done else dict(by_due(lines, now_of(request), policy))
    sections = [("", "", lines)] if query.done and lines else []
    sections += [(section.value, translate(request, SECTIONS[section]), of) for section, of in due.items()]
    context = {
        "query": query,
        "total": found.total,
        "next": found.next,
        "sections": sections,
        "one_tap": None,
        "command_id": secrets.token_hex(16),
    }
    if who.role is Role.VILLAGE_HEAD and not query.done:
        context["one_tap"] = await request.app[STORE].read(service.due_first, who, policy, UNREGISTERED)
    return await render(request, "directives/inbox.html", context)


async def get_directive(request: web.Request) -> web.Response:
    """One directive: its draft, its board, or the own unit's copy, which is seen from now on."""
    who, policy, store = principal(request), request.app[POLICY], request.app[STORE]
    query = read_query(request, BoardQuery)
    view = service.View(show=query.show, open=None if query.open is None else frozenset(query.open), page=True)
    opened = await store.read(service.open_directive, who, policy, path_id(request), view)
    if opened.delivery is not None and opened.delivery.seen_at is None:
        await store.write(service.see, who, path_id(request))
        request[HEAD_SEQ] = await store.head(who.unit_id)  # to the page that is read now this is no news
        opened = await store.read(service.open_directive, who, policy, path_id(request))
    return await show_directive(request, opened)


async def show_directive(
    request: web.Request,
    opened: Opened,
    error: UserError | None = None,
    typed: str = "",
    answers: Mapping[int, Any] | None = None,
    more: Mapping[str, Any] | None = None,
    status: int = 200,
) -> web.Response:
    """The page of a directive, with what is wrong and what was typed; `answers` by their questions.

    `more` is for its template, and `status` for a page without an error.
    """
    problems = problem_texts(request, error) if error else []
    context: dict[str, Any] = {
        **call_words(request),
        **await _board_context(request, opened),
        "delivery": opened.delivery,
        "carried_on": [],
        "addressees": opened.addressees,
        "chain": opened.chain,
        "can": _possible(opened.delivery),
        "may_recall": any(Event.RECALL in possible(state) for state in opened.states),
        "reasons": [(reason.value, translate(request, text)) for reason, text in RETURN_REASONS.items()],
        "reason_texts": {reason.value: translate(request, text) for reason, text in RETURN_REASONS.items()},
        "limit": request.app[POLICY].attachment_limit,
        "quick": compose.quick_days(request),
        "problems": problems,
        "problem": problems[0] if problems else None,
        "typed": typed,
        "answered": _answered(opened.delivery) if answers is None else answers,
        "kept": _kept(opened.delivery),
        "held": held_again(request),
        **_AT_FIRST,
        **(more or {}),
    }
    if opened.delivery is not None:
        template = "directives/received.html"
        context["may_answer"] = service.may_answer(principal(request), opened.delivery.assigned)
        if opened.delivery.state in GONE:
            who = principal(request)
            context["carried_on"] = await request.app[STORE].read(service.carried_on, who, opened.directive.id)
        if Event.ASSIGN in possible(opened.delivery.state) and principal(request).may(Permission.ASSIGN_DELIVERY):
            context["colleagues"] = await request.app[STORE].read(service.colleagues, principal(request))
    else:
        template = "directives/draft.html" if opened.board is None else "directives/board.html"
        if opened.board is None:
            who, policy = principal(request), request.app[POLICY]
            context["capacities"] = capacity_options(request, await request.app[STORE].read(service.capacities, who))
            context["schedule"] = compose.schedule_offer(request, opened.directive)
            if "found" not in context:
                context["found"] = await request.app[STORE].read(service.check_stored, who, policy, opened.directive.id)
        units = await request.app[STORE].read(units_by_ids, [to.unit for to in opened.directive.recipients])
        context["recipients"] = [units[to.unit].name for to in opened.directive.recipients]
    return await render(request, template, context, status=error.status if error else status)


async def show_again(
    request: web.Request, error: UserError | None, typed: str = "", chosen: Mapping[str, Any] | None = None
) -> web.Response:
    """The page of the directive in the path as it is now, with what is wrong, what was typed and what was chosen."""
    who, policy = principal(request), request.app[POLICY]
    opened = await request.app[STORE].read(service.open_directive, who, policy, path_id(request))
    return await show_directive(request, opened, error, typed, more=chosen)


async def show_warned(
    request: web.Request,
    found: CheckResult,
    typed: str = "",
    at: datetime | None = None,
    *,
    chosen: Mapping[str, Any],
) -> web.Response:
    """The draft's page after a click that did nothing, as there is something to know first; `at` is a later issue."""
    return await show_again(request, None, typed, {**chosen, "found": found, "stopped": True, "issue_at": at})


def capacity_options(request: web.Request, lines: Sequence[tuple[Capacity, str]]) -> list[tuple[str, str]]:
    """As the form offers them: what each means and the line that it writes."""
    said = [(one, translate(request, CAPACITIES[one]), line) for one, line in lines]
    return [(one.value, f"{word} ({line})" if line else word) for one, word, line in said]


def call_words(request: web.Request) -> dict[str, Any]:
    """For templates: what became of calls in words, and whether there is a telephone to call with."""
    texts = OUTCOMES | {Outcome.DROPPED: _("Đứt đường dây giữa chừng")}
    words = {outcome.value: translate(request, text) for outcome, text in texts.items()}
    return {"call_words": words, "calls_out": Channel.PHONE in request.app[POLICY].channels}


def _answered(delivery: Delivery | None) -> dict[int, Any]:
    """What the form of the next answer begins with: the last one."""
    last = delivery.responses[0].answers if delivery and delivery.responses else []
    return {one.question: one.rows or (one.text if one.number is None else one.number) for one in last}


def _kept(delivery: Delivery | None) -> dict[int, list[Attachment]]:
    """The files that answer questions until others take their place, by the number of the question."""
    found: dict[int, list[Attachment]] = {}
    for file in delivery.responses[0].attachments if delivery and delivery.responses else []:
        if file.question is not None:
            found.setdefault(file.question, []).append(file)
    return found


def _possible(delivery: Delivery | None) -> set[str]:
    if delivery is None:
        return set()
    return {event.value for event in possible(delivery.state)}


async def get_board(request: web.Request) -> web.Response:
    """Only the board, for the script that keeps it fresh; without the lines of closed branches."""
    who, policy, query = principal(request), request.app[POLICY], read_query(request, BoardQuery)
    view = service.View(show=query.show, open=None if query.open is None else frozenset(query.open))
    opened = await request.app[STORE].read(service.open_directive, who, policy, path_id(request), view)
    if opened.board is None:  # a draft, or the unit only received it
        raise NotFoundError("no_board", _("Văn bản này không có bảng theo dõi của đơn vị đồng chí."))
    context = {**call_words(request), **await _board_context(request, opened)}
    return await render(request, "directives/board_part.html", context)


async def _board_context(request: web.Request, opened: Opened) -> dict[str, Any]:
    """What the board's template takes."""
    query, to_judge = read_query(request, BoardQuery), dict[int, service.ToJudge]()
    judges = principal(request).may(Permission.REVIEW_RESPONSE)
    if query.show is service.Show.REVIEW and opened.board is not None and judges:
        to_judge = await request.app[STORE].read(service.answers_to_judge, opened.directive.id)
    return {
        "to_judge": to_judge,
        "command_id": secrets.token_hex(16),
        "directive": opened.directive,
        "states": opened.states,
        "lines": {one.unit: one for one in opened.board or ()},
        "branches": opened.branches,
        "open": service.open_at_first(opened.branches) if query.open is None else query.open,
        "show": query.show.value,
        "counts": opened.counts,
        "unreachable": opened.unreachable,
        "answers": opened.answers,
    }


async def post_register(request: web.Request) -> web.Response:
    """Register, or a village head's “Đã nhận”."""
    await register_here(request)
    return see_other(f"/directives/{path_id(request)}")


async def post_return(request: web.Request) -> web.Response:
    """Return it with a reason."""
    data = await read_body(request, ReturnInput)
    await request.app[STORE].write(
        service.return_delivery, principal(request), request.app[POLICY], path_id(request), data
    )
    return see_other(f"/directives/{path_id(request)}")


async def post_report(request: web.Request) -> web.Response:
    """Answer it."""
    who, policy, store = principal(request), request.app[POLICY], request.app[STORE]
    questions = await store.read(service.questions_to_us, who, path_id(request))
    values = await read_form(request)
    try:
        data, uploads = await read_report(request, questions, decimal_mark(request))
        await store.write(service.report, who, policy, path_id(request), data, uploads)
    except ConflictError:
        raise
    except UserError as error:
        opened = await store.read(service.open_directive, who, policy, path_id(request))
        text = values.get("text", "")
        typed = text if isinstance(text, str) else ""
        return await show_directive(request, opened, error, typed, typed_answers(values))
    return see_other(f"/directives/{path_id(request)}")


async def show_delivery(
    request: web.Request, error: GiaoBanError | None = None, note: str = "", deadline: str = ""
) -> web.Response:
    """The issuer's page of one delivery, with what is wrong and what was typed."""
    who, policy, now = principal(request), request.app[POLICY], now_of(request)
    directive, delivery = await request.app[STORE].read(service.open_delivery, who, policy, path_id(request))
    if not deadline and delivery.deadline is not None and delivery.deadline <= now:  # more needs a new one
        deadline = compose.suggested(request, directive.urgency)
    context = {
        **call_words(request),
        "chain": await request.app[STORE].read(service.chain, who, directive.id),
        "further": await deciding.further(request, directive.id, delivery.id),
        "can": _possible(delivery),
        "directive": directive,
        "delivery": delivery,
        "may_review": who.may(Permission.REVIEW_RESPONSE) and delivery.state is State.REPORTED,
        "reason_texts": {reason.value: translate(request, text) for reason, text in RETURN_REASONS.items()},
        "quick": compose.quick_days(request),
        "command_id": secrets.token_hex(16),
        "problem": problem_texts(request, error)[0] if error else None,
        "note": note,
        "new_deadline": deadline,
    }
    return await render(request, "directives/delivery.html", context, status=error.status if error else 200)


async def get_delivery(request: web.Request) -> web.Response:
    """One unit's answers and history, for the issuer."""
    return await show_delivery(request)


async def post_accept(request: web.Request) -> web.Response:
    """Accept the answer; if there is a newer one, the page comes again with it."""
    form = await read_body(request, AcceptForm)
    data = AcceptInput(version=form.version, command_id=form.command_id)
    try:
        policy, number = request.app[POLICY], path_id(request)
        done = await request.app[STORE].write(service.accept, principal(request), policy, number, data)
    except ConflictError as error:
        if error.code != "answer_changed":
            raise
        return await show_delivery(request, error)
    return await deciding.go_on(request, done.directive, done.id, f"/directives/{done.directive}")


async def post_send_back(request: web.Request) -> web.Response:
    """Ask for more."""
    form = await read_body(request, SendBackForm)
    try:
        deadline = parse_local(form.deadline, request.app[POLICY].zone) if form.deadline else None
        data = SendBackInput(note=form.note, deadline=deadline, version=form.version, command_id=form.command_id)
        done = await request.app[STORE].write(
            service.send_back, principal(request), request.app[POLICY], path_id(request), data
        )
    except UserError as error:
        if isinstance(error, ConflictError) and error.code != "answer_changed":
            raise
        return await show_delivery(request, error, form.note, form.deadline)
    except ValueError:
        wrong = UserError("bad_deadline", _("Hạn trả lời không đúng dạng ngày giờ."), field="deadline")
        return await show_delivery(request, wrong, form.note, form.deadline)
    return await deciding.go_on(request, done.directive, done.id, f"/directives/{done.directive}")


_READ, _FOLLOW, _ID = Permission.READ_DIRECTIVES, Permission.FOLLOW_DIRECTIVE, "{id:\\d+}"
ROUTES = [
    Route("GET", "/directives/in", get_inbox, _READ),
    Route("GET", f"/directives/{_ID}", get_directive, _READ),
    Route("GET", f"/directives/{_ID}/board", get_board, _FOLLOW),
    Route("POST", f"/directives/{_ID}/register", post_register, Permission.REGISTER_DELIVERY),
    Route("POST", f"/directives/{_ID}/return", post_return, Permission.REGISTER_DELIVERY),
    Route("POST", f"/directives/{_ID}/report", post_report, Permission.ANSWER_DELIVERY),
    Route("GET", f"/directives/attachments/{_ID}", get_attachment, _READ),
    Route("GET", f"/deliveries/{_ID}", get_delivery, _FOLLOW),
    Route("POST", f"/deliveries/{_ID}/accept", post_accept, Permission.REVIEW_RESPONSE),
    Route("POST", f"/deliveries/{_ID}/send-back", post_send_back, Permission.REVIEW_RESPONSE),
    *compose.ROUTES,
]
