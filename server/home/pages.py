"""The home page; whoever is not signed in is led to the sign-in page."""

from __future__ import annotations

from aiohttp import web

from server.accounts.permissions import Permission, Role
from server.home.cards import HOME_CARDS, HomeCard
from server.http import PRINCIPAL, Route, render, see_other


async def cards_of(request: web.Request) -> list[HomeCard]:
    """The cards for the person who asks, in order."""
    made = [await maker(request) for maker in request.app[HOME_CARDS]]
    return sorted((card for card in made if card is not None), key=lambda card: card.order)


async def get_home(request: web.Request) -> web.Response:
    """Home."""
    who = request.get(PRINCIPAL)
    if who is None:
        return see_other("/sign-in")
    cards = await cards_of(request)
    if who.role is Role.VILLAGE_HEAD:
        next_thing = next((card.next_thing for card in cards if card.next_thing), None)
        return await render(request, "home/village.html", {"next_thing": next_thing, "cards": cards})
    return await render(request, "home/home.html", {"cards": cards})


ROUTES = [Route("GET", "/", get_home, Permission.PUBLIC)]
