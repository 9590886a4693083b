"""A network that lets out nothing but TCP to port 443: pages and relay share it, and a meeting goes through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.front import DOMAIN, Front, front, trusting
from tests.e2e.harness import CHROMIUM, App, chromium, until
from tests.e2e.network import Link, link
from tests.e2e.rooms import enter, figures, hears, sees, start_meeting
from tests.e2e.test_check import GOOD, tried
from tests.e2e.test_meeting_relay import pair

pytestmark = pytest.mark.timeout(240)
Place = tuple[App, Front, Link]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A whole server behind its door, and a link to a browser's network that is still open."""
    with link() as line:
        app = App(tmp_path, line.here)
        app.seed()
        with front(app, tmp_path / "front", line.here) as door:
            try:
                app.environment["GIAOBAN_METRICS_ADDRESSES"] = line.there  # whom it tells figures without signing in
                app.start()
                yield app, door, line
            finally:
                app.stop()


@contextmanager
def browser_there(place: Place, folder: Path) -> Iterator[Browser]:
    """Chromium in the other network. It trusts the server's authority, and no error of a certificate is passed over."""
    _, door, line = place
    line.know(*door.names)
    until(door.root.exists, 20, "Caddy has made its authority")
    environment = trusting(door.root, folder / "home")
    home = [f"{name}={value}" for name, value in environment.items()]
    script = folder / "chromium-there"
    script.write_text(f'#!/bin/sh\nexec {" ".join(line.command("env", *home, CHROMIUM))} "$@"\n')
    script.chmod(0o755)
    with chromium(wrapper=[str(script)]) as browser:
        yield browser


def test_where_nothing_but_443_is_open(place: Place, tmp_path: Path) -> None:
    app, door, line = place
    line.only_https()
    meeting = start_meeting(app)
    with browser_there(place, tmp_path) as browser:
        checking = door.page(browser, "thon1.camthuy", "/check", width=360, height=800)
        found = tried(checking)
        assert found["says"] == GOOD, found
        assert (found["media"], found["protocol"]) == ("relay", "tls")
        assert found["ways"] == {"direct": False, "udp": False, "tcp": False, "tls": True}
        told = checking.inner_text("[data-step=ways] [data-note]").splitlines()
        assert told[0].endswith("không qua được") and told[-1].endswith("thông") and len(told) == 4, told
        assert checking.evaluate("fetch('/metrics').then(({status}) => status)") == 200, "the server knows who asks"
        checking.context.close()

        chair = enter(door, browser, meeting, "chutich")  # type: ignore[arg-type]
        commune = enter(door, browser, meeting, "camthuy")  # type: ignore[arg-type]
        sees(commune, figures(chair)["me"])
        sees(chair, figures(commune)["me"])
        hears(commune, 1)
        for page in (chair, commune):
            path = pair(page)
            assert (path["type"], path["relay"]) == ("relay", "tls")
            assert path["url"] == f"turns:turn.{DOMAIN}:443?transport=tcp"
    assert line.udp_blocked() > 0, "it was tried, and nothing got through"
