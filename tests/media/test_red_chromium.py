"""Copies of voices in a real browser: taken from the node where the downlink loses, sent where the uplink does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from server.config import ROOT
from server.media import protocol as p
from tests.e2e.harness import CHROMIUM
from tests.e2e.harness import FLAGS as COMMON_FLAGS
from tests.media.driving import NodeProcess, node_process
from tests.media.lossy import Relay, at_random

FLAGS = [*COMMON_FLAGS, "--autoplay-policy=no-user-gesture-required"]

HEARD = """async () => {
  const all = [...(await window.connection.pc.getStats()).values()];
  const sum = (items, name) => items.reduce((total, x) => total + (x[name] ?? 0), 0);
  const of = (type, name) => sum(all.filter((x) => x.type === type && x.kind === 'audio'), name);
  return {
    concealed: of('inbound-rtp', 'concealedSamples') - of('inbound-rtp', 'silentConcealedSamples'),
    received: of('inbound-rtp', 'totalSamplesReceived'), packets: of('inbound-rtp', 'packetsReceived'),
    energy: of('inbound-rtp', 'totalAudioEnergy'), lost: of('inbound-rtp', 'packetsLost'),
    sent: of('outbound-rtp', 'packetsSent'), bytes: of('outbound-rtp', 'bytesSent'),
  };
}"""

OPEN = """async (tone) => {
  const { Connection } = await import('/room/connection.js');
  window.connection = new Connection({ onState: () => {} });
  const offer = await connection.offer();
  if (!tone) return offer;
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: 220, type: 'sawtooth' });
  const wobble = new OscillatorNode(context, { frequency: 4 });
  const depth = new GainNode(context, { gain: 60 });
  const end = new MediaStreamAudioDestinationNode(context);
  wobble.connect(depth).connect(oscillator.frequency);
  oscillator.connect(new GainNode(context, { gain: 0.4 })).connect(end);
  oscillator.start();
  wobble.start();
  window.tone = end.stream.getAudioTracks()[0];
  return offer;
}"""

ACCEPT = """async (answer) => {
  await connection.accept(answer);
  if (window.tone) await connection.put('microphone', window.tone);
  for (const track of connection.voices) {
    const element = Object.assign(new Audio(), { autoplay: true, srcObject: new MediaStream([track]) });
    document.body.append(element);
  }
}"""


@dataclass
class Member:
    page: Page
    answer: str

    async def heard(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate(HEARD)
        return found


class Meeting:
    """A node and pages that run the product's own connection."""

    def __init__(self, node: NodeProcess, browser: Browser, url: str) -> None:
        self.node = node
        self._browser = browser
        self._url = url

    async def join(self, name: str, *, tone: bool = False, relay: Relay | None = None, red: bool = True) -> Member:
        page = await self._browser.new_page()
        await page.goto(self._url)
        offer = await page.evaluate(OPEN, tone)
        if not red:
            offer = re.sub(r"a=rtpmap:63 red/48000/2\r\n|a=fmtp:63 \S+\r\n", "", offer)
        joined = await self.node.control.call(p.Join(room="r", participant=name, offer=offer), p.Joined)
        answer = await relay.through(joined.answer) if relay else joined.answer
        slots = [{"mid": slot.mid, "kind": slot.kind, "slot": slot.slot} for slot in joined.slots]
        await page.evaluate(ACCEPT, {"answer": answer, "slots": slots})
        return Member(page, joined.answer)


async def _blank(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>voices</title><body>", content_type="text/html")


@pytest.fixture
async def meeting(tmp_path: Path) -> AsyncIterator[Meeting]:
    app = web.Application()
    app.router.add_static("/room", ROOT / "web/static/js/room")
    app.router.add_get("/", _blank)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with node_process(tmp_path) as node, async_playwright() as playwright:
        await node.control.do(p.OpenRoom(room="r"))
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Meeting(node, browser, f"http://127.0.0.1:{runner.addresses[0][1]}/")
        await browser.close()
    await runner.cleanup()
    assert "Traceback" not in node.log, node.log


async def until(reading: Any, what: str, timeout: float = 40) -> None:
    try:
        async with asyncio.timeout(timeout):
            while not await reading():
                await asyncio.sleep(0.3)
    except TimeoutError:
        pytest.fail(what)


async def test_who_loses_a_tenth_hears_nearly_everything(meeting: Meeting) -> None:
    """Two listeners behind equally bad lines, one of whom did not negotiate RED."""
    relays = Relay(down=at_random(0.1, 1)), Relay(down=at_random(0.1, 1))
    await meeting.join("speaker", tone=True)
    with_red = await meeting.join("with", relay=relays[0])
    without = await meeting.join("without", relay=relays[1], red=False)
    assert "red/48000/2" in with_red.answer and "red/" not in without.answer
    await until(lambda: _copied(meeting.node), "the node sends no copies")
    await asyncio.sleep(2)  # until those that were lost before are played
    before = [await member.heard() for member in (with_red, without)]
    await asyncio.sleep(12)
    after = [await member.heard() for member in (with_red, without)]
    shares = [
        (b["concealed"] - a["concealed"]) / (b["received"] - a["received"]) for a, b in zip(before, after, strict=True)
    ]
    print("concealed with and without copies:", shares)
    assert after[0]["energy"] > before[0]["energy"] + 0.01
    assert shares[1] > 0.04
    assert shares[0] < shares[1] / 3
    for relay in relays:
        relay.close()


async def _copied(node: NodeProcess) -> bool:
    return "r/with: voices with 1 copies" in node.log or "r/with: voices with 2 copies" in node.log


async def test_a_page_whose_uplink_loses_sends_copies_and_the_node_repairs(meeting: Meeting) -> None:
    relay = Relay(up=at_random(0.1, 2))
    speaker = await meeting.join("speaker", tone=True, relay=relay)
    listener = await meeting.join("listener")
    await until(lambda: speaker.page.evaluate("connection.voice.copies"), "the page does not begin to send copies")
    await asyncio.sleep(3)
    before, sent = await listener.heard(), await speaker.heard()
    await asyncio.sleep(10)
    after, last = await listener.heard(), await speaker.heard()
    lost = (after["lost"] - before["lost"]) / (after["packets"] - before["packets"])
    rate = 8 * (last["bytes"] - sent["bytes"]) / (last["sent"] - sent["sent"]) * 50
    print("lost behind the node:", lost, "uplink payload bit/s:", rate, before, after)
    assert relay.lost > 20
    assert lost < 0.04
    assert rate > 45_000, "twice the voice"
    await speaker.page.evaluate("connection.setVoice({ kbps: 16, red: false })")
    await asyncio.sleep(2)
    sent = await speaker.heard()
    await asyncio.sleep(4)
    last = await speaker.heard()
    rate = 8 * (last["bytes"] - sent["bytes"]) / (last["sent"] - sent["sent"]) * 50
    print("bit/s at 16:", rate)
    assert rate < 24_000
