"""A weak link, beside Janus: Chromium publishes on a good link, another receives behind one that is emulated.

Each cell is one kind of bad link. Both servers get the same pages, the same encodings, and links with the same seed,
one after the other. A picture is frozen as webrtc-stats says, or while nothing came at the end. The voice never pauses,
so every concealed sample is a loss, silent ones too. All runs in a network namespace of its own (needs root).
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from server.media import protocol as p
from tests.bench.figures import Figure
from tests.bench.janus import available
from tests.bench.weak_sides import ROOM, SHOWN_WIDTH, SIDES, browser, make_material, open_page
from tests.media.driving import Control
from tests.peers.link import Counters, Link, Way, emulated, own_network

CLEAN = Way(delay=0.02)
SETTLING = 3.0  # s after the link has become bad that do not count
RETURNING = 15.0  # s after an outage that count
STANDSTILL = 0.5  # s without a frame at the end are a freeze, unless frames are that far apart anyway
CONNECTING = 30.0  # s for the first pictures and voices, and for the large picture


@dataclass(frozen=True)
class Cell:
    """A bad link, both ways; an outage is a time in seconds, and then the link is as before.

    It is the receiver's, or with `publisher` the sender's: then the receiver's is good.
    """

    way: Way
    outage: float = 0
    publisher: bool = False


CELLS = {
    "clean": Cell(CLEAN),
    "loss02": Cell(Way(delay=0.02, loss=0.02)),
    "loss10": Cell(Way(delay=0.02, loss=0.10)),
    "loss20": Cell(Way(delay=0.02, loss=0.20)),
    "rate300": Cell(Way(delay=0.02, rate=300_000)),
    "rate100": Cell(Way(delay=0.02, rate=100_000)),
    "rate64": Cell(Way(delay=0.02, rate=64_000)),
    "rate64_loss10": Cell(Way(delay=0.02, rate=64_000, loss=0.10)),
    "rtt600": Cell(Way(delay=0.3)),
    "outage5": Cell(CLEAN, outage=5),
    "jitter100": Cell(Way(delay=0.02, jitter=0.1)),
    "uplink100": Cell(Way(delay=0.02, rate=100_000), publisher=True),
    "uplink64_loss10": Cell(Way(delay=0.02, rate=64_000, loss=0.10), publisher=True),
}
UNITS = {
    "fps": "frames/s",
    "freezes": "freezes",
    "frozen_s": "s",
    "concealed_pct": "%",
    "used_pct": "%",
    "recover_s": "s",
}

Sample = dict[str, float]
Played = dict[str, dict[str, float]]  # counters of "picture" and "voice", as webrtc-stats names them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--cells", default=",".join(name for name in CELLS if name != "clean"), help=", ".join(CELLS))
    parser.add_argument("--seconds", type=float, default=20, help="measured of each cell and side")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--no-peer", action="store_true", help="without Janus")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trace", action="store_true", help="print each second what our node knows of the link")


# ---- figures of the samples that the receiving page took


def at(samples: list[Sample], moment: float) -> Sample:
    """The last sample before a moment."""
    before = [sample for sample in samples if sample["at"] <= moment]
    return before[-1] if before else samples[0]


def measured(samples: list[Sample], begin: float, end: float) -> dict[str, float]:
    """Frames a second, freezes, their length in seconds, and the share of the voice that was concealed, in per cent."""
    first, last = at(samples, begin), at(samples, end)
    seconds, frames = end - begin, last["frames"] - first["frames"]
    shortest = max(STANDSTILL, 3 * seconds / frames) if frames else STANDSTILL
    stills = [(start, stop) for start, stop in _stills(samples, begin, end) if stop - start > shortest]
    still = sum(stop - start for start, stop in stills)
    open_still = stills[-1][1] - stills[-1][0] if stills and stills[-1][1] == end else 0.0
    frozen = max(last["frozen"] - first["frozen"] + open_still, still)
    sound = last["sound"] - first["sound"]
    return {
        "fps": frames / seconds,
        "freezes": max(last["freezes"] - first["freezes"] + (open_still > 0), len(stills)),
        "frozen_s": min(seconds, frozen),
        "concealed_pct": 100 * (last["concealed"] - first["concealed"]) / sound if sound else 100.0,
        "silent_pct": 100 * (last["silent"] - first["silent"]) / sound if sound else 100.0,
        "width": last["width"],
    }


def _stills(samples: list[Sample], begin: float, end: float) -> Iterator[tuple[float, float]]:
    """From when to when no frame came: a browser counts no freeze of a stream that was gone for long."""
    came, frames = begin, at(samples, begin)["frames"]
    for sample in samples:
        if begin < sample["at"] <= end and sample["frames"] > frames:
            yield came, sample["at"]
            came, frames = sample["at"], sample["frames"]
    yield came, end


def recovered(samples: list[Sample], end: float) -> float:
    """Seconds from the end of an outage until the picture moves and less than half of the voice is concealed."""
    frames = at(samples, end)["frames"]
    after = [sample for sample in samples if sample["at"] > end]
    picture = next((s["at"] for s in after if s["frames"] > frames), None)
    pairs = zip(after, after[2:], strict=False)
    voice = next((b["at"] for a, b in pairs if b["concealed"] - a["concealed"] < (b["sound"] - a["sound"]) / 2), None)
    if picture is None or voice is None:
        return RETURNING
    return max(picture, voice) - end


# ---- one side of one cell


async def _flowing(receiver: Page) -> None:
    """Wait for pictures and voices at the receiver, then for the large picture."""
    last = "samples().at(-1)"
    await receiver.wait_for_function(f"{last}?.frames > 10 && {last}.packets > 50", timeout=1000 * CONNECTING)
    for _ in range(int(CONNECTING)):
        if await receiver.evaluate(f"{last}.width") >= SHOWN_WIDTH:
            return
        await asyncio.sleep(1)
    print("the large picture does not come", file=sys.stderr)


async def _weaken(cell: Cell, link: Link, receiver: Page, seconds: float) -> dict[str, float]:
    """Make the link bad and measure; gives the figures by name."""
    if not cell.outage:
        link.set(down=cell.way, up=cell.way)
        await asyncio.sleep(SETTLING)
    direction = "up" if cell.publisher else "down"
    begin, before = await receiver.evaluate("clock()"), link.counters()[direction]
    if cell.outage:
        cut = Way(outage=True)
        link.set(down=cut, up=cut)
        await asyncio.sleep(cell.outage)
        link.set(down=cell.way, up=cell.way)
        back, seconds = await receiver.evaluate("clock()"), RETURNING
    await asyncio.sleep(seconds)
    end, after = await receiver.evaluate("clock()"), link.counters()[direction]
    samples = await receiver.evaluate("samples()")
    found = measured(samples, begin, end) | _carried(cell, before, after, end - begin)
    return found | {"recover_s": recovered(samples, back)} if cell.outage else found


def _carried(cell: Cell, before: Counters, after: Counters, seconds: float) -> dict[str, float]:
    """What the link has carried: kbit/s, and the share of what it could."""
    rate = 8 * (after.bytes - before.bytes) / seconds
    found = {"kbit_s": rate / 1000, "queue_dropped": float(after.queue_dropped - before.queue_dropped)}
    return found | {"used_pct": 100 * rate / cell.way.rate} if cell.way.rate else found


async def _once(side: str, name: str, near: Browser, far: Browser, link: Link, options: Any) -> dict[str, float]:
    link.set(down=CLEAN, up=CLEAN)
    places = (far, near) if CELLS[name].publisher else (near, far)
    publisher, receiver = [await open_page(place) for place in places]
    with tempfile.TemporaryDirectory(prefix="weak") as folder:
        async with SIDES[side](Path(folder), link, publisher, receiver) as control:
            await _flowing(receiver)
            tracing = (
                asyncio.create_task(_trace(control, link, receiver, publisher)) if control and options.trace else None
            )
            found = await _weaken(CELLS[name], link, receiver, options.seconds)
            layers = await publisher.evaluate("sent()")
            if tracing:
                tracing.cancel()
    for page in (publisher, receiver):
        await page.context.close()
    told = " ".join(f"{key}={value:.1f}" for key, value in found.items())
    sent = " ".join(f"{layer['rid']}:{layer['frames']}:{layer['limited']}" for layer in layers)
    print(f"{name} {side}: {told}; sent {sent}", file=sys.stderr)
    return found


async def _trace(control: Control, link: Link, page: Page, publisher: Page) -> None:
    """Each second what the node knows of the link, what the link has carried, and what the page made of it."""
    before, missing, reported = link.counters()["down"], 0, 0
    played = await page.evaluate("counters()")
    while True:
        await asyncio.sleep(1)
        told = await control.call(p.GetStats(room=ROOM), p.Stats)
        receiver = next(one for one in told.participants if one.participant == "receiver")
        now = link.counters()["down"]
        shown = " ".join(f"{layer.rid}{layer.cap}" for layer in receiver.shown)
        gone, of = receiver.missing_out - missing, receiver.reported_out - reported
        print(
            f"  estimate {(receiver.estimate_bps or 0) // 1000}, sent {8 * (now.bytes_in - before.bytes_in) // 1000}, "
            f"carried {8 * (now.bytes - before.bytes) // 1000} kbit/s; missing {gone}/{of}; "
            f"overflow {now.queue_dropped - before.queue_dropped}; RTX {receiver.retransmitted}, "
            f"PLI {receiver.plis_in}, RTT {receiver.rtt_ms or 0:.0f} ms; shows {shown}; lag {told.lag_ms:.0f} ms",
            file=sys.stderr,
        )
        leaving = await publisher.evaluate("leaving()")
        print(f"    the publisher: {leaving}", file=sys.stderr)
        before, missing, reported = now, receiver.missing_out, receiver.reported_out
        played, earlier = await page.evaluate("counters()"), played
        print(f"    {_steps(earlier, played)}", file=sys.stderr)


def _steps(before: Played, after: Played) -> str:
    """How a page's counters went on."""

    def grown(kind: str, key: str) -> float:
        return after[kind].get(key, 0) - before[kind].get(key, 0)

    def wait(kind: str, key: str) -> float:
        return 1000 * grown(kind, key) / max(1, grown(kind, "jitterBufferEmittedCount"))

    picture = {"came": "framesReceived", "decoded": "framesDecoded", "dropped": "framesDropped", "NACK": "nackCount"}
    voice = {"concealed": "concealedSamples", "stretched": "insertedSamplesForDeceleration"}
    return " ".join(
        (
            *(f"{name} {grown('picture', key):.0f}" for name, key in picture.items()),
            *(f"{name} {grown('voice', key) / 48:.0f} ms" for name, key in voice.items()),
            f"waits {wait('picture', 'jitterBufferDelay'):.0f} {wait('voice', 'jitterBufferDelay'):.0f} ms",
            f"voice packets {grown('voice', 'packetsReceived'):.0f} late {grown('voice', 'packetsDiscarded'):.0f}",
        )
    )


