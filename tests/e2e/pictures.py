"""How soon a page shows what it wishes for, by the frames that it presents.

A first picture, another one in its place, and a layer that its sender had switched off.
"""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Browser, Page

from tests.e2e.harness import App, until
from tests.e2e.rooms import enter, figures, sees

SMALL, LARGE = {"width": 420, "height": 640}, {"width": 1900, "height": 1100}
FULL = 960  # pixels of the full layer of a large window's camera
_STANDS_SECONDS = 1.5

FIRST_FRAMES = """
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) {
    super(...options);
    this.addEventListener('connectionstatechange', () => {
      if (this.connectionState === 'connected') window.connectedAt = performance.now();
    });
  }
};
window.firstFrames = {};
const watched = new WeakSet();
new MutationObserver(() => {
  for (const tile of document.querySelectorAll('.grid .tile')) {
    if (watched.has(tile)) continue;
    watched.add(tile);
    const key = `${tile.dataset.participant}/${tile.dataset.kind}`;
    tile.querySelector('video').requestVideoFrameCallback((now) => { firstFrames[key] = now; });
  }
}).observe(document, { childList: true, subtree: true });
"""

_NEVER_MS = 10_000
_SWITCHED = """([shown, other, widths, never]) => new Promise((done) => {
  const { grid } = document.querySelector('[data-room]').room;
  const [first, second] = [grid.slots.get(shown), grid.slots.get(other)];
  grid.slots.set(shown, second).set(other, first);
  const video = grid.tiles.get(shown).querySelector('video');
  const began = performance.now();
  const look = (now, { width }) => {
    if (widths.includes(width)) done(now - began);
    else video.requestVideoFrameCallback(look);
  };
  grid.show();
  video.requestVideoFrameCallback(look);
  setTimeout(done, never, never);
})"""

_ENCODED_AGAIN = """() => { window.encodedAgain = (async () => {
  const { pc } = document.querySelector('[data-room]').room.session.connection;
  const frames = async () => [...(await pc.getStats()).values()].find((one) =>
    one.type === 'outbound-rtp' && one.rid === 'f').framesEncoded;
  const before = await frames();
  while (await frames() === before) await new Promise((done) => setTimeout(done, 10));
  return Date.now();
})(); }"""

_WISHED_AND_SHOWN = """([key, width]) => {
  const { grid } = document.querySelector('[data-room]').room;
  const before = grid.sent;
  const until = async (what) => {
    while (!what()) await new Promise((done) => setTimeout(done, 10));
    return Date.now();
  };
  window.wished = until(() => grid.sent !== before);
  window.shown = until(() => grid.tiles.get(key)?.querySelector('video').videoWidth === width);
}"""


def first_picture(app: App, browser: Browser, meeting: int, username: str, seat: int) -> float:
    """Milliseconds from a newcomer's connection to the first frame of `seat`'s camera; then it leaves."""
    page = enter(app, browser, meeting, username, script=FIRST_FRAMES)
    key = f"{seat}/camera"
    until(lambda: page.evaluate("(key) => key in firstFrames", key), 20, "a first frame")
    taken = float(page.evaluate("(key) => firstFrames[key] - connectedAt", key))
    page.context.close()
    return taken


def another_picture(page: Page, shown: int, other: int, widths: list[int]) -> float:
    """Milliseconds, ten thousand at most, until the slot of `other`'s camera presents that of `shown`.

    It is known by the `widths` of its layers.
    """
    for seat in (shown, other):
        sees(page, seat)
    return float(page.evaluate(_SWITCHED, [f"{shown}/camera", f"{other}/camera", widths, _NEVER_MS]))


@dataclass(frozen=True)
class Back:
    """Milliseconds after the wish for a layer: until its sender encodes it again, and until it is shown."""

    encoded: float
    shown: float


def _full_layer(page: Page) -> int:
    """Frames of it that were encoded so far."""
    return next((frames for rid, frames, _width in figures(page)["sent"] if rid == "f"), 0)


def stands(page: Page) -> bool:
    """Whether no frame of the full layer is encoded for a while."""
    before = _full_layer(page)
    page.wait_for_timeout(1000 * _STANDS_SECONDS)
    return _full_layer(page) == before


def layer_back(sender: Page, viewer: Page) -> Back:
    """The full layer is left until it stands still, then wished for again."""
    seat = int(figures(sender)["me"])
    until(lambda: sees(viewer, seat)["width"] == FULL, 45, "the full layer at first")
    viewer.set_viewport_size(SMALL)  # type: ignore[arg-type]
    until(lambda: sees(viewer, seat)["width"] < FULL, 45, "a smaller one")
    until(lambda: stands(sender), 30, "the full layer stands")
    sender.evaluate(_ENCODED_AGAIN)
    viewer.evaluate(_WISHED_AND_SHOWN, [f"{seat}/camera", FULL])
    viewer.set_viewport_size(LARGE)  # type: ignore[arg-type]
    wished, shown = viewer.evaluate("() => wished"), viewer.evaluate("() => shown")
    encoded = sender.evaluate("() => encodedAgain")
    return Back(encoded - wished, shown - wished)
