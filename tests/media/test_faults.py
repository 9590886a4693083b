"""Faults of our own: they end at most the session that they are of, and never the clock of all meetings."""

from __future__ import annotations

from typing import Any

import pytest

from server.media.allocation.pictures import Pictures
from server.media.inward.clocks import SenderClock
from server.media.inward.uplink import Uplink
from server.media.outward.forward import Forwarder
from server.media.outward.pacing import Pacer
from server.media.programme import Programme
from server.media.protocol import SessionChanged
from server.media.room import Room
from server.media.switch import LOGGED_FAULTS
from server.media.wire import rtcp_build
from tests.fuzz.stage import ATTACKER, VOICE, Hand, Stage
from tests.fuzz.targets.rtp import voice


@pytest.mark.parametrize(
    ("what", "where"),
    [(Uplink, "receive"), (SenderClock, "report"), (Room, "pass_on"), (Uplink, "look_at_way"), (Room, "look_after")],
)
def test_a_fault_of_ours_ends_the_session_that_meets_it_and_no_other(
    stage: Stage, hand: Hand, monkeypatch: pytest.MonkeyPatch, what: type, where: str
) -> None:
    """Else it would come again with each packet, and the clock of all meetings would stand still."""
    one, others = stage.people[0], stage.people[1:]
    hand(voice(1, 960), ATTACKER)
    stage.switch.paths.burst_ended(stage.now)
    works = getattr(what, where)

    def fails(*arguments: Any) -> Any:
        if any(argument is one or getattr(argument, "owner", "") == one.name for argument in arguments):
            raise ZeroDivisionError
        return works(*arguments)

    monkeypatch.setattr(what, where, fails)
    hand(voice(2, 1920), ATTACKER)
    hand(rtcp_build.build_sr(VOICE, 1 << 62, 960, 1, 1), ATTACKER)
    stage.switch.paths.burst_ended(stage.now)
    for _ in range(10):
        stage.now += 0.1
        stage.switch.tick(stage.now, stage.now)
    assert one.state == "closed"
    assert [person.state for person in others] == ["connected"] * 2
    assert any(isinstance(event, SessionChanged) and event.reason == "failed" for event in stage.events)


@pytest.mark.parametrize(("what", "where"), [(Room, "tick"), (Forwarder, "release")])
def test_a_fault_of_ours_that_is_nobodys_leaves_the_clock_going(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: type, where: str
) -> None:
    """Everybody is looked after all the same, and the disk is not filled with it."""
    works, other, looked_after = getattr(what, where), stage.switch.open_room("other"), list[object]()

    def fails(self: Any, now: float) -> None:
        if self is not other:
            raise ZeroDivisionError
        works(self, now)
        looked_after.append(self)

    monkeypatch.setattr(what, where, fails)
    monkeypatch.setattr(Room, "look_after", lambda self, person, now: looked_after.append(person))
    for _ in range(60):
        stage.now += 0.1
        stage.switch.tick(stage.now, stage.now)
    assert {looked_after.count(person) for person in stage.people} == {6}
    assert looked_after.count(other) == (60 if what is Room else 0)
    assert [person.state for person in stage.people] == ["connected"] * 3
    assert len([record for record in caplog.records if record.exc_info]) == LOGGED_FAULTS


@pytest.mark.parametrize(
    ("what", "where"), [(Pictures, "arrange"), (Pacer, "due"), (Uplink, "requests"), (Programme, "choose")]
)
def test_a_fault_in_what_is_done_for_many_ends_at_most_one_session_and_stops_no_clock(
    stage: Stage, hand: Hand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: type, where: str
) -> None:
    one, other = stage.people[1:]
    works, failed = getattr(what, where), []

    def fails(part: Any, *arguments: Any) -> Any:
        if what is Programme or part in (one.uplink, one.downlink.pacer) or one in arguments:
            failed.append(part)
            raise ZeroDivisionError
        return works(part, *arguments)

    monkeypatch.setattr(what, where, fails)
    stage.switch.forwarder._held = dict.fromkeys(person.downlink for person in (one, other))
    stage.switch._asking = {one, other}
    stage.room._due = dict.fromkeys((one.name, other.name))
    looked_after = []
    monkeypatch.setattr(stage.switch, "_look_after", lambda *given: looked_after.append(given[0]))
    for _ in range(2):
        stage.now += 0.1
        stage.switch.paths.burst_ended(stage.now)
        stage.switch.tick(stage.now, stage.now)
    assert failed and "ZeroDivisionError" in caplog.text
    ended = [event for event in stage.events if isinstance(event, SessionChanged) and event.state == "closed"]
    assert [(event.participant, event.reason) for event in ended] == (
        [] if what is Programme else [(one.name, "failed")]
    )
    assert other in looked_after and not stage.room._due and not stage.switch.forwarder.holding()
