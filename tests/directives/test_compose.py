"""The form suggests the deadline that the urgency asks for."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import msgspec

from server.directives.documents import Urgency
from tests.conftest import Clock, PageAs
from tests.directives.helpers import POLICY

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam


async def test_the_suggested_deadlines(page_as: PageAs, clock: Clock) -> None:
    clock.set(WEDNESDAY)
    text = await (await (await page_as("vanthu")).get("/directives/new")).text()
    field = re.search(r'<input [^>]*type="datetime-local" value="([^"]*)"[^>]* data-suggestions="([^"]*)"', text)
    assert field is not None
    by_urgency = msgspec.json.decode(html.unescape(field[2]), type=dict[Urgency, str])
    assert by_urgency.pop(Urgency.FLASH_TIMED) == ""  # whoever issues it says the hour
    assert by_urgency == {
        Urgency.NORMAL: "2026-12-02T17:00",
        Urgency.URGENT: "2026-11-27T17:00",
        Urgency.VERY_URGENT: "2026-11-26T17:00",
        Urgency.FLASH: "2026-11-25T12:00",
    }
    assert field[1] == by_urgency[Urgency.NORMAL]
    for urgency, suggested in by_urgency.items():
        due = POLICY.suggested_deadline(WEDNESDAY, urgency).astimezone(POLICY.zone)
        assert f"{due:%Y-%m-%dT%H:%M}" == suggested
