"""What a feature puts on the home page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web


class NextThing(msgspec.Struct, frozen=True, kw_only=True):
    """The one thing to do now, as a village head sees it: a sentence and a button over the whole screen.

    All texts are already in the reader's language: `lead` “Họp lúc 14:00, còn 12 phút”, `what` the title, `button`
    “Vào họp”. `post` makes the button a form to `href` with `fields`. An `exercise` is marked as one above all.
    """

    lead: str
    what: str
    button: str
    href: str
    icon: str
    when: str = ""
    post: bool = False
    fields: dict[str, str] = {}
    exercise: bool = False


class HomeCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card: `template` is included with `context` as the variable `card`; low `order` stands first.

    Orders by custom: live meeting 0, overdue 10, due 20, to sign 30, next meetings 40, lists 50 and more.
    """

    template: str
    order: int
    context: dict[str, Any] = {}
    next_thing: NextThing | None = None


CardMaker = Callable[[web.Request], Awaitable[HomeCard | None]]
HOME_CARDS: web.AppKey[list[CardMaker]] = web.AppKey("home_cards", list)
"""Each asks its feature for a card for the person who asks; None when there is nothing to show."""
