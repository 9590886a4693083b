"""Everybody comes at once: participants join within one second, and each should soon see and hear.

One publisher sends a voice and a picture; each newcomer's time runs from its `Join` to its first decrypted packet of
each. Server and newcomers have a core each. Then, in a running meeting, people come one by one and a slot is switched
to and fro between two cameras: how long until the first key frame is there, which the cameras send when asked for it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server.media import protocol as p
from server.media.wire.vp8 import Vp8
from tests.bench.figures import Figure, percentile
from tests.bench.load import cpu_seconds
from tests.media.driving import NodeProcess, node_process
from tests.media.endpoint import OPUS, VP8, Endpoint, meeting, picture, voice

SERVER_CORE, LOAD_CORE = "0", 1
PATIENCE = 10.0  # s
WIDTHS = {"a": 640, "b": 320}  # of the cameras, by which their key frames are told apart


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--participants", type=int, default=90)
    parser.add_argument("--within", type=float, default=1.0, help="seconds in which they come")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--times", type=int, default=40, help="newcomers one by one, and switches of a slot")


async def publish(endpoint: Endpoint, width: int = 640) -> None:
    """A voice packet every 20 ms and a picture every 40 ms; a key frame when one is asked for."""
    audio, video = endpoint.media[0].ssrc or 0, endpoint.media[1].ssrc or 0
    number = asked = 0
    while True:
        reports, endpoint.reports = endpoint.reports, []
        asked += sum(b"\x81\xce" in report for report in reports)
        endpoint.send_rtp(voice(audio, number))
        if number % 2 == 0:
            endpoint.send_rtp(picture(video, number // 2, number // 2, key=asked > 0 or number == 0, width=width))
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


@asynccontextmanager
async def _node() -> AsyncIterator[NodeProcess]:
    with tempfile.TemporaryDirectory() as folder:
        async with node_process(Path(folder), "taskset", "-c", SERVER_CORE) as node:
            await node.control.do(p.OpenRoom(room="r"))
            yield node


@asynccontextmanager
async def _publishing(node: NodeProcess, name: str, width: int = 640) -> AsyncIterator[None]:
    endpoint = Endpoint(meeting(0))
    joined = await node.control.call(p.Join(room="r", participant=name, offer=endpoint.description()), p.Joined)
    await endpoint.connect(joined.answer)
    task = asyncio.create_task(publish(endpoint, width))
    yield
    task.cancel()
    await endpoint.close()


async def _once(options: argparse.Namespace) -> list[float]:
    async with _node() as node, _publishing(node, "publisher"):
        before = cpu_seconds(node.pid)
        step = options.within / options.participants
        newcomers = (_newcomer(node, f"p{n}", n * step) for n in range(options.participants))
        times = await asyncio.gather(*newcomers)
        used = cpu_seconds(node.pid) - before
        print(
            f"median {sorted(times)[len(times) // 2]:.3f} s, slowest {max(times):.3f} s, "
            f"{1000 * used / len(times):.1f} ms of CPU each",
            file=sys.stderr,
        )
        return times


# ---- first pictures in a running meeting -----------------------------------------------------------------------------


async def _key_frame(endpoint: Endpoint, width: int, seen: int = 0) -> float:
    """When a key frame this wide is there, of the packets after the first `seen` (a picture is one packet here)."""
    async with asyncio.timeout(PATIENCE):
        while True:
            packets, seen = endpoint.packets[seen:], len(endpoint.packets)
            frames = (Vp8.parse(packet.payload) for packet in packets if packet.payload_type == VP8)
            if any(frame.key_frame and frame.width == width for frame in frames):
                return time.monotonic()
            await asyncio.sleep(0.001)


async def _watch(node: NodeProcess, name: str, camera: str) -> tuple[Endpoint, float]:
    """A newcomer, and how long after it was connected it saw its first picture."""
    endpoint = Endpoint(meeting(1, publish=False))
    joined = await node.control.call(p.Join(room="r", participant=name, offer=endpoint.description()), p.Joined)
    await node.control.do(p.ShowSlots(room="r", participant=name, wants=[p.Want(slot=0, source=camera)]))
    await endpoint.connect(joined.answer)
    began = time.monotonic()
    return endpoint, await _key_frame(endpoint, WIDTHS[camera]) - began


async def _first_pictures(times: int) -> tuple[list[float], list[float]]:
    """Of newcomers, and of a slot after each switch."""
    pause = random.Random(1)
    newcomers, switches = [], []
    async with _node() as node, _publishing(node, "a", WIDTHS["a"]), _publishing(node, "b", WIDTHS["b"]):
        for number in range(times):
            endpoint, taken = await _watch(node, f"p{number}", "a")
            newcomers.append(taken)
            await endpoint.close()
            await asyncio.sleep(pause.uniform(0, 0.5))
        viewer, _ = await _watch(node, "viewer", "a")
        for number in range(times):
            await asyncio.sleep(pause.uniform(1, 1.5))  # more than one a second in the long run waits for its turn
            camera = "ba"[number % 2]
            seen, began = len(viewer.packets), time.monotonic()
            wants = [p.Want(slot=0, source=camera)]
            await node.control.do(p.ShowSlots(room="r", participant="viewer", wants=wants))
            switches.append(await _key_frame(viewer, WIDTHS[camera], seen) - began)
        await viewer.close()
    return newcomers, switches


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """`media_p95_s` over all runs; then what it takes until a first picture."""
    os.sched_setaffinity(0, {LOAD_CORE})
    times = [taken for _ in range(options.runs) for taken in await _once(options)]
    yield Figure("join.media_p95_s", round(percentile(times, 0.95), 3), "s", len(times))
    newcomers, switches = await _first_pictures(options.times)
    yield Figure("join.first_picture_p95_ms", round(1000 * percentile(newcomers, 0.95), 1), "ms", len(newcomers))
    yield Figure("join.switch_p95_ms", round(1000 * percentile(switches, 0.95), 1), "ms", len(switches))
