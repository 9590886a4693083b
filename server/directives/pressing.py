"""Pressing units that are late or have not registered (đôn đốc), over the API and from the board."""

from __future__ import annotations

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.keys import POLICY
from server.directives.pages import BoardQuery, show_again
from server.directives.shapes import PressDone, PressInput, PressWhich
from server.errors import ConflictError
from server.http import STORE, Route, json_reply, principal, read_body, see_other
from server.http.reading import path_id, read_query


class PressForm(msgspec.Struct, frozen=True, kw_only=True):
    """A button of the board: one unit, or without `units` all that it shows."""

    units: list[int] = []


async def press(request: web.Request) -> web.Response:
    """Press units that are late or have not registered: named ones, or all of them."""
    data = await read_body(request, PressInput)
    return json_reply(
        await request.app[STORE].write(service.press, principal(request), request.app[POLICY], path_id(request), data)
    )


async def post_press(request: web.Request) -> web.Response:
    """From the board, which comes again with the same recipients; when each was pressed stands there."""
    form, show = await read_body(request, PressForm), read_query(request, BoardQuery).show
    which = PressWhich(show.value) if show.value in list(PressWhich) else None
    data = PressInput(units=form.units, which=None if form.units else which)
    try:
        await request.app[STORE].write(service.press, principal(request), request.app[POLICY], path_id(request), data)
    except ConflictError as error:
        return await show_again(request, error)
    return see_other(f"/directives/{path_id(request)}?show={show.value}")


_D = "directives/{id:\\d+}"
_FOLLOW = Permission.FOLLOW_DIRECTIVE
ROUTES = [
    Route("POST", f"/api/v1/{_D}/press", press, _FOLLOW, body=PressInput, answer=PressDone),
    Route("POST", f"/{_D}/press", post_press, _FOLLOW),
]
