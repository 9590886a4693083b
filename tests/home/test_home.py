"""The home page: cards in their order, one big button for a village head."""

from __future__ import annotations

import jinja2
import pytest
from aiohttp import web

from server.accounts.permissions import Role
from server.home.cards import HOME_CARDS, HomeCard, NextThing
from server.http import RENDERER, principal
from tests.conftest import PageAs

NEXT = NextThing(
    lead="Họp lúc 14:00", what="Giao ban <tuần>", button="VÀO HỌP", href="/somewhere", icon="video", post=True,
    fields={"choice": "yes"},
)  # fmt: skip


@pytest.fixture(autouse=True)
def only_our_cards(app: web.Application) -> None:
    async def later(_request: web.Request) -> HomeCard:
        return HomeCard(template="home/test-card.html", order=40, context={"text": "sau"})

    async def first(request: web.Request) -> HomeCard | None:
        if principal(request).role is Role.CADRE:
            return None
        return HomeCard(template="home/test-card.html", order=0, context={"text": "trước"}, next_thing=NEXT)

    app[HOME_CARDS][:] = [later, first]


@pytest.fixture(autouse=True)
def card_template(app: web.Application) -> None:
    for environment in app[RENDERER]._environments.values():
        ours = jinja2.DictLoader({"home/test-card.html": "<p>[{{ card.text }}]</p>"})
        assert environment.loader is not None
        environment.loader = jinja2.ChoiceLoader([ours, environment.loader])


async def test_cards_stand_in_order(page_as: PageAs) -> None:
    text = await (await (await page_as("chutich")).get("/")).text()
    assert text.index("[trước]") < text.index("[sau]")
    cadre = await (await (await page_as("camthuy")).get("/")).text()
    assert "[trước]" not in cadre
    assert "[sau]" in cadre


async def test_a_village_head_sees_one_button(page_as: PageAs) -> None:
    page = await page_as("thon1.camthuy")
    text = await (await page.get("/")).text()
    assert text.count("button-go") == 1
    assert 'action="/somewhere"' in text
    assert 'name="choice" value="yes"' in text
    assert page.csrf in text
    assert "Giao ban &lt;tuần&gt;" in text


async def test_an_empty_home_says_so(app: web.Application, page_as: PageAs) -> None:
    app[HOME_CARDS].clear()
    assert "chưa có việc gì đến hạn" in await (await (await page_as("chutich")).get("/")).text()
    assert "Chưa có việc gì cần làm" in await (await (await page_as("thon1.camthuy")).get("/")).text()
