"""What the `screen` bench makes of the samples of the reading page."""

from __future__ import annotations

import pytest

from tests.bench.screen import PAGE_SECONDS, Sample, a_second, between_turns, legible_after, since


def reading(turned: float, legible: float) -> list[Sample]:
    """Five samples a second; page 1 is asked for from `turned` on and can be read `legible` seconds later."""
    return [
        {
            "at": n / 5, "page": int(n / 5 >= turned), "frames": 2 * n,
            "share": float(not turned <= n / 5 < turned + legible),
        }
        for n in range(100)
    ]  # fmt: skip


def test_a_page_is_legible_from_its_first_sample_that_stays_so() -> None:
    assert legible_after(reading(3.0, 1.4), 1, 3.0) == pytest.approx(1.4)
    flicker = [sample | {"share": 1.0} if sample["at"] == 3.4 else sample for sample in reading(3.0, 1.4)]
    assert legible_after(flicker, 1, 3.0) == pytest.approx(1.4)


def test_a_page_that_never_comes_takes_all_its_time() -> None:
    assert legible_after(reading(3.0, 99), 1, 3.0) == PAGE_SECONDS


def test_pictures_between_turns_leave_out_what_came_while_a_page_was_not_legible() -> None:
    samples = reading(3.0, 2.0)
    for sample in samples:
        sample["frames"] = 4 * max(0.0, sample["at"] - 5.0)
    assert between_turns(samples, [3.0], [2.0]) == pytest.approx(4)
    assert a_second(since(samples, 3.0, 11.0), "frames") == pytest.approx(3, abs=0.1)
    assert between_turns(samples, [3.0], [PAGE_SECONDS]) == 0


def test_counters_by_the_second() -> None:
    assert a_second(since(reading(3.0, 1.0), 2.0, 10.0), "frames") == pytest.approx(10)
