"""Where a participant stands, and how slowly the word changes."""

from __future__ import annotations

import pytest

from server.media.allocation.allocator import STILL, Choice, Demand, Option
from server.media.allocation.ladder import DOWN, MUTE, UP, Ladder, rung, word
from server.media.protocol import Quality, Rung

LOW, HIGH = Option("q", 0, 50_000), Option("h", 2, 400_000)
STILL_PICTURE = Option("q", STILL, 25_000)
DEMANDS = [Demand(n, (f"p{n}", "camera", 640), 2, (LOW, HIGH)) for n in range(3)]


@pytest.mark.parametrize(
    ("choice", "estimate", "loss", "expected"),
    [
        ({0: HIGH, 1: HIGH, 2: HIGH}, 2e6, 0.0, "full"),
        ({0: HIGH, 1: HIGH, 2: LOW}, 1e6, 0.0, "reduced"),
        ({0: LOW, 2: LOW}, 2e5, 0.0, "fewer"),
        ({2: LOW}, 1e5, 0.2, "one"),
        ({1: STILL_PICTURE}, 9e4, 0.0, "still"),
        ({}, 6e4, 0.0, "sound"),
        ({}, 2e4, 0.0, "telephone"),
        ({0: HIGH, 1: HIGH, 2: HIGH}, 2e6, 0.4, "telephone"),
    ],
)
def test_the_rung(choice: Choice, estimate: float, loss: float, expected: Rung) -> None:
    assert rung(DEMANDS, choice, estimate, loss) == expected


def test_who_wishes_for_nothing_lacks_nothing() -> None:
    assert rung([], {}, 1e5, 0.0) == "full"


@pytest.mark.parametrize(
    ("where", "uplink", "expected"),
    [("full", 0.0, "good"), ("reduced", 0.01, "good"), ("full", 0.1, "fair"), ("full", 0.2, "poor"),
     ("one", 0.0, "fair"), ("sound", 0.0, "poor"), ("fewer", 0.3, "poor")],
)  # fmt: skip
def test_the_word(where: Rung, uplink: float, expected: Quality) -> None:
    assert word(where, uplink) == expected


def test_worse_is_told_soon_and_better_later() -> None:
    ladder = Ladder()
    assert not ladder.step("one", 0.0, 10.0)
    assert ladder.step("one", 0.0, 10.0 + DOWN)
    assert (ladder.rung, ladder.quality) == ("one", "fair")
    assert not ladder.step("full", 0.0, 20.0)
    assert not ladder.step("full", 0.0, 20.0 + UP - 0.1)
    assert ladder.step("full", 0.0, 20.0 + UP)
    assert ladder.quality == "good"


def test_a_short_dip_is_not_told() -> None:
    ladder = Ladder()
    told = [ladder.step("one" if now % 1 < 0.2 else "full", 0.0, now) for now in (n / 10 for n in range(100))]
    assert not any(told)


def test_what_people_see_is_told_at_once() -> None:
    ladder = Ladder()
    assert ladder.step("one", 0.0, 10.0, seen=True), "a picture goes away: its word comes with it"
    assert (ladder.rung, ladder.quality) == ("one", "fair")
    assert not ladder.step("full", 0.0, 10.1, seen=True), "but what comes back may go again"
    assert not ladder.step("full", 0.0, 10.1 + UP - 0.1, seen=True)
    assert ladder.step("full", 0.0, 10.1 + UP)


def test_sinking_further_while_it_waits_is_told_in_time() -> None:
    ladder = Ladder()
    assert not ladder.step("fewer", 0.0, 0.0)
    assert not ladder.step("one", 0.0, DOWN / 2)
    assert ladder.step("sound", 0.0, DOWN)
    assert (ladder.rung, ladder.quality) == ("sound", "poor")


def told(ladder: Ladder, where: Rung, begin: float, seconds: float) -> Rung:
    """The rung that is told after it stood there for so long, looked at every 50 ms."""
    for tick in range(int(seconds / 0.05) + 1):
        ladder.step(where, 0.0, begin + tick * 0.05)
    return ladder.rung


def test_nobody_is_sent_to_the_telephone_by_a_queue_that_drains() -> None:
    ladder = Ladder()
    assert told(ladder, "telephone", 0.0, MUTE - 0.1) == "sound"
    assert told(ladder, "still", MUTE, UP) == "still"
    assert told(ladder, "telephone", 10.0, MUTE - 0.1) == "sound", "a second queue is not the rest of the first"


def test_who_can_hear_no_voices_is_told_within_two_seconds() -> None:
    ladder = Ladder()
    assert told(ladder, "telephone", 0.0, 2.0) == "telephone"
    assert told(ladder, "sound", 3.0, UP - 0.1) == "telephone"
    assert told(ladder, "telephone", 3.0 + UP, 0.1) == "telephone", "it had not become better for long enough"
    assert told(ladder, "sound", 10.0, UP) == "sound"
