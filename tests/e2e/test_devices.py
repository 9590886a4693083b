"""A camera or microphone that is blocked, missing or not yet allowed: it is said, and the person joins all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.harness import App, chromium, chromium_beside, running, until
from tests.e2e.rooms import action, enter, figures, hears, pressed, says, sees, start_meeting, wait_connected

pytestmark = pytest.mark.timeout(180)
ALLOWS_ALL = "--use-fake-ui-for-media-stream"
HAS_DEVICES = "--use-fake-device-for-media-stream"
NO_CAMERA = f"{HAS_DEVICES}=device-count=0"
# Chromium has no flag that takes the microphone away; this is what it answers on a machine without one.
NO_MICROPHONE = """
  const media = navigator.mediaDevices;
  const [open, list] = [media.getUserMedia.bind(media), media.enumerateDevices.bind(media)];
  media.getUserMedia = async (wanted) => {
    if (wanted.audio) throw new DOMException("Requested device not found", "NotFoundError");
    return open(wanted);
  };
  media.enumerateDevices = async () => (await list()).filter(({ kind }) => kind !== "audioinput");
"""


class Meeting:
    """A running meeting in which the commune sits, with everything on."""

    def __init__(self, app: App, browser: Browser) -> None:
        self.app, self.browser = app, browser
        self.id = start_meeting(app, "Giao ban")
        self.commune = enter(app, browser, self.id, "camthuy")
        self.seat = int(figures(self.commune)["me"])

    def knock(self, browser: Browser, devices: Sequence[str] = ("camera", "microphone"), script: str = "") -> Page:
        """A village head before the door, who lets the browser use these devices."""
        door = f"/meetings/{self.id}/check"
        page = self.app.page(browser, "thon1.camthuy", door, devices=devices, script=script)
        page.wait_for_selector("[data-door][data-ready]")
        return page

    def join(self, page: Page) -> int:
        """Through the door; gives the seat."""
        page.click("[data-action=join]")
        wait_connected(page)
        sees(page, self.seat)
        hears(page, 1)
        return int(figures(page)["me"])


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    folder: Path = tmp_path_factory.mktemp("devices")
    with running(folder) as app, chromium() as browser:
        yield Meeting(app, browser)


@pytest.fixture
def strict(meeting: Meeting) -> Iterator[Browser]:
    """A browser that gives a page only what the person has allowed."""
    with chromium_beside(meeting.browser, without=[ALLOWS_ALL]) as browser:
        yield browser


def note(page: Page, words: str) -> None:
    """Wait until the device check says so."""
    expect(page.locator("[data-check-note]")).to_contain_text(words, timeout=15_000)


def switched(page: Page, line: str, on: bool) -> None:
    """Wait until a switch of the device check is on or off."""
    expect(page.locator(f"[data-check] [data-action={line}]")).to_have_attribute("aria-pressed", str(on).lower())


def allow(page: Page, meeting: Meeting, *devices: str) -> None:
    """What the person does at the browser's address line."""
    page.context.grant_permissions(list(devices), origin=meeting.app.url)


def test_blocked_devices_are_named_and_can_be_switched_on_in_the_room(meeting: Meeting, strict: Browser) -> None:
    page = meeting.knock(strict, [])
    note(page, "Trình duyệt đang chặn micro và máy quay. Bấm biểu tượng bên trái địa chỉ trang, chọn Cho phép")
    note(page, "đồng chí vẫn vào xem và nghe được")
    switched(page, "microphone", False)
    switched(page, "camera", False)
    seat = meeting.join(page)
    says(page, "Micro đang tắt")
    assert not pressed(page, "microphone") and not pressed(page, "camera")
    action(page, "microphone")
    page.locator(".toast").get_by_text("Trình duyệt đang chặn micro.").wait_for()
    assert not pressed(page, "microphone")
    allow(page, meeting, "microphone", "camera")
    for line in ("microphone", "camera"):
        action(page, line)
        until(lambda line=line: pressed(page, line), what=f"{line} is on")  # type: ignore[misc]
    sees(meeting.commune, seat)
    hears(meeting.commune, 1)
    assert page.errors == []  # type: ignore[attr-defined]
    page.context.close()


