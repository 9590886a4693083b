"""The registers (sổ văn bản đi, đến): a page with search, the Excel file, the numbers left out, and the same as API."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.keys import POLICY
from server.directives.service.problems import problem_texts
from server.directives.shapes import Gap, GapInput, Words
from server.directives.shapes.registers import RegisterPage, RegisterQuery
from server.errors import UserError
from server.http import STORE, Route, json_reply, principal, read_body, read_query, render, see_other
from server.http.i18n import _, translate

TITLES = {"out": _("Sổ đăng ký văn bản đi"), "in": _("Sổ đăng ký văn bản đến")}
EXERCISE_TITLES = {"out": _("Sổ đăng ký văn bản đi – DIỄN TẬP"), "in": _("Sổ đăng ký văn bản đến – DIỄN TẬP")}


def title_of(request: web.Request, query: RegisterQuery) -> str:
    """What a register is called, in the person's language."""
    return translate(request, (EXERCISE_TITLES if query.exercise else TITLES)[query.register])


async def get_register(request: web.Request) -> web.Response:
    """A page of a register."""
    query = read_query(request, RegisterQuery)
    return json_reply(
        await request.app[STORE].read(service.register_page, principal(request), request.app[POLICY], query)
    )


async def leave_out(request: web.Request) -> web.Response:
    """Declare numbers of a register that are left out."""
    data, who = await read_body(request, GapInput), principal(request)
    return json_reply(await request.app[STORE].write(service.declare_gap, who, request.app[POLICY], data), 201)


async def show_register(request: web.Request) -> web.Response:
    """The page of a register."""
    return await _show(request, read_query(request, RegisterQuery))


async def _show(
    request: web.Request, query: RegisterQuery, error: UserError | None = None, typed: dict[str, str] | None = None
) -> web.Response:
    found = await request.app[STORE].read(service.register_page, principal(request), request.app[POLICY], query)
    context: dict[str, Any] = {
        "found": found,
        "query": query,
        "title": title_of(request, query),
        "problem": problem_texts(request, error)[0] if error else None,
        "typed": typed or {"until": "", "note": ""},
    }
    return await render(request, "directives/register.html", context, status=error.status if error else 200)


class GapForm(msgspec.Struct, frozen=True, kw_only=True):
    """The page's form, as it was typed."""

    register: Literal["out", "in"] = "out"
    until: str = ""
    note: Words = ""


async def post_gap(request: web.Request) -> web.Response:
    """The form of the numbers that are left out. What is refused is shown again."""
    form = await read_body(request, GapForm)
    try:
        if not re.fullmatch("[0-9]{1,6}", form.until.strip()) or int(form.until) < 1:
            raise UserError("bad_until", _("Xin nhập số cuối cùng được bỏ, ví dụ 15."), field="until")
        gap = GapInput(register=form.register, until=int(form.until), note=form.note)
        await request.app[STORE].write(service.declare_gap, principal(request), request.app[POLICY], gap)
    except UserError as error:
        typed = {"until": form.until, "note": form.note}
        return await _show(request, RegisterQuery(register=form.register), error, typed)
    return see_other(f"/registers?register={form.register}#gaps")


_FOLLOW, _LEAVE_OUT = Permission.FOLLOW_DIRECTIVE, Permission.KEEP_REGISTERS
ROUTES = [
    Route("GET", "/api/v1/registers", get_register, _FOLLOW, query=RegisterQuery, answer=RegisterPage),
    Route("POST", "/api/v1/registers/gaps", leave_out, _LEAVE_OUT, body=GapInput, answer=Gap),
    Route("GET", "/registers", show_register, _FOLLOW),
    Route("POST", "/registers/gaps", post_gap, _LEAVE_OUT),
]
