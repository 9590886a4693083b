"""The village line in figures, for `/metrics`: trunk, calls, and what is to be written of them. No number, no name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from server.calls.exchange import Exchange
from server.telephony.sip.incoming import IncomingCall


class CallFigures(Collector):
    """Of one exchange, as they are when they are asked for."""

    def __init__(self, registry: CollectorRegistry, exchange: Exchange) -> None:
        self._exchange = exchange
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Of the trunk nothing as long as it has not answered, or without one."""
        exchange = self._exchange
        yield GaugeMetricFamily("giaoban_telephone_open", "Whether SIP's ports are open", float(exchange.open))
        if exchange.standing is not None:
            yield GaugeMetricFamily("giaoban_trunk_up", "Whether it takes our calls", float(exchange.standing.up))
        running = Counter("in" if isinstance(line.call, IncomingCall) else "out" for line in exchange.lines.values())
        calls = GaugeMetricFamily("giaoban_calls", "Calls that run or ring, by who began them", labels=["direction"])
        for direction in ("in", "out"):
            calls.add_metric([direction], running[direction])
        yield calls
        owed = "Entries about calls that wait for the database"
        yield GaugeMetricFamily("giaoban_calls_owed", owed, len(exchange.owed))
        messages = CounterMetricFamily("giaoban_sip_messages", "Messages that told nothing", labels=["fate"])
        for fate, count in asdict(exchange.endpoint.layer.counts).items():
            messages.add_metric([fate], count)
        yield messages
