"""The control process in figures: requests, database, live connections, what happens, and its event loop.

A registry belongs to one application; each feature adds its own figures to it. No figure names a person, a unit or a
meeting: whoever watches the machine need not know who meets.
"""

from __future__ import annotations

import collections
import operator
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from server.store import StoredEvent

_KIND = operator.attrgetter("kind")
FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)  # s
REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # s


class ControlFigures:
    """Figures of this process, added to `registry`; the methods are told of what happens."""

    def __init__(self, registry: CollectorRegistry, connections: Callable[[], int]) -> None:
        ProcessCollector(registry=registry)
        self._requests = Counter("giaoban_http_requests", "Finished requests", ["method", "status"], registry=registry)
        self._request_seconds = Histogram(
            "giaoban_http_request_seconds", "Time of a request", buckets=REQUEST, registry=registry
        )
        self._database_seconds = Histogram(
            "giaoban_database_seconds", "Time of a transaction", ["kind"], buckets=FAST, registry=registry
        )
        self._events = Counter("giaoban_events", "Stored events, by kind", ["kind"], registry=registry)
        self._lag = Histogram(
            "giaoban_loop_lag_seconds", "How late the event loop wakes", buckets=FAST, registry=registry
        )
        open_now = Gauge("giaoban_connections", "Open pages (live connections)", registry=registry)
        open_now.set_function(connections)

    def request(self, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(_known(method), str(status)).inc()
        self._request_seconds.observe(seconds)

    def transaction(self, kind: str, seconds: float) -> None:
        """A transaction ended; called in the thread that did it."""
        self._database_seconds.labels(kind).observe(seconds)

    def committed(self, events: Sequence[StoredEvent], _notes: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Events were stored: one a unit that is told. An increment each would cost 10 ms for a thousand units."""
        for kind, count in collections.Counter(map(_KIND, events)).items():
            self._events.labels(kind).inc(count)

    def woke(self, late: float) -> None:
        """The loop's own look at itself: so many seconds after it should have."""
        self._lag.observe(max(0.0, late))


def _known(method: str) -> str:
    """What clients make up does not become a new time series each."""
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
