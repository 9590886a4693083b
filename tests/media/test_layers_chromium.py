"""A camera sends as many layers at once as its picture is large enough for, whatever the browser would make of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.media.browsing import Meeting, Member, meeting_of_pages, until

WORTH = """async (size) => {
  const { worthSending } = await import('/room/layers.js');
  return worthSending(size && { getSettings: () => size });
}"""
SENT = """async ([there, wished]) => (await import('/room/layers.js')).sentOf(there, wished)"""
ACTIVE = "connection.camera.getParameters().encodings.filter((one) => one.active).map((one) => one.rid)"
FRAMES = """async () => Object.fromEntries([...(await connection.camera.getStats()).values()]
  .filter((one) => one.type === 'outbound-rtp').map((one) => [one.rid, one.framesEncoded ?? 0]))"""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def meeting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Meeting]:
    """One for all tests; each joins by a name of its own, and its page leaves."""
    folder: Path = tmp_path_factory.mktemp("layers")
    async with meeting_of_pages(folder) as meeting:
        yield meeting


async def goes_on(member: Member) -> set[str]:
    """The layers of which pictures are encoded now."""
    before = await member.page.evaluate(FRAMES)
    await asyncio.sleep(1)
    after = await member.page.evaluate(FRAMES)
    return {rid for rid, frames in after.items() if frames > before.get(rid, 0)}


@pytest.mark.parametrize(
    ("size", "rids"), [((320, 180), ["f"]), ((640, 360), ["f", "h"]), ((960, 540), ["f", "h", "q"])]
)
async def test_a_camera_s_size_decides(meeting: Meeting, size: tuple[int, int], rids: list[str]) -> None:
    speaker = await meeting.join(f"of {size[0]}", picture=True, size=size)
    assert await speaker.page.evaluate(ACTIVE) == rids

    async def all_go_on() -> bool:
        return await goes_on(speaker) == set(rids)

    await until(all_go_on, f"layers {rids} are sent")
    await speaker.page.evaluate("connection.sendLayers('camera', ['q'])")
    assert await speaker.page.evaluate(ACTIVE) == rids[-1:], "the smallest that there is"
    await speaker.page.evaluate("connection.sendLayers('camera', [])")
    assert await speaker.page.evaluate(ACTIVE) == []
    await speaker.page.evaluate("connection.sendLayers('camera', ['f', 'h', 'q'])")
    assert await speaker.page.evaluate(ACTIVE) == rids
    await speaker.page.close()


async def test_what_is_worth_sending(meeting: Meeting) -> None:
    page = (await meeting.join("somebody")).page

    async def worth(size: Any) -> Any:
        return await page.evaluate(WORTH, size)

    assert await worth({"width": 360, "height": 640}) == ["f", "h"], "a telephone held upright"
    assert await worth({"width": 1920, "height": 1080}) == ["f", "h", "q"]
    assert await worth({"width": 160, "height": 120}) == ["f"]
    assert await worth({}) == await worth(None) == ["f", "h", "q"], "a size that is not known"
    assert await page.evaluate(SENT, [["f", "h"], None]) == ["f", "h"]
    assert await page.evaluate(SENT, [["f", "h"], ["h", "q"]]) == ["h"]
    assert await page.evaluate(SENT, [["f", "h"], []]) == []
