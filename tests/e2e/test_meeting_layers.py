"""A layer that nobody watches stops at its sender, and is there again soon when somebody wishes for it (dynacast)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.harness import chromium, running, until
from tests.e2e.pictures import LARGE, layer_back, stands
from tests.e2e.rooms import enter, start_meeting

pytestmark = pytest.mark.timeout(240)
ENCODED = 500  # ms from the wish until its sender encodes it again
SHOWN = 2000  # ms until it is shown, of machines that encode and decode all of it
TRIALS = 3  # of which one must do: others use the machine, too


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[tuple[Page, Page]]:
    """Who sends a camera and who looks at it, in a large window."""
    with running(tmp_path) as app, chromium() as browser:
        meeting = start_meeting(app, "Họp xem một người")
        sender = enter(app, browser, meeting, "chutich", **LARGE)
        viewer = enter(app, browser, meeting, "camthuy", **LARGE)
        yield sender, viewer
        assert "Traceback" not in app.log() + app.media_log()


def test_the_full_layer_stops_while_nobody_watches_it_and_comes_back_soon(pages: tuple[Page, Page]) -> None:
    sender, viewer = pages
    trials = []
    for _ in range(TRIALS):
        trials.append(layer_back(sender, viewer))
        print(f"\nencoded again {trials[-1].encoded:.0f} ms after the wish, shown after {trials[-1].shown:.0f} ms")
        until(lambda: not stands(sender), 10, "it goes on")
        if trials[-1].encoded <= ENCODED and trials[-1].shown <= SHOWN:
            return
    pytest.fail(f"never again within {ENCODED} ms and shown within {SHOWN} ms: {trials}")
