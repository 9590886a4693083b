"""NACKs and PLIs: asked for soon, not again before an answer can have come, and no more than the link carries."""

from __future__ import annotations

from itertools import pairwise

import pytest

from server.media.inward.asking import (
    ASK_AGAIN,
    ASK_TIMES,
    KEY_FRAME_AGAIN,
    KEY_FRAME_EVERY,
    KEY_FRAME_PACE,
    KEY_FRAMES_AHEAD,
    LARGEST_GAP,
    MOST_OF_SCREEN,
    REORDERING,
    SCREEN_SHARE,
    SELDOM,
    KeyFrames,
    Losses,
)
from server.media.inward.packet import Packet
from server.media.inward.source import Source


def asked(losses: Losses, begin: float, seconds: float) -> list[tuple[float, list[int]]]:
    """What is asked for, looked at every 5 ms, and when after `begin`."""
    found = []
    for step in range(round(seconds * 200)):
        due = losses.due(begin + step / 200)
        if due:
            found.append((step / 200, due))
    return found


def test_a_lost_packet_is_asked_for_a_few_times_and_given_up() -> None:
    losses = Losses()
    assert losses.note(7, 8, 1.0)
    times = [at for at, _ in asked(losses, 1.0, 3)]
    assert len(times) == ASK_TIMES and times[0] == pytest.approx(REORDERING, abs=0.006)
    assert times[1] - times[0] == pytest.approx(ASK_AGAIN, abs=0.006)
    assert losses.missing == {}


def test_on_a_long_way_nothing_is_asked_for_again_before_an_answer_can_have_come() -> None:
    losses = Losses()
    for number in range(40):  # every answer takes 0.4 s
        losses.note(number, number + 1, float(number))
        losses.came += 10
        asked(losses, float(number), 0.4)
        losses.found(number, number + 0.4)
    losses.note(99, 100, 100.0)
    assert len(asked(losses, 100.0, 0.4)) == 1


def test_what_a_full_link_drops_is_asked_for_as_it_carries_it() -> None:
    losses = Losses(screen=True)
    losses.note(0, 150, 1.0)
    together = [number for _, due in asked(losses, 1.0, 0.5) for number in due]
    assert len(together) == MOST_OF_SCREEN, "nothing comes: no more is asked for"
    losses.came += 20
    assert len(losses.due(1.5)) == 20 * SCREEN_SHARE


def test_a_long_gap_is_a_new_beginning_but_for_a_screen_longer() -> None:
    assert not Losses().note(0, LARGEST_GAP + 1, 1.0)
    assert Losses(screen=True).note(0, LARGEST_GAP + 1, 1.0)


def test_a_key_frame_is_asked_for_until_it_comes() -> None:
    keys = KeyFrames()
    keys.wanted = True
    times = [step / 100 for step in range(300) if keys.due(step / 100)]
    assert len(times) == 10 and times[1] - times[0] == pytest.approx(KEY_FRAME_EVERY)
    keys.begins(3.0)
    assert not keys.due(4.0)


def answered(seconds: float, takes: float) -> list[float]:
    """When a key frame is asked for that is always wanted, and begins so long after it was asked for."""
    keys, times, due = KeyFrames(), [], [float("inf")]
    for step in range(round(seconds * 200)):
        now = step / 200
        if now >= due[0]:
            due.pop(0)
            keys.begins(now)
        keys.wanted = True
        if keys.due(now):
            times.append(now)
            due.insert(len(due) - 1, now + takes)
    return times


def test_after_an_answer_the_next_may_be_asked_for_soon_but_no_storm_is_to_be_had() -> None:
    times = answered(10, 0.09)
    assert times[1] - times[0] == pytest.approx(KEY_FRAME_AGAIN)
    assert times[2] == pytest.approx(2 * KEY_FRAME_AGAIN)
    for seconds in (1, 3, 10):
        most = max(sum(begin <= at < begin + seconds for at in times) for begin in times)
        assert most <= (seconds + KEY_FRAMES_AHEAD) / KEY_FRAME_PACE + 1


def test_an_answer_to_one_of_several_requests_is_followed_by_the_others() -> None:
    times = answered(10, 0.35)
    assert min(after - before for before, after in pairwise(times)) >= KEY_FRAME_EVERY - 0.001


def test_padding_after_a_key_frame_does_not_make_it_longer() -> None:
    source = Source("a", "camera", "", 1)
    for number in range(5):  # a second each
        packet = Packet(number, 0, 0, bytes(900), float(number))
        packet.picture, packet.key_frame, packet.padding = 7, number == 0, number > 0
        source.accept(packet)
    source.want_key_frame()
    assert source.key_frames.due(5.0)


def test_of_a_screen_it_is_asked_for_more_seldom_each_time() -> None:
    keys = KeyFrames(screen=True)
    keys.wanted = True
    times = [step / 100 for step in range(1000) if keys.due(step / 100)]
    steps = [round(after - before, 1) for before, after in pairwise(times)]
    assert steps == sorted(steps) and steps[-1] == SELDOM


def test_while_a_large_key_frame_comes_and_as_long_again_no_other_is_asked_for() -> None:
    keys = KeyFrames()
    keys.begins(1.0)
    for step in range(1, 31):  # it takes 3 s
        keys.goes_on(1.0 + step / 10)
        keys.wanted = True
        assert not keys.due(1.0 + step / 10)
    assert not keys.due(9.0)
    assert keys.due(10.1)
