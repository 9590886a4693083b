"""Calls into meetings and about directives share the trunk: an alarm rings before them, and none exceeds its bound."""

from __future__ import annotations

import pytest

from server.calls import clerk, numbers
from server.calls.dial_out import Job
from server.calls.places import Places, Precedence
from server.calls.rules import Purpose
from server.directives.documents import Urgency
from tests.calls.directives.desk import CLERK_NUMBER, NUMBER, Desk
from tests.waiting import until

OTHER = "0912000999"


@pytest.mark.parametrize(
    ("urgency", "order"), [(Urgency.FLASH, [NUMBER, OTHER]), (Urgency.NORMAL, [OTHER, NUMBER])], ids=str
)
async def test_on_a_full_trunk_alarms_ring_first(at: Desk, urgency: Urgency, order: list[str]) -> None:
    places = at.line.exchange.places = Places(1)
    await places.take(Precedence.MEETING)
    at.line.handsets.answers = lambda call, now: None  # it rings
    at.means.dialler.call([Job(number=OTHER, purpose=Purpose.TEST)])
    at.issue(urgency=urgency)
    await until(lambda: len(places._waiting) == 2)
    assert at.rang == [] and not at.line.exchange.lines
    places.give_back()
    for rung in (1, 2):
        await until(lambda rung=rung: len(at.rang) == rung)
        assert len(at.line.exchange.lines) == 1
        at.rang[-1].refuse(404, at.line.handsets.endpoint.now)
    await at.idle()
    assert [call.dialled for call in at.rang] == order
    await places.take(Precedence.USUAL)  # all were given back


async def test_without_a_place_for_the_clerk_the_wish_is_noted(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clerk, "PLACE_SECONDS", 0.05)
    at.line.exchange.places = Places(1)
    at.store.write_now(numbers.give, at.clerk.account_id, CLERK_NUMBER)
    at.issue()
    name = await at.up()
    await at.line.press(name, "1")
    await at.line.hears(name, "directive_menu")
    await at.line.press(name, "9")
    await at.line.hears(name, "clerk_away")
    assert [call.dialled for call in at.rang] == [NUMBER]
