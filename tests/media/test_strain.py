"""When the largest layers of a picture count as too much for the way of their sender, and when they are tried again."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from server.media.inward.strain import CALM, LASTS, MOST, MOST_CALM, RELIEF, STANDS, Strain

FULL, EMPTY = 2 * STANDS, 0.02
Way = Callable[[int], float | None]  # by how much everything waits with so many layers left out


def steps(strain: Strain, begin: float, end: float, way: Way) -> list[tuple[float, int]]:
    """When something else was left out, with looks ten times a second."""
    found = []
    for tick in range(round(begin * 10), round(end * 10)):
        before = strain.left_out
        strain.look(way(before), tick / 10)
        if strain.left_out != before:
            found.append((tick / 10, strain.left_out))
    return found


def thin(carried: int) -> Way:
    """A way that carries what is left with so many layers left out."""
    return lambda left_out: EMPTY if left_out >= carried else FULL


def test_a_queue_that_stands_leaves_out_one_layer_after_the_other() -> None:
    strain = Strain()
    assert steps(strain, 0, 5, thin(0)) == []
    assert steps(strain, 5, 20, lambda _: FULL) == [(5 + LASTS - 0.1, 1), (5 + LASTS - 0.1 + RELIEF, 2)]
    assert steps(strain, 20, 100, lambda _: FULL) == [], "there is no smaller one"
    assert strain.left_out == MOST


def test_a_browser_that_obeys_in_time_keeps_its_layers() -> None:
    strain = Strain()
    for second in range(0, 30, 3):
        assert steps(strain, second, second + LASTS - 0.2, lambda _: FULL) == []
        assert steps(strain, second + LASTS - 0.2, second + 3, lambda _: EMPTY) == []


def test_a_long_queue_may_take_its_time_to_drain() -> None:
    strain = Strain()
    assert steps(strain, 0, 1, thin(0)) == []
    assert len(steps(strain, 1, 5, lambda _: 1.0)) == 1
    for tenth in range(80):
        assert steps(strain, 5 + tenth / 10, 5.1 + tenth / 10, lambda _, passed=tenth: 1.0 - 0.01 * passed) == []


def test_restless_air_is_no_queue() -> None:
    """Most packets are late; now and then one is not, which a queue would have held up."""
    strain = Strain()
    for second in range(0, 60, 2):
        assert steps(strain, second, second + 0.1, lambda _: EMPTY) == []
        assert steps(strain, second + 0.1, second + 2, lambda _: FULL) == []


def looked(strain: Strain, waits: list[float], dropped: float = 0.0) -> int:
    """How many layers are left out in the end; a hundred packets are sent between two looks."""
    for tick, waited in enumerate(waits):
        strain.look(waited, tick / 10, 100 * tick, round(100 * (1 - dropped) * tick))
    return strain.left_out


QUICK = [EMPTY] * 50


@pytest.mark.parametrize("longer", [0.16, 0.3, 0.6])
@pytest.mark.parametrize("unrest", [0.0, 0.04])
def test_a_way_that_has_become_longer_is_no_queue(longer: float, unrest: float) -> None:
    chance = random.Random(1)
    later = [EMPTY + longer + chance.uniform(-unrest, unrest) / 2 for _ in range(600)]
    peak = [longer + 0.4, longer + 0.2, longer + 0.1]  # what was held up while it changed
    strain = Strain()
    assert looked(strain, QUICK + peak + later) == 0
    strain = Strain()
    assert looked(strain, QUICK + later + [longer + FULL] * 20 + QUICK + [EMPTY + longer] * 100) == 0, "and back"


def test_what_is_dropped_or_grows_is_a_queue() -> None:
    assert looked(Strain(), QUICK + [FULL] * 200, dropped=0.05) == MOST
    growing = [EMPTY + 0.004 * tick for tick in range(300)]
    assert looked(Strain(), QUICK + growing) == MOST
    assert looked(Strain(), QUICK + [EMPTY + FULL * tick / 10 for tick in range(10)] + [FULL] * 200) == MOST
    on_a_longer_way = [FULL] * 100 + [FULL + 0.004 * tick for tick in range(300)]
    assert looked(Strain(), QUICK + on_a_longer_way) == MOST


def test_who_sends_nothing_waits_for_nothing() -> None:
    strain = Strain()
    assert steps(strain, 0, 2, lambda _: FULL) == []
    assert steps(strain, 2, 30, lambda _: None) == []
    assert steps(strain, 30, 32, lambda _: FULL) == []


def test_what_was_left_out_is_tried_again_ever_more_seldom() -> None:
    strain = Strain()
    assert steps(strain, 0, 1, thin(0)) == []
    told = steps(strain, 1, 400, thin(1))
    assert [left_out for _, left_out in told[:4]] == [1, 0, 1, 0]
    waits = [back - out for (out, _), (back, _) in zip(told[::2], told[1::2], strict=False)]
    assert [round(wait) for wait in waits[:4]] == [CALM, 2 * CALM, 4 * CALM, MOST_CALM]
    assert {round(wait) for wait in waits[3:]} == {MOST_CALM}
    trials = [out - back for (back, _), (out, _) in zip(told[1::2], told[2::2], strict=False)]
    assert max(trials) <= LASTS + 0.1


def test_on_a_good_way_all_is_back_and_forgotten() -> None:
    strain = Strain()
    steps(strain, 0, 1, thin(0))
    steps(strain, 1, 200, thin(2))
    assert strain.left_out > 0
    steps(strain, 200, 400, thin(0))
    assert strain.left_out == 0
    out, back = steps(strain, 400, 420, lambda left_out: FULL if left_out < 1 else EMPTY)[:2]
    assert round(back[0] - out[0]) == CALM
