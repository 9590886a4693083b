"""Firefox ESR without a window and with fake devices, driven over its own WebDriver BiDi socket (no geckodriver).

with firefox(folder, secure=app.address) as browser:
    page = browser.page(f"{app.url}/meetings/1/check")
    page.evaluate("() => document.title")

Its media never connect to 127.0.0.1: the media node must have another address (`tests.e2e.network.link`). A page has
as much of Playwright's manners as `tests.e2e.rooms` needs.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.harness import until
from tests.peers.bidi import Bidi

FIREFOX = "firefox-esr"
_PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,  # a moving picture and a tone
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,  # allowed
    "media.autoplay.blocking_policy": 0,
    "intl.accept_languages": "vi-VN, vi",
    # nothing leaves this machine
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.newtabpage.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}
_VISIBLE = "(selector) => [...document.querySelectorAll(selector)].some((one) => one.checkVisibility())"
_CLICK = """selector => {
  const one = [...document.querySelectorAll(selector)].find((each) => each.checkVisibility());
  one?.click();
  return Boolean(one);
}"""


class FirefoxPage:
    """A tab; errors of its scripts are in `errors`."""

    def __init__(self, bidi: Bidi, context: str) -> None:
        self._bidi, self._context = bidi, context

    def goto(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        self._bidi.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """What a JavaScript function gives, as JSON; a promise is waited for."""
        call = f"(await ({function})(JSON.parse(argument))) ?? null"
        answer = self._bidi.command(
            "script.callFunction",
            functionDeclaration=f"async (argument) => JSON.stringify({call})",
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            awaitPromise=True,
            target={"context": self._context},
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def wait_for_selector(self, selector: str, seconds: float = 30) -> None:
        """Until an element is there and can be seen."""
        until(lambda: self.evaluate(_VISIBLE, selector), seconds, f"{selector} is visible")

    def click(self, selector: str) -> None:
        """Press the first element that can be seen."""
        until(lambda: self.evaluate(_CLICK, selector), 15, f"{selector} can be pressed")

    def set_viewport_size(self, size: dict[str, int]) -> None:
        """How large the page is shown: {"width": ..., "height": ...} in CSS pixels."""
        self._bidi.command("browsingContext.setViewport", context=self._context, viewport=size)

    @property
    def errors(self) -> list[str]:
        """Errors that the page's scripts did not catch."""
        return [
            found["text"]
            for method, found in list(self._bidi.events)
            if method == "log.entryAdded" and found["type"] == "javascript" and found["level"] == "error"
        ]


class Firefox:
    """The running browser."""

    def __init__(self, bidi: Bidi) -> None:
        self._bidi = bidi
        bidi.command("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        bidi.command("session.subscribe", events=["log.entryAdded"])

    def page(self, url: str) -> FirefoxPage:
        """A new tab with this address."""
        made = self._bidi.command("browsingContext.create", type="tab")
        page = FirefoxPage(self._bidi, made["context"])
        page.goto(url)
        return page


def _profile(folder: Path, secure: str) -> None:
    folder.mkdir()
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in {**_PREFERENCES, "dom.securecontext.allowlist": secure}.items()
    ]
    (folder / "user.js").write_text("\n".join(lines) + "\n")


@contextmanager
def firefox(folder: Path, secure: str) -> Iterator[Firefox]:
    """Start Firefox with a new profile in `folder`; it may open devices at the address `secure` without HTTPS."""
    profile = folder / "firefox"
    _profile(profile, secure)
    command = [FIREFOX, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port=0"]
    with (folder / "firefox.log").open("wb") as log:
        process = subprocess.Popen([*command, "about:blank"], stdout=log, stderr=log)
    try:
        server = profile / "WebDriverBiDiServer.json"
        until(lambda: server.exists() and server.read_text().endswith("}"), 60, "Firefox listens")
        where = json.loads(server.read_text())
        bidi = Bidi(f"ws://{where['ws_host']}:{where['ws_port']}/session")
        try:
            yield Firefox(bidi)
        finally:
            bidi.close()
    finally:
        process.terminate()
        process.wait(20)