def test_a_blocked_camera_opens_by_itself_when_it_is_allowed(meeting: Meeting, strict: Browser) -> None:
    page = meeting.knock(strict, ["microphone"])
    note(page, "Trình duyệt đang chặn máy quay.")
    note(page, "vẫn nói và nghe được")
    switched(page, "microphone", True)
    switched(page, "camera", False)
    allow(page, meeting, "microphone", "camera")
    switched(page, "camera", True)
    note(page, "Micro nghe rõ")
    page.context.close()


def test_a_question_that_nobody_answers_holds_nobody_up(meeting: Meeting) -> None:
    waits = "navigator.mediaDevices.getUserMedia = () => new Promise(() => {});"
    page = meeting.knock(meeting.browser, script=waits)
    note(page, "Trình duyệt hỏi dùng micro và máy quay: xin chọn Cho phép.")
    meeting.join(page)
    says(page, "Micro đang tắt")
    page.context.close()


def test_a_machine_without_a_camera(meeting: Meeting) -> None:
    with chromium_beside(meeting.browser, NO_CAMERA, without=[HAS_DEVICES]) as browser:
        page = meeting.knock(browser)
        note(page, "Không tìm thấy máy quay. Đồng chí vẫn nói và nghe được.")
        expect(page.locator("#device-videoinput")).to_be_disabled()
        switched(page, "microphone", True)
        meeting.join(page)
        assert pressed(page, "microphone")
        hears(meeting.commune, 1)
        action(page, "camera")
        page.locator(".toast").get_by_text("Không tìm thấy máy quay.").wait_for()
        assert not pressed(page, "camera")
        assert page.errors == []  # type: ignore[attr-defined]


def test_a_machine_with_neither_camera_nor_microphone(meeting: Meeting) -> None:
    with chromium_beside(meeting.browser, NO_CAMERA, without=[HAS_DEVICES]) as browser:
        page = meeting.knock(browser, script=NO_MICROPHONE)
        note(page, "Máy này không có micro và máy quay dùng được. Đồng chí vẫn vào nghe và xem được.")
        for kind in ("audioinput", "videoinput"):
            expect(page.locator(f"#device-{kind}")).to_be_disabled()
        meeting.join(page)
        says(page, "Micro đang tắt")
        action(page, "microphone")
        page.locator(".toast").get_by_text("Không tìm thấy micro.").wait_for()
        assert not pressed(page, "microphone")
        assert page.errors == []  # type: ignore[attr-defined]


def test_a_device_that_is_taken_away_is_off_for_everybody(meeting: Meeting, strict: Browser) -> None:
    """As when a cable is pulled: the browser ends the track that was opened before the door."""
    page = meeting.knock(strict)
    switched(page, "camera", True)
    switched(page, "microphone", True)
    seat = meeting.join(page)
    sees(meeting.commune, seat)
    page.context.clear_permissions()
    page.locator(".toast").get_by_text("Máy quay vừa bị rút hoặc bị ngắt.").wait_for()
    page.locator(".toast").get_by_text("Micro vừa bị rút hoặc bị ngắt.").wait_for()
    assert not pressed(page, "microphone") and not pressed(page, "camera")
    says(page, "Micro đang tắt")
    tile = meeting.commune.locator(f".tile[data-participant='{seat}']")
    expect(tile).to_have_attribute("data-camera", "off")
    expect(tile).to_have_attribute("data-mic", "off")
    allow(page, meeting, "microphone", "camera")
    action(page, "camera")
    until(lambda: pressed(page, "camera"), what="the camera is on again")
    sees(meeting.commune, seat)
    assert page.errors == []  # type: ignore[attr-defined]
    page.context.close()


HELD = """
  const media = navigator.mediaDevices;
  const open = media.getUserMedia.bind(media);
  window.opened = [];
  media.getUserMedia = async (wanted) => {
    await window.held;
    const stream = await open(wanted);
    window.opened.push(...stream.getTracks());
    return stream;
  };
"""


