"""What the `sfu` bench puts under load: a media node or Janus on one core, with endpoints connected to it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.media import protocol as p
from server.media.joining.bounds import Bounds
from tests.bench.janus import janus_process
from tests.bench.load import Load, Outcome, Rate, cpu_seconds
from tests.media.driving import NodeProcess, node_process
from tests.media.endpoint import Endpoint, meeting

SERVER_CORE, LOAD_CORE = "0", 1
TOGETHER = 10  # endpoints that connect at a time
UNBOUND = Bounds(uplink_mbit=400, downlink_mbit=100)  # forwarding is measured here, not what links carry
SPEAKERS = 3  # of a room: as many as there are slots for voices


@dataclass(frozen=True)
class Target:
    """A server with its load: `run` it at a rate as often as wanted. `node` is ours."""

    name: str
    pid: int
    load: Load
    node: NodeProcess | None = None

    def run(self, rate: Rate, seconds: float, what: str = "") -> Outcome:
        """Every packet that is looked at must be right; what was measured goes to stderr."""
        outcome = self.load.run(seconds, rate, lambda: cpu_seconds(self.pid))
        print(
            f"{self.name} {what}: {outcome.rate:.0f} packets/s, {outcome.cost:.2f} us each, "
            f"{100 * outcome.cpu / outcome.seconds:.0f} % of a core, lost {100 * outcome.lost:.3f} % "
            f"(voices {100 * outcome.voices_lost:.3f} %), p99 {outcome.p99_ms:.1f} ms "
            f"(voices {outcome.voice_p99_ms:.1f} ms), {outcome.good} checked, {outcome.bad} bad, "
            f"{outcome.feedbacks} feedbacks",
            file=sys.stderr,
        )
        if outcome.bad or not outcome.good:
            raise AssertionError(f"{self.name}: {outcome.bad} bad packets, {outcome.good} good")
        return outcome


async def _in_batches(count: int, one: Callable[[int], Awaitable[Endpoint]]) -> list[Endpoint]:
    endpoints: list[Endpoint] = []
    for start in range(0, count, TOGETHER):
        endpoints += await asyncio.gather(*(one(n) for n in range(start, min(count, start + TOGETHER))))
    return endpoints


async def _join(node: NodeProcess, room: str, name: str, endpoint: Endpoint) -> Endpoint:
    joined = await node.control.call(p.Join(room=room, participant=name, offer=endpoint.description()), p.Joined)
    await endpoint.connect(joined.answer)
    return endpoint


async def _sink(node: NodeProcess, room: str, name: str) -> Endpoint:
    endpoint = await _join(node, room, name, Endpoint(meeting(1, publish=False)))
    wants = [p.Want(slot=0, source="speaker0")]
    await node.control.do(p.ShowSlots(room=room, participant=name, wants=wants))
    return endpoint


@asynccontextmanager
async def ours(sinks: int, *, rooms: int = 1, speakers: int = 1, bounds: Bounds = UNBOUND) -> AsyncIterator[Target]:
    """A node with rooms `r0`, … of `speaker0`, …, the first of whom is also seen, and `sinks` others each."""
    with tempfile.TemporaryDirectory() as folder:
        async with node_process(Path(folder), "taskset", "-c", SERVER_CORE, bounds=bounds) as node:
            for room in range(rooms):
                await node.control.do(p.OpenRoom(room=f"r{room}"))

            async def speaker(number: int) -> Endpoint:
                return await _join(node, f"r{number % rooms}", f"speaker{number // rooms}", Endpoint(meeting(0)))

            publishers = await _in_batches(rooms * speakers, speaker)
            listeners = await _in_batches(rooms * sinks, lambda n: _sink(node, f"r{n % rooms}", f"sink{n}"))
            load = Load(publishers, listeners, pictures=rooms, heard=1 / rooms)
            yield Target("ours", node.pid, load, node)
            await load.close()


@asynccontextmanager
async def theirs(sinks: int) -> AsyncIterator[Target]:
    """Janus with one publisher and so many subscribers."""
    with tempfile.TemporaryDirectory() as folder:
        async with janus_process(Path(folder), "taskset", "-c", SERVER_CORE) as janus:
            publisher = await janus.publish()
            await asyncio.sleep(0.5)
            load = Load([publisher], await _in_batches(sinks, lambda _: janus.subscribe()))
            yield Target("janus", janus.pid, load)
            await load.close()
