"""Lips and voice at a real receiver: flashes and beeps leave a page together; how far apart are they seen and heard?

A browser keeps the tracks of one stream together, but the node's slots are streams of their own, since what they show
changes. So each is played as early as its own buffer allows, and this measures how far apart that is. When is told by
the samples and the frame themselves, since the page's own thread may look late on a busy machine.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from tests.bench.figures import percentile
from tests.media.browsing import Meeting, Member, meeting_of_pages, until
from tests.media.lossy import Relay, at_random

TOGETHER = 80  # ms, for 95 % of them
FLASHES = 21  # so that the 95th percentile is not the worst
APART = 600  # ms: what is farther apart does not belong together; they come every 1300
MATCHED = 0.9  # of flashes and of beeps, on every line

BLINK = """() => {
  const set = (on) => { lit = on; loudness.gain.value = on ? 0.4 : 0; draw(); };
  set(false);
  setInterval(() => { set(true); setTimeout(set, 200, false); }, 1300);
}"""

WATCH = """() => {
  window.flashes = [];
  window.beeps = [];
  const picture = document.querySelector('video');
  const small = Object.assign(document.createElement('canvas'), { width: 4, height: 4 });
  const drawing = small.getContext('2d', { willReadFrequently: true });
  let bright = true;
  const look = (_, { presentationTime }) => {
    drawing.drawImage(picture, 0, 0, 4, 4);
    const [red, green, blue] = drawing.getImageData(1, 1, 1, 1).data;
    const now = Math.min(red, green, blue) > 180;
    if (now && !bright) flashes.push(presentationTime);
    bright = now;
    picture.requestVideoFrameCallback(look);
  };
  picture.requestVideoFrameCallback(look);
  const context = new AudioContext({ latencyHint: 'interactive' });
  for (const track of connection.voices) {
    const analyser = new AnalyserNode(context, { fftSize: 8192 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(8192);
    let quiet = false;
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const first = samples.findIndex((sample) => Math.abs(sample) > 0.05);
      if (first >= 0 && quiet) beeps.push(performance.now() - 1000 * (samples.length - first) / context.sampleRate);
      quiet = first < 0;
    }, 20);
  }
}"""


@pytest.fixture
async def meeting(tmp_path: Path) -> AsyncIterator[Meeting]:
    async with meeting_of_pages(tmp_path) as meeting:
        yield meeting


async def seen_and_heard(member: Member) -> tuple[list[float], list[float]]:
    """When flashes were shown and beeps were played, in milliseconds: not the first, which the beginning may have cut,
    nor what is so young that its fellow may be on its way.
    """
    flashes, beeps, now = await member.page.evaluate("[flashes, beeps, performance.now()]")
    begin = max([*flashes[:1], *beeps[:1]]) + APART if flashes and beeps else now
    flashes, beeps = ([at for at in times if begin < at < now - 2 * APART] for times in (flashes, beeps))
    return flashes, beeps


def distances(times: Sequence[float], others: Sequence[float]) -> list[float]:
    """From each moment to the nearest of the others, those that belong together alone."""
    nearest = [min((other - at for other in others), key=abs, default=10 * APART) for at in times]
    return [distance for distance in nearest if abs(distance) < APART]


def matched(times: Sequence[float], others: Sequence[float]) -> float:
    """The share that has a fellow."""
    return len(distances(times, others)) / len(times)


BAD_LINES = {
    "good": lambda: None,
    "jitter": lambda: Relay(delay=waiting(0.085, seed=1)),
    "loss": lambda: Relay(down=at_random(0.1, seed=1), delay=lambda: 0.02),
}


def waiting(most: float, seed: int) -> Callable[[], float]:
    """Each datagram waits for another time, up to so many seconds, whatever overtakes it."""
    chance = random.Random(seed)
    return lambda: chance.uniform(0, most)


@pytest.mark.parametrize("line", BAD_LINES)
async def test_lips_and_voice_are_shown_together(meeting: Meeting, line: str) -> None:
    speaker = await meeting.join("speaker", voice=True, picture=True)
    viewer = await meeting.join("viewer", relay=BAD_LINES[line]())
    await meeting.show(viewer, "speaker")
    await asyncio.sleep(8)  # until the buffers have found their depth
    await speaker.page.evaluate(BLINK)
    await viewer.page.evaluate(WATCH)

    async def enough() -> bool:
        return min(map(len, await seen_and_heard(viewer))) >= FLASHES

    await until(enough, "no flashes, or no beeps")
    flashes, beeps = await seen_and_heard(viewer)
    found = distances(flashes, beeps)
    shares = matched(flashes, beeps), matched(beeps, flashes)
    print(f"beeps come {sorted(map(round, found))} ms after flashes; matched {shares[0]:.0%} and {shares[1]:.0%}")
    assert min(shares) >= MATCHED
    assert percentile([abs(skew) for skew in found], 0.95) <= TOGETHER


def test_what_has_no_fellow_is_counted() -> None:
    flashes = [1300.0 * n for n in range(10)]
    beeps = [at + 40 for at in flashes if at != 2600]
    assert distances(flashes, beeps) == [40] * 9
    assert (matched(flashes, beeps), matched(beeps, flashes)) == (0.9, 1)
    assert matched(flashes, []) == 0
