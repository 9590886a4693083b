"""The administrator's page of refusals."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.http import STORE, Route, read_query, render
from server.http.i18n import translate
from server.refusals import service
from server.refusals.service import Refused

_FIELD = re.compile(r"{(\w+)}")
_LEFT_OUT = "…"


class RefusalsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Those with a code, or all; a page of them."""

    code: Annotated[str, msgspec.Meta(max_length=60)] = ""
    page: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1


async def get_refusals(request: web.Request) -> web.Response:
    """What was refused to whom, newest first."""
    query = read_query(request, RefusalsQuery)
    found = await request.app[STORE].read(service.read_page, query.code, query.page)
    context = {
        "found": found,
        "code": query.code,
        "codes": [(code, f"{code} ({number})") for code, number in found.codes.items()],
        "words": [_in_words(request, line.refused) for line in found.lines],
    }
    return await render(request, "refusals/refusals.html", context)


def _in_words(request: web.Request, refused: Refused) -> str:
    """What they were told, without the words that were not kept."""
    blanks = dict.fromkeys(_FIELD.findall(refused.message), _LEFT_OUT)
    return translate(request, refused.message, **{**blanks, **refused.numbers})


ROUTES = [Route("GET", "/refusals", get_refusals, Permission.READ_REFUSALS)]
