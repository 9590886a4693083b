"""How a person is reached, the browser's own subscription, and the operator's list: over the API."""

from __future__ import annotations

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.accounts.rules import device_name
from server.errors import UserError
from server.http import SETTINGS, STORE, Route, json_reply, principal, read_body
from server.http.i18n import _
from server.http.reading import path_id
from server.reach import service
from server.reach.keys import SERVED, VAPID
from server.reach.rules import Channel
from server.reach.service import DeadLetter, NewSubscription, Reachability, Tally


class PushKey(msgspec.Struct, frozen=True, kw_only=True):
    """The server's public key for `pushManager.subscribe`; empty where there is no Web Push."""

    key: str


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """The number of a browser's subscription."""

    id: int


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """How each channel does, and what could not be sent."""

    channels: list[Tally]
    dead_letters: list[DeadLetter]


class MessageDone(msgspec.Struct, frozen=True, kw_only=True):
    """The message that something was done to."""

    id: int


async def get_reach(request: web.Request) -> web.Response:
    """How the person is reached now."""
    return json_reply(await request.app[STORE].read(service.reachability, principal(request)))


async def get_push_key(request: web.Request) -> web.Response:
    """The key that browsers subscribe with."""
    return json_reply(PushKey(key=request.app[VAPID].public if Channel.PUSH in request.app[SERVED] else ""))


async def subscribe(request: web.Request) -> web.Response:
    """Send this browser notifications from now on, until the sign-in that asks is ended."""
    data = await read_body(request, NewSubscription)
    if Channel.PUSH not in request.app[SERVED] or not request.app[SETTINGS].push.allows(data.endpoint):
        raise UserError(
            "unknown_push_service", _("Máy chủ không gửi được thông báo tới trình duyệt này."), field="endpoint"
        )
    device = device_name(request.headers.get("User-Agent", ""))
    made = await request.app[STORE].write(service.subscribe, principal(request), data, device)
    return json_reply(Subscribed(id=made))


async def get_messages(request: web.Request) -> web.Response:
    """For the operator: how each channel does, and what could not be sent."""
    store = request.app[STORE]
    return json_reply(
        Messages(channels=await store.read(service.tallies), dead_letters=await store.read(service.dead_letters))
    )


async def send_again(request: web.Request) -> web.Response:
    """Send a message again that could not be sent."""
    await request.app[STORE].write(service.send_again, path_id(request), request.app[SERVED])
    return json_reply(MessageDone(id=path_id(request)))


async def give_up(request: web.Request) -> web.Response:
    """Take a message off the list without sending it."""
    await request.app[STORE].write(service.give_up, path_id(request))
    return json_reply(MessageDone(id=path_id(request)))


_TEND = Permission.TEND_MESSAGES
ROUTES = [
    Route("GET", "/api/v1/reach", get_reach, Permission.SIGNED_IN, answer=Reachability),
    Route("GET", "/api/v1/push-subscription", get_push_key, Permission.SIGNED_IN, answer=PushKey),
    Route(
        "POST", "/api/v1/push-subscription", subscribe, Permission.SIGNED_IN, body=NewSubscription, answer=Subscribed
    ),
    Route("GET", "/api/v1/messages", get_messages, _TEND, answer=Messages),
    Route("POST", "/api/v1/messages/{id:\\d+}/again", send_again, _TEND, answer=MessageDone),
    Route("POST", "/api/v1/messages/{id:\\d+}/give-up", give_up, _TEND, answer=MessageDone),
]