def test_a_camera_that_is_off_at_the_door_is_closed_however_often_it_was_pressed(meeting: Meeting) -> None:
    page = meeting.knock(meeting.browser, script=HELD)
    switched(page, "camera", True)
    button = page.locator("[data-check] [data-action=camera]")
    button.click()
    switched(page, "camera", False)
    page.evaluate("() => { window.held = new Promise((go) => { window.go = go; }); }")
    for _ in range(2):  # on, and once more while it is being opened
        button.click()
    page.evaluate("() => window.go()")
    switched(page, "camera", True)
    button.click()
    switched(page, "camera", False)
    page.wait_for_timeout(1000)
    cameras = page.evaluate("() => window.opened.filter(({ kind }) => kind === 'video').map((one) => one.readyState)")
    assert len(cameras) > 1 and set(cameras) == {"ended"}
    page.context.close()


def test_a_question_after_a_reload_holds_nobody_up(meeting: Meeting) -> None:
    """Firefox asks again after each reload; the answer may come when the person is in the room, or never."""
    asks = "if (performance.getEntriesByType('navigation')[0].type === 'reload') {"
    asks += "const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
    asks += "const answered = new Promise((done) => { window.answer = done; });"
    asks += "navigator.mediaDevices.getUserMedia = async (wanted) => { await answered; return open(wanted); };}"
    page = meeting.knock(meeting.browser, script=asks)
    switched(page, "camera", True)
    seat = meeting.join(page)
    page.reload()
    wait_connected(page, 15)
    sees(page, meeting.seat)
    assert not pressed(page, "camera") and not pressed(page, "microphone")
    page.evaluate("() => window.answer()")
    for line in ("microphone", "camera"):
        until(lambda line=line: pressed(page, line), what=f"{line} is on")  # type: ignore[misc]
    sees(meeting.commune, seat)
    hears(meeting.commune, 1)
    page.context.close()


ANSWERED_WHILE_JOINING = """
  if (performance.getEntriesByType('navigation')[0].type === 'reload') {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    const joining = () => document.querySelector('[data-room]')?.room?.session.phase === 'joining';
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      while (wanted.audio && !joining()) await new Promise((again) => { setTimeout(again, 5); });
      return open(wanted);
    };
    const told = WebSocket.prototype.send;
    window.told = [];
    WebSocket.prototype.send = function (data) {
      if (String(data).includes('meeting.state')) window.told.push(String(data));
      return told.call(this, data);
    };
  }
"""


def test_an_answer_while_the_seat_is_taken_switches_nothing_else_off(meeting: Meeting) -> None:
    page = meeting.knock(meeting.browser, script=ANSWERED_WHILE_JOINING)
    switched(page, "camera", True)
    switched(page, "microphone", True)
    seat = meeting.join(page)
    page.reload()
    wait_connected(page, 15)
    until(lambda: pressed(page, "microphone"), what="the microphone is on")
    told = page.evaluate("() => window.told")
    assert told and all('"camera":true' in message and '"microphone":true' in message for message in told), told
    sees(meeting.commune, seat)
    hears(meeting.commune, 1)
    page.context.close()


@pytest.mark.parametrize("line", ["microphone", "camera"])
def test_an_answer_after_leaving_opens_nothing(meeting: Meeting, line: str) -> None:
    page = meeting.knock(meeting.browser, script=HELD)
    switched(page, line, True)
    meeting.join(page)
    action(page, line)
    until(lambda: not pressed(page, line), what="off")
    page.evaluate("() => { window.held = new Promise((go) => { window.go = go; }); }")
    action(page, line)
    page.wait_for_timeout(500)
    action(page, "leave")
    expect(page.locator("[data-gone]")).to_be_visible()
    page.evaluate("() => window.go()")
    page.wait_for_timeout(1000)
    assert page.evaluate("() => window.opened.every((track) => track.readyState === 'ended')")
    assert page.locator(".toast").count() == 0, page.locator(".toast").all_inner_texts()
    page.context.close()
