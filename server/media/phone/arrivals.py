"""What has come to the ports of telephones, taken by the bridge's clock: one system call a port (recvmmsg(2)).

To be woken for each packet of 85 telephones cost more than all else that is done with them. Nobody waits for the sound
before the next tick, so it is taken there; when it came, by which a line is judged, the kernel has noted.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import time
from typing import Any

from server.media.ice import Address
from server.media.mmsg import NAME_BYTES, ffi, libc

log = logging.getLogger(__name__)

MOST = 50  # datagrams taken of a port at a time: a second of a call; whoever sends more loses it
LARGEST = 2_048  # bytes of a datagram
_KNOWN = 4_096  # addresses whose names are kept
_OLDEST = 2.0  # s that a datagram may have waited; more is a clock that was set
_TIMESTAMPNS = 35  # SO_TIMESTAMPNS and SCM_TIMESTAMPNS of asm-generic/socket.h, which Python has no name for

_PORT_AND_HOST = struct.Struct("!2xH4s")
_TIME = struct.Struct("@NiiqQ")  # cmsghdr and its timespec
_CONTROL = socket.CMSG_SPACE(16)

Arrival = tuple[bytes, Address, float]
"""A datagram, its source, and how many seconds ago it came."""


def note_times(opened: socket.socket) -> None:
    """Let the kernel note when each datagram comes."""
    opened.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)


class Arrivals:
    """Room for `MOST` datagrams of IPv4; of one port at a time."""

    def __init__(self) -> None:
        self._memory = ffi.new("char[]", MOST * LARGEST)
        self._names = ffi.new("char[]", MOST * NAME_BYTES)
        self._control = ffi.new("char[]", MOST * _CONTROL)
        self._parts = ffi.new("struct iovec[]", MOST)
        self._messages: Any = ffi.new("struct mmsghdr[]", MOST)
        self._bytes = ffi.buffer(self._memory)
        self._name_bytes = ffi.buffer(self._names)
        self._control_bytes = ffi.buffer(self._control)
        self._addresses: dict[bytes, Address] = {}
        for number, message in enumerate(self._messages):
            self._parts[number].iov_base = self._memory + number * LARGEST
            self._parts[number].iov_len = LARGEST
            header = message.msg_hdr
            header.msg_iov, header.msg_iovlen = self._parts + number, 1
            header.msg_name, header.msg_namelen = self._names + number * NAME_BYTES, NAME_BYTES
            header.msg_control, header.msg_controllen = self._control + number * _CONTROL, _CONTROL

    def take(self, descriptor: int) -> list[Arrival]:
        """What waits at a socket that does not block; empty when nothing does."""
        came: int = libc.recvmmsg(descriptor, self._messages, MOST, 0, ffi.NULL)
        if came < 0:
            if ffi.errno not in (errno.EAGAIN, errno.EINTR):  # an ICMP answer to an earlier send
                log.debug("receive: %s", os.strerror(ffi.errno))
            return []
        now = time.time()
        return [self._datagram(number, now) for number in range(came)]

    def _datagram(self, number: int, now: float) -> Arrival:
        start, name = number * LARGEST, number * NAME_BYTES
        message = self._messages[number]
        data = self._bytes[start : start + message.msg_len]
        age = 0.0
        if message.msg_hdr.msg_controllen:
            _size, _level, _kind, seconds, nanoseconds = _TIME.unpack_from(self._control_bytes, number * _CONTROL)
            age = now - seconds - nanoseconds / 1e9
        message.msg_hdr.msg_controllen = _CONTROL  # the kernel has written how much it used
        address = self._address(self._name_bytes[name : name + NAME_BYTES])
        return data, address, age if 0.0 <= age <= _OLDEST else 0.0

    def _address(self, name: bytes) -> Address:
        address = self._addresses.get(name)
        if address is None:
            port, host = _PORT_AND_HOST.unpack_from(name)
            if len(self._addresses) == _KNOWN:
                self._addresses.clear()
            address = self._addresses[name] = socket.inet_ntoa(host), port
        return address
