"""Directives and deliveries for programs, under `/api/v1`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.downloads import get_attachment
from server.directives.keys import POLICY
from server.directives.question_forms import read_report
from server.directives.shapes import (
    AcceptInput,
    Attachment,
    CheckResult,
    Delivery,
    DeliveryDone,
    Directive,
    DirectiveDone,
    DraftInput,
    Inbox,
    IssueInput,
    Opened,
    RegisterInput,
    ReportInput,
    ReturnInput,
    SendBackInput,
    UnitDay,
)
from server.directives.uploads import read_uploads
from server.http import STORE, Route, json_reply, principal, read_body, read_query
from server.http.i18n import decimal_mark
from server.http.reading import path_id

_ID = "{id:\\d+}"


class InboxQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Open deliveries by what is due next, or the newest that are done; with `mine` those that the person is named for.

    `after` is `next` of the page before.
    """

    done: bool = False
    mine: bool = False
    after: Annotated[str, msgspec.Meta(pattern=r"^(\d{1,18}\.\d{1,9})?$")] = ""


class CreateQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`issue=true` issues it at once."""

    issue: bool = False


class Attachments(msgspec.Struct, frozen=True, kw_only=True):
    """Files that were added."""

    attachments: list[Attachment]


class OpenedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery of the issuer's board, with its answers and history."""

    directive: Directive
    delivery: Delivery


async def list_received(request: web.Request) -> web.Response:
    """Directives that came to the unit."""
    return json_reply(await inbox_page(request, read_query(request, InboxQuery)))


async def inbox_page(request: web.Request, query: InboxQuery) -> Inbox:
    """The page of the inbox that a query asks for."""
    who, asked = principal(request), msgspec.structs.asdict(query)
    return await request.app[STORE].read(service.inbox, who, request.app[POLICY], **asked)


async def get_day(request: web.Request) -> web.Response:
    """What is late, due today and this week, by person and by unit."""
    return json_reply(await request.app[STORE].read(service.unit_day, principal(request), request.app[POLICY]))


async def create(request: web.Request) -> web.Response:
    """Write a draft; with `?issue=true` a leader issues it at once."""
    do = service.create_and_issue if read_query(request, CreateQuery).issue else service.create_draft
    draft = await read_body(request, DraftInput)
    return json_reply(await request.app[STORE].write(do, principal(request), request.app[POLICY], draft), 201)


async def get_one(request: web.Request) -> web.Response:
    """A directive with the unit's own delivery, or with the issuer's board."""
    who, policy = principal(request), request.app[POLICY]
    return json_reply(await request.app[STORE].read(service.open_directive, who, policy, path_id(request)))


async def edit(request: web.Request) -> web.Response:
    """Replace a draft's content."""
    draft, who = await read_body(request, DraftInput), principal(request)
    done = await request.app[STORE].write(service.edit_draft, who, request.app[POLICY], path_id(request), draft)
    return json_reply(done)


async def delete(request: web.Request) -> web.Response:
    """Delete a draft."""
    await request.app[STORE].write(service.delete_draft, principal(request), path_id(request))
    return web.Response(status=204)


async def submit(request: web.Request) -> web.Response:
    """Hand a draft to the leader."""
    return json_reply(
        await request.app[STORE].write(service.submit, principal(request), request.app[POLICY], path_id(request))
    )


async def issue(request: web.Request) -> web.Response:
    """Issue a draft: it gets its number and goes to all recipients."""
    data, who = await read_body(request, IssueInput), principal(request)
    return json_reply(await request.app[STORE].write(service.issue, who, request.app[POLICY], path_id(request), data))


async def check(request: web.Request) -> web.Response:
    """What the issuer should know first: the same asked already, and whether the recipients can carry it."""
    draft, who = await read_body(request, DraftInput), principal(request)
    return json_reply(await request.app[STORE].read(service.check_before_issue, who, request.app[POLICY], draft))


async def check_draft(request: web.Request) -> web.Response:
    """The same for a stored draft, its files included."""
    who, policy = principal(request), request.app[POLICY]
    return json_reply(await request.app[STORE].read(service.check_stored, who, policy, path_id(request)))


async def attach(request: web.Request) -> web.Response:
    """Add files to a draft: a multipart form with `files`."""
    uploads = await read_uploads(request)
    made = await request.app[STORE].write(
        service.attach, principal(request), request.app[POLICY], path_id(request), uploads
    )
    return json_reply(Attachments(attachments=made), 201)


async def detach(request: web.Request) -> web.Response:
    """Take a file off a draft."""
    file_id = path_id(request, "file")
    await request.app[STORE].write(service.detach, principal(request), path_id(request), file_id)
    return web.Response(status=204)


async def see(request: web.Request) -> web.Response:
    """Somebody of the unit has opened it."""
    return json_reply(await request.app[STORE].write(service.see, principal(request), path_id(request)))


