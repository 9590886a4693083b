"""The leader's click on a draft: issue it as it was read."""

from __future__ import annotations

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.compose import show_draft_form
from server.directives.keys import POLICY
from server.directives.pages import show_again
from server.directives.shapes import CommandId, IssueInput
from server.errors import ConflictError
from server.http import STORE, Route, principal, read_body, see_other
from server.http.reading import path_id


class IssueForm(msgspec.Struct, frozen=True, kw_only=True):
    """The one click: `revision` is that of the draft on the page that it was made on.

    `confirmed` once what should be known first was shown.
    """

    revision: int = 0
    confirmed: bool = False
    command_id: CommandId = ""


async def post_issue(request: web.Request) -> web.Response:
    """Issue it. What is missing brings the form; what should be known first, or has changed, the draft's page."""
    form, who, policy = await read_body(request, IssueForm), principal(request), request.app[POLICY]
    store, directive = request.app[STORE], path_id(request)
    try:
        found = await store.read(service.before_issue, who, policy, directive, form.revision)
        if not found.warns or form.confirmed:
            data = IssueInput(revision=form.revision, command_id=form.command_id)
            await store.write(service.issue, who, policy, directive, data)
    except service.DraftError as error:
        return await show_draft_form(request, error)
    except ConflictError as error:
        if error.code != "draft_changed":
            raise
        return await show_again(request, error)
    return see_other(f"/directives/{directive}")


ROUTES = [Route("POST", "/directives/{id:\\d+}/issue", post_issue, Permission.ISSUE_DIRECTIVE)]
