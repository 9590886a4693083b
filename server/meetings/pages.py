"""Pages of meetings: the lists, a new meeting, one meeting, and the room with its device check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission, Role
from server.errors import UserError
from server.home.cards import HomeCard, NextThing
from server.http import PRINCIPAL, RENDERER, STORE, Route, principal, read_body, render, see_other
from server.http.formats import parse_local
from server.http.i18n import _, translate
from server.http.keys import SETTINGS
from server.http.pages import now_of
from server.http.reading import path_id
from server.meetings.rules import FloorMode, State
from server.meetings.service import attend, plan, secretary, telephone
from server.meetings.service.plan import AgendaLine, Listed, Plan
from server.records import service as records
from server.units.picker import chosen, picker

_MINUTES = re.compile(r"\s*\((\d{1,3})(?:\s*(?:phút|minutes))?\)\s*$")
SOON = timedelta(days=7)
NEXT_SHOWN = 3


class MeetingForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a new meeting; `begin` is the pressed button."""

    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    starts_at: Annotated[str, msgspec.Meta(max_length=40)] = ""
    units: list[int] = []
    units_groups: list[str] = []
    agenda: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    floor_mode: FloorMode = FloorMode.OPEN
    secretary: int | None = None
    begin: str = "later"


class SecretaryForm(msgspec.Struct, frozen=True, kw_only=True):
    """The account of the secretary; empty is nobody."""

    secretary: int | None = None


class CallsBackForm(msgspec.Struct, frozen=True, kw_only=True):
    """Whether calls that drop are called back: "1" or not."""

    allowed: Annotated[str, msgspec.Meta(max_length=1)] = ""


def parse_agenda(text: str) -> list[AgendaLine]:
    """One item a line, its minutes in brackets at the end: “Phòng chống bão (15)”."""
    lines = []
    for line in text.splitlines():
        found = _MINUTES.search(line)
        title = _MINUTES.sub("", line).strip()
        if title:
            lines.append(AgendaLine(title=title[:300], minutes=min(600, int(found[1])) if found else 0))
    return lines


async def get_meetings(request: web.Request) -> web.Response:
    """Running, coming and past meetings."""
    lists = await request.app[STORE].read(plan.lists, principal(request))
    return await render(request, "meetings/list.html", {"lists": lists})


async def get_new(request: web.Request) -> web.Response:
    """The form of a new meeting."""
    return await _form(request, MeetingForm(starts_at=_next_hour(request)), [])


