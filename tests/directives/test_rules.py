"""The state table of a delivery, step by step and in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.directives.rules import (
    CLOSED,
    EDXML_CODES,
    STATES,
    UNREGISTERED,
    Event,
    IllegalStepError,
    RecipientRole,
    State,
    Timeliness,
    next_state,
    possible,
    registering,
    timeliness,
)

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

LEGAL = [
    ("SENT", "arrive", "ARRIVED"),
    ("SENT", "see", "SEEN"),
    ("SENT", "register", "REGISTERED"),
    ("SENT", "register_info", "CLOSED_INFO"),
    ("SENT", "return", "RETURNED"),
    ("ARRIVED", "see", "SEEN"),
    ("ARRIVED", "register", "REGISTERED"),
    ("SEEN", "register", "REGISTERED"),
    ("SEEN", "register_info", "CLOSED_INFO"),
    ("SEEN", "return", "RETURNED"),
    ("REGISTERED", "assign", "ASSIGNED"),
    ("REGISTERED", "start", "IN_PROGRESS"),
    ("REGISTERED", "report", "REPORTED"),
    ("ASSIGNED", "report", "REPORTED"),
    ("IN_PROGRESS", "report", "REPORTED"),
    ("REPORTED", "report", "REPORTED"),
    ("REPORTED", "accept", "COMPLETED"),
    ("REPORTED", "send_back", "REWORK"),
    ("REWORK", "report", "REPORTED"),
]
ILLEGAL = [
    ("SENT", "report"),
    ("SEEN", "report"),
    ("SEEN", "accept"),
    ("REGISTERED", "register"),
    ("REGISTERED", "return"),
    ("REGISTERED", "accept"),
    ("REWORK", "accept"),
    ("COMPLETED", "report"),
    ("COMPLETED", "send_back"),
    ("RETURNED", "register"),
    ("RETURNED", "report"),
    ("CLOSED_INFO", "report"),
]


@pytest.mark.parametrize(("state", "event", "after"), LEGAL)
def test_a_legal_step(state: str, event: str, after: str) -> None:
    assert next_state(State(state), Event(event)) is State(after)


@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_an_illegal_step_is_refused(state: str, event: str) -> None:
    with pytest.raises(IllegalStepError, match=f"{event} is not possible in {state}"):
        next_state(State(state), Event(event))


@pytest.mark.parametrize("state", [state for state in State if state not in (State.SENT, State.ARRIVED)])
def test_a_late_receipt_never_moves_a_state_back(state: State) -> None:
    assert next_state(state, Event.ARRIVE) is state
    assert next_state(state, Event.SEE) is state


def test_arriving_twice_changes_nothing() -> None:
    assert next_state(State.ARRIVED, Event.ARRIVE) is State.ARRIVED


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(STATES) == set(State)
    reached = {State.SENT}
    for _ in State:
        reached |= {after for state in reached for after in STATES[state].values()}
    assert reached == set(State)


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_a_closed_delivery_stays_closed(state: State) -> None:
    assert set(STATES[state].values()) == {state}


@given(st.lists(st.sampled_from(Event)))
def test_in_any_order_a_delivery_is_never_unregistered_again(events: list[Event]) -> None:
    state, registered = State.SENT, False
    for event in events:
        before = state
        try:
            state = next_state(state, event)
        except IllegalStepError:
            assert state is before
        registered = registered or state not in UNREGISTERED
        assert not (registered and state in UNREGISTERED)


@given(st.lists(st.sampled_from(Event)))
def test_receipts_may_be_left_out_or_come_late_without_another_outcome(events: list[Event]) -> None:
    def outcome(sequence: list[Event]) -> State:
        state = State.SENT
        for event in sequence:
            state = next_state(state, event) if possible(state, [event]) else state
        return State.SEEN if state in UNREGISTERED else state

    receipts = {Event.ARRIVE, Event.SEE}
    assert outcome([*events, Event.SEE]) == outcome([e for e in events if e not in receipts] + [Event.SEE])


def test_information_is_done_when_it_is_registered() -> None:
    assert registering(RecipientRole.INFO) is Event.REGISTER_INFO
    assert {registering(r) for r in RecipientRole if r is not RecipientRole.INFO} == {Event.REGISTER}


def test_the_codes_of_the_exchange_format() -> None:
    assert {state.value: code for state, code in EDXML_CODES.items()} == {
        "ARRIVED": "01",
        "RETURNED": "02",
        "REGISTERED": "03",
        "CLOSED_INFO": "03",
        "ASSIGNED": "04",
        "IN_PROGRESS": "05",
        "REWORK": "05",
        "COMPLETED": "06",
    }


@pytest.mark.parametrize(
    ("due", "done", "expected"),
    [
        (None, None, Timeliness.NONE),
        (5 * HOUR, None, Timeliness.ON_TIME),
        (2 * HOUR, None, Timeliness.SOON),
        (0 * HOUR, None, Timeliness.SOON),
        (-HOUR, None, Timeliness.OVERDUE),
        (-HOUR, -2 * HOUR, Timeliness.DONE_ON_TIME),
        (-HOUR, -HOUR, Timeliness.DONE_ON_TIME),
        (-2 * HOUR, -HOUR, Timeliness.DONE_LATE),
    ],
)
def test_timeliness(due: timedelta | None, done: timedelta | None, expected: Timeliness) -> None:
    moments = [None if x is None else NOW + x for x in (due, done)]
    assert timeliness(moments[0], moments[1], NOW, 2 * HOUR) is expected
