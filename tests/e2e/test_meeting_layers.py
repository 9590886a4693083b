"""A layer that nobody watches stops at its sender, and is there again soon when somebody wishes for it (dynacast)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.harness import chromium, running, until
from tests.e2e.rooms import enter, figures, sees, start_meeting

pytestmark = pytest.mark.timeout(180)
SMALL, LARGE = {"width": 420, "height": 640}, {"width": 1900, "height": 1100}
SOON = 2.0  # s until it is shown; half a second is promised, of machines that do not encode and decode all of it

_ENCODED_AGAIN = """() => { window.encodedAgain = (async () => {
  const { pc } = document.querySelector('[data-room]').room.session.connection;
  const frames = async () => [...(await pc.getStats()).values()].find((one) =>
    one.type === 'outbound-rtp' && one.rid === 'f').framesEncoded;
  const before = await frames();
  while (await frames() === before) await new Promise((done) => setTimeout(done, 10));
  return Date.now();
})(); }"""

_WISHED_AND_SHOWN = """(key) => {
  const { grid } = document.querySelector('[data-room]').room;
  const before = grid.sent;
  const until = async (what) => {
    while (!what()) await new Promise((done) => setTimeout(done, 10));
    return Date.now();
  };
  window.wished = until(() => grid.sent !== before);
  window.shown = until(() => grid.tiles.get(key)?.querySelector('video').videoWidth === 960);
}"""


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[tuple[Page, Page]]:
    """Who sends a camera and who looks at it, in a large window."""
    with running(tmp_path) as app, chromium() as browser:
        meeting = start_meeting(app, "Họp xem một người")
        sender = enter(app, browser, meeting, "chutich", **LARGE)
        viewer = enter(app, browser, meeting, "camthuy", **LARGE)
        yield sender, viewer
        assert "Traceback" not in app.log() + app.media_log()


def _full_layer(page: Page) -> int:
    """Frames of it that were encoded so far."""
    return next((frames for rid, frames, _width in figures(page)["sent"] if rid == "f"), 0)


def _stands(page: Page) -> bool:
    before = _full_layer(page)
    page.wait_for_timeout(1500)
    return _full_layer(page) == before


def test_the_full_layer_stops_while_nobody_watches_it_and_comes_back_soon(pages: tuple[Page, Page]) -> None:
    sender, viewer = pages
    seat = int(figures(sender)["me"])
    until(lambda: sees(viewer, seat)["width"] == 960, 45, "the full layer at first")
    viewer.set_viewport_size(SMALL)  # type: ignore[arg-type]
    until(lambda: sees(viewer, seat)["width"] < 960, 45, "a smaller one")
    until(lambda: _stands(sender), 30, "the full layer stands")
    sender.evaluate(_ENCODED_AGAIN)
    viewer.evaluate(_WISHED_AND_SHOWN, f"{seat}/camera")
    viewer.set_viewport_size(LARGE)  # type: ignore[arg-type]
    wished, shown = viewer.evaluate("() => wished"), viewer.evaluate("() => shown")
    encoded = sender.evaluate("() => encodedAgain")
    print(f"\nencoded again {encoded - wished} ms after the wish, shown after {shown - wished} ms")
    assert shown - wished <= 1000 * SOON
    until(lambda: not _stands(sender), 10, "it goes on")
