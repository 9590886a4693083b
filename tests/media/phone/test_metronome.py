from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from server.media.phone import metronome
from server.media.phone.metronome import Metronome
from tests.waiting import until


async def test_a_tick_that_comes_late_is_due_at_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metronome, "BEHIND", 60.0)  # whatever else runs here
    due: list[float] = []
    beat = Metronome(due.append)
    beat.start()
    await until(lambda: len(due) >= 3)
    time.sleep(0.15)
    await until(lambda: len(due) >= 12)
    beat.stop()
    assert {round(after - before, 6) for before, after in pairwise(due)} == {0.02}
    assert beat.skipped == 0
    assert len(beat.lengths) == len(due)


async def test_what_a_tick_needs_is_made_ready_just_before_each() -> None:
    done: list[str] = []
    beat = Metronome(lambda due: done.append("tick"), lambda: done.append("ready"))
    beat.start()
    await until(lambda: len(done) >= 20)
    beat.stop()
    ended = len(done)
    assert done[:20] == ["ready", "tick"] * 10
    time.sleep(0.05)
    await asyncio.sleep(0.01)
    assert len(done) == ended, "neither goes on"


async def test_a_machine_that_stood_still_makes_up_for_nothing() -> None:
    due: list[float] = []
    beat = Metronome(due.append)
    beat.start()
    await until(lambda: len(due) >= 3)
    before = len(due)
    time.sleep(0.6)
    await until(lambda: len(due) > before)
    beat.stop()
    assert len(due) <= before + 2, "it goes on from where it is by now"
    assert beat.skipped >= 25


async def test_it_can_be_stopped_and_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metronome, "BEHIND", 60.0)  # whatever else runs here
    due: list[float] = []
    beat = Metronome(due.append)
    beat.start()
    beat.start()
    await until(lambda: len(due) >= 2)
    beat.stop()
    assert due[1] - due[0] == pytest.approx(0.02), "it runs once"
    before = len(due)
    beat.start()
    await until(lambda: len(due) > before)
    assert due[before] > due[before - 1]
    beat.stop()
