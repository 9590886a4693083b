"""Which clocks run in which state, when reminders and escalations are due, and what is told after a downtime."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.directives.documents import Urgency
from server.directives.posts import Duty
from server.directives.rules import CLOSED, Event, RecipientRole, State
from server.directives.running import ISSUED, AlarmKind, ClockName, Facts, alarms, ended, running, to_tell
from tests.directives.helpers import POLICY

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


SENT = at("2026-11-25T08:00")  # a Wednesday
DUE = at("2026-12-02T17:00")


def facts(**changes: Any) -> Facts:
    values = {"role": RecipientRole.EXECUTE, "urgency": Urgency.NORMAL, "sent_at": SENT, "deadline": DUE}
    return Facts(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "clocks"),
    [
        ({}, ["register", "respond"]),
        ({"state": State.SEEN}, ["register", "respond"]),
        ({"role": RecipientRole.INFO, "deadline": None}, ["register"]),
        ({"state": State.REGISTERED, "registered_at": SENT, "registry_number": 1}, ["assign", "respond"]),
        (
            {"state": State.REGISTERED, "registered_at": SENT, "registry_number": 1, "extension_asked_at": SENT},
            ["assign", "respond", "extension"],  # an undecided request moves nothing
        ),
        ({"state": State.REGISTERED, "registered_at": SENT}, ["respond"]),  # a village: nobody to assign
        ({"state": State.ASSIGNED, "registered_at": SENT, "registry_number": 1}, ["respond"]),
        ({"state": State.IN_PROGRESS, "extension_asked_at": SENT}, ["respond", "extension"]),
        ({"state": State.REPORTED, "reported_at": SENT}, ["review"]),
        ({"state": State.RECALL_PENDING, "recall_asked_at": SENT}, ["recall"]),
        *[({"state": state, "reported_at": SENT}, []) for state in sorted(CLOSED)],
    ],
)
def test_which_clocks_run(changes: dict[str, Any], clocks: list[str]) -> None:
    assert [one.clock.value for one in running(POLICY, facts(**changes))] == clocks
    assert {alarm.clock.value for alarm in alarms(POLICY, facts(**changes))} == set(clocks)


def told(row: Facts, clock: ClockName) -> list[tuple[str, str, str]]:
    found = [one for one in alarms(POLICY, row) if one.clock is clock]
    return [(one.kind.value, one.duty.value, f"{one.at.astimezone(ZONE):%m-%d %H:%M}") for one in found]


def test_an_ordinary_directive() -> None:
    assert told(facts(), ClockName.REGISTER) == [
        ("escalation", "clerk", "11-26 17:00"),
        ("escalation", "chief_of_office", "11-27 17:00"),
    ]
    assert told(facts(), ClockName.RESPOND) == [
        ("reminder", "assignee", "11-27 17:00"),  # three working days before: 27, 30 November, 1 December
        ("reminder", "assignee", "12-01 17:00"),
        ("reminder", "assignee", "12-02 13:00"),
        ("escalation", "chair", "12-02 17:00"),
        ("escalation", "issuer_deputy", "12-03 17:00"),
        ("escalation", "issuer_chair", "12-07 17:00"),
    ]


def test_a_flash_directive_does_not_wait_for_the_morning() -> None:
    night = at("2026-11-28T23:00")  # a Saturday
    row = facts(urgency=Urgency.FLASH, sent_at=night, deadline=at("2026-11-29T03:00"))
    assert told(row, ClockName.REGISTER) == [
        ("escalation", "chair", "11-28 23:20"),
        ("escalation", "issuer_deputy", "11-28 23:25"),
        ("escalation", "issuer_chair", "11-28 23:30"),
    ]
    assert [at for _kind, _duty, at in told(row, ClockName.RESPOND)] == [
        *("11-29 01:00", "11-29 02:00", "11-29 02:36"),
        *("11-29 03:00", "11-29 03:15", "11-29 03:30"),
    ]


def test_parts_of_the_time_are_those_of_the_time_that_was_given_anew() -> None:
    again = at("2026-12-01T08:00")
    row = facts(urgency=Urgency.FLASH, state=State.REWORK, renewed_at=again, deadline=again + timedelta(hours=10))
    reminders = [when for kind, _duty, when in told(row, ClockName.RESPOND) if kind == "reminder"]
    assert reminders == ["12-01 13:00", "12-01 15:30", "12-01 17:00"]


def test_registering_comes_before_the_answer_even_when_that_is_due_sooner() -> None:
    (register, _respond) = running(POLICY, facts(deadline=SENT + timedelta(hours=2)))
    assert register.due == SENT + timedelta(hours=2)


def test_nobody_has_longer_to_assign_than_to_answer() -> None:
    soon = SENT + timedelta(hours=2)
    (assign, _respond) = running(
        POLICY, facts(state=State.REGISTERED, registered_at=SENT, registry_number=1, deadline=soon)
    )
    assert (assign.clock, assign.due) == (ClockName.ASSIGN, soon)


@pytest.mark.parametrize(
    ("moment", "urgency", "told_at"),
    [
        ("2026-11-25T20:59", Urgency.NORMAL, "2026-11-25T20:59"),
        ("2026-11-25T21:00", Urgency.NORMAL, "2026-11-26T06:30"),
        ("2026-11-26T06:29", Urgency.NORMAL, "2026-11-26T06:30"),
        ("2026-11-26T06:30", Urgency.NORMAL, "2026-11-26T06:30"),
        ("2026-11-27T22:00", Urgency.URGENT, "2026-11-30T06:30"),  # a Friday night
        ("2026-11-28T12:00", Urgency.URGENT, "2026-11-30T06:30"),
        ("2026-11-29T03:00", Urgency.URGENT, "2026-11-30T06:30"),
        ("2026-02-16T09:00", Urgency.NORMAL, "2026-02-23T06:30"),  # Tết
        ("2026-11-28T23:00", Urgency.VERY_URGENT, "2026-11-28T23:00"),
        ("2026-11-28T23:00", Urgency.FLASH, "2026-11-28T23:00"),
    ],
)
def test_quiet_hours(moment: str, urgency: Urgency, told_at: str) -> None:
    assert POLICY.after_quiet_hours(at(moment), urgency) == at(told_at)


def test_a_reminder_that_quiet_hours_would_bring_after_the_time_is_left_out() -> None:
    sunday = at("2026-11-29T12:00")
    row = facts(sent_at=at("2026-11-25T08:00"), deadline=sunday)
    assert all(one.at < sunday for one in alarms(POLICY, row) if one.kind is AlarmKind.REMINDER)


def test_after_a_downtime_only_the_last_reminder_is_told_and_none_after_an_escalation() -> None:
    row = facts(state=State.ASSIGNED)
    every = alarms(POLICY, row)
    reminders = [one for one in every if one.kind is AlarmKind.REMINDER]
    assert to_tell(reminders) == reminders[-1:]
    assert to_tell(every) == [one for one in every if one.kind is AlarmKind.ESCALATION]
    assert to_tell([]) == []
    assert Duty.ISSUER_CHAIR in {one.duty for one in to_tell(every)}


@pytest.mark.parametrize("state", State)
def test_what_a_step_ends_is_all_that_can_no_longer_run(state: State) -> None:
    """Messages of a clock stop when a step leads to where it cannot run, and go on where it may."""
    moments = dict.fromkeys(("registered_at", "reported_at", "recall_asked_at", "extension_asked_at"), SENT)
    runs = {one.clock for one in running(POLICY, facts(state=state, registry_number=1, **moments))}
    assert runs == set(ClockName) - set(ended(Event.SEE, state))
    assert (ISSUED in ended(Event.SEE, state)) == (state not in (State.SENT, State.ARRIVED))
    assert (set(ended(Event.GRANT_EXTENSION, state)) & {"respond", "extension"}) == {"respond", "extension"}
