"""What comes on the connections of pages is read by one poller of ours.

asyncio gives each connection that has something to read a turn of its own in the loop. When a thousand units answer a
directive at once, those turns cost more than all that is done in them. Here they are one turn, which reads them all.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from aiohttp import web

log = logging.getLogger("giaoban.channel")
READ_AT_ONCE = 1 << 14  # bytes of one connection, then it is another's turn


class Reading(msgspec.Struct, frozen=True, eq=False):
    """A connection that is read here: `take` is asked first, what it leaves goes to aiohttp's protocol."""

    fd: int
    take: Callable[[bytes], bool]
    protocol: Any
    transport: asyncio.Transport


class Intake:
    """Reads connections in asyncio's place; what asyncio does about their writing and their end stays as it is."""

    def __init__(self) -> None:
        self._poller: select.epoll | None = None
        self._readings: dict[int, Reading] = {}

    async def run(self, _app: web.Application) -> AsyncIterator[None]:
        """For the application's `cleanup_ctx`: read until the end. Connections from before are left as they are."""
        loop = asyncio.get_running_loop()
        self._poller = poller = select.epoll()
        loop.add_reader(poller.fileno(), self._read_all, poller)
        yield
        loop.remove_reader(poller.fileno())
        for reading in list(self._readings.values()):
            self.leave(reading)
        self._poller = None
        poller.close()

    def enter(self, protocol: Any, take: Callable[[bytes], bool]) -> Reading | None:
        """Read a connection (aiohttp's protocol) from now on; None if it must be left to asyncio, as one with TLS."""
        transport: asyncio.Transport = protocol.transport
        encrypted = transport.get_extra_info("sslcontext") is not None
        if self._poller is None or encrypted or transport.is_closing() or protocol._reading_paused:
            return None
        transport.pause_reading()
        fd = transport.get_extra_info("socket").fileno()
        self._readings[fd] = reading = Reading(fd, take, protocol, transport)
        self._poller.register(fd, select.EPOLLIN)
        return reading

    def leave(self, reading: Reading) -> None:
        """Give a connection back to asyncio."""
        self.forget(reading)
        reading.transport.resume_reading()

    def forget(self, reading: Reading) -> None:
        """Read it no more. Its descriptor may be closed by now, and be another connection's."""
        if self._poller is not None and self._readings.get(reading.fd) is reading:
            del self._readings[reading.fd]
            try:
                self._poller.unregister(reading.fd)
            except OSError:
                log.debug("a connection was closed already")

    def _read_all(self, poller: select.epoll) -> None:
        readings = self._readings
        for fd, _event in poller.poll(0):
            reading = readings.get(fd)
            if reading is None:
                continue
            try:
                data = os.read(fd, READ_AT_ONCE)
            except BlockingIOError:
                continue
            except OSError as error:
                log.debug("a connection broke: %s", error)
                data = b""
            if not data:
                del readings[fd]
                reading.transport.abort()  # which closes the descriptor in the next turn, so that the poller forgets it
                continue
            try:
                if not reading.take(data) and not reading.transport.is_closing():
                    reading.protocol.data_received(data)
                    if reading.protocol._reading_paused:
                        self.forget(reading)  # aiohttp cannot take more now; when it can, it lets asyncio read
            except Exception:
                log.exception("failed with what a connection brought; it is cut off")
                reading.transport.abort()
