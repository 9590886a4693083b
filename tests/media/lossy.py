"""A UDP relay that loses and delays as its script says: a bad line between a browser and the node, on one machine."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable

from server.media.wire.rtp import is_rtcp

Loses = Callable[[bytes], bool]


class _Side(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._received = received
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, addr)


class Relay:
    """Between one client and the node. `down` and `up` say which media packets get lost, all else passes; `delay` how
    many seconds each datagram to the client waits, whatever overtakes it.
    """

    def __init__(
        self, down: Loses | None = None, up: Loses | None = None, delay: Callable[[], float] | None = None
    ) -> None:
        self.down, self.up = down, up
        self.delay = delay
        self.lost = 0
        self._client: tuple[str, int] | None = None
        self._to_client = _Side(self._upwards)
        self._to_node = _Side(self._downwards)

    async def through(self, answer: str) -> str:
        """The node's answer, with the relay's address in place of the node's."""
        found = re.search(r"a=candidate:\S+ 1 udp \S+ (\S+) (\d+) typ host", answer)
        assert found is not None
        loop = asyncio.get_running_loop()
        node = (found[1], int(found[2]))
        await loop.create_datagram_endpoint(lambda: self._to_node, remote_addr=node)
        await loop.create_datagram_endpoint(lambda: self._to_client, local_addr=("127.0.0.1", 0))
        port = self._to_client.transport.get_extra_info("sockname")[1]
        return answer.replace(f"{found[1]} {found[2]} typ host", f"127.0.0.1 {port} typ host")

    def close(self) -> None:
        """End."""
        self._to_node.transport.close()
        self._to_client.transport.close()

    def _upwards(self, data: bytes, source: tuple[str, int]) -> None:
        self._client = source
        if not self._loses(self.up, data):
            self._to_node.transport.sendto(data)

    def _downwards(self, data: bytes, _: tuple[str, int]) -> None:
        if self._client is None or self._loses(self.down, data):
            return
        wait = self.delay() if self.delay is not None else 0
        if wait:
            asyncio.get_running_loop().call_later(wait, self._to_client.transport.sendto, data, self._client)
        else:
            self._to_client.transport.sendto(data, self._client)

    def _loses(self, script: Loses | None, data: bytes) -> bool:
        lost = script is not None and 128 <= data[0] < 192 and not is_rtcp(data) and script(data)
        self.lost += lost
        return lost


def at_random(share: float, seed: int) -> Loses:
    """Loses a share of the packets, each time the same ones."""
    chance = random.Random(seed)
    return lambda data: chance.random() < share
