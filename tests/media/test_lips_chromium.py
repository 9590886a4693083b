"""Lips and voice at a real receiver: flashes and beeps leave a page together; how far apart are they seen and heard?

A browser keeps the tracks of one stream together, but the node's slots are streams of their own, since what they show
changes. So each is played as early as its own buffer allows, and this measures how far apart that is. When is told by
the samples and the frame themselves, since the page's own thread may look late on a busy machine.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.bench.figures import percentile
from tests.media.browsing import Meeting, Member, meeting_of_pages, until
from tests.media.lossy import Relay, at_random

TOGETHER = 80  # ms
MOSTLY_TOO = ("good", "loss")  # lines where that holds for 95 %; with jitter of 85 ms it was 83 and 133 ms
FLASHES = 21  # so that the 95th percentile is not the worst

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


async def skews(member: Member) -> list[float]:
    """How much later than its flash each beep was played, in milliseconds."""
    flashes: list[float] = await member.page.evaluate("flashes")
    beeps: list[float] = await member.page.evaluate("beeps")
    nearest = [min((beep - flash for beep in beeps), key=abs, default=10_000) for flash in flashes]
    return [skew for skew in nearest if abs(skew) < 600]


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
        return len(await skews(viewer)) > FLASHES

    await until(enough, "no flashes, or no beeps")
    found = (await skews(viewer))[1:]
    print(f"beeps come {sorted(map(round, found))} ms after flashes")
    assert abs(statistics.median(found)) <= TOGETHER
    assert line not in MOSTLY_TOO or percentile([abs(skew) for skew in found], 0.95) <= TOGETHER
