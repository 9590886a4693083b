"""The whole server with everybody in: ninety people of the district join one meeting through pages' own door.

Each is signed in and connected before; then, within one second, each sends `meeting.join` over Socket.IO with an offer,
and its time runs to the first decrypted packet of voice and picture over DTLS-SRTP. Database, live channel and media
node are those of a real server; afterwards both processes are weighed.
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
from typing import Any

import socketio

from tests.bench.figures import Figure, percentile
from tests.bench.join import PATIENCE, publish
from tests.bench.load import resident_mb
from tests.e2e.harness import App, running
from tests.media.endpoint import OPUS, VP8, Endpoint, meeting

LOAD_CORE = 1
SERVER_CORES = {0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--participants", type=int, default=90)
    parser.add_argument("--within", type=float, default=1.0, help="seconds in which they come")


class Guest:
    """One person: signed in, connected, and with an offer in the hand."""

    def __init__(self, app: App, username: str, number: int) -> None:
        self.app, self.username = app, username
        self.endpoint = Endpoint(meeting(12, publish=number == 0))
        self.client = socketio.AsyncClient(reconnection=False)

    async def sign_in(self) -> None:
        """Token and live connection."""
        token = await asyncio.to_thread(self.app.token, self.username)
        await self.client.connect(self.app.url, auth={"token": token}, transports=["websocket"])

    async def join(self, meeting_id: int) -> dict[str, Any]:
        """Through the door; gives the server's acknowledgement."""
        body = {"meeting": meeting_id, "offer": self.endpoint.description(), "microphone": True, "camera": True}
        answer: dict[str, Any] = await self.client.call("meeting.join", body, timeout=PATIENCE)
        if "error" in answer:
            raise RuntimeError(f"{self.username}: {answer['error']}")
        await self.endpoint.connect(answer["answer"])
        return answer

    async def arrive(self, meeting_id: int, source: int, after: float) -> float:
        """Join after a while and wait for voice and picture; gives the seconds from the join on."""
        await asyncio.sleep(after)
        began = time.monotonic()
        await self.join(meeting_id)
        wishes = [{"slot": 0, "source": source, "kind": "camera", "width": 640}]
        await self.client.call("meeting.slots", {"meeting": meeting_id, "wants": wishes}, timeout=PATIENCE)
        while not {OPUS, VP8} <= {packet.payload_type for packet in self.endpoint.packets}:
            await asyncio.sleep(0.01)
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError(f"{self.username} has no media")
        return time.monotonic() - began


def _people(count: int) -> list[str]:
    """Accounts of the demo: one a commune, then the village heads."""
    communes = ("camlo-tt", "camtuyen", "thanhan", "camthuy", "camthanh", "camhieu", "camchinh", "camnghia")
    heads = [f"thon{place}.{commune}" for commune in communes for place in range(1, 11)]
    return [*communes, "vanthu", *heads][:count]


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """`whole.media_p95_s` from the join to the first voice and picture; `whole.rss_mb` of both processes together."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as app:
        assert app.control is not None
        for pid in (app.control.pid, *app.media_pids()):
            os.sched_setaffinity(pid, SERVER_CORES)
        os.sched_setaffinity(0, {LOAD_CORE})
        token = app.token("chutich")
        units = [unit["id"] for unit in app.call(token, "GET", "/api/v1/units")["units"]]
        plan = {"title": "Giao ban toàn huyện", "units": units}
        number = int(app.call(token, "POST", "/api/v1/meetings", plan)["id"])
        chair = Guest(app, "chutich", 0)
        await chair.sign_in()
        source = int((await chair.join(number))["participant"])
        publishing = asyncio.create_task(publish(chair.endpoint))
        guests = [Guest(app, name, place) for place, name in enumerate(_people(options.participants), start=1)]
        for guest in guests:
            await guest.sign_in()
        step = options.within / len(guests)
        times = await asyncio.gather(*(g.arrive(number, source, n * step) for n, g in enumerate(guests)))
        await asyncio.sleep(2)
        weights = [resident_mb(pid) for pid in (app.control.pid, *app.media_pids())]
        publishing.cancel()
        print(f"slowest {max(times):.2f} s; control and node {weights} MB", file=sys.stderr)
        for guest in (chair, *guests):
            await guest.client.disconnect()
            await guest.endpoint.close()
    yield Figure("whole.media_p95_s", round(percentile(times, 0.95), 3), "s", len(times))
    yield Figure("whole.rss_mb", round(sum(weights), 1), "MB", len(guests))
