"""Participants of a node process for tests: who sends, who watches, and what to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.media import protocol as p
from tests.media.driving import NodeProcess
from tests.media.endpoint import Endpoint, meeting, picture, voice


class Publisher:
    """An endpoint that speaks and shows, at `rate` packets a second of each, until stopped."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.level = 30
        self.silent = self.dark = False
        self.width = 640
        audio, video = endpoint.media[0].ssrc, endpoint.media[1].ssrc
        assert audio is not None and video is not None
        self.audio, self.video = audio, video
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        number = 0
        while True:
            if not self.silent:
                self.endpoint.send_rtp(voice(self.audio, number, level=self.level, transport=2 * number))
            if not self.dark:
                self.endpoint.send_rtp(picture(self.video, number, number, key=number % 10 == 0, width=self.width))
            number += 1
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        self._task.cancel()


async def join(node: NodeProcess, name: str, endpoint: Endpoint) -> p.Joined:
    joined = await node.control.call(p.Join(room="r", participant=name, offer=endpoint.description()), p.Joined)
    await endpoint.connect(joined.answer)
    return joined


async def publisher(node: NodeProcess, name: str) -> Publisher:
    endpoint = Endpoint(meeting(2))
    await join(node, name, endpoint)
    return Publisher(endpoint)


async def viewer(node: NodeProcess, name: str, *sources: str) -> Endpoint:
    endpoint = Endpoint(meeting(2, publish=False))
    await join(node, name, endpoint)
    await show(node, name, *sources)
    return endpoint


async def show(node: NodeProcess, name: str, *sources: str) -> None:
    wants = [p.Want(slot=n, source=source) for n, source in enumerate(sources)]
    await node.control.do(p.ShowSlots(room="r", participant=name, wants=wants))


async def until(condition: Callable[[], bool], timeout: float = 30) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.02)


def count(endpoint: Endpoint, payload_type: int) -> int:
    return sum(packet.payload_type == payload_type for packet in endpoint.packets)


async def grows(endpoint: Endpoint, payload_type: int, seconds: float = 0.5) -> bool:
    await asyncio.sleep(0.1)
    before = count(endpoint, payload_type)
    await asyncio.sleep(seconds)
    return count(endpoint, payload_type) > before


async def stats(node: NodeProcess, name: str) -> p.ParticipantStats:
    answer = await node.control.call(p.GetStats(), p.Stats)
    return next(entry for entry in answer.participants if entry.participant == name)
