"""The operator's pages: the trunk, the log of calls, a test call, people's numbers, and PIN sheets to print."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import segno
from aiohttp import web
from markupsafe import Markup

from server.accounts import service as accounts
from server.accounts.pages import AccountPart
from server.accounts.permissions import Permission, Role
from server.accounts.service import Member
from server.accounts.tokens import load_key
from server.calls import log, numbers, pins, words
from server.calls.dial_out import Dialler, Job
from server.calls.exchange import EXCHANGE
from server.calls.pins import Made
from server.calls.rules import Outcome, Purpose
from server.directives.keys import POLICY
from server.errors import NotFoundError, UnavailableError, UserError
from server.http import SETTINGS, STORE, Route, principal, read_body, read_query, render, see_other
from server.http.i18n import _, translate
from server.http.pages import now_of
from server.http.reading import path_id
from server.store import Transaction
from server.store.search import plain
from server.units import service as units

server_log = logging.getLogger("giaoban.calls")

DIALLER = web.AppKey("dialler", Dialler)
PAGE = 50
GUESSES_SHOWN = timedelta(days=1)
_PEOPLE = (Role.VILLAGE_HEAD, Role.LEADER, Role.CADRE, Role.CLERK)


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Calls older than a row, or the newest: of a number or a unit (`q`), and with an outcome, if they are named."""

    before: Annotated[int, msgspec.Meta(ge=1, le=2**31)] | None = None
    q: Annotated[str, msgspec.Meta(max_length=100)] = ""
    outcome: Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(Outcome)}|)$")] = ""

    @property
    def wanted(self) -> Outcome | None:
        """None for all."""
        return Outcome(self.outcome) if self.outcome else None


_NEWEST = LogQuery()


class PeopleQuery(msgspec.Struct, frozen=True, kw_only=True):
    """People whose name or unit contains the words, a page of them; `unreached`: of units that nothing reaches."""

    q: Annotated[str, msgspec.Meta(max_length=200)] = ""
    unreached: bool = False
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1


class NumberForm(msgspec.Struct, frozen=True, kw_only=True):
    """A telephone number as somebody types it."""

    number: Annotated[str, msgspec.Meta(max_length=40)] = ""


class PinsForm(msgspec.Struct, frozen=True, kw_only=True):
    """Whose sheets are wanted: those of village heads without a PIN, or with `again` of all, whose old ones end."""

    again: bool = False


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may take part by telephone."""

    account: int
    name: str
    unit_id: int
    unit: str
    role: Role
    number: str
    has_pin: bool


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed for a person; `code` is a QR code (SVG) that dials number and PIN."""

    name: str
    unit: str
    pin: str
    code: Markup


# ---- the telephone


async def get_telephone(request: web.Request) -> web.Response:
    """How the trunk stands, and the log."""
    return await _page(request, read_query(request, LogQuery))


async def _page(
    request: web.Request, query: LogQuery = _NEWEST, *, error: str = "", number: str = "", status: int = 200
) -> web.Response:
    store, exchange, dialler = request.app[STORE], request.app.get(EXCHANGE), request.app.get(DIALLER)
    calls = await store.read(log.latest, PAGE + 1, query.before, query.q, query.wanted)
    wrong = await store.read(log.wrong_codes)
    outcomes = {outcome: translate(request, text) for outcome, text in words.OUTCOMES.items()}
    context = {
        "settings": request.app[SETTINGS].telephone,
        "exchange": exchange,
        "speaks": exchange is not None and exchange.voice.able,
        "standing": exchange.standing if exchange else None,
        "since": exchange.trunk.since if exchange else None,
        "changing": bool(exchange and exchange.lines) or bool(dialler and dialler.busy),
        "slowed": wrong if wrong >= request.app[SETTINGS].telephone.wrong_codes_an_hour else 0,
        "strangers": exchange.endpoint.admission.turned_away if exchange else 0,
        "running": len(exchange.lines) if exchange else 0,
        "unreached": len(await _unreached(request)),
        "guesses": await store.read(log.guesses, now_of(request) - GUESSES_SHOWN),
        "calls": calls[:PAGE],
        "older": calls[PAGE - 1].id if len(calls) > PAGE else None,
        "query": query,
        "outcomes": outcomes,
        "choices": [(outcome.value, text) for outcome, text in outcomes.items()],
        "purposes": {purpose: translate(request, text) for purpose, text in words.PURPOSES.items()},
        "good": words.GOOD,
        "bad": words.BAD,
        "able": dialler is not None and dialler.able,
        "error": error,
        "number": number,
    }
    return await render(request, "calls/telephone.html", context, status=status)


