"""The state table of a delivery, step by step and in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.directives.rules import (
    ACTORS,
    CLOSED,
    EDXML_CODES,
    FINAL,
    RECEIPTS,
    STATES,
    UNREGISTERED,
    Event,
    IllegalStepError,
    Position,
    RecipientRole,
    Stage,
    State,
    Timeliness,
    advance,
    registering,
    stage_of,
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
    ("REWORK", "start", "IN_PROGRESS"),
    ("ASSIGNED", "ask_extension", "ASSIGNED"),
    ("REWORK", "grant_extension", "REWORK"),
    ("IN_PROGRESS", "refuse_extension", "IN_PROGRESS"),
    ("SENT", "recall", "RECALL_PENDING"),
    ("REPORTED", "recall", "RECALL_PENDING"),
    ("CLOSED_INFO", "recall", "RECALL_PENDING"),
    ("SEEN", "supersede", "SUPERSEDED"),
    ("CLOSED_INFO", "supersede", "SUPERSEDED"),
    ("IN_PROGRESS", "waive", "WAIVED"),
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
    ("CLOSED_INFO", "waive"),
    ("COMPLETED", "recall"),
    ("COMPLETED", "supersede"),
    ("COMPLETED", "waive"),
    ("RETURNED", "recall"),
    ("SEEN", "ask_extension"),
    ("REPORTED", "ask_extension"),
    ("SENT", "agree_recall"),
    ("RECALLED", "refuse_recall"),
    ("WAIVED", "report"),
    ("SUPERSEDED", "recall"),
]


@pytest.mark.parametrize(("state", "event", "after"), LEGAL)
def test_a_legal_step(state: str, event: str, after: str) -> None:
    assert advance(Position(State(state)), Event(event)).state is State(after)


@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_an_illegal_step_is_refused(state: str, event: str) -> None:
    with pytest.raises(IllegalStepError, match=f"{event} is not possible in {state}"):
        advance(Position(State(state)), Event(event))


@pytest.mark.parametrize("state", sorted(set(State) - {State.SENT, State.ARRIVED, State.RECALL_PENDING}))
def test_a_late_receipt_never_moves_a_state_back(state: State) -> None:
    for receipt in RECEIPTS:
        assert advance(Position(state), receipt) == Position(state)


def test_arriving_twice_changes_nothing() -> None:
    assert advance(Position(State.ARRIVED), Event.ARRIVE) == Position(State.ARRIVED)


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(STATES) == set(State)
    reached = {State.SENT}
    for _ in State:
        reached |= {after for state in reached for after in STATES[state].values() if isinstance(after, State)}
    assert reached == set(State)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_state_stays(state: State) -> None:
    assert set(STATES[state].values()) == {state}


def test_every_event_is_somebodys_and_stands_in_the_table() -> None:
    assert set(ACTORS) == set(Event) == {event for steps in STATES.values() for event in steps}


def run(events: list[Event]) -> list[Position]:
    """Every position on the way; what is illegal changes nothing."""
    found = [Position(State.SENT)]
    for event in events:
        try:
            found.append(advance(found[-1], event))
        except IllegalStepError:
            found.append(found[-1])
    return found


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_in_any_order_a_delivery_is_never_unregistered_again(events: list[Event]) -> None:
    registered = False
    for position in run(events):
        registered = registered or position.underlying not in UNREGISTERED
        assert not (registered and position.underlying in UNREGISTERED)


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_a_place_to_go_back_to_is_kept_only_while_a_recall_is_undecided(events: list[Event]) -> None:
    for position in run(events):
        assert (position.before is not None) == (position.state is State.RECALL_PENDING)
        assert position.before not in FINAL | {State.RECALL_PENDING}


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_nothing_leads_out_of_a_final_state(events: list[Event]) -> None:
    ended = [position.state for position in run(events) if position.state in FINAL]
    assert len(set(ended)) <= 1


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_a_refused_recall_goes_back_to_where_it_was(events: list[Event]) -> None:
    before = run(events)[-1]
    if Event.RECALL in STATES[before.state]:
        asked = advance(before, Event.RECALL)
        assert advance(asked, Event.REFUSE_RECALL) == before
        receipt = advance(advance(asked, Event.SEE), Event.REFUSE_RECALL)
        assert receipt == advance(before, Event.SEE)  # what was seen meanwhile counts


def test_work_closes_by_the_issuer_or_by_returning_it_only() -> None:
    closing = {event for steps in STATES.values() for event, after in steps.items() if after in CLOSED}
    assert {e.value for e in closing - RECEIPTS} == {
        *("accept", "return", "register_info", "agree_recall", "supersede", "waive")
    }


@given(st.lists(st.sampled_from(Event)))
def test_receipts_may_be_left_out_or_come_late_without_another_outcome(events: list[Event]) -> None:
    def outcome(sequence: list[Event]) -> State:
        position = run(sequence)[-1]
        return State.SEEN if position.state in UNREGISTERED else position.state

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
        "RECALL_PENDING": "13",
        "RECALLED": "15",
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


def test_the_stage_says_what_a_delivery_waits_for() -> None:
    by_stage = {stage: {state for state in State if stage_of(state) is stage} for stage in Stage}
    assert by_stage[Stage.CLOSED] == CLOSED
    assert by_stage[Stage.WAITING] == UNREGISTERED | {State.RECALL_PENDING}
    assert by_stage[Stage.ANSWERED] == {State.REPORTED}
    assert by_stage[Stage.WORKING] == {State.REGISTERED, State.ASSIGNED, State.IN_PROGRESS, State.REWORK}


@pytest.mark.parametrize("state", list(State))
def test_a_receipt_leaves_the_stage_as_it_is(state: State) -> None:
    """So that those of a thousand units are written without touching an index of stages."""
    assert all(stage_of(advance(Position(state), event).state) is stage_of(state) for event in RECEIPTS)
