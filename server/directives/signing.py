"""The leader's clicks on a draft: issue it as it was read, or hand it back to its author."""

from __future__ import annotations

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.capacity import Capacity
from server.directives.compose import show_draft_form
from server.directives.keys import POLICY
from server.directives.pages import show_again, show_warned
from server.directives.shapes import CommandId, DirectiveDone, HandBackInput, IssueInput, Shown, Words
from server.errors import ConflictError, UserError
from server.http import STORE, Route, json_reply, principal, read_body, see_other
from server.http.reading import path_id


class IssueForm(msgspec.Struct, frozen=True, kw_only=True):
    """The one click: `revision` is that of the draft on the page that it was made on.

    `confirmed` is what that page has shown that should be known first.
    """

    revision: int = 0
    capacity: Capacity | None = None
    confirmed: Shown = ""
    command_id: CommandId = ""


class HandBackForm(msgspec.Struct, frozen=True, kw_only=True):
    """Another name than `note`, which a form beside it has."""

    reason: Words = ""
    command_id: CommandId = ""


async def post_issue(request: web.Request) -> web.Response:
    """Issue it. What is missing brings the form; what should be known first, or has changed, the draft's page."""
    form, who, policy = await read_body(request, IssueForm), principal(request), request.app[POLICY]
    store, directive, chosen = request.app[STORE], path_id(request), {"capacity": form.capacity}
    try:
        found = await store.read(service.before_issue, who, policy, directive, form.revision)
        if found.goes_beyond(form.confirmed):
            return await show_warned(request, found, chosen=chosen)
        data = IssueInput(revision=form.revision, capacity=form.capacity, command_id=form.command_id)
        await store.write(service.issue, who, policy, directive, data)
    except service.DraftError as error:
        return await show_draft_form(request, error)
    except ConflictError as error:
        if error.code != "draft_changed":
            raise
        return await show_again(request, error, chosen=chosen)
    return see_other(f"/directives/{directive}")


async def hand_back(request: web.Request) -> web.Response:
    """Hand a draft that waits for a signature back to its author, with the reason."""
    data, who = await read_body(request, HandBackInput), principal(request)
    return json_reply(
        await request.app[STORE].write(service.hand_back, who, request.app[POLICY], path_id(request), data)
    )


async def post_hand_back(request: web.Request) -> web.Response:
    """The form of the draft's page."""
    form = await read_body(request, HandBackForm)
    data = HandBackInput(note=form.reason, command_id=form.command_id)
    try:
        who, policy = principal(request), request.app[POLICY]
        await request.app[STORE].write(service.hand_back, who, policy, path_id(request), data)
    except ConflictError:
        raise
    except UserError as error:
        return await show_again(request, error.at(note="reason"), form.reason)
    return see_other(f"/directives/{path_id(request)}")


_ISSUE = Permission.ISSUE_DIRECTIVE
ROUTES = [
    Route("POST", "/directives/{id:\\d+}/issue", post_issue, _ISSUE),
    Route(
        "POST", "/api/v1/directives/{id:\\d+}/hand-back", hand_back, _ISSUE, body=HandBackInput, answer=DirectiveDone
    ),
    Route("POST", "/directives/{id:\\d+}/hand-back", post_hand_back, _ISSUE),
]