async def post_test(request: web.Request) -> web.Response:
    """Call a number; what comes of it stands in the log."""
    form = await read_body(request, NumberForm)
    try:
        number = numbers.clean(form.number)
        dialler = request.app.get(DIALLER)
        if dialler is None or not dialler.able:
            raise UnavailableError("no_telephone", _("Máy chủ này chưa nối đường điện thoại để gọi ra."))
    except (UserError, UnavailableError) as error:
        text = translate(request, error.message, **error.params)
        return await _page(request, error=text, number=form.number, status=error.status)
    dialler.call([Job(number=number, purpose=Purpose.TEST, asked_by=principal(request).account_id)])
    return see_other("/telephone")


# ---- people


def people(tx: Transaction) -> list[Listed]:
    """Everybody who may take part, by unit; each person once."""
    tree, known, with_pin = units.tree(tx), numbers.known(tx), pins.those_with(tx)
    found: dict[int, tuple[Member, str]] = {}
    members = accounts.members(tx, tree.units, _PEOPLE)
    order = {unit.id: place for place, unit in enumerate(tree.ordered())}
    for member in sorted(members, key=lambda one: (order[one.unit_id], one.membership_id)):
        found.setdefault(member.account_id, (member, _place(tree, member.unit_id)))
    return [
        Listed(
            account=account,
            name=member.name,
            unit_id=member.unit_id,
            unit=unit,
            role=member.role,
            number=known.get(account, ""),
            has_pin=account in with_pin,
        )
        for account, (member, unit) in found.items()
    ]


def _place(tree: units.Tree, unit_id: int) -> str:
    """A village with its commune: many villages are called alike."""
    path = tree.path(unit_id)
    return ", ".join(unit.short_name for unit in reversed(path[-2:])) if len(path) > 2 else path[-1].short_name


def unreached(tx: Transaction, since: datetime) -> dict[int, str]:
    """Units of which nobody was signed in after `since` nor has a number, with their names, in the tree's order."""
    tree = units.tree(tx)
    lost = numbers.out_of_reach(tx, tree.units, since)
    return {unit.id: _place(tree, unit.id) for unit in tree.ordered() if unit.id in lost}


async def _unreached(request: web.Request) -> dict[int, str]:
    since = now_of(request) - timedelta(days=request.app[POLICY].file.device_days)
    return await request.app[STORE].read(unreached, since)


