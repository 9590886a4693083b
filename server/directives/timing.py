"""Requests for more time, and the reminders and escalations of a person: over the API and from pages."""

from __future__ import annotations

from datetime import datetime

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import deciding, service
from server.directives.keys import POLICY
from server.directives.pages import show_delivery, show_directive
from server.directives.shapes import (
    AlarmDone,
    Alarms,
    AlarmsInput,
    CommandId,
    DeliveryDone,
    ExtensionDecision,
    ExtensionInput,
    Words,
)
from server.errors import ConflictError, UserError
from server.http import STORE, Route, json_reply, principal, read_body, see_other
from server.http.formats import parse_local
from server.http.i18n import _
from server.http.reading import path_id


async def ask(request: web.Request) -> web.Response:
    """Ask for more time."""
    data = await read_body(request, ExtensionInput)
    return json_reply(
        await request.app[STORE].write(
            service.ask_extension, principal(request), request.app[POLICY], path_id(request), data
        )
    )


async def decide(request: web.Request) -> web.Response:
    """Grant or refuse a request for more time."""
    data = await read_body(request, ExtensionDecision)
    done = await request.app[STORE].write(
        service.decide_extension, principal(request), request.app[POLICY], path_id(request), data
    )
    return json_reply(done)


async def list_alarms(request: web.Request) -> web.Response:
    """Reminders and escalations that were raised for this person and still hold."""
    found = await request.app[STORE].read(service.my_alarms, principal(request), request.app[POLICY])
    return json_reply(Alarms(alarms=found))


async def acknowledge(request: web.Request) -> web.Response:
    """Take alarms off one's own list; the escalation goes on until somebody acts."""
    data = await read_body(request, AlarmsInput)
    done = await request.app[STORE].write(service.acknowledge_alarms, principal(request), data.ids)
    return json_reply(done)


class AskForm(msgspec.Struct, frozen=True, kw_only=True):
    """The recipient's form: `until` is local time."""

    reason: Words = ""
    until: str = ""
    command_id: CommandId = ""


class DecideForm(msgspec.Struct, frozen=True, kw_only=True):
    """The issuer's form; with an empty `until` it is the date asked for."""

    grant: bool
    decision_note: Words = ""
    until: str = ""
    command_id: CommandId = ""


def _local(request: web.Request, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parse_local(text, request.app[POLICY].zone)
    except ValueError as error:
        raise UserError("bad_deadline", _("Hạn trả lời không đúng dạng ngày giờ."), field="until") from error


async def post_ask(request: web.Request) -> web.Response:
    """From the recipient's page."""
    form = await read_body(request, AskForm)
    who, store = principal(request), request.app[STORE]
    try:
        until = _local(request, form.until)
        if until is None:
            raise UserError("no_until", _("Xin chọn hạn xin lùi đến."), field="until")
        data = ExtensionInput(reason=form.reason, until=until, command_id=form.command_id)
        await store.write(service.ask_extension, who, request.app[POLICY], path_id(request), data)
    except ConflictError:
        raise
    except UserError as error:
        opened = await store.read(service.open_directive, who, request.app[POLICY], path_id(request))
        return await show_directive(request, opened, error.at(note="reason"), form.reason)
    return see_other(f"/directives/{path_id(request)}")


async def post_decide(request: web.Request) -> web.Response:
    """From the issuer's page of the delivery."""
    form = await read_body(request, DecideForm)
    try:
        data = ExtensionDecision(
            grant=form.grant, note=form.decision_note, until=_local(request, form.until), command_id=form.command_id
        )
        done = await request.app[STORE].write(
            service.decide_extension, principal(request), request.app[POLICY], path_id(request), data
        )
    except ConflictError:
        raise
    except UserError as error:
        return await show_delivery(request, error.at(note="decision_note"), form.decision_note)
    return await deciding.go_on(request, done.directive, done.id, f"/deliveries/{done.id}")


async def post_acknowledge(request: web.Request) -> web.Response:
    """“Đã biết” of the home page."""
    data = await read_body(request, AlarmsInput)
    await request.app[STORE].write(service.acknowledge_alarms, principal(request), data.ids)
    return see_other("/")


_D, _V = "directives/{id:\\d+}", "deliveries/{id:\\d+}"
_READ, _ANSWER, _REVIEW = Permission.READ_DIRECTIVES, Permission.ANSWER_DELIVERY, Permission.REVIEW_RESPONSE
ROUTES = [
    Route("GET", "/api/v1/alarms", list_alarms, _READ, answer=Alarms),
    Route("POST", "/api/v1/alarms/acknowledge", acknowledge, _READ, body=AlarmsInput, answer=AlarmDone),
    Route("POST", f"/api/v1/{_D}/extension", ask, _ANSWER, body=ExtensionInput, answer=DeliveryDone),
    Route("POST", f"/api/v1/{_V}/extension", decide, _REVIEW, body=ExtensionDecision, answer=DeliveryDone),
    Route("POST", f"/{_D}/extension", post_ask, _ANSWER),
    Route("POST", f"/{_V}/extension", post_decide, _REVIEW),
    Route("POST", "/directives/alarms", post_acknowledge, _READ),
]
