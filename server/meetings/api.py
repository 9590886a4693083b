"""The JSON API of meetings. Programs that only plan and look need no socket; joining works by one call as well."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.http import STORE, Route, json_reply, principal, read_body
from server.http.keys import SETTINGS
from server.http.reading import path_id
from server.meetings.board import BOARD
from server.meetings.conductor import CONDUCTOR, JoinAnswer
from server.meetings.quality import Line
from server.meetings.service import attend, floor, plan, secretary
from server.meetings.service.attend import Switches
from server.meetings.service.plan import Detail, Lists, Plan
from server.meetings.service.view import Snapshot
from server.meetings.turn import IceServers, ice_servers


class Created(msgspec.Struct, frozen=True):
    """The new meeting."""

    id: int


class Lines(msgspec.Struct, frozen=True):
    """The lines (Đường truyền) of all who are connected."""

    lines: list[Line]


class JoinBody(msgspec.Struct, frozen=True, kw_only=True):
    """A program's or page's one offer (SDP) and what it sends."""

    offer: Annotated[str, msgspec.Meta(max_length=200_000)]
    microphone: bool = False
    camera: bool = False
    hall: bool = False


class Muting(msgspec.Struct, frozen=True, kw_only=True):
    """One participant, or without it all but the chair."""

    participant: int | None = None


class Appointment(msgspec.Struct, frozen=True, kw_only=True):
    """The account of the secretary from now on; None is nobody."""

    account: int | None


async def get_meetings(request: web.Request) -> web.Response:
    """Running, coming and past meetings of the caller."""
    return json_reply(await request.app[STORE].read(plan.lists, principal(request)))


async def post_meeting(request: web.Request) -> web.Response:
    """Plan a meeting; without `starts_at` it starts at once."""
    body = await read_body(request, Plan)
    meeting_id = await request.app[STORE].write(plan.create, principal(request), body)
    return json_reply(Created(meeting_id), status=201)


async def get_meeting(request: web.Request) -> web.Response:
    """One meeting with agenda, roll call and people."""
    return json_reply(await request.app[STORE].read(plan.detail, principal(request), path_id(request)))


async def get_room(request: web.Request) -> web.Response:
    """What the room shows now."""
    entrance = await request.app[STORE].read(attend.look, principal(request), path_id(request))
    return json_reply(entrance.snapshot)


async def get_lines(request: web.Request) -> web.Response:
    """How good everybody's line is; rates are between this call and the one before, if that was some seconds ago."""
    lines = await request.app[BOARD].look(principal(request), path_id(request))
    return json_reply(Lines(lines))


async def post_start(request: web.Request) -> web.Response:
    """Start a planned meeting."""
    await request.app[STORE].write(plan.start, principal(request), path_id(request))
    return json_reply({"ok": True})


async def post_cancel(request: web.Request) -> web.Response:
    """Take a planned meeting back."""
    await request.app[STORE].write(plan.cancel, principal(request), path_id(request))
    return json_reply({"ok": True})


async def post_end(request: web.Request) -> web.Response:
    """End a running meeting for all."""
    await request.app[CONDUCTOR].end(principal(request), path_id(request))
    return json_reply({"ok": True})


async def get_ice(request: web.Request) -> web.Response:
    """Relays (TURN) for the caller's network, to be asked before the offer is made."""
    app = request.app
    return json_reply(ice_servers(app[SETTINGS].turn, principal(request), app[STORE].clock()))


async def post_join(request: web.Request) -> web.Response:
    """Take the seat with one offer for the whole meeting."""
    body = await read_body(request, JoinBody)
    switches = Switches(microphone=body.microphone, camera=body.camera)
    answer = await request.app[CONDUCTOR].join(
        principal(request), path_id(request), body.offer, switches, hall=body.hall
    )
    return json_reply(answer)


async def post_leave(request: web.Request) -> web.Response:
    """Go out of the room."""
    await request.app[CONDUCTOR].leave(principal(request), path_id(request))
    return json_reply({"ok": True})


async def post_mute(request: web.Request) -> web.Response:
    """Switch off one microphone, or all."""
    body = await read_body(request, Muting)
    await request.app[STORE].write(floor.mute, principal(request), path_id(request), body.participant)
    await request.app[CONDUCTOR].sync(path_id(request))
    return json_reply({"ok": True})


async def put_secretary(request: web.Request) -> web.Response:
    """Appoint the secretary: by the chair, or who called the meeting."""
    body = await read_body(request, Appointment)
    await request.app[STORE].write(secretary.appoint, principal(request), path_id(request), body.account)
    return json_reply({"ok": True})


async def post_recording(request: web.Request) -> web.Response:
    """Record from now on."""
    await request.app[CONDUCTOR].record(principal(request), path_id(request))
    return json_reply({"ok": True}, status=201)


async def delete_recording(request: web.Request) -> web.Response:
    """Stop recording."""
    await request.app[CONDUCTOR].stop_recording(principal(request), path_id(request))
    return json_reply({"ok": True})


_ONE = "/api/v1/meetings/{id:\\d+}"
ROUTES = [
    Route("GET", "/api/v1/ice", get_ice, Permission.SIGNED_IN, "Relays (TURN)", answer=IceServers),
    Route("GET", "/api/v1/meetings", get_meetings, Permission.JOIN_MEETING, "Own meetings", answer=Lists),
    Route("POST", "/api/v1/meetings", post_meeting, Permission.PLAN_MEETING, "Plan", body=Plan, answer=Created),
    Route("GET", _ONE, get_meeting, Permission.JOIN_MEETING, "One meeting", answer=Detail),
    Route("GET", _ONE + "/room", get_room, Permission.JOIN_MEETING, "The room now", answer=Snapshot),
    Route("GET", _ONE + "/lines", get_lines, Permission.WATCH_LINKS, "Everybody's line", answer=Lines),
    Route("POST", _ONE + "/start", post_start, Permission.CHAIR_MEETING, "Start"),
    Route("POST", _ONE + "/cancel", post_cancel, Permission.CHAIR_MEETING, "Cancel"),
    Route("POST", _ONE + "/end", post_end, Permission.CHAIR_MEETING, "End"),
    Route("POST", _ONE + "/join", post_join, Permission.JOIN_MEETING, "Join", body=JoinBody, answer=JoinAnswer),
    Route("POST", _ONE + "/leave", post_leave, Permission.JOIN_MEETING, "Leave"),
    Route("POST", _ONE + "/mute", post_mute, Permission.CHAIR_MEETING, "Mute", body=Muting),
    Route(
        "PUT", _ONE + "/secretary", put_secretary, Permission.CHAIR_MEETING, "Appoint the secretary", body=Appointment
    ),
    Route("POST", _ONE + "/recording", post_recording, Permission.CHAIR_MEETING, "Start the recording"),
    Route("DELETE", _ONE + "/recording", delete_recording, Permission.CHAIR_MEETING, "Stop the recording"),
]