async def get_people(request: web.Request) -> web.Response:
    """Numbers and PINs, and which units neither a page nor a call reaches."""
    query, lost = read_query(request, PeopleQuery), await _unreached(request)
    everybody = await request.app[STORE].read(people)
    wanted = plain(query.q)
    found = [one for one in everybody if wanted in plain(f"{one.name} {one.unit}")]
    if query.unreached:
        found = [one for one in found if one.unit_id in lost]
    peopled = {one.unit_id for one in everybody}
    context = {
        "unreached": len(lost),
        "empty_units": [name for unit, name in lost.items() if unit not in peopled],
        "people": found[(query.page - 1) * PAGE : query.page * PAGE],
        "count": len(found),
        "pages": -(-len(found) // PAGE),
        "query": query,
    }
    return await render(request, "calls/people.html", context)


def _one(tx: Transaction, account_id: int) -> Listed:
    found = next((one for one in people(tx) if one.account == account_id), None)
    if found is None:
        raise NotFoundError("no_person", _("Không có người này."))
    return found


async def get_person(request: web.Request) -> web.Response:
    """One person's number and PIN."""
    person = await request.app[STORE].read(_one, path_id(request))
    return await render(request, "calls/person.html", {"person": person, "error": "", "number": person.number})


async def post_number(request: web.Request) -> web.Response:
    """Note a number; a wrong one comes back with its error.

    Who changes it could confirm in that person's name: it stands in the server's log.
    """
    store, account = request.app[STORE], path_id(request)
    form = await read_body(request, NumberForm)
    person = await store.read(_one, account)
    try:
        before, now = await store.write(numbers.give, account, form.number)
    except UserError as error:
        text = translate(request, error.message, **error.params)
        context = {"person": person, "error": text, "number": form.number}
        return await render(request, "calls/person.html", context, status=error.status)
    if before != now and not numbers.same(before, now):
        who, ends = principal(request), f"{numbers.end_of(before)} -> {numbers.end_of(now)}"
        by = f"{who.username} (account {who.account_id})"
        server_log.info("the telephone number of account %d was changed by %s: %s", account, by, ends)
    return see_other("/telephone/people")


async def post_pin(request: web.Request) -> web.Response:
    """A new PIN for one person: its sheet is to be seen this once."""
    person = await request.app[STORE].read(_one, path_id(request))
    return await _sheets(request, [person])


async def post_take_back(request: web.Request) -> web.Response:
    """The person's PIN is not valid any more."""
    person = await request.app[STORE].read(_one, path_id(request))
    await request.app[STORE].write(pins.take_back, person.account)
    return see_other("/telephone/people")


async def post_pins(request: web.Request) -> web.Response:
    """PINs for village heads; for all of them where the sheets were lost before they had been printed."""
    form, found = await read_body(request, PinsForm), await request.app[STORE].read(people)
    heads = [person for person in found if person.role is Role.VILLAGE_HEAD]
    return await _sheets(request, heads if form.again else [person for person in heads if not person.has_pin])


async def _sheets(request: web.Request, wanted: list[Listed]) -> web.Response:
    settings = request.app[SETTINGS]
    key = load_key(settings.path(settings.storage.data) / "secret.key")
    who = principal(request)
    made = await request.app[STORE].write(pins.make, key, who, [person.account for person in wanted])
    by_account = {person.account: person for person in wanted}
    dialled = settings.telephone.numbers
    sheets = [_sheet(by_account[one.account], one, dialled[0] if dialled else "") for one in made]
    return await render(request, "calls/sheets.html", {"sheets": sheets, "numbers": dialled})


def _sheet(person: Listed, made: Made, number: str) -> Sheet:
    digits = "".join(letter for letter in number if letter.isdigit() or letter == "+")
    link = f"tel:{digits},,{made.pin}" if digits else made.pin
    code = segno.make(link, error="m").svg_inline(scale=4, border=2, omitsize=True, light="#fff")
    return Sheet(name=person.name, unit=person.unit, pin=f"{made.pin[:4]} {made.pin[4:]}", code=Markup(code))  # noqa: S704


async def get_guide(request: web.Request) -> web.Response:
    """How to take part by telephone, for village heads; to read or to print."""
    return await render(request, "calls/guide.html", {"numbers": request.app[SETTINGS].telephone.numbers})


async def account_part(request: web.Request) -> AccountPart:
    """For the page of one's own account: how to call in, and whether there is a code of one's own."""
    with_pin = await request.app[STORE].read(pins.those_with)
    context = {
        "numbers": request.app[SETTINGS].telephone.numbers,
        "pin": principal(request).account_id in with_pin,
    }
    return AccountPart("calls/account.html", context)


_MAY = Permission.MANAGE_TELEPHONE
_ONE_PERSON = "/telephone/people/{id:\\d+}"
ROUTES = [
    Route("GET", "/telephone", get_telephone, _MAY, query=LogQuery),
    Route("POST", "/telephone/test", post_test, _MAY, body=NumberForm),
    Route("GET", "/telephone/people", get_people, _MAY, query=PeopleQuery),
    Route("POST", "/telephone/pins", post_pins, _MAY, body=PinsForm),
    Route("GET", _ONE_PERSON, get_person, _MAY),
    Route("POST", _ONE_PERSON + "/number", post_number, _MAY, body=NumberForm),
    Route("POST", _ONE_PERSON + "/pin", post_pin, _MAY),
    Route("POST", _ONE_PERSON + "/pin/take-back", post_take_back, _MAY),
    Route("GET", "/guide/telephone", get_guide, Permission.SIGNED_IN),
]
