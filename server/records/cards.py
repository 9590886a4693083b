"""What the archive puts on the home page: for clerks, the newest records and what falls due."""

from __future__ import annotations

import datetime as dt

from aiohttp import web

from server.accounts.permissions import Permission
from server.home.cards import HomeCard
from server.http import STORE, principal
from server.http.pages import now_of
from server.records import finding
from server.units.rules import day_of

ORDER = 60
NEW_FOR = dt.timedelta(days=7)
DUE_WITHIN = dt.timedelta(days=90)
SHOWN = 3


async def new_records(request: web.Request) -> HomeCard | None:
    """The records of the last week and those of the clerk's unit that fall due; None for others, or without any."""
    who = principal(request)
    if not who.may(Permission.KEEP_RECORDS):
        return None
    now = now_of(request)
    store = request.app[STORE]
    found = await store.read(finding.find, who, finding.Wanted(since=now - NEW_FOR))
    due = await store.read(finding.falling_due, who, day_of(now + DUE_WITHIN))
    if not found.records and not due:
        return None
    context = {"records": found.records[:SHOWN], "total": found.total, "due": due[:SHOWN]}
    return HomeCard(template="records/card.html", order=ORDER, context=context)
