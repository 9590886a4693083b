"""The media nodes in figures: totals as last told, lines of people as histograms."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry, generate_latest

from server.media.protocol import ParticipantStats, ShownCount, Stats
from server.media.terms import Sound
from server.meetings.health import Report
from server.meetings.metrics import MediaFigures
from server.meetings.placing import NodeFigures


def stats(*people: ParticipantStats, **values: object) -> Stats:
    told = {"packets_in": 10, "packets_out": 90, "cpu_seconds": 1.5, "refused": {"bad_stun": 3}, **values}
    return Stats(participants=list(people), **told)  # type: ignore[arg-type]


def person(session: str = "s", state: str = "connected", **values: object) -> ParticipantStats:
    return ParticipantStats(participant="p7", session=session, state=state, **values)  # type: ignore[arg-type]


class Scraped:
    """A registry with the figures of two nodes, the second of which is away."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        nodes = [NodeFigures(number=1), NodeFigures(number=2, ready=False)]
        self.figures = MediaFigures(self.registry, lambda: nodes)

    def __getitem__(self, series: str) -> float | None:
        text = generate_latest(self.registry).decode()
        found = re.search(rf"^giaoban_{re.escape(series)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None


def test_totals_of_each_node() -> None:
    scraped = Scraped()
    assert scraped['media_up{node="1"}'] == 1 and scraped['media_up{node="2"}'] == 0
    assert scraped['media_packets_out_total{node="1"}'] is None, "nothing was told yet"
    scraped.figures.take(1, stats(person(), person("t", "lost"), rooms=2, dropped_video=4, lag_ms=20.0), 100.0)
    scraped.figures.take(2, stats(), 100.0)
    assert scraped['media_rooms{node="1"}'] == 2
    assert scraped['media_sessions{node="1"}'] == 1, "who is lost is not connected"
    assert scraped['media_packets_out_total{node="1"}'] == 90
    assert scraped['media_cpu_seconds_total{node="1"}'] == 1.5
    assert scraped['media_loop_lag_seconds{node="1"}'] == 0.02
    assert scraped['media_dropped_total{kind="video",node="1"}'] == 4
    assert scraped['media_refused_total{node="1",reason="bad_stun"}'] == 3
    assert scraped['media_packets_out_total{node="2"}'] is None, "a node that is away has no figures"


def test_what_people_get_and_what_was_left_out() -> None:
    scraped = Scraped()
    shown = [ShownCount(lines=0, cap=-1, slots=1), ShownCount(lines=360, cap=1, slots=4)]
    weak = person("w", rung="sound", quality="poor")
    told = stats(weak, person(), person("l", "lost", rung="one"), shown=shown, given_up=12, retransmitted=34)
    scraped.figures.take(1, told, 100.0)
    assert scraped['media_rung_sessions{node="1",rung="sound"}'] == 1
    assert scraped['media_rung_sessions{node="1",rung="full"}'] == 1
    assert scraped['media_rung_sessions{node="1",rung="one"}'] == 0, "who is lost stands nowhere"
    assert scraped['media_slots{lines="360",node="1",temporal="1"}'] == 4
    assert scraped['media_slots{lines="still",node="1",temporal="0"}'] == 1
    assert scraped['media_given_up_total{node="1"}'] == 12
    assert scraped['media_retransmitted_total{node="1"}'] == 34


def test_pages_that_tell_are_counted() -> None:
    scraped = Scraped()
    scraped.figures.hear(Report(seconds=10, freezes=2, frozen=1.5, concealed=0.03, cpu=0.3))
    scraped.figures.hear(Report(seconds=10))
    assert scraped["page_freezes_total"] == 2 and scraped["page_frozen_seconds_total"] == 1.5
    assert scraped['page_concealed_ratio_bucket{le="0.02"}'] == 1
    assert scraped["page_cpu_cores_sum"] == 0.3


def test_lines_become_histograms() -> None:
    scraped = Scraped()
    scraped.figures.take(1, stats(person()), 100.0)
    assert scraped["line_round_trip_seconds_count"] == 0, "one reading has no rate"
    moved = {"expected_in": 100, "lost_in": 3, "reported_out": 200, "missing_out": 30, "bytes_in": 75_000}
    gone = person("new", expected_in=500, lost_in=400)
    scraped.figures.take(1, stats(person(rtt_ms=120.0, queue_ms=60.0, **moved), gone, person("l", "lost")), 103.0)
    assert scraped['line_loss_ratio_count{direction="up"}'] == 1, "neither a new session nor one that is lost"
    assert scraped['line_loss_ratio_bucket{direction="up",le="0.05"}'] == 1
    assert scraped['line_loss_ratio_bucket{direction="up",le="0.02"}'] == 0
    assert scraped['line_loss_ratio_bucket{direction="down",le="0.1"}'] == 0
    assert scraped['line_loss_ratio_bucket{direction="down",le="0.2"}'] == 1
    assert scraped['line_kbps_sum{direction="up"}'] == 200
    assert scraped["line_round_trip_seconds_sum"] == 0.12
    assert scraped["line_queue_seconds_sum"] == 0.06


def telephone(sound: Sound = "comes", **values: object) -> ParticipantStats:
    state = "lost" if sound == "missing" else "connected"
    unknown = {"lost_out": None, "jitter_out_ms": None, "queue_ms": None}
    return person("call", state, sound=sound, **{**unknown, **values})


def test_telephones_are_lines_like_others_and_no_sessions() -> None:
    scraped = Scraped()
    scraped.figures.take(1, stats(person(), telephones=[telephone()]), 100.0)
    moved = {"expected_in": 150, "lost_in": 9, "bytes_in": 24_000, "packets_out": 150, "jitter_ms": 30.0}
    scraped.figures.take(1, stats(person(), telephones=[telephone(**moved)]), 103.0)
    assert scraped['line_loss_ratio_sum{direction="up"}'] == 0.06
    assert scraped['line_loss_ratio_count{direction="down"}'] is None, "nobody has told"
    assert scraped['line_jitter_seconds_sum{direction="up"}'] == 0.03
    assert scraped['line_jitter_seconds_count{direction="down"}'] == 1, "the browser's"
    assert scraped["line_queue_seconds_count"] == 1
    assert scraped['line_kbps_sum{direction="up"}'] == 64
    assert scraped['media_sessions{node="1"}'] == 1
    scraped.figures.take(1, stats(telephones=[telephone("missing"), telephone("held"), telephone("held")]), 106.0)
    assert scraped['line_loss_ratio_count{direction="up"}'] == 1
    sounds = ("comes", "pauses", "held", "missing")
    assert [scraped[f'media_telephones{{node="1",sound="{sound}"}}'] for sound in sounds] == [0, 0, 2, 1]
