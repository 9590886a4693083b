"""Every page in its real states, from the demo district in the real browser: `make screenshots`, then look at them.

python -m tests.screenshots [--only NAME ...] [--language en] [--out build/screenshots]
python -m tests.screenshots --readme        the six pictures of the README, into docs/img

Ends with 1 when a page scrolls sideways or its scripts complain.
"""

from __future__ import annotations

import argparse
import math
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import av
import numpy as np
from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError

from server.config import ROOT
from tests.e2e import rooms
from tests.e2e.harness import App, chromium, until
from tests.e2e.test_offline import visit
from tests.ui.states import STATES, State
from tests.ui.visiting import Visitors, demo_district

SIZES = {"phone": (360, 800), "laptop": (1366, 768), "wall": (1920, 1080)}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
README = {
    "room": ("room-chair", "laptop"),
    "board": ("board", "laptop"),
    "inbox": ("inbox", "laptop"),
    "record": ("record", "laptop"),
    "home": ("home-leader", "laptop"),
    "village": ("home-village", "phone"),
}
KEPT_BYTES = 250_000
_LIVE = ("chutich", "camthuy", "thon1.camthuy")


class Camera(Visitors):
    """Takes each state at each size in each theme."""

    def __init__(self, app: App, browser: Browser, out: Path, language: str, sizes: Sequence[str]) -> None:
        super().__init__(app, browser, language)
        self.out, self.sizes = out, sizes

    def take(self, state: State) -> None:
        """Open the state once and photograph it in every size and theme."""
        try:
            self.photograph(self.visit(state), state.name)
        except (PlaywrightError, AssertionError) as error:
            self.problems.append(f"{state.name}: {str(error).splitlines()[0]}")

    def photograph(self, page: Page, name: str, *, whole: bool = True) -> None:
        """One picture for each size and theme, named <state>-<size>-<theme>.png."""
        for size in self.sizes:
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            self.check_width(page, name)
            if whole:  # a taller window rather than a scrolled one, so that the bars stand where they belong
                tall = page.evaluate("document.documentElement.scrollHeight")
                page.set_viewport_size({"width": width, "height": max(height, tall)})
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
                page.wait_for_timeout(250)
                page.screenshot(path=self.out / f"{name}-{size}-{theme}.png")
        print(name, flush=True)


def draw_sitter(file: Path) -> None:
    """A film for the made-up camera: somebody sits before a wall and sways a little."""
    height, width, frames = 720, 1280, 30
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    wall = np.stack([58 + y * 0.05, 78 + y * 0.05, 98 + y * 0.06], axis=-1)
    with av.open(str(file), "w", format="mjpeg") as film:
        stream = film.add_stream("mjpeg", rate=15)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for number in range(frames):
            middle = 640 + 8 * math.sin(2 * math.pi * number / frames)
            picture = wall.copy()
            picture[((x - middle) / 330) ** 2 + ((y - 760) / 330) ** 2 < 1] = (35, 47, 62)
            picture[((x - middle) / 44) ** 2 + ((y - 430) / 80) ** 2 < 1] = (196, 158, 130)
            picture[((x - middle) / 104) ** 2 + ((y - 270) / 132) ** 2 < 1] = (32, 28, 28)
            picture[((x - middle) / 92) ** 2 + ((y - 296) / 116) ** 2 < 1] = (208, 170, 142)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")):
                film.mux(packet)
        for packet in stream.encode():
            film.mux(packet)


def take_room(camera: Camera) -> None:
    """A meeting with three pages that publish; the pages that show a running meeting are taken meanwhile."""
    agenda = [{"title": "Mưa lũ trên sông Hiếu", "minutes": 20}, {"title": "Rà soát hộ nghèo", "minutes": 15}]
    meeting = rooms.start_meeting(camera.app, "Giao ban trực tuyến: ứng phó mưa lũ", agenda=agenda)
    pages = {who: _enter(camera, meeting, who) for who in _LIVE}
    chair, commune, village = pages.values()
    for page in pages.values():
        page.wait_for_timeout(2000)
    rooms.action(commune, "hand")
    rooms.action(village, "camera")
    rooms.action(chair, "record")
    chair.locator(".toast").first.wait_for()
    chair.locator(".toast").first.wait_for(state="detached", timeout=20_000)
    camera.photograph(chair, "room-chair", whole=False)
    camera.photograph(village, "room-village", whole=False)
    rooms.action(chair, "panel")
    camera.photograph(chair, "room-people", whole=False)
    for tab in ("queue", "agenda", "chat"):
        chair.click(f"#tab-{tab}")
        camera.photograph(chair, f"room-{tab}", whole=False)
    for state in STATES:
        if state.live:
            camera.take(state)
    rooms.action(commune, "leave")
    commune.wait_for_timeout(700)
    camera.photograph(commune, "room-left", whole=False)
    rooms.action(chair, "panel-close")  # on a phone it lies over the chair's strip
    rooms.action(chair, "end")
    camera.photograph(chair, "room-ask-end", whole=False)
    chair.locator("[data-ask-yes]").click()
    village.locator("[data-gone]:visible").wait_for()
    camera.photograph(village, "room-ended", whole=False)
    for page in pages.values():
        page.close()


