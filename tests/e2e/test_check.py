"""/check in a real browser: what it says where all is well, without devices, and where UDP is blocked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.e2e.harness import CHROMIUM, App, chromium, running, until
from tests.e2e.network import Link, link
from tests.e2e.relay import relay

pytestmark = pytest.mark.timeout(300)
NO_DEVICES = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotFoundError'));"
GOOD = "Nơi này họp được bằng hình và tiếng."


def begin(page: Page) -> None:
    """Press the button as soon as the page is ready for it, for a first or a second trial."""
    page.wait_for_selector("[data-trial]:is([data-state=ready], [data-state=done])")
    page.click("[data-action=start]")
    page.wait_for_selector("[data-trial][data-state=running]")


def found_out(page: Page, seconds: float = 60) -> dict[str, Any]:
    """Wait for the sentence; gives what was measured."""
    until(lambda: page.get_attribute("[data-trial]", "data-state") == "done", seconds, "the trial is over")
    result: dict[str, Any] = page.evaluate("document.querySelector('[data-trial]').result ?? {}")
    return {**result, "says": page.inner_text("[data-says]"), "advice": page.inner_text("[data-todo]")}


def tried(page: Page) -> dict[str, Any]:
    """A whole trial."""
    begin(page)
    return found_out(page)


def test_where_all_is_well(tmp_path: Path) -> None:
    """On a phone, and once more on the same page as wide as a desk's."""
    with running(tmp_path) as app, chromium() as browser:
        page = app.page(browser, "camthuy", "/check", width=360, height=800)
        for width, height in ((360, 800), (1366, 768)):
            page.set_viewport_size({"width": width, "height": height})
            found = tried(page)
            assert found["says"] == GOOD, found
            assert (found["media"], found["protocol"], found["ways"]) == ("udp", "udp", {"direct": True})
            assert found["pictures"] > 10, "the own picture came back"
            assert found["sound"], "the fake microphone beeps"
            assert found["up"] >= 300 and found["down"] >= 500, (
                "a browser on a busy machine gets less than its link has"
            )
            assert page.errors == []  # type: ignore[attr-defined]
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        without_devices = app.page(browser, "quantri", "/check", script=NO_DEVICES)
        found = tried(without_devices)
        assert found["says"].startswith("Nơi này nghe và xem được, chưa nói được"), found
        assert "micro" in found["advice"]
        assert found["down"] >= 500, "the line is measured without devices, too"
        assert "no room" not in app.log()
        for trial in ("t1", "t2", "t3"):
            until(lambda trial=trial: app.media_log().count(f"{trial}: room closed") == 1, what=f"{trial} is closed")


FACTS = {
    "media": "udp",
    "up": 1500,
    "down": 3000,
    "lossUp": 0,
    "lossDown": 0,
    "rtt": 0.05,
    "microphone": "",
    "camera": "",
    "pictures": 60,
    "sound": True,
}
VERDICTS: list[tuple[dict[str, Any], str, list[str]]] = [
    ({}, "good", []),
    ({"media": "relay"}, "good", ["relayed"]),
    ({"up": 300, "down": 500, "lossUp": 0.1, "rtt": 1}, "good", []),
    ({"up": 299}, "voiceOnly", ["moveCloser"]),
    ({"down": 499}, "voiceOnly", ["moveCloser"]),
    ({"lossDown": 0.11}, "voiceOnly", ["moveCloser"]),
    ({"rtt": 1.1}, "voiceOnly", ["moveCloser"]),
    ({"down": 47}, "tooWeak", ["moveCloser", "byTelephone"]),
    ({"lossUp": 0.31}, "tooWeak", ["moveCloser", "byTelephone"]),
    ({"media": "none", "up": 0, "down": 0}, "blocked", ["askNetwork", "byTelephone"]),
    ({"camera": "noCamera"}, "noPicture", ["noCamera"]),
    ({"pictures": 0}, "noPicture", ["cameraDark"]),
    ({"sound": False}, "unheard", ["speakUp"]),
    ({"pictures": 0, "sound": False, "camera": "noCamera"}, "unheard", ["noCamera", "speakUp"]),
    ({"pictures": 0, "sound": False, "microphone": "noMicrophone"}, "listen", ["noMicrophone", "cameraDark"]),
    ({"pictures": 0, "sound": False, "up": 100}, "voiceOnly", ["moveCloser"]),
    ({"microphone": "noMicrophone"}, "listen", ["noMicrophone"]),
    ({"microphone": "denied", "camera": "denied"}, "listen", ["denied"]),
    ({"microphone": "denied", "up": 100}, "listenWeak", ["moveCloser", "denied"]),
    ({"media": "relay", "up": 100, "camera": "inUse"}, "voiceOnly", ["moveCloser", "relayed", "inUse"]),
]


