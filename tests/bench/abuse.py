"""Beside a running meeting somebody sends far too much: what the meeting notices, and what refusing costs.

One publisher, twenty sinks, each flood in turn; server and load have a core each, the flood shares the load's. The
node's bounds for what one participant sends are those of every node, so the publisher of 50 Mbit/s is policed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.media import protocol as p
from server.media.joining.bounds import Bounds
from tests.bench.figures import Figure
from tests.bench.flood import RATES
from tests.bench.load import Outcome, Rate, cpu_seconds
from tests.bench.sfu_load import LOAD_CORE, SERVER_CORE, UNBOUND, Target, ours
from tests.media.driving import NodeProcess, node_process

ROOM, SPEAKER = "r0", "speaker0"  # as `ours` names them
POLICED = Bounds(downlink_mbit=UNBOUND.downlink_mbit)
LOAD = Rate(sample=5)  # every fifth packet is timed
VOICES_LATE_MS, VOICES_LOST = 20.0, 0.0  # what no flood may make of them
LONGER = 2.0  # s that a flood goes on beside what is measured: the load's warm-up, and more
IDLE_FLOODS = ("strangers", "noise", "checks", "replays")
REASONS = {
    "strangers": ("stranger_stun",),
    "noise": ("unknown", "stranger_media", "bad_stun", "stranger_dtls"),
    "checks": ("policed_stun",),
    "media": ("policed",),
    "replays": ("bad_srtp",),
    "nacks": ("policed", "policed_feedback"),
    "plis": ("policed", "policed_feedback"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--sinks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--flood", choices=RATES, action="append", help="only these")


@dataclass
class Flood:
    """A running flood of one kind."""

    process: asyncio.subprocess.Process

    async def go(self, seconds: float) -> None:
        """Begin."""
        await self._write(str(seconds))

    async def sent(self) -> int:
        """How many datagrams it sent; waits for its end."""
        return int(await self.read())

    async def read(self) -> str:
        """Its next line."""
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode()

    async def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def join(self, node: NodeProcess) -> None:
        """Make it a participant, if it is none of the strangers; then it waits."""
        offer, answer = json.loads(await self.read()), ""
        if offer:
            joined = await node.control.call(p.Join(room=ROOM, participant="flood", offer=offer), p.Joined)
            answer = joined.answer
            wants = [p.Want(slot=slot, source=SPEAKER) for slot in range(2)]
            await node.control.do(p.ShowSlots(room=ROOM, participant="flood", wants=wants))
        await self._write(json.dumps(answer))
        said = await self.read()
        assert said.strip() == "ready", said


@asynccontextmanager
async def flooding(node: NodeProcess, kind: str) -> AsyncIterator[Flood]:
    """A flood that is ready to begin."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "tests.bench.flood", kind, str(node.control.welcome.udp_port)]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    flood = Flood(process)
    try:
        await flood.join(node)
        yield flood
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _refused(node: NodeProcess, reasons: tuple[str, ...]) -> int:
    stats = await node.control.call(p.GetStats(), p.Stats)
    return sum(stats.refused.get(reason, 0) for reason in reasons)


async def _cost(kind: str, seconds: float) -> float:
    """CPU of a node in which nobody meets, in µs a datagram."""
    with tempfile.TemporaryDirectory() as folder:
        async with node_process(Path(folder), "taskset", "-c", SERVER_CORE) as node:
            await node.control.do(p.OpenRoom(room=ROOM))
            async with flooding(node, kind) as flood:
                stats = await node.control.call(p.GetStats(), p.Stats)
                before = cpu_seconds(node.pid)
                await flood.go(seconds)
                sent = await flood.sent()
                used = cpu_seconds(node.pid) - before
                after = await node.control.call(p.GetStats(), p.Stats)
            received = after.packets_in - stats.packets_in
            refused = await _refused(node, REASONS[kind])
            print(f"{kind}: {sent} sent, {received} received, {refused} refused", file=sys.stderr)
            assert refused > 0.8 * received > 0.5 * sent
            return 1e6 * used / received


async def beside(kind: str | None, sinks: int, seconds: float) -> Outcome:
    """The meeting's load while a flood of this kind runs; None is for none."""
    async with ours(sinks, bounds=POLICED) as target:
        if kind is None:
            return target.run(LOAD, seconds, "alone")
        return await _flooded(target, kind, seconds)


async def _flooded(target: Target, kind: str, seconds: float) -> Outcome:
    assert target.node is not None
    async with flooding(target.node, kind) as flood:
        before = await _refused(target.node, REASONS[kind])
        await flood.go(seconds + LONGER)
        outcome = target.run(LOAD, seconds, f"beside {kind}")
        sent, refused = await flood.sent(), await _refused(target.node, REASONS[kind]) - before
        print(f"{kind}: {sent} sent, {refused} refused", file=sys.stderr)
        assert refused > 0
        return outcome


def harm(name: str, outcome: Outcome) -> list[str]:
    """What a flood did to the voices beside it that it must not do, in words."""
    late, lost = outcome.voice_p99_ms, outcome.voices_lost
    found = [f"{name}: voices late, p99 {late:.1f} ms > {VOICES_LATE_MS:g} ms"] if late > VOICES_LATE_MS else []
    return [*found, f"{name}: {lost:.3%} of the voices lost"] if lost > VOICES_LOST else found


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """What the meeting notices of each flood, alone first; then `<flood>_us` of CPU that a refused datagram costs.

    Ends with an error when voices came late or were lost beside a flood, so that no report is written of that.
    """
    os.sched_setaffinity(0, {LOAD_CORE})
    kinds = options.flood or list(RATES)
    hurt: list[str] = []
    for kind in [None, *kinds]:
        outcome = await beside(kind, options.sinks, options.seconds)
        name = kind or "quiet"
        voices = outcome.voice_latencies
        hurt += harm(name, outcome)
        yield Figure(f"abuse.{name}_voice_p99_ms", round(outcome.voice_p99_ms, 2), "ms", len(voices))
        yield Figure(f"abuse.{name}_p99_ms", round(outcome.p99_ms, 2), "ms", len(voices) + len(outcome.latencies))
        yield Figure(f"abuse.{name}_lost_percent", round(100 * outcome.lost, 3), "%", outcome.sent * options.sinks)
        yield Figure(f"abuse.{name}_core_percent", round(100 * outcome.cpu / outcome.seconds, 1), "%", 1)
    for kind in (kind for kind in kinds if kind in IDLE_FLOODS):
        yield Figure(f"abuse.{kind}_us", round(await _cost(kind, options.seconds), 2), "us", 1)
    if hurt:
        raise SystemExit("; ".join(hurt))
