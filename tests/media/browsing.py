"""Pages of a real browser that meet through a real node by the product's own connection, on lines bent at will."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from server.config import ROOT
from server.media import protocol as p
from tests import witness
from tests.e2e.harness import CHROMIUM
from tests.e2e.harness import FLAGS as COMMON_FLAGS
from tests.media.driving import NodeProcess, node_process
from tests.media.lossy import Relay

FLAGS = [*COMMON_FLAGS, "--autoplay-policy=no-user-gesture-required"]

_OPEN = """async ({voice, picture, size: [width, height]}) => {
  const { Connection } = await import('/room/connection.js');
  window.connection = new Connection({ onState: () => {} });
  window.sending = {};
  if (voice) {
    const context = new AudioContext();
    const oscillator = new OscillatorNode(context, { frequency: 220, type: 'sawtooth' });
    const wobble = new OscillatorNode(context, { frequency: 4 });
    const end = new MediaStreamAudioDestinationNode(context);
    window.loudness = new GainNode(context, { gain: 0.4 });
    wobble.connect(new GainNode(context, { gain: 60 })).connect(oscillator.frequency);
    oscillator.connect(loudness).connect(end);
    oscillator.start();
    wobble.start();
    sending.microphone = end.stream.getAudioTracks()[0];
  }
  if (picture) {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const drawing = canvas.getContext('2d');
    let count = 0;
    window.lit = false;
    window.draw = () => {
      drawing.fillStyle = lit ? 'white' : `hsl(${count += 3} 80% 25%)`;
      drawing.fillRect(0, 0, width, height);
    };
    setInterval(draw, 50);
    sending.camera = canvas.captureStream(20).getVideoTracks()[0];
  }
  return connection.offer();
}"""

_ACCEPT = """async (answer) => {
  await connection.accept(answer);
  for (const [line, track] of Object.entries(sending)) await connection.put(line, track);
  for (const track of [...connection.voices, connection.slots.get(0)]) {
    const element = Object.assign(document.createElement(track.kind), { autoplay: true, playsInline: true });
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
  }
}"""


@dataclass
class Member:
    """One page and the node's answer to it."""

    name: str
    page: Page
    answer: str


class Meeting:
    """A node with a room, and a browser."""

    def __init__(self, node: NodeProcess, browser: Browser, url: str) -> None:
        self.node = node
        self._browser = browser
        self._url = url

    async def join(
        self,
        name: str,
        *,
        voice: bool = False,
        picture: bool = False,
        size: tuple[int, int] = (320, 180),
        relay: Relay | None = None,
        red: bool = True,
        before: str = "",
    ) -> Member:
        """A page joins, behind `relay` if there is one; without `red` it offers no copies of voices.

        Its camera is of `size`; `before` is a script that changes what the page finds of its browser.
        """
        page = await self._browser.new_page()
        await page.goto(self._url)
        await page.evaluate(before)
        offer = await page.evaluate(_OPEN, {"voice": voice, "picture": picture, "size": size})
        if not red:
            offer = re.sub(r"a=rtpmap:63 red/48000/2\r\n|a=fmtp:63 \S+\r\n", "", offer)
        joined = await self.node.control.call(p.Join(room="r", participant=name, offer=offer), p.Joined)
        answer = await relay.through(joined.answer) if relay else joined.answer
        slots = [{"mid": slot.mid, "kind": slot.kind, "slot": slot.slot} for slot in joined.slots]
        await page.evaluate(_ACCEPT, {"answer": answer, "slots": slots})
        return Member(name, page, joined.answer)

    async def show(self, member: Member, source: str) -> None:
        """The member's first slot shows `source`."""
        wants = [p.Want(slot=0, source=source, width=320)]
        await self.node.control.do(p.ShowSlots(room="r", participant=member.name, wants=wants))


@asynccontextmanager
async def meeting_of_pages(folder: Path) -> AsyncIterator[Meeting]:
    """A node, a browser, and a server of the product's scripts."""

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>voices</title><body>", content_type="text/html")

    app = web.Application()
    app.router.add_static("/room", ROOT / "web/static/js/room")
    app.router.add_get("/", blank)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with node_process(folder) as node, async_playwright() as playwright:
        await node.control.do(p.OpenRoom(room="r"))
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        witness.watch(browser)
        yield Meeting(node, browser, f"http://127.0.0.1:{runner.addresses[0][1]}/")
        await browser.close()
    await runner.cleanup()
    assert "Traceback" not in node.log, node.log


async def until(condition: Callable[[], Awaitable[Any]], what: str, timeout: float = 60) -> None:
    """Wait for it, or fail."""
    try:
        async with asyncio.timeout(timeout):
            while not await condition():
                await asyncio.sleep(0.3)
    except TimeoutError:
        pytest.fail(what)
