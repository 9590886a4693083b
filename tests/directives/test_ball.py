"""Every minute of a delivery belongs to somebody, and is late by that one's own clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from server.directives.ball import Holder, pieces
from server.directives.documents import Urgency
from server.directives.rules import CLOSED, Event, IllegalStepError, Position, State, advance
from tests.directives.helpers import POLICY
from tests.directives.test_running import at


class Line(NamedTuple):
    event: str
    at: datetime
    deadline: datetime | None = None


SENT = at("2026-11-25T08:00")
DUE = at("2026-11-27T17:00")


def story(
    *lines: tuple[str, str] | Line, now: str, assigns: bool = True, due: datetime = DUE, confirmed: str = ""
) -> list[tuple[str, str, bool]]:
    """(holder, until, late) of each piece."""
    changes = [line if isinstance(line, Line) else Line(line[0], at(line[1])) for line in lines]
    pressed = at(confirmed) if confirmed else None
    found = pieces(POLICY, Urgency.NORMAL, SENT, due, changes, at(now), assigns=assigns, confirmed_at=pressed)
    ends = [piece.begin for piece in found[1:]]
    assert found[0].begin == SENT
    assert [piece.end for piece in found[:-1]] == ends
    return [(piece.holder.value, f"{piece.end:%m-%d %H:%M}", piece.late) for piece in found]


def test_the_whole_way_in_time() -> None:
    lines = [
        ("arrive", "2026-11-25T08:01"),
        ("see", "2026-11-25T09:00"),
        ("register", "2026-11-25T09:30"),
        ("assign", "2026-11-25T10:00"),
        ("start", "2026-11-25T11:00"),
        ("report", "2026-11-26T16:00"),
        ("accept", "2026-11-27T09:00"),
    ]
    assert story(*lines, now="2026-12-30T00:00") == [
        ("network", "11-25 08:01", False),
        ("clerk", "11-25 09:30", False),
        ("leader", "11-25 10:00", False),
        ("assignee", "11-26 16:00", False),
        ("issuer", "11-27 09:00", False),
    ]


def test_each_is_late_by_their_own_clock() -> None:
    lines = [
        ("arrive", "2026-11-26T18:00"),  # T1 was 26 November, 17:00
        ("register", "2026-11-26T19:00"),
        ("assign", "2026-11-30T08:00"),  # T2 was 27 November, 17:00
        ("report", "2026-12-01T08:00"),  # T3 was 27 November, 17:00
    ]
    assert story(*lines, now="2026-12-05T08:00") == [
        ("network", "11-26 17:00", False),
        ("network", "11-26 18:00", True),
        ("clerk", "11-26 19:00", True),
        ("leader", "11-27 17:00", False),
        ("leader", "11-30 08:00", True),
        ("assignee", "12-01 08:00", True),
        ("issuer", "12-04 17:00", False),
        ("issuer", "12-05 08:00", True),
    ]


def test_a_village_works_by_itself() -> None:
    assert story(("register", "2026-11-25T09:00"), now="2026-11-26T09:00", assigns=False) == [
        ("network", "11-25 09:00", False),
        ("assignee", "11-26 09:00", False),
    ]


def test_no_minute_counts_twice_when_the_clock_was_set_back() -> None:
    lines = [
        ("arrive", "2026-11-25T08:01"),
        ("register", "2026-11-25T09:30"),  # by a clock that went an hour ahead
        ("assign", "2026-11-25T08:40"),
        ("report", "2026-11-25T10:00"),
    ]
    assert story(*lines, now="2026-11-25T11:00") == [
        ("network", "11-25 08:01", False),
        ("clerk", "11-25 09:30", False),
        ("assignee", "11-25 10:00", False),
        ("issuer", "11-25 11:00", False),
    ]


def test_what_is_late_while_a_request_is_undecided_is_the_issuers() -> None:
    lines = [
        ("register", "2026-11-25T09:00"),
        ("start", "2026-11-25T09:00"),
        ("ask_extension", "2026-11-27T16:00"),
        Line("grant_extension", at("2026-11-30T08:00"), at("2026-12-02T17:00")),
    ]
    assert story(*lines, now="2026-12-03T17:00") == [
        ("network", "11-25 09:00", False),
        ("assignee", "11-27 17:00", False),
        ("issuer", "11-30 08:00", True),
        ("assignee", "12-02 17:00", False),
        ("assignee", "12-03 17:00", True),
    ]


def test_a_request_moves_no_leaders_time_but_what_is_late_meanwhile_is_the_issuers() -> None:
    lines = [("register", "2026-11-25T09:00"), ("ask_extension", "2026-11-25T10:00")]  # T2 is 26 November, 17:00
    assert story(*lines, now="2026-11-26T16:00")[1:] == [("leader", "11-26 16:00", False)]
    late = story(*lines, ("refuse_extension", "2026-11-26T19:00"), now="2026-11-26T20:00")
    assert late[1:] == [
        ("leader", "11-26 17:00", False),
        ("issuer", "11-26 19:00", True),
        ("leader", "11-26 20:00", True),
    ]


def test_rework_has_its_own_deadline() -> None:
    lines = [
        ("register", "2026-11-25T09:00"),
        ("start", "2026-11-25T09:00"),
        ("report", "2026-11-26T09:00"),
        Line("send_back", at("2026-11-26T10:00"), at("2026-11-26T12:00")),
    ]
    assert story(*lines, now="2026-11-26T13:00")[-2:] == [
        ("assignee", "11-26 12:00", False),
        ("assignee", "11-26 13:00", True),
    ]


def test_what_was_judged_after_the_deadline_charges_nobody_but_the_judge() -> None:
    lines = [
        ("register", "2026-11-25T09:00"),
        ("start", "2026-11-25T09:00"),
        ("report", "2026-11-27T09:00"),
        Line("send_back", at("2026-12-03T09:00"), at("2026-12-07T17:00")),  # T4 was 2 December, 17:00
    ]
    assert story(*lines, now="2026-12-07T17:00")[1:] == [
        ("assignee", "11-27 09:00", False),
        ("issuer", "12-02 17:00", False),
        ("issuer", "12-03 09:00", True),
        ("assignee", "12-07 17:00", False),
    ]


def test_nobody_has_longer_than_the_deadline() -> None:
    due = at("2026-11-25T15:00")  # T1 was 26 November, 17:00
    assert story(now="2026-11-25T16:00", due=due) == [
        ("network", "11-25 15:00", False),
        ("network", "11-25 16:00", True),
    ]
    assert story(("arrive", "2026-11-25T08:01"), now="2026-11-26T16:00", due=due)[1:] == [
        ("clerk", "11-25 15:00", False),
        ("clerk", "11-26 16:00", True),
    ]
    lines = [("arrive", "2026-11-25T08:01"), ("register", "2026-11-25T14:00")]  # T2 was 26 November, 17:00
    assert story(*lines, now="2026-11-26T16:00", due=due)[2:] == [
        ("leader", "11-25 15:00", False),
        ("leader", "11-26 16:00", True),
    ]


def test_each_report_begins_the_review_anew() -> None:
    lines = [("register", "2026-11-25T09:00"), ("start", "2026-11-25T09:00"), ("report", "2026-11-25T10:00")]
    again = ("report", "2026-12-01T10:00")  # T4 of the first was 30 November, of the second is 4 December, 17:00
    assert story(*lines, again, now="2026-12-05T10:00")[2:] == [
        ("issuer", "11-30 17:00", False),
        ("issuer", "12-01 10:00", True),
        ("issuer", "12-04 17:00", False),
        ("issuer", "12-05 10:00", True),
    ]


def test_what_was_pressed_without_a_network_was_with_the_network() -> None:
    lines = [
        ("arrive", "2026-11-25T08:01"),
        ("see", "2026-11-26T16:50"),
        ("register", "2026-11-26T18:00"),  # T1 was 26 November, 17:00
    ]
    now = "2026-11-26T18:30"
    assert story(*lines, now=now, assigns=False, confirmed="2026-11-26T16:55") == [
        ("network", "11-25 08:01", False),
        ("clerk", "11-26 16:55", False),
        ("network", "11-26 17:00", False),
        ("network", "11-26 18:00", True),
        ("assignee", "11-26 18:30", False),
    ]
    assert story(*lines, now=now, assigns=False, confirmed="2026-11-26T17:30")[1:4] == [
        ("clerk", "11-26 17:00", False),
        ("clerk", "11-26 17:30", True),
        ("network", "11-26 18:00", True),
    ]
    before = story(*lines, now=now, assigns=False, confirmed="2026-11-25T09:00")
    assert before[:3] == [
        ("network", "11-25 08:01", False),
        ("clerk", "11-25 09:00", False),
        ("network", "11-26 17:00", False),
    ]


@given(
    st.lists(st.tuples(st.sampled_from(Event), st.integers(0, 3000), st.booleans()), max_size=25),
    st.booleans(),
    st.none() | st.integers(-100, 9000),
)
def test_no_minute_is_lost_or_counted_twice(
    events: list[tuple[Event, int, bool]], assigns: bool, pressed: int | None
) -> None:
    position, now, lines, closed_at = Position(State.SENT), SENT, [], None
    for event, minutes, moves in events:
        now += timedelta(minutes=minutes)
        try:
            position = advance(position, event)
        except IllegalStepError:
            continue
        lines.append(Line(event.value, now, now + timedelta(days=1) if moves else None))
        if position.state not in CLOSED:
            closed_at = None
        elif closed_at is None:
            closed_at = now
    now += timedelta(minutes=1)
    confirmed = None if pressed is None else SENT + timedelta(minutes=pressed)
    found = pieces(POLICY, Urgency.NORMAL, SENT, DUE, lines, now, assigns=assigns, confirmed_at=confirmed)
    assert all(piece.begin < piece.end for piece in found)
    assert all(one.end <= two.begin for one, two in pairwise(found))
    whole = sum((piece.length for piece in found), timedelta(0))
    if closed_at is None and not any(line.event == "register_info" for line in lines):
        assert whole == now - SENT
    assert {piece.holder for piece in found} <= set(Holder)
