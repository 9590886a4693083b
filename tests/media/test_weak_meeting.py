"""Bad links in virtual time, through the node's own code: what is played after the link has become bad.

The bench `weak` has the same cells with real browsers. The settling time there is three seconds, here too.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

import pytest

from server.media.allocation.allocator import STILL
from server.media.voices import USUAL
from tests.media.bandwidth.link import Link
from tests.media.weak_meeting import FPS, Second, WeakMeeting

SETTLING = 3
QUEUE = 6_000  # bytes at least


def weak(seconds: int = 12, **link: float) -> tuple[WeakMeeting, list[Second]]:
    """A meeting on a good link that becomes such a one; the seconds after it has settled."""
    meeting = WeakMeeting(Link(100e6, delay=0.02))
    meeting.run(8)
    for name, value in link.items():
        setattr(meeting.link, name, value)
    if "rate" in link:
        meeting.link.queue_bytes = max(link["rate"] * 0.3 / 8, QUEUE)
    meeting.run(SETTLING)
    return meeting, meeting.run(seconds)


def fps(seconds: list[Second]) -> float:
    return sum(second.pictures for second in seconds) / len(seconds)


def voice(seconds: list[Second]) -> float:
    """Share of the voice that could be played."""
    return sum(second.voice for second in seconds) / len(seconds)


def test_a_good_link_gets_everything() -> None:
    meeting, seconds = weak()
    assert fps(seconds) == pytest.approx(FPS, abs=0.2) and voice(seconds) >= 0.99
    assert seconds[-1].width == 960
    assert (meeting.sender.kbps, meeting.sender.frame_ms) == USUAL


@pytest.mark.parametrize(("loss", "least"), [(0.02, 19), (0.1, 17), (0.2, 12)])
def test_loss_without_a_queue_takes_no_layer(loss: float, least: float) -> None:
    _, seconds = weak(loss=loss)
    assert {second.width for second in seconds} == {960}
    assert fps(seconds) >= least
    assert voice(seconds) >= 0.95


def test_300_kbit_s_carry_a_small_picture_that_moves() -> None:
    _, seconds = weak(rate=300e3)
    assert fps(seconds) >= 17
    assert voice(seconds) >= 0.97
    assert sum(second.queue_ms for second in seconds) / len(seconds) < 100


def test_a_queue_that_was_ours_is_gone_within_two_seconds() -> None:
    meeting = WeakMeeting(Link(100e6, delay=0.02))
    meeting.run(8)
    meeting.link.rate, meeting.link.queue_bytes = 300e3, 300e3 * 0.3 / 8
    _, second, third = meeting.run(3)
    assert second.sent < 300 and third.queue_ms < 100


@pytest.mark.parametrize("rate", [64e3, 100e3])
@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_thin_links_carry_the_voice(rate: float, loss: float) -> None:
    meeting, seconds = weak(rate=rate, loss=loss)
    assert voice(seconds) >= 0.95, "at most 5 % are concealed"
    assert (meeting.sender.kbps, meeting.sender.frame_ms) in ((16, 60), (16, 40), (24, 40))
    assert sum(second.sent for second in seconds) / len(seconds) < rate / 1000


def test_a_longer_way_is_no_queue() -> None:
    _, seconds = weak(delay=0.3)
    assert fps(seconds) == pytest.approx(FPS, abs=0.5)
    assert min(second.estimate for second in seconds) > 1_400


def test_jitter_takes_no_picture_away_for_long() -> None:
    _, seconds = weak(jitter=0.1)
    assert fps(seconds[-4:]) >= 10 and voice(seconds) >= 0.97
    assert {second.width for second in seconds} <= {960, 480}


@pytest.mark.parametrize("loss", [0.0, 0.1])
@pytest.mark.parametrize(("rate", "word"), [(250e3, "good"), (100e3, "poor"), (64e3, "poor")])
def test_the_ladder_steps_down_within_two_seconds_and_up_within_fifteen(rate: float, word: str, loss: float) -> None:
    """What the page is told; one picture that becomes smaller is still good (`ladder`)."""
    meeting = WeakMeeting(Link(100e6, delay=0.02))
    meeting.run(8)
    ladder = meeting.stage.people[1].view.ladder
    assert (ladder.rung, ladder.quality) == ("full", "good")
    meeting.link.rate, meeting.link.loss, meeting.link.queue_bytes = rate, loss, max(rate * 0.3 / 8, QUEUE)
    meeting.run(2)
    assert ladder.rung != "full" and ladder.quality == word
    meeting.run(18)
    meeting.link.rate, meeting.link.loss, meeting.link.queue_bytes = 100e6, 0.0, 1e6
    meeting.run(15)
    assert (ladder.rung, ladder.quality) == ("full", "good")


@pytest.mark.parametrize("rate", range(150_000, 205_000, 5_000))
def test_at_the_edge_of_one_picture_the_word_stays_and_pictures_seldom_change(rate: int) -> None:
    """Just what voice and one picture need: it settles, and every raise that is tried ends in a moving picture."""
    meeting = WeakMeeting(Link(100e6, delay=0.02))
    meeting.run(8)
    meeting.link.rate, meeting.link.queue_bytes = float(rate), max(rate * 0.3 / 8, QUEUE)
    person = meeting.stage.people[1]
    meeting.run(15)
    words, choices = set(), []
    for _ in range(50):
        meeting.run(1)
        words.add(person.view.ladder.quality)
        choices.append([(option.rid, option.cap) for option in person.view.allocation.choice.values()])
    assert words == {"good"}
    assert sum(before != after for before, after in pairwise(choices)) <= 10, "at most one in five seconds"
    assert all(cap != STILL for choice in choices for _, cap in choice)


@pytest.mark.parametrize("rate", [400e3, 600e3, 1000e3])
def test_a_turned_page_is_there_within_three_seconds_and_no_voice_waits_for_it(rate: float) -> None:
    meeting = WeakMeeting(Link(100e6, delay=0.02), width=320, screen=True)
    meeting.run(8)
    meeting.link.rate, meeting.link.queue_bytes = rate, rate * 0.3 / 8
    meeting.run(8)
    begin = len(meeting.sender.turned)
    seconds = meeting.run(40)
    turned = [moment for moment in meeting.sender.turned[begin:] if moment < meeting.stage.now - 4]
    waits = [min(played for played in meeting.receiver.pages if played > moment) - moment for moment in turned]
    assert len(waits) >= 4 and median(waits) <= 3.0 and max(waits) <= 4.0, waits
    assert voice(seconds) >= 0.97