async def register(request: web.Request) -> web.Response:
    """Register it in the unit's book (số đến); a village head confirms."""
    return json_reply(await register_here(request))


async def register_here(request: web.Request) -> DeliveryDone:
    """Do what a `RegisterInput` says, in the unit that it names if it names one."""
    data, who = await read_body(request, RegisterInput), principal(request)
    service.require_acting_in(who, data.unit)
    return await request.app[STORE].write(
        service.register, who, request.app[POLICY], path_id(request), data.command_id, data.made_at
    )


async def send_return(request: web.Request) -> web.Response:
    """Return it unregistered, with a reason."""
    data = await read_body(request, ReturnInput)
    done = await request.app[STORE].write(
        service.return_delivery, principal(request), request.app[POLICY], path_id(request), data
    )
    return json_reply(done)


async def report(request: web.Request) -> web.Response:
    """Answer: JSON, or a multipart form with `text`, `command_id`, `files`, and `q1`, `q2` … for the questions."""
    questions = await request.app[STORE].read(service.questions_to_us, principal(request), path_id(request))
    data, uploads = await read_report(request, questions, decimal_mark(request))
    done = await request.app[STORE].write(
        service.report, principal(request), request.app[POLICY], path_id(request), data, uploads
    )
    return json_reply(done, 201)


async def get_delivery(request: web.Request) -> web.Response:
    """A delivery of a directive that the unit issued, with answers and history."""
    directive, delivery = await request.app[STORE].read(
        service.open_delivery, principal(request), request.app[POLICY], path_id(request)
    )
    return json_reply(OpenedDelivery(directive=directive, delivery=delivery))


async def accept(request: web.Request) -> web.Response:
    """Accept the answer: the delivery is completed."""
    data = await read_body(request, AcceptInput)
    return json_reply(
        await request.app[STORE].write(service.accept, principal(request), request.app[POLICY], path_id(request), data)
    )


async def send_back(request: web.Request) -> web.Response:
    """Ask for more, until a new deadline."""
    data = await read_body(request, SendBackInput)
    return json_reply(
        await request.app[STORE].write(
            service.send_back, principal(request), request.app[POLICY], path_id(request), data
        )
    )


_D, _V = f"/api/v1/directives/{_ID}", f"/api/v1/deliveries/{_ID}"
_READ, _DRAFT, _FOLLOW = Permission.READ_DIRECTIVES, Permission.DRAFT_DIRECTIVE, Permission.FOLLOW_DIRECTIVE
ROUTES = [
    Route("GET", "/api/v1/deliveries", list_received, _READ, query=InboxQuery, answer=Inbox),
    Route("GET", "/api/v1/day", get_day, _READ, answer=UnitDay),
    Route("POST", "/api/v1/directives", create, _DRAFT, query=CreateQuery, body=DraftInput, answer=DirectiveDone),
    Route("POST", "/api/v1/directives/check", check, _DRAFT, body=DraftInput, answer=CheckResult),
    Route("GET", f"{_D}/check", check_draft, _DRAFT, answer=CheckResult),
    Route("GET", _D, get_one, _READ, answer=Opened),
    Route("PUT", _D, edit, _DRAFT, body=DraftInput, answer=DirectiveDone),
    Route("DELETE", _D, delete, _DRAFT),
    Route("POST", f"{_D}/submit", submit, _DRAFT, answer=DirectiveDone),
    Route("POST", f"{_D}/issue", issue, Permission.ISSUE_DIRECTIVE, body=IssueInput, answer=DirectiveDone),
    Route("POST", f"{_D}/attachments", attach, _DRAFT, answer=Attachments),
    Route("DELETE", f"{_D}/attachments/{{file:\\d+}}", detach, _DRAFT),
    Route("POST", f"{_D}/seen", see, _READ, answer=DeliveryDone),
    Route("POST", f"{_D}/register", register, Permission.REGISTER_DELIVERY, body=RegisterInput, answer=DeliveryDone),
    Route("POST", f"{_D}/return", send_return, Permission.REGISTER_DELIVERY, body=ReturnInput, answer=DeliveryDone),
    Route("POST", f"{_D}/responses", report, Permission.ANSWER_DELIVERY, body=ReportInput, answer=DeliveryDone),
    Route("GET", f"/api/v1/attachments/{_ID}", get_attachment, _READ),
    Route("GET", _V, get_delivery, _FOLLOW, answer=OpenedDelivery),
    Route("POST", f"{_V}/accept", accept, Permission.REVIEW_RESPONSE, body=AcceptInput, answer=DeliveryDone),
    Route("POST", f"{_V}/send-back", send_back, Permission.REVIEW_RESPONSE, body=SendBackInput, answer=DeliveryDone),
]
