"""Directives by telephone, from pages and programs: call a unit now, hear a spoken answer, send it as the report."""

from __future__ import annotations

from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.downloads import send_file
from server.directives.keys import POLICY
from server.directives.pages import show_delivery
from server.directives.shapes import CallDone, Command, DeliveryDone
from server.errors import UnavailableError, UserError
from server.http import STORE, Route, json_reply, principal, read_body, see_other
from server.http.reading import path_id


async def call_unit(request: web.Request) -> web.Response:
    """Call a unit and read it the directive."""
    who, policy = principal(request), request.app[POLICY]
    return json_reply(await request.app[STORE].write(service.call_unit, who, policy, path_id(request)))


async def post_call(request: web.Request) -> web.Response:
    """The button on the board; how the call goes stands on the delivery's page."""
    who, policy = principal(request), request.app[POLICY]
    try:
        await request.app[STORE].write(service.call_unit, who, policy, path_id(request))
    except (UserError, UnavailableError) as error:
        return await show_delivery(request, error)
    return see_other(f"/deliveries/{path_id(request)}#calls")


async def get_spoken(request: web.Request) -> web.StreamResponse:
    """The sound of an answer that is kept."""
    return send_file(request, await request.app[STORE].read(service.spoken_file, principal(request), path_id(request)))


async def send_spoken(request: web.Request) -> web.Response:
    """Send a kept answer as the unit's report."""
    command = await read_body(request, Command)
    return json_reply(await _send(request, command))


async def post_send(request: web.Request) -> web.Response:
    """The same from the unit's page."""
    command = await read_body(request, Command)
    done = await _send(request, command)
    return see_other(f"/directives/{done.directive}")


async def _send(request: web.Request, command: Command) -> DeliveryDone:
    who, policy = principal(request), request.app[POLICY]
    return await request.app[STORE].write(service.send_spoken, who, policy, path_id(request), command.command_id)


_ID = "{id:\\d+}"
_FOLLOW, _READ, _ANSWER = Permission.FOLLOW_DIRECTIVE, Permission.READ_DIRECTIVES, Permission.ANSWER_DELIVERY
ROUTES = [
    Route("POST", f"/api/v1/deliveries/{_ID}/call", call_unit, _FOLLOW, answer=CallDone),
    Route("POST", f"/api/v1/spoken-answers/{_ID}/send", send_spoken, _ANSWER, body=Command, answer=DeliveryDone),
    Route("GET", f"/directives/spoken/{_ID}", get_spoken, _READ),
    Route("POST", f"/deliveries/{_ID}/call", post_call, _FOLLOW),
    Route("POST", f"/directives/spoken/{_ID}/send", post_send, _ANSWER),
]
