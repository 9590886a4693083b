"""States, floor, queue and roll call as tables of cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from server.meetings import rules
from server.meetings.rules import Attendance, FloorMode, Role, Speaker, State, Step

NOW = datetime(2026, 11, 24, 1, tzinfo=UTC)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
def test_every_step_is_either_in_the_table_or_refused(state: State, step: Step) -> None:
    allowed = {
        (State.PLANNED, Step.START): State.LIVE,
        (State.PLANNED, Step.CANCEL): State.CANCELLED,
        (State.LIVE, Step.END): State.ENDED,
    }
    if (state, step) in allowed:
        assert rules.after(state, step) is allowed[(state, step)]
    else:
        with pytest.raises(rules.IllegalStepError):
            rules.after(state, step)


def test_the_chair_may_always_speak_and_others_when_the_floor_is_open_or_theirs() -> None:
    chair = Speaker(participant=1, role=Role.CHAIR)
    secretary = Speaker(participant=2, role=Role.SECRETARY)
    invited = Speaker(participant=3, role=Role.VILLAGE_HEAD, has_floor=True)
    silent = Speaker(participant=4, role=Role.DELEGATE)
    assert [rules.may_speak(FloorMode.OPEN, s) for s in (chair, secretary, invited, silent)] == [True] * 4
    closed = [rules.may_speak(FloorMode.INVITATION, s) for s in (chair, secretary, invited, silent)]
    assert closed == [True, False, True, False]
    assert rules.floor_holders(FloorMode.OPEN, [chair, silent]) is None
    assert rules.floor_holders(FloorMode.INVITATION, [silent, invited, chair]) == [1, 3]


def test_muting_all_spares_the_chair() -> None:
    people = [Speaker(participant=n, role=role) for n, role in ((1, Role.CHAIR), (2, Role.SECRETARY), (3, Role.HALL))]
    assert rules.to_mute(people) == [2, 3]


def test_hands_queue_in_the_order_of_raising() -> None:
    assert rules.queue([(5, NOW), (9, NOW - timedelta(seconds=3)), (2, NOW)]) == [9, 2, 5]


@pytest.mark.parametrize(
    ("joined", "present", "state", "expected"),
    [
        ([], False, State.LIVE, Attendance.ABSENT),
        ([0], True, State.LIVE, Attendance.PRESENT),
        ([5], True, State.LIVE, Attendance.PRESENT),
        ([6, 20], True, State.LIVE, Attendance.LATE),
        ([20, 1], True, State.LIVE, Attendance.PRESENT),
        ([1], False, State.LIVE, Attendance.LEFT),
        ([1], False, State.ENDED, Attendance.PRESENT),
        ([9], False, State.ENDED, Attendance.LATE),
    ],
)
def test_roll_call(joined: list[int], present: bool, state: State, expected: Attendance) -> None:
    moments = [NOW + timedelta(minutes=m) for m in joined]
    assert rules.attendance(started=NOW, joined=moments, present=present, state=state) is expected


def test_the_agenda_goes_on_item_by_item() -> None:
    assert rules.next_item([(1, False, False), (2, False, False)]) == (None, 1)
    assert rules.next_item([(1, True, False), (2, False, False)]) == (1, 2)
    assert rules.next_item([(1, True, True), (2, True, False)]) == (2, None)
    assert rules.next_item([]) == (None, None)
