"""A shared screen on a link of 400 kbit/s: how soon a page of small text can be read, and how many pictures come.

Chromium shares 1920×1080 beside camera and voice, another one reads: once the reader is behind the thin link, once who
shares. A machine reads the text letter by letter (`screen_page.js`), so a page counts as legible when nearly all of its
letters are told from all others, accents too. All runs in a network namespace of its own (needs root).
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from playwright.async_api import Browser, Page, async_playwright

from server.media import protocol as p
from tests.bench.figures import Figure
from tests.bench.weak_sides import browser, make_material, open_page, told
from tests.media.driving import Control, node_process
from tests.peers.link import Link, Way, emulated, own_network

ROOM = "screen"
SCRIPT = "screen_page.js"
CLEAN = Way(delay=0.02)
SIDES = ("viewer", "publisher")  # who is behind the thin link
SETTLING = 10.0  # s after the link has become thin until the sharing begins
FIRST_SECONDS = 10.0  # s from then to the second page
LEGIBLE = 0.97  # share of letters
PAGE_SECONDS = 8.0  # between two pages
SCROLLED = 5.0  # s
CONNECTING = 60.0  # s
UNITS = {
    "first_s": "s",
    "legible_s": "s",
    "legible_worst_s": "s",
    "legible_pct": "%",
    "fps": "frames/s",
    "still_fps": "frames/s",
    "scrolled_fps": "frames/s",
    "width": "px",
    "concealed_pct": "%",
}

Sample = dict[str, float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--sides", default=",".join(SIDES), help="who is behind the thin link")
    parser.add_argument("--rate", type=float, default=400, help="kbit/s both ways")
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trace", action="store_true", help="print each second what is known")


# ---- figures of the samples that the reading page took


def since(samples: list[Sample], begin: float, end: float) -> list[Sample]:
    """The samples between two moments."""
    return [sample for sample in samples if begin <= sample["at"] < end]


def legible_after(samples: list[Sample], page: int, begin: float) -> float:
    """Seconds from `begin` until this page can be read and stays so for its next sample; `PAGE_SECONDS` when never."""
    seen = [sample for sample in since(samples, begin, begin + PAGE_SECONDS) if sample["page"] == page]
    return next((a["at"] - begin for a, b in pairwise(seen) if min(a["share"], b["share"]) >= LEGIBLE), PAGE_SECONDS)


def grown(samples: list[Sample], key: str) -> float:
    """By how much a counter grew over these samples."""
    return samples[-1][key] - samples[0][key]


def a_second(samples: list[Sample], key: str) -> float:
    """The same a second."""
    return grown(samples, key) / grown(samples, "at")


def between_turns(samples: list[Sample], turned: list[float], waits: list[float]) -> float:
    """Pictures a second while a page that can be read stands there, and nothing but a pointer moves."""
    parts = [since(samples, begin + wait, begin + PAGE_SECONDS) for begin, wait in zip(turned, waits, strict=True)]
    rates = [a_second(part, "frames") for part in parts if len(part) > 1]
    return statistics.mean(rates) if rates else 0.0


# ---- one run


async def _weak(side: str, link: Link, near: Browser, far: Browser, options: Any) -> dict[str, float]:
    places = {"viewer": (near, far), "publisher": (far, near)}[side]
    link.set(down=CLEAN, up=CLEAN)
    publisher, reader = [await open_page(place, SCRIPT) for place in places]
    with tempfile.TemporaryDirectory(prefix="screen") as folder:
        async with node_process(Path(folder), address=link.near) as node:
            await node.control.do(p.OpenRoom(room=ROOM))
            pages = {"publisher": publisher, "reader": reader}
            for name, page in pages.items():
                offer = await page.evaluate("publishing => offer(publishing)", name == "publisher")
                joined = await node.control.call(p.Join(room=ROOM, participant=name, offer=offer), p.Joined)
                reads = {"reads": name == "reader"}
                await page.evaluate("joined => accept(joined)", msgspec.to_builtins(joined) | reads)
            wants = [
                p.Want(slot=0, source="publisher", kind="screen", width=1920),
                p.Want(slot=1, source="publisher", kind="camera", width=320),
            ]
            await node.control.do(p.ShowSlots(room=ROOM, participant="reader", wants=wants))
            async with told(node, pages):
                tracing = asyncio.create_task(_trace(node.control, publisher, reader, link)) if options.trace else None
                found = await _measure(link, Way(delay=0.02, rate=1000 * options.rate), pages, options.pages)
                if tracing:
                    tracing.cancel()
    for page in pages.values():
        await page.context.close()
    return found


async def _measure(link: Link, way: Way, pages: dict[str, Page], count: int) -> dict[str, float]:
    publisher, reader = pages["publisher"], pages["reader"]
    last = "samples().at(-1)"
    await reader.wait_for_function(f"{last}?.camera > 20 && {last}.packets > 50", timeout=1000 * CONNECTING)
    link.set(down=way, up=way)
    await asyncio.sleep(SETTLING)
    begun = await reader.evaluate("clock()")
    await publisher.mouse.click(5, 5)  # browsers let nobody share without
    await publisher.evaluate("share()")
    await asyncio.sleep(FIRST_SECONDS)
    turned: list[float] = []
    for number in range(1, count + 1):
        turned.append(await reader.evaluate(f"(window.expected = {number}, clock())"))
        await publisher.evaluate(f"turn({number})")
        await asyncio.sleep(PAGE_SECONDS)
    still = await reader.evaluate("(window.expected = null, clock())")
    await publisher.evaluate("scroll(true)")
    await asyncio.sleep(SCROLLED)
    end = await reader.evaluate("clock()")
    samples = await reader.evaluate("samples()")
    read = since(samples, turned[0], still)
    scrolled = since(samples, still, end)
    waits = [legible_after(samples, number, begin) for number, begin in enumerate(turned, 1)]
    whole = since(samples, turned[0], end)
    return {
        "first_s": legible_after(samples, 0, begun),
        "legible_s": statistics.median(waits),
        "legible_worst_s": max(waits),
        "legible_pct": 100 * statistics.mean(sample["share"] >= LEGIBLE for sample in read),
        "fps": a_second(read, "frames"),
        "still_fps": between_turns(samples, turned, waits),
        "scrolled_fps": a_second(scrolled, "frames"),
        "width": min(sample["width"] for sample in read),
        "concealed_pct": 100 * grown(whole, "concealed") / grown(whole, "sound"),
    }


async def _trace(control: Control, publisher: Page, reader: Page, link: Link) -> None:
    """Each second what came, what the node knows of the reader's link, and what was sent."""
    before: Sample = {}
    sent: dict[str, float] = {}
    while True:
        await asyncio.sleep(1)
        stats = await control.call(p.GetStats(room=ROOM), p.Stats)
        member = next(one for one in stats.participants if one.participant == "reader")
        now = (await reader.evaluate("samples()"))[-1]
        moved = {key: now[key] - before.get(key, 0) for key in now}
        shown = " ".join(f"{layer.kind}{layer.cap}" for layer in member.shown)
        print(
            f"{now['at']:.1f} page {now['page']}: {100 * now['share']:.0f} % legible, {moved['frames']} frames, "
            f"{moved['camera']} of the camera, {8 * moved['bytes'] / 1000:.0f} kbit, {moved['keys']} key frames, "
            f"{moved['concealed'] / 48:.0f} ms concealed; estimate {(member.estimate_bps or 0) // 1000} shows {shown}; "
            f"dropped down {link.counters()['down'].queue_dropped}, up {link.counters()['up'].queue_dropped}",
            file=sys.stderr,
        )
        told_of = await publisher.evaluate("sent()")
        for line in told_of["lines"]:
            print(
                f"    {line['name']} {8 * (line['bytes'] - sent.get(line['name'], 0)) / 1000:.0f} kbit of "
                f"{line['target'] / 1000:.0f} ({told_of['carries'] / 1000:.0f}); again {8 * line['again'] / 1000:.0f}, "
                f"frames {line['frames']}, key frames {line['keys']}",
                file=sys.stderr,
            )
            sent[line["name"]] = line["bytes"]
        before = now


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """Of each side the figures of `UNITS`."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # so that no browser is left behind
    own_network()
    with tempfile.TemporaryDirectory(prefix="screen") as folder:
        make_material(Path(folder))
        async with async_playwright() as playwright, browser(playwright, Path(folder)) as near:
            for side in options.sides.split(","):
                with emulated(options.seed) as link:
                    async with browser(playwright, Path(folder), link.command()) as far:
                        found = await _weak(side, link, near, far, options)
                for key, unit in UNITS.items():
                    yield Figure(f"screen.{key}_{side}", round(found[key], 2), unit, 1)