def test_the_sentences(tmp_path: Path) -> None:
    """Which facts lead to which sentence and advice; every one of them has its words on the page."""
    with running(tmp_path) as app, chromium() as browser:
        page = app.page(browser, "camthuy", "/check")
        told = page.evaluate(
            """async (all) => {
              const { verdict } = await import('/static/js/check/verdict.js');
              const words = document.getElementById('trial-texts').dataset;
              const said = ({ word, todo }) => [word, ...todo].every((name) => words[name]);
              return all.map(verdict).map((one) => ({ ...one, said: said(one) }));
            }""",
            [FACTS | facts for facts, _word, _todo in VERDICTS],
        )
    assert told == [{"word": word, "todo": todo, "said": True} for _facts, word, todo in VERDICTS]


@pytest.fixture
def line() -> Iterator[Link]:
    with link() as made:
        yield made


@contextmanager
def browser_there(app: App, line: Link, folder: Path) -> Iterator[Browser]:
    secure = f"--unsafely-treat-insecure-origin-as-secure={app.url}"
    with chromium(secure, wrapper=line.program(folder, CHROMIUM)) as browser:
        yield browser


def test_where_udp_is_blocked(line: Link, tmp_path: Path) -> None:
    line.block_udp()
    app = App(tmp_path, line.here)
    app.environment["GIAOBAN_HELP_CONTACT"] = "Tổ kỹ thuật, 0233 3873 114"
    app.seed()
    try:
        app.start()
        with browser_there(app, line, tmp_path) as browser:
            found = tried(app.page(browser, "camthuy", "/check", width=360, height=800))
            assert found["media"] == "none", found
            assert found["says"].startswith("Mạng ở đây chặn hình và tiếng")
            assert "0233 3873 114" in found["advice"], "whom to call"
        app.stop()
        with relay(tmp_path / "turn", line.here) as turn:
            app.environment["GIAOBAN_TURN_URLS"] = ",".join(turn.urls("udp", "tcp", "tls"))
            app.environment["GIAOBAN_TURN_SECRET"] = turn.secret
            app.start()
            with browser_there(app, line, tmp_path) as browser:
                found = tried(app.page(browser, "camthuy", "/check", width=360, height=800))
                assert found["says"] == GOOD, found
                assert (found["media"], found["protocol"]) == ("relay", "tcp")
                assert found["ways"] == {"direct": False, "udp": False, "tcp": True, "tls": False}  # TLS of our own
                assert "đường vòng" in found["advice"]
                assert found["pictures"] > 10
    finally:
        app.stop()


DARK = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
  if (!wish.video) {
    const context = new AudioContext();
    return context.createMediaStreamDestination().stream;
  }
  return Object.assign(document.createElement('canvas'), { width: 640, height: 360 }).captureStream(0);
};
"""  # a camera whose cover is shut so that it gives no frame, and a microphone whose switch is off
LATE = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.late = [];
navigator.mediaDevices.getUserMedia = async (wish) => {
  await new Promise((done) => { window.yes = done; });
  const stream = await open(wish);
  window.late.push(...stream.getTracks());
  return stream;
};
"""


def test_devices_that_are_there_and_give_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as app, chromium() as browser:
        page = app.page(browser, "camthuy", "/check", width=360, height=800, script=DARK)
        found = tried(page)
        assert (found["word"], found["todo"]) == ("unheard", ["cameraDark", "speakUp"]), found
        assert found["says"] == "Mạng ở đây họp được, nhưng chưa nghe thấy tiếng đồng chí."


def test_a_yes_that_comes_too_late_and_a_trial_that_cannot_be(tmp_path: Path) -> None:
    """No device is left on, and no step goes on turning."""
    with running(tmp_path) as app, chromium() as browser:
        page = app.page(browser, "camthuy", "/check", width=360, height=800, script=LATE)
        page.route("**/check/main.js", _impatient)
        page.reload()
        begin(page)
        until(lambda: page.get_attribute("[data-step=camera]", "data-state") == "bad", 10, "it was waited for enough")
        app.kill_control()
        page.evaluate("window.yes()")
        until(lambda: page.evaluate("window.late.length") == 1, 10, "the person has said yes")
        until(lambda: page.evaluate("window.late[0].readyState") == "ended", 5, "it is off again")
        found_out(page)
        assert page.locator("[data-step][data-state=now]").count() == 0


HALF = """
const take = RTCPeerConnection.prototype.setRemoteDescription;
let taken = 0;
RTCPeerConnection.prototype.setRemoteDescription = function (answer) {
  taken += 1;
  const wrong = answer.sdp.replace(/a=ice-pwd:\\S+/g, `a=ice-pwd:${'0'.repeat(24)}`);
  return take.call(this, taken === 2 ? { type: 'answer', sdp: wrong } : answer);
};
"""  # of the two connections of a trial the second does not come


def test_a_network_that_carried_one_of_two_connections_is_not_called_blocked(tmp_path: Path) -> None:
    """A machine that was too busy for the second within the time."""
    with running(tmp_path) as app, chromium() as browser:
        page = app.page(browser, "camthuy", "/check", width=360, height=800, script=HALF)
        found = tried(page)
        assert found["says"] == "Chưa thử xong. Xin thử lại.", found


def _impatient(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace("DEVICE_MS = 20000", "DEVICE_MS = 1000"))
