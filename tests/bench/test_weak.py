"""What the `weak` bench makes of the samples of a page."""

from __future__ import annotations

import pytest

from tests.bench.weak import RETURNING, Sample, measured, recovered


def page(seconds: float, still: tuple[float, float] = (0, 0), mute: tuple[float, float] = (0, 0)) -> list[Sample]:
    """Samples of 20 frames a second and a voice, with a time without frames and one with a concealed voice."""
    samples: list[Sample] = []
    frames = concealed = 0
    for number in range(int(10 * seconds)):
        moment = number / 10
        frames += 0 if still[0] <= moment < still[1] else 2
        concealed += 4800 if mute[0] <= moment < mute[1] else 0
        known = moment >= still[1] > 0  # a browser knows of a freeze when it is over
        samples.append(
            {
                "at": moment, "frames": frames, "freezes": int(known), "frozen": (still[1] - still[0]) * known,
                "width": 640, "sound": 4800 * (number + 1), "concealed": concealed, "silent": 0, "packets": number,
            }
        )  # fmt: skip
    return samples


def test_a_good_link() -> None:
    found = measured(page(20), 5, 15)
    assert found["fps"] == pytest.approx(20)
    assert found["freezes"] == found["frozen_s"] == found["concealed_pct"] == 0


def test_a_freeze_that_ended_and_a_voice_that_was_concealed() -> None:
    found = measured(page(20, still=(7, 9), mute=(6, 7)), 5, 15)
    assert found["fps"] == pytest.approx(16, abs=0.3)
    assert found["freezes"] == 1 and found["frozen_s"] == pytest.approx(2, abs=0.2)
    assert found["concealed_pct"] == pytest.approx(10)


def test_a_picture_that_stood_still_for_long_is_frozen_though_the_browser_counts_nothing() -> None:
    samples = [{**sample, "freezes": 0, "frozen": 0} for sample in page(20, still=(7, 12))]
    found = measured(samples, 5, 15)
    assert found["freezes"] == 1
    assert found["frozen_s"] == pytest.approx(5, abs=0.2)


def test_a_picture_that_never_came_back_is_frozen_to_the_end() -> None:
    found = measured(page(20, still=(7, 99)), 5, 15)
    assert found["freezes"] == 1
    assert found["frozen_s"] == pytest.approx(8, abs=0.2)


def test_a_picture_that_stood_still_all_the_time() -> None:
    found = measured(page(20, still=(1, 99)), 5, 15)
    assert (found["fps"], found["freezes"], found["frozen_s"]) == (0, 1, 10)


def test_recovery_needs_picture_and_voice() -> None:
    assert recovered(page(20, still=(5, 11), mute=(5, 10.5)), 10) == pytest.approx(1.0, abs=0.25)
    assert recovered(page(20, still=(5, 10.5), mute=(5, 12)), 10) == pytest.approx(2.0, abs=0.25)
    assert recovered(page(20, still=(5, 99)), 10) == RETURNING
