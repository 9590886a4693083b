"""The cost of forwarding: one publisher to many sinks, all over real ICE and DTLS-SRTP, beside Janus on the same load.

Server and load are pinned to a core each. Every sink's packets are decrypted and checked by samples; a run with a bad
packet or a loss above one in a thousand does not count as a figure but ends the bench.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from server.media import protocol as p
from tests.bench.figures import Figure, compared, percentile
from tests.bench.janus import available, janus_process, local_address
from tests.bench.load import Load, Outcome, Rate, cpu_seconds, resident_mb
from tests.media.driving import NodeProcess, node_process
from tests.media.endpoint import Endpoint, meeting

SERVER_CORE, LOAD_CORE = "0", 1
TOGETHER = 10  # endpoints that connect at a time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--sinks", type=int, default=90)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--no-peer", action="store_true", help="without Janus")
    parser.add_argument("--search", action="store_true", help="also find the most packets a second")


async def _join(node: NodeProcess, name: str, endpoint: Endpoint) -> None:
    joined = await node.control.call(p.Join(room="r", participant=name, offer=endpoint.description()), p.Joined)
    await endpoint.connect(joined.answer)


async def _in_batches(count: int, one: Callable[[int], Awaitable[Endpoint]]) -> list[Endpoint]:
    endpoints: list[Endpoint] = []
    for start in range(0, count, TOGETHER):
        endpoints += await asyncio.gather(*(one(n) for n in range(start, min(count, start + TOGETHER))))
    return endpoints


async def _connect_to(node: NodeProcess, count: int) -> tuple[Endpoint, list[Endpoint]]:
    await node.control.do(p.OpenRoom(room="r"))
    publisher = Endpoint(meeting(0))
    await _join(node, "publisher", publisher)

    async def sink(number: int) -> Endpoint:
        endpoint = Endpoint(meeting(1, publish=False))
        await _join(node, f"sink{number}", endpoint)
        wants = [p.Want(slot=0, source="publisher")]
        await node.control.do(p.ShowSlots(room="r", participant=f"sink{number}", wants=wants))
        return endpoint

    return publisher, await _in_batches(count, sink)


def _checked(who: str, outcome: Outcome, sinks: int) -> Outcome:
    expected = outcome.sent * sinks
    lost = 1 - outcome.received / expected
    latency = 1000 * percentile(outcome.latencies, 0.99)
    print(
        f"{who}: {outcome.received} packets, {1e6 * outcome.cpu / outcome.received:.2f} us each, "
        f"{100 * outcome.cpu / outcome.seconds:.0f} % of a core, lost {100 * lost:.3f} %, p99 {latency:.1f} ms, "
        f"{outcome.good} checked, {outcome.bad} bad, least {outcome.least} of {outcome.sent}, "
        f"{outcome.feedbacks} feedbacks",
        file=sys.stderr,
    )
    if outcome.bad or not outcome.good:
        raise AssertionError(f"{who}: {outcome.bad} bad packets, {outcome.good} good")
    return outcome


async def _ours(options: argparse.Namespace, rate: Rate) -> tuple[Outcome, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with node_process(Path(folder), "taskset", "-c", SERVER_CORE) as node:
            publisher, sinks = await _connect_to(node, options.sinks)
            load = Load(publisher, sinks)
            outcome = load.run(options.seconds, rate, lambda: cpu_seconds(node.pid))
            resident = resident_mb(node.pid)
            await load.close()
            return _checked("ours", outcome, options.sinks), resident


async def _janus(options: argparse.Namespace, rate: Rate) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        async with janus_process(Path(folder), "taskset", "-c", SERVER_CORE) as janus:
            publisher = await janus.publish()
            await asyncio.sleep(0.5)
            sinks = await _in_batches(options.sinks, lambda _: janus.subscribe())
            load = Load(publisher, sinks)
            outcome = load.run(options.seconds, rate, lambda: cpu_seconds(janus.pid))
            await load.close()
            return _checked("janus", outcome, options.sinks)


async def _most(options: argparse.Namespace) -> float:
    """The most packets a second that one core sends with less than 0.1 % lost and p99 below 50 ms."""
    best, factor = 0.0, 3.0
    with tempfile.TemporaryDirectory() as folder:
        async with node_process(Path(folder), "taskset", "-c", SERVER_CORE, uplink_mbit=1000) as node:
            publisher, sinks = await _connect_to(node, options.sinks)
            load = Load(publisher, sinks)
            while True:
                outcome = load.run(3, Rate().times(factor), lambda: cpu_seconds(node.pid))
                _checked(f"ours x {factor:.1f}", outcome, options.sinks)
                lost = 1 - outcome.received / (outcome.sent * options.sinks)
                if lost > 0.001 or percentile(outcome.latencies, 0.99) > 0.05:
                    break
                best, factor = outcome.received / outcome.seconds, factor * 1.25
            await load.close()
    return best


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """`cpu_us_per_packet` beside Janus, `rss_mb_90`, and with --search `packets_per_core`."""
    os.sched_setaffinity(0, {LOAD_CORE})
    peer = available() and local_address() is not None and not options.no_peer
    ours: list[Outcome] = []
    theirs: list[Outcome] = []
    memory: list[float] = []
    for _ in range(options.runs):
        outcome, resident = await _ours(options, Rate())
        ours.append(outcome)
        memory.append(resident)
        if peer:
            theirs.append(await _janus(options, Rate()))
    cost = [[1e6 * o.cpu / o.received for o in outcomes] for outcomes in (ours, theirs)]
    yield compared("sfu.cpu_us_per_packet", "us", cost[0], "janus", cost[1])
    yield Figure(
        "sfu.latency_p99_ms", round(1000 * max(percentile(o.latencies, 0.99) for o in ours), 2), "ms", len(ours)
    )
    yield Figure(f"sfu.rss_mb_{options.sinks}", round(max(memory), 1), "MB", len(memory))
    if options.search:
        yield Figure("sfu.packets_per_core", round(await _most(options)), "packets/s", 1)
