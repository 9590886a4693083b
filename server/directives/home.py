"""What directives put on the home page: overdue, due, to sign, boards; a village head's one button."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission, Role
from server.directives import service
from server.directives.keys import POLICY
from server.directives.rules import UNREGISTERED, State
from server.directives.running import ClockName
from server.directives.shapes import AlarmLine, ReceivedLine
from server.home.cards import HomeCard, NextThing
from server.http import STORE, principal
from server.http.i18n import _, translate

MOST_LINES = 6
LISTS = {"/directives/in": _("Chỉ đạo đến"), "/directives/late": _("Quá hạn"), "/directives/decide": _("Cần quyết")}


async def late_card(request: web.Request) -> HomeCard | None:
    """Units that are late with what a leader or clerk issued, by name."""
    who = principal(request)
    if not who.may(Permission.REVIEW_RESPONSE):
        return None
    late = await request.app[STORE].read(service.late, who, request.app[POLICY], MOST_LINES)
    context = {"lines": late.lines, "more": late.more}
    return HomeCard(template="directives/home_late.html", order=12, context=context) if late.lines else None


async def decide_card(request: web.Request) -> HomeCard | None:
    """Requests for more time and answers that wait for the issuer, by directive."""
    who = principal(request)
    if not who.may(Permission.REVIEW_RESPONSE):
        return None
    found = await request.app[STORE].read(service.decisions, who)
    context = {"found": found, "lines": found.lines[:MOST_LINES], "more": max(0, len(found.lines) - MOST_LINES)}
    return HomeCard(template="directives/home_decide.html", order=13, context=context) if found.lines else None


async def alarm_card(request: web.Request) -> HomeCard | None:
    """What was raised for this person and still holds, one line for each directive, clock and side."""
    who = principal(request)
    if not who.may(Permission.READ_DIRECTIVES):
        return None
    lines = await request.app[STORE].read(service.my_alarms, who, request.app[POLICY])
    if not lines:
        return None
    groups: dict[tuple[int, str, bool], list[AlarmLine]] = {}
    for line in lines:
        groups.setdefault((line.directive, line.clock, line.duty.of_issuer), []).append(line)
    listed = list(groups.values())
    shown, hidden = listed[:MOST_LINES], listed[MOST_LINES:]
    elsewhere = Counter(_list_of(group[0]) for group in hidden)
    context = {
        "groups": shown,
        "ids": [line.id for group in shown for line in group],  # nobody acknowledges what they have not been shown
        "more": len(hidden),
        "elsewhere": [(href, translate(request, LISTS[href]), number) for href, number in elsewhere.items()],
    }
    return HomeCard(template="directives/home_alarms.html", order=11, context=context)  # after a leader's one click


def _list_of(line: AlarmLine) -> str:
    """The page that lists what an alarm is about."""
    if not line.duty.of_issuer:
        return "/directives/in"
    return "/directives/decide" if line.clock in (ClockName.REVIEW, ClockName.EXTENSION) else "/directives/late"


async def day_card(request: web.Request) -> HomeCard | None:
    """The unit's day, first of all for cadres and clerks: late, today, this week, by person and by unit."""
    who = principal(request)
    if who.role not in (Role.CADRE, Role.CLERK) or not who.may(Permission.READ_DIRECTIVES):
        return None
    day = await request.app[STORE].read(service.unit_day, who, request.app[POLICY])
    if not (day.people or day.below):
        return None
    context = {
        "day": day,
        "people": day.people[:MOST_LINES],
        "below": day.below[:MOST_LINES],
        "more_below": max(0, len(day.below) - MOST_LINES),
    }
    return HomeCard(template="directives/home_day.html", order=5, context=context)


async def due_card(request: web.Request) -> HomeCard | None:
    """What came and is open, what is due next first."""
    who = principal(request)
    if not who.may(Permission.READ_DIRECTIVES):
        return None
    found = await request.app[STORE].read(service.inbox, who, request.app[POLICY], most=MOST_LINES)
    if not found.deliveries:
        return None
    context = {"lines": found.deliveries, "more": found.total - len(found.deliveries)}
    next_thing = await _one_button(request) if who.role is Role.VILLAGE_HEAD else None
    return HomeCard(template="directives/home_due.html", order=20, context=context, next_thing=next_thing)


class _Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a village head is asked to do with a delivery in one of `states`, in the largest letters."""

    states: Collection[State]
    lead: str
    button: str
    icon: str


CONFIRM = _Ask(states=UNREGISTERED, lead=_("Có chỉ đạo mới"), button=_("ĐÃ NHẬN"), icon="check")
ASKS = (
    CONFIRM,
    _Ask(
        states=(State.RECALL_PENDING,),
        lead=_("Cấp trên xin thu hồi văn bản"),
        button=_("XEM VÀ TRẢ LỜI"),
        icon="undo-2",
    ),
    _Ask(states=(State.REWORK,), lead=_("Cấp trên yêu cầu bổ sung"), button=_("XEM VÀ BỔ SUNG"), icon="rotate-ccw"),
    _Ask(
        states=(State.REGISTERED, State.ASSIGNED, State.IN_PROGRESS),
        lead=_("Việc đang làm"),
        button=_("XEM VÀ BÁO XONG"),
        icon="check",
    ),
)
"""All that is open is of one of these; the first that there is any of is the one thing to do."""


async def _one_button(request: web.Request) -> NextThing | None:
    who, policy, store = principal(request), request.app[POLICY], request.app[STORE]
    for ask in ASKS:
        line = await store.read(service.due_first, who, policy, ask.states)
        if line is not None:
            return _next_thing(request, ask, line)
    return None


def _next_thing(request: web.Request, ask: _Ask, line: ReceivedLine) -> NextThing:
    """The button confirms at once; all else is done on the directive's page."""
    at_once, who = ask is CONFIRM, principal(request)
    return NextThing(
        lead=translate(request, ask.lead),
        what=line.subject,
        when=f"{line.number_text} · {line.unit_name}",
        button=translate(request, ask.button),
        href=f"/directives/{line.directive}/register" if at_once else f"/directives/{line.directive}",
        icon=ask.icon,
        post=at_once,
        fields={"command_id": secrets.token_hex(16), "unit": str(who.unit_id)} if at_once else {},
        exercise=line.exercise,
    )


async def sign_card(request: web.Request) -> HomeCard | None:
    """Drafts that wait for the leader's one click; the clerk's own drafts."""
    who = principal(request)
    if not who.may(Permission.DRAFT_DIRECTIVE):
        return None
    drafts = await request.app[STORE].read(service.drafts, who)
    may_issue = who.may(Permission.ISSUE_DIRECTIVE)
    shown = [draft for draft in drafts if draft.state == "WAITING" or not may_issue]
    context = {"drafts": shown[:MOST_LINES], "may_issue": may_issue}
    order = 10 if may_issue else 30
    return HomeCard(template="directives/home_sign.html", order=order, context=context) if shown else None


async def boards_card(request: web.Request) -> HomeCard | None:
    """How far the newest directives are, for those who write them."""
    who = principal(request)
    if not who.may(Permission.REVIEW_RESPONSE):
        return None
    lines = await request.app[STORE].read(service.issued, who, request.app[POLICY], MOST_LINES)
    context = {"lines": lines}
    return HomeCard(template="directives/home_boards.html", order=50, context=context) if lines else None


CARDS = (day_card, alarm_card, late_card, decide_card, due_card, sign_card, boards_card)
