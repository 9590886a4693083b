"""In the unit: assigning and beginning, over the API and from pages."""

from __future__ import annotations

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.keys import POLICY
from server.directives.pages import show_directive
from server.directives.shapes import AssignInput, Command, CommandId, DeliveryDone, Words
from server.errors import ConflictError, UserError
from server.http import STORE, Route, json_reply, principal, read_body, see_other
from server.http.i18n import _
from server.http.reading import path_id


async def assign(request: web.Request) -> web.Response:
    """Name who leads and who assists."""
    data = await read_body(request, AssignInput)
    return json_reply(
        await request.app[STORE].write(service.assign, principal(request), request.app[POLICY], path_id(request), data)
    )


async def start(request: web.Request) -> web.Response:
    """Say that the work has begun."""
    data = await read_body(request, Command)
    return json_reply(await request.app[STORE].write(service.start, principal(request), path_id(request), data))


class AssignForm(msgspec.Struct, frozen=True, kw_only=True):
    """The leader's form."""

    lead: int | None = None
    assists: list[int] = []
    assign_note: Words = ""
    command_id: CommandId = ""


async def post_assign(request: web.Request) -> web.Response:
    """From the recipient's page."""
    form = await read_body(request, AssignForm)
    who, store = principal(request), request.app[STORE]
    try:
        if form.lead is None:
            raise UserError("no_lead_person", _("Xin chọn người chủ trì."), field="lead")
        data = AssignInput(lead=form.lead, assists=form.assists, note=form.assign_note, command_id=form.command_id)
        await store.write(service.assign, who, request.app[POLICY], path_id(request), data)
    except ConflictError:
        raise
    except UserError as error:
        opened = await store.read(service.open_directive, who, request.app[POLICY], path_id(request))
        return await show_directive(request, opened, error.at(note="assign_note"), form.assign_note)
    return see_other(f"/directives/{path_id(request)}")


async def post_start(request: web.Request) -> web.Response:
    """From the recipient's page."""
    data = await read_body(request, Command)
    await request.app[STORE].write(service.start, principal(request), path_id(request), data)
    return see_other(f"/directives/{path_id(request)}")


_D = "directives/{id:\\d+}"
_ASSIGN, _ANSWER = Permission.ASSIGN_DELIVERY, Permission.ANSWER_DELIVERY
ROUTES = [
    Route("POST", f"/api/v1/{_D}/assign", assign, _ASSIGN, body=AssignInput, answer=DeliveryDone),
    Route("POST", f"/api/v1/{_D}/start", start, _ANSWER, body=Command, answer=DeliveryDone),
    Route("POST", f"/{_D}/assign", post_assign, _ASSIGN),
    Route("POST", f"/{_D}/start", post_start, _ANSWER),
]
