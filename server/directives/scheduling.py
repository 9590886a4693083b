"""Sign now, issue later: the API, and the two forms of a draft's page."""

from __future__ import annotations

from datetime import datetime

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.capacity import Capacity
from server.directives.compose import show_draft_form
from server.directives.keys import POLICY
from server.directives.pages import show_again, show_warned
from server.directives.shapes import Command, CommandId, DirectiveDone, ScheduleInput, Shown
from server.errors import ConflictError, UserError
from server.http import STORE, Route, json_reply, principal, read_body, see_other
from server.http.formats import parse_local
from server.http.i18n import _
from server.http.reading import path_id


class ScheduleForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form as it was typed: `at` is local time, `revision` that of the draft that the page showed.

    The page has another form with a `capacity`; `confirmed` is what it has shown that should be known first.
    """

    at: str = ""
    revision: int = 0
    later_capacity: Capacity | None = None
    confirmed: Shown = ""
    command_id: CommandId = ""


async def schedule(request: web.Request) -> web.Response:
    """Sign a draft now, to be issued at a later moment."""
    data, who = await read_body(request, ScheduleInput), principal(request)
    return json_reply(await request.app[STORE].write(service.schedule, who, path_id(request), data))


async def take_back(request: web.Request) -> web.Response:
    """Take the signature back before that moment."""
    command, who = await read_body(request, Command), principal(request)
    return json_reply(await request.app[STORE].write(service.take_back, who, path_id(request), command.command_id))


async def post_schedule(request: web.Request) -> web.Response:
    """The form. What is missing in the document brings its form.

    What cannot be signed so, or should be known first, brings the page again.
    """
    form, who, policy = await read_body(request, ScheduleForm), principal(request), request.app[POLICY]
    store, directive, chosen = request.app[STORE], path_id(request), {"later_capacity": form.later_capacity}
    try:
        data = ScheduleInput(
            at=_moment(request, form.at),
            revision=form.revision,
            capacity=form.later_capacity,
            command_id=form.command_id,
        )
        found = await store.read(service.before_schedule, who, policy, directive, data.at, form.revision)
        if found.goes_beyond(form.confirmed):
            return await show_warned(request, found, form.at, data.at, chosen=chosen)
        await store.write(service.schedule, who, directive, data)
    except service.DraftError as error:
        return await show_draft_form(request, error)
    except UserError as error:
        if isinstance(error, ConflictError) and error.code != "draft_changed":
            raise
        return await show_again(request, error, form.at, chosen=chosen)
    return see_other(f"/directives/{directive}")


def _moment(request: web.Request, text: str) -> datetime:
    try:
        return parse_local(text, request.app[POLICY].zone)
    except ValueError as error:
        raise UserError("bad_moment", _("Giờ ban hành không đúng dạng ngày giờ."), field="at") from error


async def post_take_back(request: web.Request) -> web.Response:
    """The button."""
    command, who = await read_body(request, Command), principal(request)
    await request.app[STORE].write(service.take_back, who, path_id(request), command.command_id)
    return see_other(f"/directives/{path_id(request)}")


_API, _PAGE, _ISSUE = "/api/v1/directives/{id:\\d+}", "/directives/{id:\\d+}", Permission.ISSUE_DIRECTIVE
ROUTES = [
    Route("POST", f"{_API}/schedule", schedule, _ISSUE, body=ScheduleInput, answer=DirectiveDone),
    Route("POST", f"{_API}/take-back", take_back, _ISSUE, body=Command, answer=DirectiveDone),
    Route("POST", f"{_PAGE}/schedule", post_schedule, _ISSUE),
    Route("POST", f"{_PAGE}/take-back", post_take_back, _ISSUE),
]
