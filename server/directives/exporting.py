"""Files to keep or to print: registers as Excel and PDF, a directive as PDF, the answers to its questions as Excel.

What makes them (reportlab, openpyxl) is imported when somebody asks for the first: it takes 40 MB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.keys import POLICY, WORKSHOP
from server.directives.registering import title_of
from server.directives.service.numbers import OUT
from server.directives.shapes import Gap
from server.directives.shapes.registers import RegisterLine, RegisterQuery
from server.errors import NotFoundError
from server.http import STORE, Route, principal, read_query
from server.http.i18n import _, translate
from server.http.keys import LANGUAGE
from server.http.pages import now_of
from server.http.reading import path_id
from server.store import Transaction
from server.units import service as units

EXCEL, PDF = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/pdf"


def _file(content: bytes, content_type: str, name: str) -> web.Response:
    """A file that was made for this answer, as a download; `name` is ASCII."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return web.Response(body=content, content_type=content_type, headers=headers)


async def _made(request: web.Request, work: Callable[..., bytes], *what: Any, **more: Any) -> bytes:
    """The file that a function of ours makes in the reader's language."""
    return await request.app[WORKSHOP].make(work, request[LANGUAGE], *what, **more)


async def get_answers(request: web.Request) -> web.Response:
    """The newest answers of all units to the questions of a directive of ours."""
    opened = await request.app[STORE].read(
        service.open_directive, principal(request), request.app[POLICY], path_id(request)
    )
    if opened.board is None or not opened.directive.questions:
        raise NotFoundError("no_answers", _("Văn bản này không có câu hỏi mà đơn vị đồng chí theo dõi."))
    title = f"{opened.directive.number_text} · {opened.directive.subject}"
    if opened.directive.exercise:
        title = f"[{translate(request, _('DIỄN TẬP'))}] {title}"
    from server.directives.spreadsheet import answers_workbook

    content = await _made(request, answers_workbook, title, opened.answers)
    return _file(content, EXCEL, f"tra-loi-{opened.directive.id}.xlsx")


async def print_directive(request: web.Request) -> web.Response:
    """A directive as PDF, ready to print, with how its recipients stand as far as the reader may know."""
    policy = request.app[POLICY]
    opened = await request.app[STORE].read(service.open_directive, principal(request), policy, path_id(request))
    if opened.board is None and opened.delivery is None:
        raise NotFoundError("not_issued", _("Bản nháp chưa ban hành nên chưa in được."))
    from server.directives.paper import directive_pdf

    content = await _made(request, directive_pdf, opened, now_of(request), policy.zone)
    return _file(content, PDF, f"van-ban-{opened.directive.id}.pdf")


async def export_register(request: web.Request) -> web.Response:
    """What the search finds as an Excel file; the gaps are in it when nothing is searched."""
    from server.directives.spreadsheet import workbook

    found = await _whole(request)
    title = f"{found.title} {found.years} · {found.unit}"
    content = await _made(request, workbook, found.register, title, found.lines, found.gaps, found.zone, cut=found.cut)
    return _file(content, EXCEL, f"{found.file}.xlsx")


async def print_register(request: web.Request) -> web.Response:
    """The same as PDF, ready to print."""
    from server.directives.printing import Heading, register_pdf

    found = await _whole(request)
    heading = Heading(unit=found.unit, above=found.above, title=found.title, years=found.years, cut=found.cut)
    content = await _made(request, register_pdf, found.register, heading, found.lines, found.gaps, found.zone)
    return _file(content, PDF, f"{found.file}.pdf")


class _Whole(msgspec.Struct, frozen=True):
    """All that a file of a register holds. `cut` says how much is left out, if anything is."""

    register: str
    unit: str
    above: str
    title: str
    years: str
    file: str
    lines: list[RegisterLine]
    gaps: list[Gap]
    zone: ZoneInfo
    cut: str = ""


async def _whole(request: web.Request) -> _Whole:
    query, who, policy = read_query(request, RegisterQuery), principal(request), request.app[POLICY]
    page = await request.app[STORE].read(service.register_page, who, policy, query)
    names = await request.app[STORE].read(_names, who.unit_id)
    side = ("di" if query.register == OUT else "den") + ("-dien-tap" if query.exercise else "")
    cut = translate(request, _("Chỉ có {shown} trên {total} văn bản. Xin xuất từng năm, hoặc tìm hẹp hơn."))
    return _Whole(
        register=query.register,
        unit=names[0],
        above=names[1],
        title=title_of(request, query),
        years=str(page.year) if page.year else f"{page.years[-1]}–{page.years[0]}",
        file=f"so-van-ban-{side}-{page.year or 'tat-ca'}",
        lines=await request.app[STORE].read(service.register_lines, who, policy, query),
        gaps=[] if query.words else page.gaps,
        zone=policy.zone,
        cut=cut.format(shown=page.most_exported, total=page.total) if page.total > page.most_exported else "",
    )


def _names(tx: Transaction, unit_id: int) -> tuple[str, str]:
    """What a unit is called in full, and the one above it."""
    above = units.ancestors(tx, unit_id)
    return units.unit(tx, unit_id).name, above[0].name if above else ""


_FOLLOW = Permission.FOLLOW_DIRECTIVE
ROUTES = [
    Route("GET", "/registers/export", export_register, _FOLLOW),
    Route("GET", "/registers/print", print_register, _FOLLOW),
    Route("GET", "/directives/{id:\\d+}/print", print_directive, Permission.READ_DIRECTIVES),
    Route("GET", "/directives/{id:\\d+}/answers", get_answers, _FOLLOW),
]
