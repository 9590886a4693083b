from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from server.media.phone import metronome
from server.media.phone.metronome import Metronome, Turns
from tests.waiting import until


def noting(due: list[float]) -> Callable[[float], Turns]:
    """A step that notes when it is due, in two turns."""

    def step(at: float) -> Turns:
        due.append(at)
        yield

    return step


async def test_a_tick_that_comes_late_is_due_at_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metronome, "BEHIND", 60.0)  # whatever else runs here
    due: list[float] = []
    beat = Metronome(noting(due))
    beat.start()
    await until(lambda: len(due) >= 3)
    time.sleep(0.15)
    await until(lambda: len(due) >= 12)
    beat.stop()
    assert {round(after - before, 6) for before, after in pairwise(due)} == {0.02}
    assert beat.skipped == 0
    assert len(due) - len(beat.lengths) in (0, 1), "the last may be in its first turn"


async def test_every_tick_is_counted_by_its_length_and_the_newest_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metronome, "_KEPT", 5)

    def step(due: float) -> Turns:
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            pass
        yield

    beat = Metronome(step)
    beat.start()
    await until(lambda: beat.counts.total() >= 12)
    beat.stop()
    assert len(beat.lengths) == 5
    assert min(beat.counts) >= 40, "whole twentieths of a millisecond"


async def test_what_a_tick_needs_is_made_ready_just_before_each() -> None:
    done: list[str] = []

    def work(what: str) -> Turns:
        done.append(what)
        yield

    beat = Metronome(lambda due: work("tick"), lambda due: work("ready"))
    beat.start()
    await until(lambda: len(done) >= 20)
    beat.stop()
    ended = len(done)
    assert done[:20] == ["ready", "tick"] * 10
    time.sleep(0.05)
    await asyncio.sleep(0.01)
    assert len(done) == ended, "neither goes on"


async def test_a_late_tick_waits_until_all_that_it_needs_is_ready() -> None:
    done: list[str] = []

    def work(what: str, turns: int) -> Turns:
        for _ in range(turns):
            done.append(what)
            yield

    beat = Metronome(lambda due: work("tick", 1), lambda due: work("ready", 3))
    beat.start()
    time.sleep(0.1)
    await until(lambda: len(done) >= 20)
    beat.stop()
    assert done[:20] == ["ready", "ready", "ready", "tick"] * 5


async def test_others_get_their_turn_in_the_middle_of_a_tick() -> None:
    done: list[str] = []
    loop = asyncio.get_running_loop()

    def step(due: float) -> Turns:
        loop.call_soon(done.append, "other")
        for _ in range(2):
            done.append("tick")
            time.sleep(0.001)
            yield

    beat = Metronome(step)
    beat.start()
    await until(lambda: len(beat.lengths) >= 2)
    beat.stop()
    assert done[:6] == ["tick", "other", "tick"] * 2


async def test_a_machine_that_stood_still_makes_up_for_nothing() -> None:
    due: list[float] = []
    beat = Metronome(noting(due))
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
    beat = Metronome(noting(due))
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
