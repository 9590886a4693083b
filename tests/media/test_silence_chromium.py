"""A microphone that is on where nobody speaks: hardly anything is sent for it, and the first word is there again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.media.browsing import Meeting, Member, meeting_of_pages, until

PACKETS = """async () => [...(await connection.pc.getStats()).values()]
  .filter((one) => one.type === 'inbound-rtp' && one.kind === 'audio')
  .reduce((total, one) => total + one.packetsReceived, 0)"""


@pytest.fixture
async def meeting(tmp_path: Path) -> AsyncIterator[Meeting]:
    async with meeting_of_pages(tmp_path) as meeting:
        yield meeting


async def a_second(listener: Member, seconds: float = 3) -> float:
    """How many packets of voices come."""
    before = await listener.page.evaluate(PACKETS)
    await asyncio.sleep(seconds)
    return float(await listener.page.evaluate(PACKETS) - before) / seconds


async def test_silence_costs_few_packets(meeting: Meeting) -> None:
    speaker = await meeting.join("speaker", voice=True)
    listener = await meeting.join("listener")

    async def speaks() -> bool:
        return await a_second(listener, 1) > 30

    await until(speaks, "a voice that is heard")
    await speaker.page.evaluate("loudness.gain.value = 0")
    assert await speaker.page.evaluate("connection.microphone.track.enabled && !connection.microphone.track.muted")
    await asyncio.sleep(1.5)  # until the encoder takes it for silence
    silent = await a_second(listener)
    await speaker.page.evaluate("loudness.gain.value = 0.4")
    await asyncio.sleep(0.5)
    spoken = await a_second(listener, 1)
    print(f"{silent:.1f} packets/s of silence, {spoken:.1f} of a voice")
    assert silent < 10
    assert spoken > 30
