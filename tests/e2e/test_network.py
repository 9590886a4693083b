"""A page behind a real network that fails: ten seconds without a packet, and it is back in its place by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.harness import CHROMIUM, FLAGS, App, chromium, until
from tests.e2e.network import Link, link
from tests.e2e.rooms import enter, figures, hears, sees, start_meeting

pytestmark = pytest.mark.timeout(180)
OUTAGE_SECONDS = 10
BACK_SECONDS = 3


class Village:
    """The leader on the server's own network, and a village head behind the link."""

    def __init__(self, app: App, network: Link, leader: Page, head: Page) -> None:
        self.app, self.network, self.leader, self.head = app, network, leader, head

    def seat(self, page: Page) -> int:
        return int(figures(page)["me"])

    def frames_of(self, seat: int) -> int:
        """Decoded pictures of a participant at the village head's page."""
        return int(figures(self.head)["video"].get(f"{seat}/camera", {"frames": 0})["frames"])


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    with link() as network:
        wrapper = tmp_path / "chromium-there"
        wrapper.write_text(f'#!/bin/sh\nexec {" ".join(network.command(CHROMIUM))} "$@"\n')
        wrapper.chmod(0o755)
        app = App(tmp_path, network.here)
        app.seed()
        app.start()
        # Cameras need HTTPS or this machine itself; the test's network counts as safe.
        safe = f"--unsafely-treat-insecure-origin-as-secure={app.url}"
        try:
            with chromium(safe) as here:
                meeting = start_meeting(app)
                leader = enter(app, here, meeting, "chutich")
                there = here.browser_type.launch(executable_path=str(wrapper), args=[*FLAGS, safe])
                try:
                    yield Village(app, network, leader, enter(app, there, meeting, "thon1.camthuy"))
                finally:
                    there.close()
        finally:
            app.stop()


def test_ten_seconds_without_a_packet(village: Village) -> None:
    seats = village.seat(village.leader), village.seat(village.head)
    sees(village.head, seats[0])
    sees(village.leader, seats[1])
    village.network.cut()
    begin = time.monotonic()
    time.sleep(2)
    stalled = village.frames_of(seats[0])
    time.sleep(2)
    assert village.frames_of(seats[0]) == stalled, "the link is not cut"
    time.sleep(OUTAGE_SECONDS - (time.monotonic() - begin))
    village.network.mend()
    begin = time.monotonic()
    until(
        lambda: village.frames_of(seats[0]) not in (0, stalled),  # a new connection counts from nought
        BACK_SECONDS + 5,
        "the picture goes on",
    )
    back = time.monotonic() - begin
    assert back <= BACK_SECONDS, f"{back:.1f} s"
    assert (village.seat(village.leader), village.seat(village.head)) == seats
    sees(village.leader, seats[1])
    hears(village.head, 1)
    hears(village.leader, 1)
    present = [person for person in figures(village.leader)["people"] if person[2]]
    assert sorted(person[0] for person in present) == sorted(seats)
