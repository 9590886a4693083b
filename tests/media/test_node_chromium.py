"""Three pages of a real browser meet through a real node: pictures, voices, switches, mute, floor, screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from server.media import protocol as p
from tests import witness
from tests.e2e.harness import CHROMIUM
from tests.e2e.harness import FLAGS as COMMON_FLAGS
from tests.media.driving import NodeProcess, node_process

FLAGS = [*COMMON_FLAGS, "--autoplay-policy=no-user-gesture-required"]
COLOURS = {"red": (200, 0, 0), "green": (0, 180, 0), "blue": (0, 0, 220)}
TONES = {"red": 300, "green": 500, "blue": 700}


class Member:
    """One page: its name is the colour that it shows."""

    def __init__(self, name: str, page: Page, joined: p.Joined) -> None:
        self.name = name
        self.page = page
        self.mids = {(info.kind, info.slot): info.mid for info in joined.slots}

    async def figures(self, kind: str, slot: int) -> dict[str, Any]:
        """What the browser says of a slot; zeros before its first packet."""
        found = await self.page.evaluate("figures()")
        return {"frames": 0, "energy": 0, "width": 0, **found.get(self.mids[kind, slot], {})}

    async def voices(self) -> float:
        """Sound energy heard so far, over all slots."""
        return sum([(await self.figures("audio", slot))["energy"] for slot in range(p.AUDIO_SLOTS)])

    async def shown(self, slot: int) -> str:
        """The colour that a slot shows now."""
        colour = await self.page.evaluate("n => colour(n)", slot)
        return min(COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(COLOURS[name], colour, strict=True)))


class Meeting:
    """A node with a room and pages in it."""

    def __init__(self, node: NodeProcess, browser: Browser, url: str) -> None:
        self.node = node
        self.members: dict[str, Member] = {}
        self._browser = browser
        self._url = url

    async def join(self, name: str) -> Member:
        page = await self._browser.new_page()
        await page.goto(self._url)
        await page.wait_for_function("typeof window.offer === 'function'")
        red, green, blue = COLOURS[name]
        options = {"colour": f"rgb({red},{green},{blue})", "frequency": TONES[name]}
        offer = await page.evaluate("o => offer(o)", options)
        joined = await self.node.control.call(p.Join(room="r", participant=name, offer=offer), p.Joined)
        await page.evaluate("sdp => answer(sdp)", joined.answer)
        member = self.members[name] = Member(name, page, joined)
        return member

    async def show(self, name: str, *wants: p.Want) -> None:
        await self.node.control.do(p.ShowSlots(room="r", participant=name, wants=list(wants)))

    async def others(self, name: str) -> None:
        """Slots 0 and 1 of a page show the two others."""
        names = [other for other in COLOURS if other != name]
        await self.show(name, *(p.Want(slot=n, source=other) for n, other in enumerate(names)))


@pytest.fixture
async def meeting(tmp_path: Path) -> AsyncIterator[Meeting]:
    app = web.Application()
    app.router.add_static("/", Path(__file__).with_name("page"))
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with node_process(tmp_path) as node, async_playwright() as playwright:
        await node.control.do(p.OpenRoom(room="r"))
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        witness.watch(browser)
        yield Meeting(node, browser, f"http://127.0.0.1:{port}/index.html")
        await browser.close()
    await runner.cleanup()
    assert "Traceback" not in node.log, node.log


async def until(condition: Callable[[], Awaitable[bool]], what: str, timeout: float = 30) -> None:
    try:
        async with asyncio.timeout(timeout):
            while not await condition():
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(what)


async def test_three_pages_see_and_hear_each_other(meeting: Meeting) -> None:
    for name in COLOURS:
        await meeting.join(name)
    for name in COLOURS:
        await meeting.others(name)
    for name, member in meeting.members.items():
        for slot, other in enumerate(other for other in COLOURS if other != name):

            async def seen(member: Member = member, slot: int = slot) -> bool:
                return (await member.figures("video", slot))["frames"] > 10

            await until(seen, f"{name} does not see {other}")
            figures = await member.figures("video", slot)
            assert figures["width"] in (160, 320, 640) and figures["height"] == figures["width"] * 9 // 16
            assert await member.shown(slot) == other
        await _hears_the_two_others(meeting, member)
    await _switches(meeting)
    await _mute_and_floor(meeting)
    await _screen(meeting)
    answer = await meeting.node.control.call(p.GetStats(), p.Stats)
    assert sum(answer.refused.values()) == answer.refused.get("stranger_dtls", 0), answer.refused
    assert all(entry.lost_in < 20 for entry in answer.participants)


async def _hears_the_two_others(meeting: Meeting, member: Member) -> None:
    async def heard() -> bool:
        energies = [(await member.figures("audio", slot))["energy"] for slot in range(p.AUDIO_SLOTS)]
        return sum(energy > 0.01 for energy in energies) == 2

    await until(heard, f"{member.name} does not hear two voices")


async def _switches(meeting: Meeting) -> None:
    """A slot shows somebody else, then somebody smaller, without a freeze."""
    member = meeting.members["red"]
    before = await member.figures("video", 0)
    for source, width in (("blue", 640), ("green", 640), ("blue", 160)):
        await meeting.show("red", p.Want(slot=0, source=source, width=width))

        async def right(source: str = source) -> bool:
            return await member.shown(0) == source

        await until(right, f"slot 0 does not show {source}", 10)
    after = await member.figures("video", 0)
    assert after["frames"] > before["frames"]
    assert after["freezes"] - before["freezes"] <= 3, "at most one short wait a switch, on a busy machine"
    still = (await member.figures("video", 1))["frames"]
    await asyncio.sleep(0.7)
    assert (await member.figures("video", 1))["frames"] == still, "a slot that shows nothing costs nothing"


async def _mute_and_floor(meeting: Meeting) -> None:
    node, listener = meeting.node.control, meeting.members["red"]

    async def energy_of(seconds: float) -> float:
        await asyncio.sleep(1)  # what is in the jitter buffer still sounds
        before = await listener.voices()
        await asyncio.sleep(seconds)
        return await listener.voices() - before

    both = await energy_of(1)
    await node.do(p.SetPublish(room="r", participant="blue", microphone=False))
    one = await energy_of(1)
    await node.do(p.SetFloor(room="r", holders=["red"]))
    none = await energy_of(1)
    await node.do(p.SetFloor(room="r", holders=None))
    again = await energy_of(1)
    assert both > 1.5 * one > 0.01
    assert none < 0.1 * one
    assert again > 0.5 * one


async def _screen(meeting: Meeting) -> None:
    """A shared screen begins without any negotiation, and is the programme."""
    node = meeting.node.control
    await meeting.show("red", p.Want(slot=0, source="green", kind="screen", width=1280))
    await meeting.members["green"].page.evaluate("share(800, 600, 'rgb(0,180,0)')")
    await node.event(p.TrackChanged, lambda e: e.kind == "screen" and e.live, timeout=20)
    event = await node.event(p.ProgrammeChanged, lambda e: e.kind == "screen")
    assert event.source == "green"

    async def seen() -> bool:
        figures = await meeting.members["red"].figures("video", 0)
        return bool(figures["width"]) and figures["width"] * 3 == figures["height"] * 4  # a camera is 16:9

    await until(seen, "red does not see the screen")
    await meeting.members["green"].page.evaluate("unshare()")
    await node.event(p.TrackChanged, lambda e: e.kind == "screen" and not e.live, timeout=20)
