"""Chromium and Firefox ESR meet through the real server and the room's page: both ways, each with simulcast.

The tests follow one meeting; both pages leave it as they found it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from server.accounts import demo
from server.media.allocation.layers import ENOUGH
from tests.e2e.harness import App, chromium, running, until
from tests.e2e.network import link
from tests.e2e.rooms import action, enter, figures, hears, sees, start_meeting, wait_connected
from tests.peers.firefox import Firefox, FirefoxPage, firefox

pytestmark = pytest.mark.timeout(240)
_SIGN_IN = """async ([username, password]) => (await fetch('/api/v1/session', {
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ username, password }),
})).status"""
_IDLE = "() => document.querySelector('[data-room]').room.controls.busy.size === 0"
_TWO_PAINTS = """() => new Promise((done) => {
  requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(done), 500));
})"""
_SCREEN_CODEC = """async () => {
  const all = await document.querySelector('[data-room]').room.session.connection.screen.getStats();
  const sent = [...all.values()].find((one) => one.type === 'outbound-rtp');
  return all.get(sent?.codecId)?.mimeType ?? '';
}"""
_PRESS = "(name) => document.querySelector(`.room [data-action=${name}]`).click()"


class Mixed:
    """The meeting, with a page of each browser in it and the participant that each is."""

    def __init__(self, app: App, chrome: Page, fox: FirefoxPage) -> None:
        self.app, self.chrome, self.fox = app, chrome, fox
        self.chrome_seat, self.fox_seat = int(figures(chrome)["me"]), int(figures(fox)["me"])


def _enter_with_firefox(app: App, browser: Firefox, meeting: int, username: str) -> FirefoxPage:
    page = browser.page(f"{app.url}/sign-in")
    assert page.evaluate(_SIGN_IN, [username, demo.DEFAULT_PASSWORD]) == 201
    page.goto(f"{app.url}/meetings/{meeting}/check")
    page.wait_for_selector("[data-door][data-ready]")
    page.wait_for_selector("[data-check] [data-action=camera][aria-pressed=true]")
    page.wait_for_selector("[data-check] [data-action=microphone][aria-pressed=true]")
    page.click("[data-action=join]")
    wait_connected(page)
    return page


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mixed]:
    folder: Path = tmp_path_factory.mktemp("mixed")
    with link() as made, running(folder, made.here) as app:
        secure = f"--unsafely-treat-insecure-origin-as-secure={app.url}"
        with chromium(secure) as browser, firefox(folder, made.here) as other:
            meeting = start_meeting(app)
            chrome = enter(app, browser, meeting, "chutich", width=1000, height=640)
            fox = _enter_with_firefox(app, other, meeting, "camthuy")
            mixed = Mixed(app, chrome, fox)
            yield mixed
            assert chrome.errors == []  # type: ignore[attr-defined]
            assert fox.errors == []
            assert "Traceback" not in app.log() + app.media_log()


def _sends(page: Page | FirefoxPage) -> dict[str, int]:
    """Frames encoded so far of each layer of the camera."""
    return {rid: frames for rid, frames, _width in figures(page)["sent"] if rid}


def test_both_see_each_other(room: Mixed) -> None:
    for page, seat in ((room.chrome, room.fox_seat), (room.fox, room.chrome_seat)):
        picture = sees(page, seat, seconds=30)
        assert picture["width"] * 9 == pytest.approx(picture["height"] * 16, abs=16)
        assert picture["width"] in (240, 480, 960)
        until(lambda page=page, seat=seat: _shown_as_decoded(page, seat), what="the element shows what was decoded")


def _sees_again(page: Page | FirefoxPage, seat: int, kind: str = "camera") -> None:
    """Wait until a picture that was away has a slot, then for fresh frames of it."""
    until(lambda: f"{seat}/{kind}" in figures(page)["video"], 20, f"{kind} has a slot")
    sees(page, seat, kind, 30)


def _shown_as_decoded(page: Page | FirefoxPage, seat: int) -> bool:
    picture = figures(page)["video"][f"{seat}/camera"]
    return bool(picture["shown"] == picture["width"] > 0)


def test_both_hear_each_other(room: Mixed) -> None:
    hears(room.chrome, 1, 30)
    hears(room.fox, 1, 30)


_ALL_LAYERS = """async (rids) => {
  const { connection } = document.querySelector('[data-room]').room.session;
  const wished = connection.wished.camera;
  await connection.sendLayers('camera', rids);
  return wished;
}"""


def test_each_sends_three_layers(room: Mixed) -> None:
    """As for a room that watches all of them; this one watches one, and the others rest after some seconds."""
    for page in (room.chrome, room.fox):
        wished = page.evaluate(_ALL_LAYERS, None)
        until(lambda page=page: _sends_more(page, {}) == {"f", "h", "q"}, 30, "three layers are sent")
        before = _sends(page)
        until(lambda page=page, before=before: len(_sends_more(page, before)) == 3, 20, "all go on")
        page.evaluate(_ALL_LAYERS, wished)


def _sends_more(page: Page | FirefoxPage, before: dict[str, int]) -> set[str]:
    """The layers of which frames were encoded since; the page is told again to send all, whatever the room wished."""
    page.evaluate(_ALL_LAYERS, None)
    return {rid for rid, frames in _sends(page).items() if frames > before.get(rid, 0)}


_SMALL_CAMERA = """async () => {
  const { session, tracks } = document.querySelector('[data-room]').room;
  const { connection } = session;
  const small = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 180 } });
  await connection.put('camera', small.getVideoTracks()[0]);
  const active = () => connection.camera.getParameters().encodings.filter((one) => one.active).map((one) => one.rid);
  const alone = active();
  await connection.put('camera', tracks.camera);
  small.getTracks().forEach((track) => track.stop());
  return [alone, active()];
}"""


def test_a_small_camera_sends_one_layer_in_either_browser(room: Mixed) -> None:
    for page in (room.chrome, room.fox):
        alone, again = page.evaluate(_SMALL_CAMERA)
        assert alone == ["f"]
        assert again, "the layers that somebody watches, again"
    for page, seat in ((room.chrome, room.fox_seat), (room.fox, room.chrome_seat)):
        sees(page, seat, seconds=30)


def test_a_larger_picture_is_a_larger_layer(room: Mixed) -> None:
    for page, seat in ((room.chrome, room.fox_seat), (room.fox, room.chrome_seat)):
        seen = []
        for width, height in ((420, 640), (1900, 1100), (420, 640)):
            page.set_viewport_size({"width": width, "height": height})  # type: ignore[arg-type]
            page.evaluate(_TWO_PAINTS)
            right = _layer_for(_asked(page))
            until(lambda page=page, seat=seat, right=right: sees(page, seat)["width"] == right, 45, f"{right} pixels")
            seen.append(right)
        assert seen[0] == seen[2] < seen[1] == 960


def _asked(page: Page | FirefoxPage) -> int:
    """How wide the page has asked for the one picture that it receives."""
    (want,) = json.loads(page.evaluate("() => document.querySelector('[data-room]').room.grid.sent"))
    return int(want["width"])


def _layer_for(width: int) -> int:
    """The smallest of the three layers that is enough (`server.media.allocation.layers`)."""
    return next(layer for layer in (240, 480, 960) if layer >= ENOUGH * min(width, 1280))


def test_a_slot_shows_a_camera_then_a_screen_then_the_camera(room: Mixed) -> None:
    seat = room.chrome_seat
    slot = _slot(room.fox, f"{seat}/camera")
    action(room.chrome, "camera")
    until(lambda: f"{seat}/camera" not in figures(room.fox)["video"], what="the camera is off")
    action(room.chrome, "screen")
    _sees_again(room.fox, seat, "screen")
    until(lambda: _shape(room.fox, seat, "screen") == _shape_sent(room.chrome, "screen"), 20, "the screen's shape")
    assert _slot(room.fox, f"{seat}/screen") == slot
    until(lambda: room.chrome.evaluate(_SCREEN_CODEC) == "video/VP9", 20, "both can be shown VP9")
    _sees_again(room.fox, seat, "screen")
    action(room.chrome, "screen")
    until(lambda: f"{seat}/screen" not in figures(room.fox)["video"], what="the screen is off")
    action(room.chrome, "camera")
    _sees_again(room.fox, seat)
    until(lambda: _shape(room.fox, seat, "camera") == _shape_sent(room.chrome, "camera"), 20, "the camera's shape")
    assert _slot(room.fox, f"{seat}/camera") == slot


def _shape(page: FirefoxPage, seat: int, kind: str) -> float:
    """Width to height of a picture that is received."""
    picture = figures(page)["video"][f"{seat}/{kind}"]
    return round(picture["width"] / max(1, picture["height"]), 1)


def _shape_sent(page: Page, kind: str) -> float:
    """Width to height of a picture as its device gives it."""
    track = f"document.querySelector('[data-room]').room.tracks.{kind}.getSettings()"
    settings = page.evaluate(track)
    return round(settings["width"] / settings["height"], 1)


def _slot(page: FirefoxPage, key: str) -> int:
    return int(page.evaluate("(key) => document.querySelector('[data-room]').room.grid.slots.get(key)", key))


def test_firefox_switches_its_camera_and_microphone(room: Mixed) -> None:
    key = f"{room.fox_seat}/camera"
    for name in ("camera", "microphone"):
        _switch(room.fox, name, False)
    until(lambda: key not in figures(room.chrome)["video"], what="the camera is off")
    for name in ("camera", "microphone"):
        _switch(room.fox, name, True)
    _sees_again(room.chrome, room.fox_seat)
    hears(room.chrome, 1)


def _switch(page: FirefoxPage, name: str, on: bool) -> None:
    """Press a switch of the bar, and wait until all that follows from it is done."""
    page.evaluate(_PRESS, name)
    until(lambda: page.evaluate(_IDLE) and _pressed(page, name) == on, 20, f"{name} is {'on' if on else 'off'}")


def _pressed(page: FirefoxPage, name: str) -> bool:
    pressed = page.evaluate("(name) => document.querySelector(`.bar [data-action=${name}]`).ariaPressed", name)
    return bool(pressed == "true")


def test_firefox_comes_back_after_a_reload(room: Mixed) -> None:
    room.fox.evaluate("() => { setTimeout(() => location.reload()); }")
    until(lambda: _new_document(room.fox), 30, "the page is loaded anew")
    wait_connected(room.fox)
    assert figures(room.fox)["me"] == room.fox_seat
    sees(room.fox, room.chrome_seat, seconds=30)
    sees(room.chrome, room.fox_seat, seconds=30)


def _new_document(page: FirefoxPage) -> bool:
    found = page.evaluate("() => performance.getEntriesByType('navigation')[0].type")
    return bool(found == "reload")