async def _cell(name: str, folder: Path, options: Any) -> dict[str, list[dict[str, float]]]:
    """The runs of each side, in turn, on a link of one seed."""
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "janus": []}
    sides = ["ours"] if options.no_peer or not available() else list(SIDES)
    async with async_playwright() as playwright, browser(playwright, folder) as near:
        for number in range(options.runs):
            for side in sides:
                with emulated(options.seed + number) as link:
                    async with browser(playwright, folder, link.command()) as far:
                        runs[side].append(await _once(side, name, near, far, link, options))
    return runs


def _figure(name: str, key: str, runs: dict[str, list[dict[str, float]]]) -> Figure:
    ours = statistics.median(run[key] for run in runs["ours"])
    title = f"weak.{key}_{name}"
    if not runs["janus"]:
        return Figure(title, round(ours, 2), UNITS[key], len(runs["ours"]))
    theirs = statistics.median(run[key] for run in runs["janus"])
    ratio = round(ours / theirs, 3) if theirs else None
    return Figure(title, round(ours, 2), UNITS[key], len(runs["ours"]), "janus", round(theirs, 2), ratio)


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """Of each cell `fps`, `freezes`, `frozen_s`, `concealed_pct`, and `used_pct` or `recover_s` where it applies."""
    cells = options.cells.split(",")
    unknown = set(cells) - CELLS.keys()
    if unknown:
        raise SystemExit(f"no such cells: {', '.join(sorted(unknown))}")
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # so that no browser is left behind
    own_network()
    with tempfile.TemporaryDirectory(prefix="weak") as folder:
        make_material(Path(folder))
        for name in cells:
            runs = await _cell(name, Path(folder), options)
            for key in (key for key in UNITS if key in runs["ours"][0]):
                yield _figure(name, key, runs)
