"""A laptop sleeps until the node has ended its session, wakes, and sits in the same seat again within seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from server.config import ROOT
from tests.e2e.harness import CHROMIUM, App, chromium, chromium_beside, until
from tests.e2e.rooms import enter, figures, sees, start_meeting

pytestmark = pytest.mark.timeout(180)
SLEPT = 11.0  # s: longer than a page takes for sleep (SLEPT_SECONDS)
BACK_SECONDS = 5.0


@contextmanager
def impatient(folder: Path) -> Iterator[App]:
    """The application with a node that gives a silent session up after six seconds, not 68."""
    app = App(folder)
    app.seed()
    node = [sys.executable, "-m", "server.media.node", "--socket", str(app.socket), "--udp-port", "0"]
    node += ["--address", app.address, "--lost-after", "3", "--closed-after", "3", "--log", str(folder / "node.log")]
    process = subprocess.Popen(node, cwd=ROOT)  # found and taken over by the control process
    try:
        until(app.socket.exists, 15, "the node listens")
        app.start()
        yield app
    finally:
        app.stop()
        process.wait(10)


class Laptop:
    """A browser of its own, all of whose processes can be made to stand still."""

    def __init__(self, browser: Browser, pid: int) -> None:
        self.browser, self._pid = browser, pid

    def sleep(self) -> None:
        os.killpg(self._pid, signal.SIGSTOP)

    def wake(self) -> None:
        os.killpg(self._pid, signal.SIGCONT)


@contextmanager
def laptop(beside: Browser, folder: Path) -> Iterator[Laptop]:
    pid, script = folder / "laptop.pid", folder / "laptop"
    script.write_text(f'#!/bin/sh\necho $$ > {pid}\nexec {CHROMIUM} "$@"\n')
    script.chmod(0o755)
    with chromium_beside(beside, program=str(script)) as browser:
        made = Laptop(browser, int(pid.read_text()))
        try:
            yield made
        finally:
            made.wake()


def test_a_laptop_that_has_slept_comes_back_by_itself(tmp_path: Path) -> None:
    with impatient(tmp_path) as app, chromium() as near, laptop(near, tmp_path) as sleeper:
        meeting = start_meeting(app)
        chair = enter(app, near, meeting, "chutich")
        commune = enter(app, sleeper.browser, meeting, "camthuy")
        me, host = figures(commune)["me"], figures(chair)["me"]
        sees(chair, me)
        sees(commune, host)
        begin = time.monotonic()
        sleeper.sleep()
        gone = lambda: [me, False] in [[one[0], one[2]] for one in figures(chair)["people"]]  # noqa: E731
        until(gone, 20, "the node has ended its session, and the seat is empty")
        chair.wait_for_timeout(max(0.0, 1000 * (SLEPT - (time.monotonic() - begin))))
        sleeper.wake()
        begin = time.monotonic()
        sees(chair, me, seconds=BACK_SECONDS)
        sees(commune, host, seconds=BACK_SECONDS)
        print(f"back after {time.monotonic() - begin:.1f} s")
        assert time.monotonic() - begin <= BACK_SECONDS
        now = figures(commune)
        assert (now["me"], now["joined"], now["phase"]) == (me, 2, "inside"), "the same seat, taken anew"
        assert commune.errors == []  # type: ignore[attr-defined]


AHEAD = "() => { const now = Date.now; Date.now = () => now() + 60_000; }"


def test_a_sleep_that_the_machine_s_own_clocks_do_not_count_is_noticed_by_the_wall_s(tmp_path: Path) -> None:
    """Timers stand still with the machine, so the live connection would be taken for good for most of a minute."""
    with impatient(tmp_path) as app, chromium() as browser:
        meeting = start_meeting(app)
        chair = enter(app, browser, meeting, "chutich")
        me, connected = figures(chair)["me"], app.log().count(" chutich unit ")
        chair.evaluate(AHEAD)
        until(lambda: app.log().count(" chutich unit ") > connected, 5, "it has connected anew")
        until(lambda: figures(chair)["media"] == "connected", 5, "what was good goes on")
        now = figures(chair)
        assert (now["me"], now["joined"], now["phase"]) == (me, 1, "inside"), "no second join where none is needed"
