"""What has come to the ports of telephones, taken by the bridge's clock: one system call a port (recvmmsg(2)).

To be woken for each packet of 85 telephones cost more than all else that is done with them. Nobody waits for the sound
before the next tick, so it is taken there; when it came, by which a line is judged, the kernel has noted.
"""

from __future__ import annotations

import socket
import struct
import time

from server.media.transport.ice import Address
from server.media.transport.intake import Intake
from server.media.transport.mmsg import ffi

MOST = 50  # datagrams taken of a port at a time: a second of a call; whoever sends more loses it
_OLDEST = 2.0  # s that a datagram may have waited; more is a clock that was set
_TIMESTAMPNS = 35  # SO_TIMESTAMPNS and SCM_TIMESTAMPNS of asm-generic/socket.h, which Python has no name for

_TIME = struct.Struct("@NiiqQ")  # cmsghdr and its timespec
_CONTROL = socket.CMSG_SPACE(16)

Arrival = tuple[bytes, Address, float]
"""A datagram, its source, and how many seconds ago it came."""


def note_times(opened: socket.socket) -> None:
    """Let the kernel note when each datagram comes."""
    opened.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)


class Arrivals(Intake):
    """What waits at the ports of telephones, one port at a time, and for how long it has."""

    def __init__(self) -> None:
        super().__init__(MOST)
        self._control = ffi.new("char[]", MOST * _CONTROL)
        self._control_bytes = ffi.buffer(self._control)
        for number, message in enumerate(self._messages):
            header = message.msg_hdr
            header.msg_control, header.msg_controllen = self._control + number * _CONTROL, _CONTROL

    def take_timed(self, descriptor: int) -> list[Arrival]:
        """What waits at a socket that does not block; empty when nothing does."""
        came, now = self._receive(descriptor), time.time()
        return [(*self._datagram(number), self._age(number, now)) for number in range(came)]

    def _age(self, number: int, now: float) -> float:
        header = self._messages[number].msg_hdr
        noted, header.msg_controllen = header.msg_controllen, _CONTROL  # the kernel has written how much it used
        if not noted:
            return 0.0
        _size, _level, _kind, seconds, nanoseconds = _TIME.unpack_from(self._control_bytes, number * _CONTROL)
        age: float = now - seconds - nanoseconds / 1e9
        return age if 0.0 <= age <= _OLDEST else 0.0
