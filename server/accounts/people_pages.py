"""The directory of people, and the administrator's pages of accounts."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web

from server.accounts import people
from server.accounts.api import end_sessions
from server.accounts.identify import SIGN_INS
from server.accounts.passwords import one_time_password
from server.accounts.permissions import ROLE_NAMES, Permission, Role
from server.channel import CHANNEL
from server.errors import UserError
from server.http import STORE, Route, json_reply, principal, read_body, read_query, render, see_other
from server.http.i18n import _, translate
from server.http.reading import path_id
from server.units import service as units

PAGE = 50


class PeopleQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to show: those of a unit and below, whose name, position or unit contains the words."""

    unit: int | None = None
    q: Annotated[str, msgspec.Meta(max_length=200)] = ""
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class AccountForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a new account; what is missing is said beside its field."""

    username: str = ""
    name: str = ""
    unit_id: int = 0
    role: Role = Role.CADRE
    position: str = ""


_NEEDED = {
    "name": _("Xin ghi họ và tên."),
    "username": _("Xin ghi tên đăng nhập."),
    "unit_id": _("Xin chọn đơn vị."),
}
"""Fields of a new account that may not be empty: all that are missing are said at once."""


class MembershipForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form of one role more."""

    unit_id: int = 0
    role: Role
    position: str = ""


class PersonBody(msgspec.Struct, frozen=True, kw_only=True):
    """A person as the API shows them to everybody."""

    id: int
    name: str
    held: tuple[people.Held, ...]


class People(msgspec.Struct, frozen=True, kw_only=True):
    """People found."""

    people: list[PersonBody]


async def get_people_api(request: web.Request) -> web.Response:
    """People by name, of a unit or with words."""
    query = read_query(request, PeopleQuery)
    found = await request.app[STORE].read(people.directory, query.unit, query.q)
    return json_reply(People(people=[PersonBody(id=p.id, name=p.name, held=p.held) for p in found]))


