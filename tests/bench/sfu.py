"""The cost of forwarding: one publisher to many sinks, all over real ICE and DTLS-SRTP, beside Janus on the same load.

Server and load are pinned to a core each. Every sink's packets are decrypted and checked by samples; a bad packet ends
the bench. The most packets a second are those with less than 0.1 % lost and p99 below 50 ms; latency is then measured
at half of that, and that of voices at 120 %, too, where pictures must be left out.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator
from statistics import median

from tests.bench.figures import Figure, compared
from tests.bench.janus import available, local_address
from tests.bench.load import Outcome, Rate, resident_mb
from tests.bench.sfu_load import LOAD_CORE, SPEAKERS, Target, ours, theirs

LOW, HIGH = Rate(), Rate().times(5)  # with 90 sinks 15,300 and 76,500 packets a second
SEEN = Rate(burst=3, video_size=900)  # 360p: 520 kbit/s
STEP = 1.2  # between two rates of the search
SEARCHED = 3.0  # s at each of them
MOST_LOST, MOST_LATE_MS = 0.001, 50.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--sinks", type=int, default=90)
    parser.add_argument("--runs", type=int, default=3, help="of which medians are taken")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--no-peer", action="store_true", help="without Janus")
    parser.add_argument("--only", choices=("cost", "most", "rooms"), help="one part alone")


def _most(target: Target) -> tuple[float, float]:
    """The most packets a second that one core sends well, and the factor of `LOW` that makes them."""
    best, well, factor = 0.0, 0.0, 4.0
    while True:
        outcome = target.run(LOW.times(factor), SEARCHED, f"x {factor:.1f}")
        if outcome.lost > MOST_LOST or outcome.p99_ms > MOST_LATE_MS:
            return best, well
        best, well, factor = outcome.rate, factor, factor * STEP


async def _cost(options: argparse.Namespace, peer: bool) -> AsyncIterator[Figure]:
    low: list[list[float]] = [[], []]
    high: list[list[float]] = [[], []]
    memory: list[float] = []
    for _ in range(options.runs):
        for number, server in enumerate((ours, theirs) if peer else (ours,)):
            async with server(options.sinks) as target:
                high[number].append(target.run(HIGH, options.seconds).cost)
                low[number].append(target.run(LOW, options.seconds).cost)
                if number == 0:
                    memory.append(resident_mb(target.pid))
    yield compared("sfu.cpu_us_per_packet", "us", high[0], "janus", high[1])
    yield compared("sfu.cpu_us_per_packet_low", "us", low[0], "janus", low[1])
    yield Figure(f"sfu.rss_mb_{options.sinks}", round(max(memory), 1), "MB", len(memory))


async def _limits(options: argparse.Namespace, peer: bool) -> AsyncIterator[Figure]:
    most: list[list[float]] = [[], []]
    half: list[Outcome] = []
    over: list[Outcome] = []
    for _ in range(options.runs):
        async with ours(options.sinks) as target:
            packets, factor = _most(target)
            most[0].append(packets)
        async with ours(options.sinks) as target:  # anew: the search ends where nobody's link is known any more
            half.append(target.run(LOW.times(factor / 2), options.seconds, "at 50 %"))
            over.append(target.run(LOW.times(factor * 1.2), options.seconds, "at 120 %"))
        if peer:
            async with theirs(options.sinks) as target:
                most[1].append(_most(target)[0])
    yield compared("sfu.packets_per_core", "packets/s", most[0], "janus", most[1])
    yield Figure("sfu.latency_p99_ms", round(median(o.p99_ms for o in half), 2), "ms", len(half))
    yield Figure("sfu.voice_p99_ms", round(median(o.voice_p99_ms for o in half), 2), "ms", len(half))
    yield Figure("sfu.audio_p99_ms_at_120", round(median(o.voice_p99_ms for o in over), 2), "ms", len(over))
    lost = median(100 * o.voices_lost for o in over)
    yield Figure("sfu.audio_lost_at_120", round(lost, 3), "%", len(over))


async def _rooms(options: argparse.Namespace) -> AsyncIterator[Figure]:
    for name, rooms, people in (("room_300", 1, 300), ("rooms_20x15", 20, 15)):
        outcomes: list[Outcome] = []
        memory: list[float] = []
        for _ in range(options.runs):
            async with ours(people - SPEAKERS, rooms=rooms, speakers=SPEAKERS) as target:
                outcomes.append(target.run(SEEN, options.seconds, name))
                memory.append(resident_mb(target.pid))
        n = len(outcomes)
        cpu = median(100 * o.cpu / o.seconds for o in outcomes)
        yield Figure(f"sfu.{name}_cpu", round(cpu, 1), "% of a core", n)
        yield Figure(f"sfu.{name}_latency_p99_ms", round(median(o.p99_ms for o in outcomes), 2), "ms", n)
        yield Figure(f"sfu.{name}_voice_p99_ms", round(median(o.voice_p99_ms for o in outcomes), 2), "ms", n)
        yield Figure(f"sfu.{name}_lost", round(median(100 * o.lost for o in outcomes), 3), "%", n)
        yield Figure(f"sfu.{name}_rss_mb", round(max(memory), 1), "MB", n)


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """CPU and memory, then the most packets and what latency is below and above, then many participants."""
    os.sched_setaffinity(0, {LOAD_CORE})
    peer = available() and local_address() is not None and not options.no_peer
    parts = {"cost": _cost(options, peer), "most": _limits(options, peer), "rooms": _rooms(options)}
    for name, part in parts.items():
        if options.only in (None, name):
            async for figure in part:
                yield figure
