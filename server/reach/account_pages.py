"""One's own account: addresses with their codes, channels, and browsers that show notifications."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from aiohttp import web

from server.accounts.pages import AccountPart, show_account
from server.accounts.permissions import Permission
from server.errors import GiaoBanError, NotFoundError, TooManyError, UserError
from server.http import STORE, Route, principal, read_body, see_other
from server.http.i18n import _, translate
from server.http.problem import note_refusal
from server.http.reading import path_id
from server.reach import service
from server.reach.keys import SERVED
from server.reach.rules import ADDRESS_OF, AddressKind, Channel

_TYPED: web.RequestKey[str] = web.RequestKey("reach_typed", str)
_Short = Annotated[str, msgspec.Meta(max_length=300)]
_DONE = "/account?done={}#reach"


class AddressForm(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail address or a number, each under its own name: both forms stand on one page."""

    mail: _Short = ""
    phone: _Short = ""


class CodeForm(msgspec.Struct, frozen=True, kw_only=True):
    """The code that came there."""

    mail_code: _Short = ""
    phone_code: _Short = ""


class ChannelsForm(msgspec.Struct, frozen=True, kw_only=True):
    """Those that are switched on."""

    channels: list[Channel] = []


async def part(request: web.Request) -> AccountPart:
    """For the page of the account."""
    mine = await request.app[STORE].read(service.reachability, principal(request))
    has = request.app[SERVED]
    kinds = [kind for kind in AddressKind if any(ADDRESS_OF.get(channel) is kind for channel in has)]
    contacts = {one.kind: one for one in mine.contacts}
    ready = {kind for kind, one in contacts.items() if one.verified}
    offered = [channel for channel in Channel if channel in has and ADDRESS_OF.get(channel) in ready]
    context = {
        "kinds": kinds,
        "contacts": contacts,
        "typed": request.get(_TYPED, ""),
        "offered": offered,
        "on": mine.channels,
        "devices": mine.devices,
        "push": Channel.PUSH in has,
        "done": request.query.get("done", ""),
    }
    return AccountPart("reach/account.html", context)


def _kind(request: web.Request) -> AddressKind:
    try:
        return AddressKind(request.match_info["kind"])
    except ValueError as error:
        raise NotFoundError("no_address", _("Chưa có địa chỉ này.")) from error


async def _or_show(request: web.Request, work: Callable[[], Awaitable[web.Response]]) -> web.Response:
    """The answer, or the page with the error beside its field."""
    try:
        return await work()
    except (UserError, TooManyError) as error:
        return await _show(request, error)


async def _show(request: web.Request, error: GiaoBanError) -> web.Response:
    note_refusal(request, error)
    field = getattr(error, "field", None) or error.params.get("field") or _kind(request).value
    reply = await show_account(request, {str(field): translate(request, error.message, **error.params)}, error.status)
    if "retry_after" in error.params:
        reply.headers["Retry-After"] = str(error.params["retry_after"])
    return reply


async def post_address(request: web.Request) -> web.Response:
    """Take an address and send a code there."""
    kind = _kind(request)
    request[_TYPED] = text = getattr(await read_body(request, AddressForm), kind.value)

    async def work() -> web.Response:
        who, has = principal(request), request.app[SERVED]
        await request.app[STORE].write(service.enter, who, kind, text, has)
        return see_other(_DONE.format("code"))

    return await _or_show(request, work)


async def post_code(request: web.Request) -> web.Response:
    """The address is proved by its code."""
    form = await read_body(request, CodeForm)

    async def work() -> web.Response:
        kind = _kind(request)
        field = f"{kind.value}_code"
        if not await request.app[STORE].write(service.confirm, principal(request), kind, getattr(form, field)):
            raise UserError("wrong_code", _("Mã không đúng. Xin xem lại tin vừa nhận."), field=field)
        return see_other(_DONE.format("address"))

    return await _or_show(request, work)


async def post_drop(request: web.Request) -> web.Response:
    """Take an address back."""
    await request.app[STORE].write(service.drop, principal(request), _kind(request))
    return see_other(_DONE.format("dropped"))


async def post_channels(request: web.Request) -> web.Response:
    """Switch channels on and off."""
    form = await read_body(request, ChannelsForm)
    has = request.app[SERVED]
    await request.app[STORE].write(service.change_channels, principal(request), form.channels, has)
    return see_other(_DONE.format("channels"))


async def post_forget(request: web.Request) -> web.Response:
    """No notifications to one of one's browsers any more."""
    await request.app[STORE].write(service.forget_device, principal(request), path_id(request))
    return see_other(_DONE.format("device"))


_ADDRESS, _MINE = "/account/addresses/{kind:\\w+}", Permission.SIGNED_IN
ROUTES = [
    Route("POST", _ADDRESS, post_address, _MINE),
    Route("POST", f"{_ADDRESS}/code", post_code, _MINE),
    Route("POST", f"{_ADDRESS}/drop", post_drop, _MINE),
    Route("POST", "/account/channels", post_channels, _MINE),
    Route("POST", "/account/devices/{id:\\d+}/forget", post_forget, _MINE),
]
