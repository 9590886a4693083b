"""Everybody comes at once: participants join within one second, and each should soon see and hear.

One publisher sends a voice and a picture; each newcomer's time runs from its `Join` to its first decrypted packet of
each. Server and newcomers have a core each.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from server.media import protocol as p
from tests.bench.figures import Figure, percentile
from tests.bench.load import cpu_seconds
from tests.media.driving import NodeProcess, node_process
from tests.media.endpoint import OPUS, VP8, Endpoint, meeting, picture, voice

SERVER_CORE, LOAD_CORE = "0", 1
PATIENCE = 10.0  # s


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--participants", type=int, default=90)
    parser.add_argument("--within", type=float, default=1.0, help="seconds in which they come")
    parser.add_argument("--runs", type=int, default=3)


async def publish(endpoint: Endpoint) -> None:
    """A voice packet every 20 ms and a picture every 40 ms; a key frame when one is asked for."""
    audio, video = endpoint.media[0].ssrc or 0, endpoint.media[1].ssrc or 0
    number = asked = 0
    while True:
        reports, endpoint.reports = endpoint.reports, []
        asked += sum(b"\x81\xce" in report for report in reports)
        endpoint.send_rtp(voice(audio, number))
        if number % 2 == 0:
            endpoint.send_rtp(picture(video, number // 2, number // 2, key=asked > 0 or number == 0))
            asked = 0
        number += 1
        await asyncio.sleep(0.02)


async def _newcomer(node: NodeProcess, name: str, after: float) -> float:
    await asyncio.sleep(after)
    endpoint = Endpoint(meeting(12, publish=False))
    began = time.monotonic()
    joined = await node.control.call(p.Join(room="r", participant=name, offer=endpoint.description()), p.Joined)
    endpoint.begin(joined.answer)
    await node.control.do(p.ShowSlots(room="r", participant=name, wants=[p.Want(slot=0, source="publisher")]))
    while not {OPUS, VP8} <= {packet.payload_type for packet in endpoint.packets}:
        await asyncio.sleep(0.01)
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError(f"{name} has no media")
    taken = time.monotonic() - began
    await endpoint.close()
    return taken


async def _once(options: argparse.Namespace) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        async with node_process(Path(folder), "taskset", "-c", SERVER_CORE) as node:
            await node.control.do(p.OpenRoom(room="r"))
            endpoint = Endpoint(meeting(0))
            joined = await node.control.call(
                p.Join(room="r", participant="publisher", offer=endpoint.description()), p.Joined
            )
            await endpoint.connect(joined.answer)
            publishing = asyncio.create_task(publish(endpoint))
            before = cpu_seconds(node.pid)
            step = options.within / options.participants
            newcomers = (_newcomer(node, f"p{n}", n * step) for n in range(options.participants))
            times = await asyncio.gather(*newcomers)
            used = cpu_seconds(node.pid) - before
            publishing.cancel()
            await endpoint.close()
            print(
                f"median {sorted(times)[len(times) // 2]:.3f} s, slowest {max(times):.3f} s, "
                f"{1000 * used / len(times):.1f} ms of CPU each",
                file=sys.stderr,
            )
            return times


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """`media_p95_s` over all runs."""
    os.sched_setaffinity(0, {LOAD_CORE})
    times = [taken for _ in range(options.runs) for taken in await _once(options)]
    yield Figure("join.media_p95_s", round(percentile(times, 0.95), 3), "s", len(times))
