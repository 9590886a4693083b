"""The archive for programs and for the player: /api/v1/records."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.http import SETTINGS, STORE, Route, json_reply, principal, read_body, read_query
from server.http.reading import path_id
from server.records import finding, keeping, packing, verifying
from server.records.finding import Wanted
from server.records.keeping import Sealed
from server.records.sending import file_name, from_thread, inside, media_file, recordings_folder, stream
from server.records.verifying import Progress
from server.records.views import RecordInfo, RecordsPage, Verdict

Text = Annotated[str, msgspec.Meta(max_length=500)]
SUFFIX = {"video/webm": ".webm", "audio/webm": ".weba"}


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """The archive's query: words, days (both included), a unit, a page from 1."""

    words: Annotated[str, msgspec.Meta(max_length=200)] = ""
    since: dt.date | None = None
    until: dt.date | None = None
    unit: int | None = None
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """Why a record is downloaded, exported, held or released; kept in its custody chain."""

    purpose: Text = ""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """The code of a retention rule."""

    retention: Text


def wanted(app: web.Application, search: Search) -> Wanted:
    """Days as moments of the district's time zone."""
    zone = ZoneInfo(app[SETTINGS].timezone)
    until = search.until + dt.timedelta(days=1) if search.until and search.until < dt.date.max else None
    return Wanted(
        words=search.words,
        since=_midnight(search.since, zone),
        until=_midnight(until, zone),
        unit_id=search.unit,
        page=search.page,
    )


def _midnight(day: dt.date | None, zone: ZoneInfo) -> dt.datetime | None:
    # Before 1900 zones have odd offsets, and the first days of all have no UTC: such a search has no bound.
    return dt.datetime.combine(day, dt.time(), zone) if day and day.year >= 1900 else None


async def get_records(request: web.Request) -> web.Response:
    """Records by words, days and unit, the newest first."""
    search = wanted(request.app, read_query(request, Search))
    return json_reply(await request.app[STORE].read(finding.find, principal(request), search))


async def get_record(request: web.Request) -> web.Response:
    """A record in full."""
    return json_reply(await request.app[STORE].read(finding.get, principal(request), path_id(request)))


async def get_media(request: web.Request) -> web.StreamResponse:
    """The playable file, by ranges; a view is logged once an hour and person."""
    who, record_id = principal(request), path_id(request)
    found = await request.app[STORE].read(keeping.playable, who, record_id)
    reply = await media_file(request.app, found.name, found.media_type)
    if request.method == "GET" and not found.logged:
        await request.app[STORE].write(keeping.log_view, who, record_id)
    return reply


async def post_download(request: web.Request) -> web.StreamResponse:
    """The playable file to keep; its purpose is logged."""
    said = await read_body(request, Purpose)
    found = await request.app[STORE].write(keeping.log_download, principal(request), path_id(request), said.purpose)
    name = file_name(found.title, SUFFIX.get(found.media_type, ".webm"))
    return await media_file(request.app, found.name, found.media_type, as_name=name)


async def post_export(request: web.Request) -> web.StreamResponse:
    """The record as a BagIt package (RFC 8493) in a zip file, made while it is sent; for its keepers."""
    said = await read_body(request, Purpose)
    sealed = await request.app[STORE].write(keeping.log_export, principal(request), path_id(request), said.purpose)
    reply = stream("application/zip", as_name=file_name(sealed.title, ".zip"))
    parts = packing.zip_parts(recordings_folder(request.app), sealed, request.app[STORE].clock())
    await reply.prepare(request)
    async for part in from_thread(parts):
        await reply.write(part)
    await reply.write_eof()
    return reply


async def steps_of(app: web.Application, who: Principal, sealed: Sealed) -> AsyncIterator[Progress | Verdict]:
    """Verify in a thread; the verdict is logged before it is given."""
    steps = verifying.verify_steps(recordings_folder(app), sealed, inside)
    while (step := await asyncio.to_thread(next, steps, None)) is not None:
        if isinstance(step, Verdict):
            await app[STORE].write(keeping.log_verdict, who, step)
        yield step


async def verify_record(request: web.Request) -> Verdict:
    """Verify and log, without progress."""
    who = principal(request)
    sealed = await request.app[STORE].read(keeping.to_verify, who, path_id(request))
    async for step in steps_of(request.app, who, sealed):
        if isinstance(step, Verdict):
            return step
    raise RuntimeError("a verification ended without a verdict")


async def post_verification(request: web.Request) -> web.StreamResponse:
    """Recompute every sum. With `Accept: application/x-ndjson` a line for each step of progress, then the verdict."""
    if "application/x-ndjson" not in request.headers.get("Accept", ""):
        return json_reply(await verify_record(request))
    who = principal(request)
    sealed = await request.app[STORE].read(keeping.to_verify, who, path_id(request))
    reply = stream("application/x-ndjson")
    await reply.prepare(request)
    async for step in steps_of(request.app, who, sealed):
        await reply.write(msgspec.json.encode(step) + b"\n")
    await reply.write_eof()
    return reply


async def post_hold(request: web.Request) -> web.Response:
    """Hold the record: nothing of it may be destroyed."""
    said = await read_body(request, Purpose)
    await request.app[STORE].write(keeping.hold, principal(request), path_id(request), said.purpose)
    return await get_record(request)


async def post_release(request: web.Request) -> web.Response:
    """Lift the hold."""
    said = await read_body(request, Purpose)
    await request.app[STORE].write(keeping.release, principal(request), path_id(request), said.purpose)
    return await get_record(request)


async def put_retention(request: web.Request) -> web.Response:
    """Give the record another retention period."""
    period = await read_body(request, Period)
    await request.app[STORE].write(keeping.change_retention, principal(request), path_id(request), period.retention)
    return await get_record(request)


_ONE = r"/api/v1/records/{id:\d+}"
_READ, _KEEP = Permission.READ_RECORDS, Permission.KEEP_RECORDS
ROUTES = [
    Route("GET", "/api/v1/records", get_records, _READ, query=Search, answer=RecordsPage),
    Route("GET", _ONE, get_record, _READ, answer=RecordInfo),
    Route("GET", _ONE + "/media", get_media, _READ),
    Route("HEAD", _ONE + "/media", get_media, _READ),
    Route("POST", _ONE + "/download", post_download, _READ, body=Purpose),
    Route("POST", _ONE + "/export", post_export, _KEEP, body=Purpose),
    Route("POST", _ONE + "/verification", post_verification, _READ, answer=Verdict),
    Route("POST", _ONE + "/hold", post_hold, _KEEP, body=Purpose, answer=RecordInfo),
    Route("POST", _ONE + "/release", post_release, _KEEP, body=Purpose, answer=RecordInfo),
    Route("PUT", _ONE + "/retention", put_retention, _KEEP, body=Period, answer=RecordInfo),
]
