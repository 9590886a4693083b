"""Recall, its answer, and waiver: over the API and from pages."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.keys import POLICY
from server.directives.pages import show_again, show_delivery
from server.directives.shapes import (
    CommandId,
    DeliveryDone,
    RecallAnswer,
    RecallDone,
    RecallInput,
    WaiveInput,
    Words,
)
from server.errors import ConflictError, UserError
from server.http import STORE, Route, json_reply, principal, read_body, read_query, see_other
from server.http.reading import path_id


async def recall(request: web.Request) -> web.Response:
    """Ask recipients to give the document up."""
    data = await read_body(request, RecallInput)
    return json_reply(
        await request.app[STORE].write(service.recall, principal(request), request.app[POLICY], path_id(request), data)
    )


async def answer_recall(request: web.Request) -> web.Response:
    """Agree (this unit has destroyed its copy) or refuse with a reason."""
    data = await read_body(request, RecallAnswer)
    policy, number = request.app[POLICY], path_id(request)
    return json_reply(await request.app[STORE].write(service.answer_recall, principal(request), policy, number, data))


class GivenUpQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`among`: the directives that a device still keeps."""

    among: Annotated[list[int], msgspec.Meta(max_length=200)] = []


class GivenUp(msgspec.Struct, frozen=True, kw_only=True):
    """Directives of which nothing may stay on a device of the unit."""

    directives: list[int]


async def get_given_up(request: web.Request) -> web.Response:
    """Those of some directives that the unit has given up at a recall, for a device that was off then."""
    among = read_query(request, GivenUpQuery).among
    found = await request.app[STORE].read(service.given_up, principal(request), [min(one, 2**31 - 1) for one in among])
    return json_reply(GivenUp(directives=found))


async def waive(request: web.Request) -> web.Response:
    """Free one recipient from the work."""
    data = await read_body(request, WaiveInput)
    return json_reply(
        await request.app[STORE].write(service.waive, principal(request), request.app[POLICY], path_id(request), data)
    )


class ReasonForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the issuer's pages: another name than `note`, which a form beside it has."""

    reason: Words = ""
    units: list[int] = []
    command_id: CommandId = ""


async def post_recall(request: web.Request) -> web.Response:
    """From the board, or for one unit from its delivery."""
    form = await read_body(request, ReasonForm)
    data = RecallInput(note=form.reason, units=form.units, command_id=form.command_id)
    try:
        await request.app[STORE].write(service.recall, principal(request), request.app[POLICY], path_id(request), data)
    except ConflictError:
        raise
    except UserError as error:
        return await show_again(request, error.at(note="reason"), form.reason)
    return see_other(f"/directives/{path_id(request)}")


async def post_answer(request: web.Request) -> web.Response:
    """From the recipient's page."""
    data = await read_body(request, RecallAnswer)
    try:
        policy, number = request.app[POLICY], path_id(request)
        await request.app[STORE].write(service.answer_recall, principal(request), policy, number, data)
    except UserError as error:
        if isinstance(error, ConflictError) and error.code != "carried_on":
            raise
        return await show_again(request, error, data.note)
    return see_other(f"/directives/{path_id(request)}")


async def post_waive(request: web.Request) -> web.Response:
    """From the page of one delivery."""
    form = await read_body(request, ReasonForm)
    data = WaiveInput(note=form.reason, command_id=form.command_id)
    try:
        done = await request.app[STORE].write(
            service.waive, principal(request), request.app[POLICY], path_id(request), data
        )
    except ConflictError:
        raise
    except UserError as error:
        return await show_delivery(request, error.at(note="reason"), form.reason)
    return see_other(f"/directives/{done.directive}")


_D, _V = "directives/{id:\\d+}", "deliveries/{id:\\d+}"
_TAKE_BACK, _REGISTER = Permission.WITHDRAW_DIRECTIVE, Permission.REGISTER_DELIVERY
ROUTES = [
    Route(
        "GET",
        "/api/v1/directives/given-up",
        get_given_up,
        Permission.READ_DIRECTIVES,
        query=GivenUpQuery,
        answer=GivenUp,
    ),
    Route("POST", f"/api/v1/{_D}/recall", recall, _TAKE_BACK, body=RecallInput, answer=RecallDone),
    Route("POST", f"/api/v1/{_D}/recall-answer", answer_recall, _REGISTER, body=RecallAnswer, answer=DeliveryDone),
    Route("POST", f"/api/v1/{_V}/waive", waive, _TAKE_BACK, body=WaiveInput, answer=DeliveryDone),
    Route("POST", f"/{_D}/recall", post_recall, _TAKE_BACK),
    Route("POST", f"/{_D}/recall-answer", post_answer, _REGISTER),
    Route("POST", f"/{_V}/waive", post_waive, _TAKE_BACK),
]
