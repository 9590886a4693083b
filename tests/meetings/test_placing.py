"""The rule that gives a meeting to a media node."""

from __future__ import annotations

import pytest

from server.meetings.placing import NodeFigures, choose, takes_over


def node(number: int, cpu: float = 0.0, sessions: int = 0, rooms: int = 0, **more: bool) -> NodeFigures:
    return NodeFigures(number=number, cpu_share=cpu, sessions=sessions, rooms=rooms, **more)


@pytest.mark.parametrize(
    ("nodes", "chosen"),
    [
        pytest.param([], None, id="no node"),
        pytest.param([node(1, ready=False), node(2, draining=True)], None, id="none that may take one"),
        pytest.param([node(2), node(1), node(3)], 1, id="equals: the first"),
        pytest.param([node(1, cpu=0.04), node(2, cpu=0.01)], 1, id="noise does not decide"),
        pytest.param([node(1, rooms=1), node(2)], 2, id="who is about to come counts"),
        pytest.param([node(1, rooms=1, sessions=90), node(2, rooms=1, sessions=15)], 2, id="fewer people"),
        pytest.param([node(1, rooms=1, sessions=90), node(2, rooms=3)], 2, id="three that begin are fewer"),
        pytest.param([node(1, cpu=0.6, sessions=20), node(2, cpu=0.1, sessions=60)], 2, id="less CPU, more people"),
        pytest.param([node(1, cpu=0.2, sessions=200), node(2, cpu=0.3, sessions=20)], 2, id="many who sleep will wake"),
        pytest.param([node(1, ready=False), node(2, cpu=0.9, sessions=200)], 2, id="busy is better than away"),
        pytest.param([node(1, cpu=0.9), node(2), node(3, draining=True)], 2, id="a draining one takes none"),
    ],
)
def test_a_meeting_goes_to_the_least_loaded_node(nodes: list[NodeFigures], chosen: int | None) -> None:
    assert choose(nodes) == chosen


def test_meetings_that_begin_at_the_same_moment_are_spread() -> None:
    given = {1: 0, 2: 0, 3: 0}
    for _ in range(9):
        number = choose(node(n, rooms=rooms) for n, rooms in given.items())
        assert number is not None
        given[number] += 1
    assert given == {1: 3, 2: 3, 3: 3}


@pytest.mark.parametrize(("carrier", "claimant", "taken"), [(0, 3, True), (2, 0, False), (0, 0, False), (2, 3, True)])
def test_a_room_that_two_nodes_have_stays_where_the_people_are(carrier: int, claimant: int, taken: bool) -> None:
    assert takes_over(carrier_sessions=carrier, claimant_sessions=claimant) is taken


@pytest.mark.parametrize(
    ("cpu", "lag", "overloaded"), [(0.5, 0.0, False), (0.95, 0.0, True), (0.5, 0.3, True), (0.89, 0.09, False)]
)
def test_a_busy_core_or_a_late_loop_is_overload(cpu: float, lag: float, overloaded: bool) -> None:
    assert NodeFigures(number=1, cpu_share=cpu, lag=lag).overloaded is overloaded
