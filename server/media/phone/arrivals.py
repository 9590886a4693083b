"""What has come to the ports of telephones, taken by the bridge's clock: one system call a port (recvmmsg(2)).

To be woken for each packet of 85 telephones cost more than all else that is done with them. Nobody waits for the sound
before the next tick, so it is taken there; when it came, by which a line is judged, the kernel has noted.
"""

from __future__ import annotations

import socket
import struct
import time

from server.media.transport.ice import Address
from server.media.transport.intake import MOST_BYTES, Intake
from server.media.transport.mmsg import NAME_BYTES, ffi

MOST = 50  # datagrams taken of a port at a time: a second of a call; whoever sends more loses it
_OLDEST = 2.0  # s that a datagram may have waited; more is a clock that was set
_TIMESTAMPNS = 35  # SO_TIMESTAMPNS and SCM_TIMESTAMPNS of asm-generic/socket.h, which Python has no name for

_TIME = struct.Struct("@16xqQ")  # after a cmsghdr: a timespec
_CONTROL = socket.CMSG_SPACE(16)
_TOLD = struct.Struct("@QQI")  # msg_controllen, msg_flags and msg_len of a struct mmsghdr: what the kernel writes
_TOLD_AT = int(ffi.offsetof("struct msghdr", "msg_controllen"))
_MESSAGE_BYTES = ffi.sizeof("struct mmsghdr")

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
        self._told = ffi.buffer(self._messages)
        for number, message in enumerate(self._messages):
            header = message.msg_hdr
            header.msg_control, header.msg_controllen = self._control + number * _CONTROL, _CONTROL

    def take_timed(self, descriptor: int) -> list[Arrival]:
        """What waits at a socket that does not block; empty when nothing does."""
        came, now = self._receive(descriptor), time.time()
        taken = []
        for number in range(came):
            noted, _flags, size = _TOLD.unpack_from(self._told, number * _MESSAGE_BYTES + _TOLD_AT)
            start, name, age = number * MOST_BYTES, number * NAME_BYTES, 0.0
            if noted == _CONTROL:
                seconds, nanoseconds = _TIME.unpack_from(self._control_bytes, number * _CONTROL)
                age = now - seconds - nanoseconds / 1e9
            else:  # the kernel has written how much it used
                self._messages[number].msg_hdr.msg_controllen = _CONTROL
            source = self._address(self._name_bytes[name : name + NAME_BYTES])
            taken.append((self._bytes[start : start + size], source, age if 0.0 <= age <= _OLDEST else 0.0))
        return taken
