"""The one UDP port of the node: bursts in, batches out. Sockets live here and nowhere else.

A burst of packets to one address leaves in one `sendmsg` with UDP_SEGMENT (generic segmentation offload, udp(7)): the
kernel's path through the stack is what a packet costs, and it is then walked once for the batch. What many addresses
get alike leaves as one `Volley`. The receive buffer is small on purpose: overload must show as loss at once, not as
seconds of latency.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from server.media.transport.ice import Address
from server.media.transport.intake import MOST_DATAGRAMS, Intake
from server.media.transport.mmsg import UDP_SEGMENT
from server.media.transport.volley import Volley

log = logging.getLogger(__name__)

Clock = Callable[[], float]

GATHERING = 0.001  # s between two looks at the socket while something comes
IN_VAIN = 10  # looks in a row that found nothing, after which the kernel is asked to wake us
MOST_TAKEN = 4 * MOST_DATAGRAMS  # datagrams of a burst: whatever waits, but not without an end
RECEIVE_BUFFER = 1 << 20  # bytes; about a quarter second of a full uplink
SEND_BUFFER = 2 << 20
WAITING_VOICES = 512  # voice packets kept while the send buffer is full

_SEGMENT_REFUSED = frozenset({errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP})
_REFUSALS_BEFORE_PLAIN = 8


class DatagramHandler(Protocol):
    """Who gets what arrives."""

    @property
    def holding(self) -> bool:
        """Whether something waits for its time: then `burst_ended` is called each `GATHERING`, though nothing comes."""

    def datagram(self, data: bytes, source: Address, now: float) -> None:
        """One datagram, at most `intake.MOST_BYTES` bytes, that waited at `now`; must not raise."""

    def burst_ended(self, now: float) -> bool:
        """All that had arrived was handed over: send what came of it. True asks to be called again soon, for the rest.

        What comes meanwhile is handed over first.
        """


class UdpPort:
    """The bound socket. `sent`, `dropped_video` and `dropped_audio` count packets, `errors` refused sends."""

    def __init__(self, host: str, port: int, clock: Clock = time.monotonic) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._socket.bind((host, port))
        self.number: int = self._socket.getsockname()[1]
        self.sent = self.dropped_video = self.dropped_audio = self.errors = 0
        self._clock = clock
        self._intake = Intake()
        self._in_vain = 0
        self._unfinished = False  # whether the handler has left something for later
        self._next_take: asyncio.TimerHandle | None = None
        self._handler: DatagramHandler | None = None
        self._segments = True
        self._refusals = 0
        self._ancillary: dict[int, list[tuple[int, int, bytes]]] = {}
        self._congested = False
        self._voices: deque[tuple[bytes, Address]] = deque()

    def start(self, handler: DatagramHandler) -> None:
        """Deliver to `handler` from the running loop."""
        self._handler = handler
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._take, handler)

    def close(self) -> None:
        """Stop delivering and free the port."""
        if self._handler is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket.fileno())
            loop.remove_writer(self._socket.fileno())
        if self._next_take is not None:
            self._next_take.cancel()
        self._socket.close()

    def _take(self, handler: DatagramHandler) -> None:
        """Hand over what has arrived."""
        began = self._clock()
        came, more = 0, True
        try:
            while more and came < MOST_TAKEN:
                datagrams = self._intake.take(self._socket.fileno())
                came += len(datagrams)
                more = len(datagrams) == MOST_DATAGRAMS
                for data, source in datagrams:
                    if data:
                        handler.datagram(data, source, began)
            if came or self._unfinished or handler.holding:
                self._unfinished = handler.burst_ended(self._clock())
        finally:  # whatever went wrong with this burst, the next is read
            if self._socket.fileno() >= 0:
                self._look_again(handler, came, more, self._clock() - began)

    def _look_again(self, handler: DatagramHandler, came: int, more: bool, took: float) -> None:
        """When to take the next burst: while something comes every `GATHERING`, else when the kernel says so.

        To be woken costs more than a packet, and a core that has slept in between is cold: measured at 170 packets a
        second for 90, looking each millisecond took less CPU than each second one, and than being woken.
        """
        loop, number = asyncio.get_running_loop(), self._socket.fileno()
        self._in_vain = 0 if came or self._unfinished or handler.holding else self._in_vain + 1
        if self._in_vain < IN_VAIN:
            if self._next_take is None:
                loop.remove_reader(number)
            pause = 0.0 if more or self._unfinished else GATHERING - took
            self._next_take = loop.call_later(max(0.0, pause), self._take, handler)
        else:
            self._next_take = None
            loop.add_reader(number, self._take, handler)

    # ---- sending ---------------------------------------------------------------------------------------------------

    def send(self, data: bytes, to: Address) -> bool:
        """One control datagram (STUN, DTLS, RTCP): tried once, false when the kernel did not take it."""
        try:
            self._socket.sendto(data, to)
        except BlockingIOError:
            self._wait_for_room()
            return False
        except OSError as error:
            self._failed(error)
            return False
        self.sent += 1
        return True

    def send_segments(self, data: memoryview, segment: int, to: Address, video: bool) -> int:
        """Datagrams of `segment` bytes laid end to end (the last may be shorter); how many the kernel took.

        When the send buffer is full, video is dropped until it has drained and voices wait for room.
        """
        size = len(data)
        count = 1 if size <= segment else -(-size // segment)
        if video and self._congested:
            self.dropped_video += count
            return 0
        if count > 1 and not self._segments:
            return self._send_plain(data, segment, to, video)
        try:
            if count == 1:
                self._socket.sendto(data, to)
            else:
                self._socket.sendmsg((data,), self._segmented(segment), 0, to)
                self._refusals = 0
        except BlockingIOError:
            self._no_room(data, segment, to, video)
            return 0
        except OSError as error:
            if count > 1 and error.errno in _SEGMENT_REFUSED:
                self._refused(error)
                return self._send_plain(data, segment, to, video)
            self._failed(error)
            return 0
        self.sent += count
        return count

    def send_volley(self, volley: Volley, first: int, end: int, video: bool) -> list[int]:
        """What a volley has for its members from `first` to before `end`; gives those whom not all of it left to.

        A batch that the kernel does not take goes by itself, which tells what is wrong with it.
        """
        failed: dict[int, None] = {}  # an ordered set
        at, stop = first * volley.batches, end * volley.batches
        while at < stop:
            member = at // volley.batches
            if video and self._congested:
                self.dropped_video += volley.packets_before(stop) - volley.packets_before(at)
                failed.update(dict.fromkeys(range(member, end)))
                break
            if volley.packets == 1 or self._segments:
                taken = volley.send(self._socket.fileno(), at, stop)
                self.sent += volley.packets_before(at + taken) - volley.packets_before(at)
                at += taken
                member = at // volley.batches
            if at < stop:
                if not self.send_segments(volley.batch(at), volley.segment, volley.addresses[member], video):
                    failed[member] = None
                at += 1
        return list(failed)

    def _send_plain(self, data: memoryview, segment: int, to: Address, video: bool) -> int:
        return sum(
            self.send_segments(data[start : start + segment], segment, to, video)
            for start in range(0, len(data), segment)
        )

    def _segmented(self, segment: int) -> list[tuple[int, int, bytes]]:
        ancillary = self._ancillary.get(segment)
        if ancillary is None:
            ancillary = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", segment))]
            self._ancillary[segment] = ancillary
        return ancillary

    def _refused(self, error: OSError) -> None:
        self._refusals += 1
        if self._refusals == _REFUSALS_BEFORE_PLAIN:
            self._segments = False
            log.warning("the kernel refuses UDP segmentation (%s): every packet is sent on its own", error)

    def _failed(self, error: OSError) -> None:
        self.errors += 1
        log.debug("send: %s", error)

    # ---- a full send buffer ----------------------------------------------------------------------------------------

    def _no_room(self, data: memoryview, segment: int, to: Address, video: bool) -> None:
        count = -(-len(data) // segment)
        if video:
            self.dropped_video += count
        elif len(self._voices) + count > WAITING_VOICES:
            self.dropped_audio += count
        else:
            self._voices.extend((bytes(data[start : start + segment]), to) for start in range(0, len(data), segment))
        self._wait_for_room()

    def _wait_for_room(self) -> None:
        if not self._congested and self._handler is not None:
            self._congested = True
            asyncio.get_running_loop().add_writer(self._socket.fileno(), self._writable)

    def _writable(self) -> None:
        self._congested = False
        asyncio.get_running_loop().remove_writer(self._socket.fileno())
        while self._voices and not self._congested:
            data, to = self._voices.popleft()
            if not self.send(data, to) and self._congested:
                self._voices.appendleft((data, to))