def _enter(camera: Camera, meeting: int, who: str) -> Page:
    page = camera.page(who, f"room of {who}")
    page.goto(f"{camera.app.url}/meetings/{meeting}/check")
    page.wait_for_selector("[data-door][data-ready]")
    page.locator("[data-check] [data-action=camera][aria-pressed=true]").wait_for()
    page.click("[data-action=join]")
    rooms.wait_connected(page)
    return page


def take_offline(camera: Camera) -> None:
    """A village head's pages without a network: a confirmation that waits, then its two times on the issuer's pages."""
    inbox = visit(camera.app, camera.browser, "thon4.camthuy", "/directives/in")
    inbox.context.set_offline(True)
    inbox.reload()
    inbox.locator("#kept").wait_for()
    camera.photograph(inbox, "offline-inbox")
    inbox.get_by_role("button", name="ĐÃ NHẬN").first.click()
    inbox.locator("[data-queued]").wait_for()
    camera.photograph(inbox, "offline-queued")
    inbox.context.set_offline(False)
    until(lambda: _registered(camera.app, "Thôn 4"), 60, "the confirmation came")
    inbox.context.close()
    camera.take(State("offline-both-times", "chutich.camthuy", "/directives/out", ("Họp dân", "Thôn 4")))


def _registered(app: App, village: str) -> bool:
    """Whether the village has registered the newest notice of Cam Thủy to its villages."""
    token = app.token("chutich.camthuy")
    newest = app.call(token, "GET", "/api/v1/directives")["issued"][0]["directive"]
    board = app.call(token, "GET", f"/api/v1/directives/{newest}")["board"]
    return any(one["unit_name"].startswith(village) and one["registered_at"] for one in board)


def take_failure(camera: Camera) -> None:
    """The page of a server that has a fault: a table is missing for a moment."""
    database = sqlite3.connect(camera.app.folder / "giaoban.db", timeout=10)
    database.execute("ALTER TABLE record RENAME TO record_away")
    camera.take(State("failure", "camthuy", "/records"))
    database.execute("ALTER TABLE record_away RENAME TO record")
    database.close()


def compress(file: Path, to: Path, height: int) -> None:
    """The upper part of a picture as a PNG of 256 colours. Raises when it is still too large for the repository."""
    colours = "split[a][b];[a]palettegen=max_colors=256:stats_mode=single[p];[b][p]paletteuse=dither=none"
    filters = f"crop=iw:min(ih\\,{height}):0:0,{colours}"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-i", file, "-filter_complex", filters, "-compression_level", "100", to],
        check=True,
    )
    if to.stat().st_size > KEPT_BYTES:
        raise SystemExit(f"{to} has {to.stat().st_size} bytes, more than {KEPT_BYTES}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "screenshots")
    parser.add_argument("--only", nargs="+", help="states whose names begin so; `room`, `offline-` and `failure` too")
    parser.add_argument("--size", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--language", choices=("vi", "en"), default="vi")
    parser.add_argument("--readme", action="store_true", help="only the pictures of the README, into docs/img")
    return parser.parse_args()


def take_all(camera: Camera, only: tuple[str, ...]) -> None:
    """The states whose names begin with one of `only`; a room is always taken from its beginning to its end."""
    for state in STATES:
        if not state.live and state.name.startswith(only):
            camera.take(state)
    if any(name.startswith(("room", "live")) or not name for name in only):
        take_room(camera)
    if any("offline-queued".startswith(name) or name.startswith("offline-") for name in only):
        take_offline(camera)
    if any("failure".startswith(name) for name in only):
        take_failure(camera)


def main() -> int:
    """Take what was asked for; 1 when a page had a problem."""
    options = _options()
    only = tuple(state for state, _ in README.values()) if options.readme else tuple(options.only or ("",))
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(suffix=".mjpeg") as film, demo_district() as app:
        draw_sitter(Path(film.name))
        with chromium("--lang=vi", f"--use-file-for-fake-video-capture={film.name}") as browser:
            camera = Camera(app, browser, out, options.language, options.size)
            take_all(camera, only)
    if options.readme:
        for name, (state_name, size) in README.items():
            compress(out / f"{state_name}-{size}-light.png", ROOT / "docs" / "img" / f"{name}.png", SIZES[size][1])
    for problem in camera.problems:
        print(problem, file=sys.stderr)
    return 1 if camera.problems else 0


if __name__ == "__main__":
    sys.exit(main())