def _next_hour(request: web.Request) -> str:
    local = now_of(request).astimezone(request.app[RENDERER].zone)
    return (local.replace(minute=0, second=0) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")


async def _form(
    request: web.Request, form: MeetingForm, errors: list[tuple[str, str]], selected: list[int] | None = None
) -> web.Response:
    local = now_of(request).astimezone(request.app[RENDERER].zone)
    tomorrow = local + timedelta(days=1)
    quick = [
        (translate(request, _("Chiều nay 14:00")), local.strftime("%Y-%m-%dT14:00")),
        (translate(request, _("Sáng mai 8:00")), tomorrow.strftime("%Y-%m-%dT08:00")),
        (translate(request, _("Chiều mai 14:00")), tomorrow.strftime("%Y-%m-%dT14:00")),
    ]
    context = {
        "form": form,
        "errors": errors,
        "wrong": dict(errors),
        "picker": await picker(request),
        "selected": selected or [],
        "candidates": await request.app[STORE].read(secretary.of_all_units, principal(request)),
        "quick": quick if local.hour < 14 else quick[1:],
    }
    return await render(request, "meetings/new.html", context, status=422 if errors else 200)


def _named(candidates: list[secretary.Candidate]) -> list[tuple[int, str]]:
    return [(one.account, f"{one.unit_name} · {one.name}") for one in candidates]


async def post_new(request: web.Request) -> web.Response:
    """Plan the meeting, or start it now; a wrong form comes back with its errors and what was typed."""
    store = request.app[STORE]
    form = await read_body(request, MeetingForm)
    selected = await store.read(chosen, form.units, form.units_groups)
    try:
        starts_at = None if form.begin == "now" else _time(request, form.starts_at)
        wanted = Plan(
            title=form.title,
            units=selected,
            starts_at=starts_at,
            agenda=parse_agenda(form.agenda),
            floor_mode=form.floor_mode,
            secretary=form.secretary,
        )
        meeting_id = await store.write(plan.create, principal(request), wanted)
    except UserError as error:
        return await _form(
            request, form, [(error.field or "", translate(request, error.message, **error.params))], selected
        )
    return see_other(f"/meetings/{meeting_id}/check" if starts_at is None else f"/meetings/{meeting_id}")


def _time(request: web.Request, text: str) -> datetime:
    try:
        return parse_local(text, request.app[RENDERER].zone)
    except ValueError as error:
        raise UserError("bad_time", _("Xin chọn ngày và giờ họp."), field="starts_at") from error


async def get_meeting(request: web.Request) -> web.Response:
    """One meeting: when, who, agenda, roll call, its record."""
    store, meeting_id = request.app[STORE], path_id(request)
    detail = await store.read(plan.detail, principal(request), meeting_id)
    record = await store.read(records.of_meeting, meeting_id)
    context = {
        "meeting": detail,
        "candidates": _named(detail.candidates),
        "record": record,
        "telephone": request.app[SETTINGS].telephone,
    }
    return await render(request, "meetings/meeting.html", context)


async def post_dial_in(request: web.Request) -> web.Response:
    """Make the code by which units dial in."""
    await request.app[STORE].write(telephone.dial_in, principal(request), path_id(request))
    return see_other(f"/meetings/{path_id(request)}")


async def post_change_code(request: web.Request) -> web.Response:
    """Another code in place of the one by which units dial in."""
    await request.app[STORE].write(telephone.change_code, principal(request), path_id(request))
    return see_other(f"/meetings/{path_id(request)}")


async def post_calls_back(request: web.Request) -> web.Response:
    """Whether a call that drops is called back."""
    form = await read_body(request, CallsBackForm)
    await request.app[STORE].write(
        telephone.allow_calling_back, principal(request), path_id(request), form.allowed == "1"
    )
    return see_other(f"/meetings/{path_id(request)}")


async def post_secretary(request: web.Request) -> web.Response:
    """Appoint the secretary."""
    form = await read_body(request, SecretaryForm)
    await request.app[STORE].write(secretary.appoint, principal(request), path_id(request), form.secretary)
    return see_other(f"/meetings/{path_id(request)}")


async def post_start(request: web.Request) -> web.Response:
    """Start a planned meeting and go to the door."""
    await request.app[STORE].write(plan.start, principal(request), path_id(request))
    return see_other(f"/meetings/{path_id(request)}/check")


async def post_cancel(request: web.Request) -> web.Response:
    """Take a planned meeting back."""
    await request.app[STORE].write(plan.cancel, principal(request), path_id(request))
    return see_other(f"/meetings/{path_id(request)}")


async def get_check(request: web.Request) -> web.Response:
    """The device check before the room."""
    return await _room(request, start="check")


async def get_trial(request: web.Request) -> web.Response:
    """Whether this place can take part, tried before any meeting."""
    return await render(request, "meetings/trial.html", {"contact": request.app[SETTINGS].help_contact})


async def get_room(request: web.Request) -> web.Response:
    """The room; who has not come in from this window yet sees the device check first."""
    return await _room(request, start="room")


async def _room(request: web.Request, *, start: str) -> web.Response:
    who, meeting_id = principal(request), path_id(request)
    entrance = await request.app[STORE].read(attend.look, who, meeting_id)
    head = entrance.snapshot.head
    if head.state in (State.ENDED, State.CANCELLED):
        return see_other(f"/meetings/{meeting_id}")
    return await render(
        request,
        "meetings/room.html",
        {
            "head": head,
            "host": entrance.host,
            "start": start,
            "waits": _waits(head, entrance),
            "dials": _dials(request),
        },
    )


def _dials(request: web.Request) -> bool:
    """Whether people can be called by telephone."""
    settings = request.app[SETTINGS].telephone
    return bool(settings.address and settings.trunk)


def _waits(head: Any, entrance: attend.Entrance) -> bool:
    """Whether the person must wait for the chair to start."""
    return bool(head.state == State.PLANNED and not entrance.host)


async def badges(request: web.Request) -> Mapping[str, int]:
    """How many meetings run now."""
    lists = await _lists(request)
    return {"/meetings": len(lists.live)} if lists else {}


_LISTS: web.RequestKey[plan.Lists] = web.RequestKey("meeting_lists", plan.Lists)


async def _lists(request: web.Request) -> plan.Lists | None:
    """The person's meetings, read once a request."""
    who = request.get(PRINCIPAL)
    if who is None or not who.may(Permission.JOIN_MEETING):
        return None
    if _LISTS not in request:
        request[_LISTS] = await request.app[STORE].read(plan.lists, who)
    return request[_LISTS]


async def live_card(request: web.Request) -> HomeCard | None:
    """The running meeting, large."""
    lists = await _lists(request)
    if lists is None or not lists.live:
        return None
    first = lists.live[0]
    button = NextThing(
        lead=translate(request, _("Đang họp")),
        what=first.title,
        when=translate(request, _("Chủ trì: {unit}"), unit=first.chair_unit),
        button=translate(request, _("VÀO HỌP")),
        href=f"/meetings/{first.id}/check",
        icon="log-in",
    )
    alone = principal(request).role is Role.VILLAGE_HEAD and len(lists.live) == 1  # the one button says it all
    template = "" if alone else "meetings/home_live.html"
    return HomeCard(template=template, order=0, context={"meetings": lists.live}, next_thing=button)


async def next_card(request: web.Request) -> HomeCard | None:
    """The next meetings."""
    lists = await _lists(request)
    if lists is None or not lists.planned:
        return None
    soon = [m for m in lists.planned if m.starts_at <= now_of(request) + SOON][:NEXT_SHOWN]
    if not soon:
        return None
    return HomeCard(
        template="meetings/home_next.html", order=40, context={"meetings": soon}, next_thing=_coming(request, soon[0])
    )


def _coming(request: web.Request, first: Listed) -> NextThing | None:
    now, zone = now_of(request), request.app[RENDERER].zone
    minutes = int((first.starts_at - now).total_seconds() // 60)
    if not 0 <= minutes <= 60:
        return None
    time = f"{first.starts_at.astimezone(zone):%H:%M}"
    return NextThing(
        lead=translate(request, _("Họp lúc {time}, còn {minutes} phút"), time=time, minutes=minutes),
        what=first.title,
        button=translate(request, _("VÀO HỌP")),
        href=f"/meetings/{first.id}/check",
        icon="log-in",
    )


_ONE = "/meetings/{id:\\d+}"
ROUTES = [
    Route("GET", "/meetings", get_meetings, Permission.JOIN_MEETING),
    Route("GET", "/meetings/new", get_new, Permission.PLAN_MEETING),
    Route("POST", "/meetings", post_new, Permission.PLAN_MEETING, body=MeetingForm),
    Route("GET", _ONE, get_meeting, Permission.JOIN_MEETING),
    Route("POST", _ONE + "/start", post_start, Permission.CHAIR_MEETING),
    Route("POST", _ONE + "/cancel", post_cancel, Permission.CHAIR_MEETING),
    Route("POST", _ONE + "/secretary", post_secretary, Permission.CHAIR_MEETING, body=SecretaryForm),
    Route("POST", _ONE + "/dial-in", post_dial_in, Permission.CHAIR_MEETING),
    Route("POST", _ONE + "/dial-in/change", post_change_code, Permission.CHAIR_MEETING),
    Route("POST", _ONE + "/calls-back", post_calls_back, Permission.CHAIR_MEETING, body=CallsBackForm),
    Route("GET", _ONE + "/check", get_check, Permission.JOIN_MEETING),
    Route("GET", "/check", get_trial, Permission.SIGNED_IN),
    Route("GET", _ONE + "/room", get_room, Permission.JOIN_MEETING),
]
