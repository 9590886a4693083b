"""Lips and voice at a real receiver: which moment of the sender it plays and shows, by its own reckoning.

A browser keeps the tracks of one stream together, but the node's slots are streams of their own, since what they show
changes. So each is played as early as its own buffer allows, and this says how far apart that is.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.media.browsing import Meeting, Member, meeting_of_pages, until
from tests.media.lossy import Relay

TOGETHER = 80  # ms
AHEAD = """async () => {
  const of = {};
  (await connection.pc.getStats()).forEach((x) => {
    const plays = x.type === 'inbound-rtp' && x.bytesReceived > 1000;
    if (plays && x.estimatedPlayoutTimestamp) of[x.kind] = x.estimatedPlayoutTimestamp;
  });
  return of.audio && of.video ? of.audio - of.video : null;
}"""  # ms by which the voice is ahead of the picture


@pytest.fixture
async def meeting(tmp_path: Path) -> AsyncIterator[Meeting]:
    async with meeting_of_pages(tmp_path) as meeting:
        yield meeting


async def ahead(member: Member, seconds: float) -> list[float]:
    """Readings of two a second."""
    found: list[float] = []
    for _ in range(round(seconds * 2)):
        reading = await member.page.evaluate(AHEAD)
        if reading is not None:
            found.append(reading)
        await asyncio.sleep(0.5)
    return found


@pytest.mark.parametrize("jitter", [0.0, 0.06])
async def test_lips_and_voice_are_shown_together(meeting: Meeting, jitter: float) -> None:
    chance = random.Random(1)
    relay = Relay(delay=lambda: chance.random() * jitter)
    await meeting.join("speaker", voice=True, picture=True)
    viewer = await meeting.join("viewer", relay=relay)
    await meeting.show(viewer, "speaker")

    async def both() -> bool:
        return await viewer.page.evaluate(AHEAD) is not None

    await until(both, "the voice and the picture have no clock")
    await asyncio.sleep(8)
    readings = await ahead(viewer, 10)
    print(f"voice ahead of picture with {jitter * 1000:.0f} ms jitter: {sorted(map(round, readings))}")
    assert len(readings) >= 15
    assert abs(statistics.median(readings)) <= TOGETHER
    relay.close()
