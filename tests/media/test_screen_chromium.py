"""A screen shared between real browsers: in VP9 as long as everybody can be shown it, in VP8 while somebody cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.media import protocol as p
from tests.media.browsing import Meeting, Member, meeting_of_pages

pytestmark = pytest.mark.timeout(120)

_SHARE = """async () => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
  const drawing = canvas.getContext('2d');
  let tick = 0;
  setInterval(() => {
    drawing.fillStyle = window.turned ? 'rgb(0,180,0)' : 'rgb(0,0,220)';
    drawing.fillRect(0, 0, 1280, 720);
    drawing.fillStyle = 'white';
    drawing.fillRect(tick++ % 1200, 700, 14, 20);
  }, 50);
  const [track] = canvas.captureStream(20).getVideoTracks();
  track.contentHint = 'detail';
  await connection.put('screen', track);
}"""
_LAYERS = "({kind, rids, codec}) => connection.sendLayers(kind, rids, codec)"
_CANNOT = "navigator.mediaCapabilities.decodingInfo = async () => ({ supported: true, smooth: false })"
_SEEN = """async () => {
  const all = await connection.pc.getStats();
  const found = [...all.values()].find((one) => one.trackIdentifier === connection.slots.get(0).id) ?? {};
  const { framesDecoded: frames = 0, freezeCount: freezes = 0, frameWidth: width = 0, codecId } = found;
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const drawing = canvas.getContext('2d');
  drawing.drawImage(document.querySelector('video'), 0, 0, 1, 1);
  const [, green, blue] = drawing.getImageData(0, 0, 1, 1).data;
  return { frames, freezes, width, codec: all.get(codecId)?.mimeType ?? '', colour: green > blue ? 'green' : 'blue' };
}"""


class Scene:
    """`a` shares its screen and `b` looks at it."""

    def __init__(self, meeting: Meeting, sharer: Member, viewer: Member) -> None:
        self.meeting, self.sharer, self.viewer = meeting, sharer, viewer

    async def look(self, member: Member) -> None:
        wants = [p.Want(slot=0, source="a", kind="screen", width=1280)]
        await self.meeting.node.control.do(p.ShowSlots(room="r", participant=member.name, wants=wants))

    async def until(self, member: Member, **wanted: Any) -> dict[str, Any]:
        """Wait until the member sees that much, and pictures go on coming."""
        seen: dict[str, Any] = {}
        for _ in range(100):
            before, seen = seen, await member.page.evaluate(_SEEN)
            if seen["frames"] > before.get("frames", 0) > 0 and all(
                seen[key] == value for key, value in wanted.items()
            ):
                return seen
            await asyncio.sleep(0.2)
        raise AssertionError((member.name, wanted, seen))


async def _obey(meeting: Meeting, sharer: Member) -> None:
    while True:
        event = await meeting.node.control.event(p.LayersWanted, lambda e: e.participant == "a", timeout=600)
        await sharer.page.evaluate(_LAYERS, msgspec.to_builtins(event))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with meeting_of_pages(tmp_path) as meeting:
        sharer, viewer = await meeting.join("a"), await meeting.join("b")
        obeying = asyncio.create_task(_obey(meeting, sharer))
        made = Scene(meeting, sharer, viewer)
        await made.look(viewer)
        await sharer.page.evaluate(_SHARE)
        yield made
        obeying.cancel()
        with suppress(asyncio.CancelledError):
            await obeying


async def test_a_screen_is_vp9_until_somebody_cannot_be_shown_it(scene: Scene) -> None:
    await scene.until(scene.viewer, codec="video/VP9", width=1280, colour="blue")
    await scene.sharer.page.evaluate("window.turned = true")
    before = await scene.until(scene.viewer, colour="green")

    old = await scene.meeting.join("c", before=_CANNOT)
    assert "VP9" not in old.answer.split("m=video")[-1]
    await scene.look(old)
    await scene.until(old, codec="video/VP8", width=1280, colour="green")
    await scene.until(scene.viewer, codec="video/VP8", width=1280, colour="green")

    await scene.meeting.node.control.do(p.Leave(room="r", participant="c"))
    after = await scene.until(scene.viewer, codec="video/VP9", width=1280, colour="green")
    await scene.sharer.page.evaluate("window.turned = false")
    await scene.until(scene.viewer, colour="blue")
    assert after["freezes"] - before["freezes"] <= 2, "one short wait a change, on a busy machine"