async def get_people(request: web.Request) -> web.Response:
    """The directory."""
    query = read_query(request, PeopleQuery)
    store, manages = request.app[STORE], principal(request).may(Permission.MANAGE_ACCOUNTS)
    found = await store.read(people.directory, query.unit, query.q, locked=manages)
    context = {
        "people": found[(query.page - 1) * PAGE : query.page * PAGE],
        "count": len(found),
        "page": query.page,
        "pages": -(-len(found) // PAGE),
        "query": query,
        "units": await _unit_choices(request),
        "manages": manages,
    }
    return await render(request, "accounts/people.html", context)


async def _unit_choices(request: web.Request) -> list[tuple[int, str]]:
    """All units for a select, deeper ones set in."""
    tree = await request.app[STORE].read(units.tree)
    return [(unit.id, "\u2003" * (len(tree.path(unit.id)) - 1) + unit.name) for unit in tree.ordered()]


def _role_choices(request: web.Request) -> list[tuple[str, str]]:
    return [(role.value, translate(request, name)) for role, name in ROLE_NAMES.items()]


async def get_person(request: web.Request) -> web.Response:
    """One person."""
    return await _person_page(request, {})


async def _person_page(request: web.Request, more: dict[str, Any], status: int = 200) -> web.Response:
    manages = principal(request).may(Permission.MANAGE_ACCOUNTS)
    context = {
        "person": await request.app[STORE].read(people.person, path_id(request), ended=manages),
        "role_names": dict(_role_choices(request)),
        "manages": manages,
        "units": await _unit_choices(request) if manages else [],
        "password": None,
        "error": None,
        "sent": None,
        **more,
    }
    return await render(request, "accounts/person.html", context, status=status)


async def get_new_account(request: web.Request) -> web.Response:
    """The form of a new account."""
    return await _new_account_page(request, AccountForm(), {})


async def _new_account_page(
    request: web.Request, form: AccountForm, errors: dict[str, str], status: int = 200
) -> web.Response:
    context = {
        "sent": form,
        "errors": errors,
        "units": await _unit_choices(request),
        "roles": _role_choices(request),
    }
    return await render(request, "accounts/new_account.html", context, status=status)


async def post_new_account(request: web.Request) -> web.Response:
    """Add an account; its one-time password is shown this once."""
    form = await read_body(request, AccountForm)
    empty = {
        name: translate(request, text) for name, text in _NEEDED.items() if not str(getattr(form, name) or "").strip()
    }
    if empty:
        return await _new_account_page(request, form, empty, 422)
    password = one_time_password()
    hashed = await request.app[SIGN_INS].passwords.hash(password)
    new = people.NewAccount(
        username=form.username, name=form.name, unit_id=form.unit_id, role=form.role, position=form.position
    )
    try:
        account_id = await request.app[STORE].write(people.add_account, new, hashed)
    except UserError as error:
        text = translate(request, error.message, **error.params)
        return await _new_account_page(request, form, {error.field or "username": text}, error.status)
    person = await request.app[STORE].read(people.person, account_id)
    return await render(request, "accounts/new_password.html", {"person": person, "password": password})


async def post_reset(request: web.Request) -> web.Response:
    """Give a one-time password; it is shown this once."""
    password, account_id = one_time_password(), path_id(request)
    hashed = await request.app[SIGN_INS].passwords.hash(password)
    await end_sessions(request, await request.app[STORE].write(people.reset_password, account_id, hashed))
    person = await request.app[STORE].read(people.person, account_id)
    return await render(request, "accounts/new_password.html", {"person": person, "password": password})


async def post_lock(request: web.Request) -> web.Response:
    """Lock an account."""
    ended = await request.app[STORE].write(people.lock_account, principal(request), path_id(request))
    await end_sessions(request, ended)
    return see_other(f"/people/{path_id(request)}")


async def post_unlock(request: web.Request) -> web.Response:
    """Unlock an account."""
    await request.app[STORE].write(people.unlock_account, path_id(request))
    return see_other(f"/people/{path_id(request)}")


async def post_membership(request: web.Request) -> web.Response:
    """Give a person one role more."""
    form, account_id = await read_body(request, MembershipForm), path_id(request)
    try:
        await request.app[STORE].write(people.add_membership, account_id, form.unit_id, form.role, form.position)
    except UserError as error:
        text = translate(request, error.message, **error.params)
        return await _person_page(request, {"error": text, "sent": form}, error.status)
    await _roles_changed(request, account_id)
    return see_other(f"/people/{account_id}")


async def post_end_membership(request: web.Request) -> web.Response:
    """End a person's role."""
    account_id, membership_id = path_id(request), path_id(request, "membership")
    await request.app[STORE].write(people.end_membership, principal(request), account_id, membership_id)
    await _roles_changed(request, account_id)
    return see_other(f"/people/{account_id}")


async def _roles_changed(request: web.Request, account_id: int) -> None:
    """The person's pages connect anew, with the roles that hold now."""
    await request.app[CHANNEL].end_sessions([], account_id)


ROUTES = [
    Route("GET", "/api/v1/people", get_people_api, Permission.READ_PEOPLE, query=PeopleQuery, answer=People),
    Route("GET", "/people", get_people, Permission.READ_PEOPLE),
    Route("GET", "/people/new", get_new_account, Permission.MANAGE_ACCOUNTS),
    Route("POST", "/people/new", post_new_account, Permission.MANAGE_ACCOUNTS),
    Route("GET", "/people/{id:\\d+}", get_person, Permission.READ_PEOPLE),
    Route("POST", "/people/{id:\\d+}/password", post_reset, Permission.MANAGE_ACCOUNTS),
    Route("POST", "/people/{id:\\d+}/lock", post_lock, Permission.MANAGE_ACCOUNTS),
    Route("POST", "/people/{id:\\d+}/unlock", post_unlock, Permission.MANAGE_ACCOUNTS),
    Route("POST", "/people/{id:\\d+}/memberships", post_membership, Permission.MANAGE_ACCOUNTS),
    Route(
        "POST", "/people/{id:\\d+}/memberships/{membership:\\d+}/end", post_end_membership, Permission.MANAGE_ACCOUNTS
    ),
]
