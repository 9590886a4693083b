"""The media nodes in figures, from their own counters every few seconds (`protocol.Stats`).

People are not told apart: each connected one's line is observed into histograms, so that "how many have a bad line" can
be asked, and not "who".
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from server.media.protocol import RUNGS, SOUNDS, ParticipantStats, Stats
from server.meetings.health import Report
from server.meetings.placing import NodeFigures
from server.meetings.quality import kbps, loss_down, loss_up

SHARES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
DELAYS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # s
CORES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
RATES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)  # kbit/s
_COUNTERS = {
    "packets_in": "Datagrams received",
    "packets_out": "Datagrams sent",
    "bytes_in": "Media bytes received",
    "bytes_out": "Media bytes sent",
    "cpu_seconds": "CPU time of the process",
    "retransmitted": "Packets sent once more because somebody asked",
    "given_up": "Packets of pictures left out in overload, each for each slot",
}


class MediaFigures(Collector):
    """Figures of all nodes: `take` their counters, `nodes` says which of them are there."""

    def __init__(self, registry: CollectorRegistry, nodes: Callable[[], list[NodeFigures]]) -> None:
        self._nodes = nodes
        self._last: dict[int, tuple[float, Stats]] = {}

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"giaoban_line_{name}", text, labels, buckets=buckets, registry=registry)

        self._loss = histogram("loss_ratio", "Packets lost on participants' lines", SHARES, "direction")
        self._jitter = histogram("jitter_seconds", "Jitter of participants' lines", DELAYS, "direction")
        self._rate = histogram("kbps", "Rate of participants' lines, kbit/s", RATES, "direction")
        self._queue = histogram("queue_seconds", "Packets wait on participants' lines, from us to them", DELAYS)
        self._round_trip = histogram("round_trip_seconds", "Round trip of participants' lines", DELAYS)
        self._freezes = Counter("giaoban_page_freezes", "Pictures that stood still", registry=registry)
        self._frozen = Counter("giaoban_page_frozen_seconds", "How long they stood still", registry=registry)
        self._concealed = Histogram(
            "giaoban_page_concealed_ratio", "Share of voices concealed", buckets=SHARES, registry=registry
        )
        self._cpu = Histogram("giaoban_page_cpu_cores", "Cores that code pictures", buckets=CORES, registry=registry)
        registry.register(self)

    def take(self, number: int, stats: Stats, now: float) -> None:
        """A node's counters, at `now` (seconds, monotonic)."""
        before = self._last.get(number)
        self._last[number] = (now, stats)
        if before is None or now <= before[0]:
            return
        known = {entry.session: entry for entry in _lines(before[1])}
        for entry in _lines(stats):
            if entry.state == "connected" and entry.session in known:
                self._observe(known[entry.session], entry, now - before[0])

    def hear(self, report: Report) -> None:
        """A participant's page tells how it fares."""
        self._freezes.inc(report.freezes)
        self._frozen.inc(report.frozen)
        self._concealed.observe(report.concealed)
        self._cpu.observe(report.cpu)

    def _observe(self, before: ParticipantStats, after: ParticipantStats, seconds: float) -> None:
        for direction, share in (("up", loss_up(before, after)), ("down", loss_down(before, after))):
            if share is not None:
                self._loss.labels(direction).observe(share)
        for direction, jitter_ms in (("up", after.jitter_ms), ("down", after.jitter_out_ms)):
            if jitter_ms is not None:
                self._jitter.labels(direction).observe(jitter_ms / 1000)
        self._rate.labels("up").observe(kbps(before.bytes_in, after.bytes_in, seconds))
        self._rate.labels("down").observe(kbps(before.bytes_out, after.bytes_out, seconds))
        if after.queue_ms is not None:
            self._queue.observe(after.queue_ms / 1000)
        if after.rtt_ms is not None:
            self._round_trip.observe(after.rtt_ms / 1000)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Each node's totals as they were last told, under its number."""
        nodes = self._nodes()
        here = {node.number: self._last[node.number][1] for node in nodes if node.ready and node.number in self._last}
        yield _gauge("up", "Whether the node serves", {str(node.number): float(node.ready) for node in nodes})
        yield _gauge("rooms", "Rooms", {str(n): stats.rooms for n, stats in here.items()})
        yield _gauge("sessions", "Connected participants", {str(n): _connected(stats) for n, stats in here.items()})
        yield _gauge("loop_lag_seconds", "Event loop, late", {str(n): s.lag_ms / 1000 for n, s in here.items()})
        for name, text in _COUNTERS.items():
            family = CounterMetricFamily(f"giaoban_media_{name}", text, labels=["node"])
            for number, stats in here.items():
                family.add_metric([str(number)], getattr(stats, name))
            yield family
        dropped = CounterMetricFamily(
            "giaoban_media_dropped", "Not taken by a full send buffer", labels=["node", "kind"]
        )
        refused = CounterMetricFamily("giaoban_media_refused", "Datagrams refused", labels=["node", "reason"])
        for number, stats in here.items():
            dropped.add_metric([str(number), "video"], stats.dropped_video)
            dropped.add_metric([str(number), "audio"], stats.dropped_audio)
            for reason, count in sorted(stats.refused.items()):
                refused.add_metric([str(number), reason], count)
        yield from (dropped, refused)
        yield from _carried(here)


def _lines(stats: Stats) -> Iterator[ParticipantStats]:
    yield from stats.participants
    yield from stats.telephones


def _connected(stats: Stats) -> int:
    return sum(entry.state == "connected" for entry in stats.participants)


def _carried(here: dict[int, Stats]) -> Iterator[GaugeMetricFamily]:
    """What people get: how many stand on each rung of the ladder, and how many pictures go out in which layer."""
    rungs = GaugeMetricFamily("giaoban_media_rung_sessions", "Participants by rung", labels=["node", "rung"])
    slots = GaugeMetricFamily("giaoban_media_slots", "Pictures shown", labels=["node", "lines", "temporal"])
    for number, stats in here.items():
        standing = Counts(entry.rung for entry in stats.participants if entry.state == "connected")
        for rung in RUNGS:
            rungs.add_metric([str(number), rung], standing[rung])
        for entry in stats.shown:
            size, cap = ("still", "0") if entry.cap < 0 else (str(entry.lines), str(entry.cap))
            slots.add_metric([str(number), size, cap], entry.slots)
    yield from (rungs, slots, _telephones(here))


def _telephones(here: dict[int, Stats]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "giaoban_media_telephones", "Participants by telephone, by whether their sound comes", labels=["node", "sound"]
    )
    for number, stats in here.items():
        counts = Counts(entry.sound for entry in stats.telephones)
        for sound in SOUNDS:
            family.add_metric([str(number), sound], counts[sound])
    return family


def _gauge(name: str, text: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"giaoban_media_{name}", text, labels=["node"])
    for node, value in values.items():
        family.add_metric([node], value)
    return family
