"""The node's counters: what a session sends, gets and reports; and totals that no departure makes smaller."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from server.media import feedback
from server.media.figures import node_stats, participant_stats, shown
from server.media.outward.forward import Forwarder
from server.media.protocol import LayerStats, ShownCount, Want
from server.media.wire.rtcp import ReportBlock
from server.media.wire.rtcp_build import build_nack, build_pli, build_rr
from tests.media.memory import MemoryPort
from tests.media.test_room import Person, Stage


def test_a_session_tells_of_both_directions() -> None:
    stage = Stage("a", "b")
    stage["a"].camera = True
    stage.run(0.2)  # its first key frame is past
    stage.room.show(stage["b"].participant, [Want(slot=1, source="a")], stage.now)
    stage.run(0.8)
    figures = participant_stats(stage["a"].participant, stage.now, layers=True)
    assert figures.packets_in == figures.expected_in == 50 and figures.bytes_in > 50 * 900
    assert figures.lost_in == 0
    assert figures.sent == [LayerStats(kind="camera", rid="", width=640, height=360)]
    assert figures.plis_out == stage["a"].plis >= 1, "the picture was asked for"
    stage["a"].number += 2  # two packets are lost on the way
    stage.run(0.1)
    figures = participant_stats(stage["a"].participant, stage.now, layers=True)
    assert (figures.lost_in, figures.expected_in, figures.packets_in) == (2, 57, 55)
    assert figures.nacks_out >= 1
    seen = participant_stats(stage["b"].participant, stage.now, layers=True)
    assert seen.shown == [LayerStats(kind="camera", rid="", width=640, height=360, slot=1, cap=2)]
    assert seen.packets_out > 40 and seen.bytes_out > 40 * 900
    assert seen.session == "s"
    assert seen.estimate_bps == round(stage["b"].participant.downlink.estimate)
    stage["a"].camera = False
    stage.run(3)
    assert participant_stats(stage["a"].participant, stage.now, layers=True).sent == [], "what has stopped is not sent"


def test_what_has_stopped_is_not_restless_for_ever() -> None:
    """A layer that nobody watches any more, or a screen no longer shared, may have stopped in a bad moment."""
    stage = Stage("a", "b")
    who = stage["a"].participant
    stage["a"].camera = True
    stage.run(1)
    stage["a"].camera = False
    source = next(iter(who.uplink.of_kind("camera")))
    source.report.jitter = 0.4 * source.clock_rate
    assert participant_stats(who, stage.now, layers=False).jitter_ms == pytest.approx(400)
    stage.run(5)
    assert participant_stats(who, stage.now, layers=False).jitter_ms < 50


def test_where_a_session_stands_on_the_ladder() -> None:
    who = Stage("b")["b"].participant
    figures = participant_stats(who, 0.0, layers=False)
    assert (figures.rung, figures.quality) == ("full", "good")
    who.view.ladder.step("sound", 0.0, 1.0)
    assert who.view.ladder.step("sound", 0.0, 2.0)
    figures = participant_stats(who, 2.0, layers=False)
    assert (figures.rung, figures.quality) == ("sound", "poor")


def test_what_slots_show_is_counted_by_size_and_layers() -> None:
    stage = Stage("a", "b", "c")
    stage["a"].camera = True
    for name in ("b", "c"):
        stage.room.show(stage[name].participant, [Want(slot=1, source="a")], stage.now)
    stage.run(1)
    slots = [slot for name in ("b", "c") for slot in stage[name].participant.pictures]
    assert shown(slots) == [ShownCount(lines=360, cap=2, slots=2)]
    still = stage["c"].participant.pictures[1]
    still.still = True
    assert shown(slots) == [ShownCount(lines=0, cap=-1, slots=1), ShownCount(lines=360, cap=2, slots=1)]
    figures = participant_stats(stage["c"].participant, stage.now, layers=True)
    assert [layer.cap for layer in figures.shown] == [-1]


def test_what_a_receiver_reports() -> None:
    stage = Stage("b")
    who = stage["b"].participant
    slot = who.pictures[0]
    block = ReportBlock(slot.ssrc, 64, 10, 1000, 9000, 0, 0)
    told = build_rr(9, [block]) + build_nack(9, slot.ssrc, [1, 2]) + build_pli(9, slot.ssrc)
    feedback.received(who, told, stage.room, Forwarder(stage.port), stage.now, 0.0)  # type: ignore[arg-type]
    figures = participant_stats(who, stage.now, layers=True)
    assert figures.lost_out == pytest.approx(0.25)
    assert figures.jitter_out_ms == pytest.approx(100), "9,000 units of a 90 kHz clock"
    assert (figures.nacks_in, figures.plis_in, figures.rtt_ms) == (1, 1, None)


def test_totals_of_a_node() -> None:
    port = MemoryPort()
    everybody = [Person("a", 1, port, 0.0).participant, Person("b", 2, port, 0.0).participant]
    everybody[0].uplink.bytes = 700
    everybody[1].downlink.count(1, 300, 0.0)
    everybody[0].downlink.retransmitted = 4
    everybody[1].room = "other"
    switch: Any = SimpleNamespace(
        participants=lambda: iter(everybody),
        rooms={"r": None, "other": None},
        past_bytes_in=1000,
        past_bytes_out=2000,
        past_retransmitted=30,
        forwarder=SimpleNamespace(given_up=11),
        port=SimpleNamespace(sent=5, dropped_video=6, dropped_audio=7),
        paths=SimpleNamespace(received=8, refused=Counter(bad_stun=2)),
    )
    stats = node_stats(switch, None, 0.02, 0.0)
    assert (stats.bytes_in, stats.bytes_out, stats.rooms) == (1700, 2300, 2)
    assert (stats.packets_out, stats.dropped_video, stats.dropped_audio, stats.packets_in) == (5, 6, 7, 8)
    assert (stats.retransmitted, stats.given_up, stats.shown) == (34, 11, [])
    assert stats.refused == {"bad_stun": 2} and stats.lag_ms == 20 and stats.cpu_seconds > 0
    one = node_stats(switch, "other", 0.02, 0.0)
    assert [figures.participant for figures in one.participants] == ["b"]
    assert one.bytes_in == 1700, "totals are the node's, whatever room was asked for"
