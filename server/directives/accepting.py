"""Accepting answers that were read on the board, many with one click: each by itself, and who was not is told why."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.keys import POLICY
from server.directives.pages import show_directive
from server.directives.service.problems import no_directive, problem_texts
from server.directives.shapes import AcceptInput, Delivery
from server.errors import ConflictError
from server.http import STORE, Route, principal, read_body, see_other
from server.http.reading import path_id

ReadAnswer = Annotated[str, msgspec.Meta(pattern=r"^\d{1,9}\.\d{1,9}$")]
"""A delivery and the version of its answer that was read."""


class AcceptManyForm(msgspec.Struct, frozen=True, kw_only=True):
    """The board's form: `answers` are those that were ticked."""

    answers: Annotated[list[ReadAnswer], msgspec.Meta(max_length=1000)] = []
    command_id: Annotated[str, msgspec.Meta(max_length=50)] = ""


class NotAccepted(msgspec.Struct, frozen=True):
    """A delivery whose answer was not accepted, and why."""

    delivery: Delivery
    why: str


async def post_accept_many(request: web.Request) -> web.Response:
    """Accept each answer that is still the newest; the board comes again with the others."""
    form = await read_body(request, AcceptManyForm)
    who, store = principal(request), request.app[STORE]
    view = service.View(show=service.Show.ALL)
    before = await store.read(service.open_directive, who, request.app[POLICY], path_id(request), view)
    board = {one.id: one for one in before.board or ()}
    wanted = [(int(delivery), int(version)) for delivery, _dot, version in (one.partition(".") for one in form.answers)]
    if any(delivery not in board for delivery, _version in wanted):
        raise no_directive()
    refused = []
    for delivery, version in wanted:
        data = AcceptInput(version=version, command_id=f"{form.command_id}-{delivery}" if form.command_id else "")
        try:
            await store.write(service.accept, who, delivery, data)
        except ConflictError as error:
            refused.append(NotAccepted(board[delivery], problem_texts(request, error)[0][1]))
    if not refused:
        return see_other(f"/directives/{path_id(request)}?show=review")
    view = service.View(show=service.Show.REVIEW, page=True)
    opened = await store.read(service.open_directive, who, request.app[POLICY], path_id(request), view)
    accepted = len(wanted) - len(refused)
    return await show_directive(request, opened, more={"not_accepted": refused, "accepted": accepted}, status=409)


ROUTES = [Route("POST", "/directives/{id:\\d+}/accept", post_accept_many, Permission.REVIEW_RESPONSE)]
