"""The archive and one record as pages; every form works without a script."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from server.errors import UserError
from server.http import RENDERER, STORE, Route, principal, read_body, read_query, render, see_other
from server.http.i18n import translate
from server.http.pages import now_of
from server.http.reading import path_id, read_form
from server.records import api, finding, keeping, retention
from server.records.api import Period, Purpose, Search, wanted
from server.records.views import GapLine, RecordInfo
from server.records.words import CUSTODY_WORDS, GAP_REASONS, PROBLEM_WORDS
from server.units.rules import day_of


async def get_archive(request: web.Request) -> web.Response:
    """The search box with the cursor in it, and what was found: without a search, the newest."""
    who, store = principal(request), request.app[STORE]
    try:
        search, wrong = read_query(request, Search), None
    except UserError as error:
        search, wrong = Search(), error
    found = await store.read(finding.find, who, wanted(request.app, search))
    filters = {
        "words": search.words,
        "since": search.since or "",
        "until": search.until or "",
        "unit": search.unit or "",
    }
    context = {
        "found": found,
        "search": search,
        "errors": [(None, translate(request, wrong.message, **wrong.params))] if wrong else [],
        "is_search": any(filters.values()),
        "units": await store.read(finding.units_seen, who),
        "page_address": "/records?" + urlencode({k: v for k, v in filters.items() if v}) + "&page={page}",
    }
    return await render(request, "records/archive.html", context)


async def get_record(request: web.Request) -> web.Response:
    """One record."""
    return await _record_page(request)


async def _record_page(request: web.Request, error: UserError | None = None) -> web.Response:
    record = await request.app[STORE].read(finding.get, principal(request), path_id(request))
    form = await read_form(request) if error else {}
    context = {
        "record": record,
        "places": _places(request, record),
        "gaps": [_gap_words(request, gap) for gap in record.gaps],
        "agenda": record.facts.agenda,
        "custody": _custody(request, record),
        "translated_rules": [
            (rule.code, translate(request, rule.name)) for rule in retention.load().on(day_of(record.ended_at))
        ],
        "problem_words": PROBLEM_WORDS,
        "verified": _is_fresh(record, now_of(request)),
        "typed": {"purpose": form.get("purpose", "")},
        "errors": [(error.field, translate(request, error.message, **error.params))] if error else [],
    }
    return await render(request, "records/record.html", context, status=error.status if error else 200)


def _is_fresh(record: RecordInfo, now: dt.datetime) -> bool:
    """Whether a check ended just now, so that the page says its outcome at the top."""
    return record.verified_at is not None and now - record.verified_at < dt.timedelta(minutes=1)


def _places(request: web.Request, record: RecordInfo) -> list[dict[str, Any]]:
    """Chapters and gaps together, in the order of the playable file, as the component takes them."""
    places = [
        {"start": c.start_ms / 1000, "title": c.title, "order": 1, "is_agenda": c.kind == "agenda"}
        for c in record.chapters
    ]
    places += [
        {"start": gap.at_ms / 1000, "title": _gap_words(request, gap), "gap": True, "order": 0} for gap in record.gaps
    ]
    return sorted(places, key=lambda place: (place["start"], place["order"]))


def _gap_words(request: web.Request, gap: GapLine) -> str:
    """“Mất 1,8 giây lúc 14:23:10 (máy chủ media dừng)”."""
    seconds = str(round(gap.seconds, 1)).replace(".", "," if request.app[RENDERER] and _is_vietnamese(request) else ".")
    return translate(
        request,
        "Mất {seconds} giây lúc {time} ({reason})",
        seconds=seconds,
        time=f"{gap.started_at.astimezone(request.app[RENDERER].zone):%H:%M:%S}",
        reason=translate(request, GAP_REASONS.get(gap.reason, gap.reason)),
    )


def _is_vietnamese(request: web.Request) -> bool:
    return translate(request, "Mất {seconds} giây lúc {time} ({reason})").startswith("Mất")


def _custody(request: web.Request, record: RecordInfo) -> list[dict[str, Any]]:
    """The log in words; what the purpose holds depends on the kind of link."""
    return [
        {"line": line, "what": translate(request, CUSTODY_WORDS.get(line.what, line.what))} for line in record.custody
    ]


async def _then_page(request: web.Request, work: Any, *arguments: Any) -> web.Response:
    """Do something to the record and show it anew; a refusal is shown in the page, with what was typed."""
    try:
        await request.app[STORE].write(work, principal(request), path_id(request), *arguments)
    except UserError as error:
        return await _record_page(request, error)
    return see_other(f"/records/{path_id(request)}")


async def post_download(request: web.Request) -> web.StreamResponse:
    """The playable file, with its purpose."""
    try:
        return await api.post_download(request)
    except UserError as error:
        return await _record_page(request, error)


async def post_export(request: web.Request) -> web.StreamResponse:
    """The package, with its purpose."""
    try:
        return await api.post_export(request)
    except UserError as error:
        return await _record_page(request, error)


async def post_verification(request: web.Request) -> web.Response:
    """Verify, then the page with the outcome."""
    await api.verify_record(request)
    return see_other(f"/records/{path_id(request)}#integrity")


async def post_hold(request: web.Request) -> web.Response:
    """Hold, with its reason."""
    return await _then_page(request, keeping.hold, (await read_body(request, Purpose)).purpose)


async def post_release(request: web.Request) -> web.Response:
    """Lift the hold, with its reason."""
    return await _then_page(request, keeping.release, (await read_body(request, Purpose)).purpose)


async def post_retention(request: web.Request) -> web.Response:
    """Another period."""
    return await _then_page(request, keeping.change_retention, (await read_body(request, Period)).retention)


_ONE = r"/records/{id:\d+}"
_READ, _KEEP = api._READ, api._KEEP
ROUTES = [
    Route("GET", "/records", get_archive, _READ, query=Search),
    Route("GET", _ONE, get_record, _READ),
    Route("POST", _ONE + "/download", post_download, _READ, body=Purpose),
    Route("POST", _ONE + "/export", post_export, _KEEP, body=Purpose),
    Route("POST", _ONE + "/verification", post_verification, _READ),
    Route("POST", _ONE + "/hold", post_hold, _KEEP, body=Purpose),
    Route("POST", _ONE + "/release", post_release, _KEEP, body=Purpose),
    Route("POST", _ONE + "/retention", post_retention, _KEEP, body=Period),
]
