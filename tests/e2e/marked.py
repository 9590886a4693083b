"""People whose pictures and voices can be recognised in a recording, and what a recorded file shows of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, Page

from tests.e2e.harness import App
from tests.e2e.rooms import enter

CELLS = 16
STEP_MS = 50
WRAP = 1 << CELLS
RATE = 48_000
WINDOW = 480  # samples: 10 ms
SOUND_FLAG = "--autoplay-policy=no-user-gesture-required"
_SCRIPT = (Path(__file__).parent / "marked.js").read_text("utf-8")
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Person:
    """An account with the colour of its camera and its screen and the frequency of its voice in Hz."""

    username: str
    colour: Rgb
    screen: Rgb
    tone: int

    def enter(self, app: App, browser: Browser, meeting: int) -> Page:
        """Into the room with these devices; silent at first."""
        devices = json.dumps({"colour": self.colour, "screen": self.screen, "tone": self.tone})
        script = f"window.__person = {devices};\n{_SCRIPT}"
        return enter(app, browser, meeting, self.username, script=script, width=1000, height=640)


CHAIR = Person("chutich", (200, 30, 40), (230, 160, 220), 500)
COMMUNE = Person("camthuy", (30, 150, 60), (220, 190, 30), 900)
VILLAGE = Person("thon1.camthuy", (40, 60, 210), (30, 190, 210), 1400)


def speak(page: Page, on: bool = True) -> None:
    """Let the person's tone sound in each second from now on, or no more."""
    page.evaluate(f"marked.speak({json.dumps(on)})")


@dataclass(frozen=True)
class Picture:
    """One decoded picture: when it is shown (s), its background, whether the stripe is lit, and when it was made.

    `made` counts steps of 50 ms and wraps after 16 bits; `clear` says that it is a person's picture: its cells are well
    black or white, its background has a colour.
    """

    at: float
    colour: Rgb
    lit: bool
    made: int
    clear: bool
    width: int


def pictures(file: Path) -> list[Picture]:
    """All pictures of a file in order."""
    with av.open(str(file)) as container:
        return [_read(frame) for frame in container.decode(video=0)]


def _read(frame: av.VideoFrame) -> Picture:
    image = frame.to_ndarray(format="rgb24")
    height, width = image.shape[:2]
    middle = image[height * 2 // 5 : height * 7 // 10, width // 4 : width * 3 // 4].reshape(-1, 3).mean(0)
    stripe = float(image[height // 16 : height * 3 // 16].mean())
    row = image[height * 17 // 20 : height * 19 // 20].mean(axis=(0, 2))
    cell = width / CELLS
    cells = np.array([row[int((n + 0.3) * cell) : int((n + 0.7) * cell)].mean() for n in range(CELLS)])
    made = sum(1 << n for n, brightness in enumerate(cells) if brightness > 128)
    clear = bool(np.all(np.abs(cells - 128) > 60)) and float(np.ptp(middle)) > 40
    assert frame.time is not None
    return Picture(frame.time, (int(middle[0]), int(middle[1]), int(middle[2])), stripe > 128, made, clear, width)


def is_of(picture: Picture, colour: Rgb) -> bool:
    """Whether the background is this colour, as well as a codec keeps it."""
    return max(abs(a - b) for a, b in zip(picture.colour, colour, strict=True)) < 40


class Sound:
    """The decoded sound of a file, in windows of 10 ms."""

    def __init__(self, file: Path) -> None:
        self.samples = _samples(file)

    def loudness(self, tone: int) -> npt.NDArray[np.float64]:
        """The amplitude at a frequency in each window, 0 to 1."""
        windows = self.samples[: self.samples.size // WINDOW * WINDOW].reshape(-1, WINDOW)
        wave = np.exp(-2j * np.pi * tone * np.arange(WINDOW) / RATE) * np.hanning(WINDOW)
        found: npt.NDArray[np.float64] = np.abs(windows @ wave) / np.hanning(WINDOW).sum() * 2
        return found

    def heard(self, tone: int, begin: float, end: float) -> float:
        """The share of time in which a frequency sounds, between two seconds of the file."""
        part = self.loudness(tone)[int(begin * 100) : int(end * 100)]
        return float((part > 0.05).mean()) if part.size else 0.0

    def onsets(self, tone: int) -> list[float]:
        """When the tone begins after at least 0.2 s without it, in seconds of the file."""
        on = self.loudness(tone) > 0.05
        return [n / 100 for n in np.flatnonzero(on) if n >= 20 and not on[n - 20 : n].any()]


def _samples(file: Path) -> npt.NDArray[np.float32]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    total = np.zeros(0, np.float32)
    with av.open(str(file)) as container:
        length = round(float(container.duration or 0) / 1e6 * RATE) + RATE
        total = np.zeros(length, np.float32)
        for frame in container.decode(audio=0):
            at = round(float(frame.time or 0) * RATE)
            for part in resampler.resample(frame):
                samples = part.to_ndarray().reshape(-1)[: max(0, length - at)]
                total[max(0, at) : max(0, at) + samples.size] = samples
                at += samples.size
    return total


def flashes(shown: Sequence[Picture], colour: Rgb) -> Iterator[float]:
    """When the stripe of a person's picture lights up, in seconds of the file."""
    for before, picture in pairwise(shown):
        if picture.lit and not before.lit and is_of(picture, colour) and is_of(before, colour):
            yield picture.at


def slips(shown: Sequence[Picture], sound: Sound, person: Person) -> list[float]:
    """For each flash of a person: by how many seconds the picture comes after the tone (negative: before it)."""
    onsets = sound.onsets(person.tone)
    found = []
    for flash in flashes(shown, person.colour):
        nearest = min(onsets, key=lambda onset: abs(onset - flash), default=None)
        if nearest is not None and abs(nearest - flash) < 0.4:
            found.append(flash - nearest)
    return found


def longest_hole(shown: Sequence[Picture], *colours: Rgb) -> tuple[float, int, int]:
    """Between two neighbouring pictures of these people: seconds that were not recorded, and when those were made."""
    mine = [p for p in shown if p.clear and any(is_of(p, colour) for colour in colours)]
    holes = [((b.made - a.made) % WRAP * STEP_MS / 1000, a.made, b.made) for a, b in pairwise(mine)]
    return max(holes)


def stamp(seconds: float) -> int:
    """What the cells show at a moment of `time.time()`."""
    return int(seconds * 1000 // STEP_MS) % WRAP


def seconds_between(before: int, after: int) -> float:
    """From one stamp to another, at most half a round apart."""
    steps = (after - before + WRAP // 2) % WRAP - WRAP // 2
    return steps * STEP_MS / 1000
