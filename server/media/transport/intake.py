"""Datagrams of one socket, taken together: one system call for all that wait (recvmmsg(2)).

Most wakings of the node are for a single datagram, some feedback; `socket.recvfrom` would be asked twice, once for it
and once to hear, as an exception, that there is no more.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
from typing import Any

from server.media.transport.ice import Address
from server.media.transport.mmsg import NAME_BYTES, ffi, libc

log = logging.getLogger(__name__)

MOST_DATAGRAMS = 128  # datagrams at a time, of the port of all browsers
MOST_BYTES = 2048  # of a datagram, of which the rest is lost; media is below 1,500
_KNOWN = 4096  # addresses whose names are kept

_recvmmsg, _NULL = libc.recvmmsg, ffi.NULL  # looked up once: it is done for each telephone every 20 ms
_PORT_AND_HOST = struct.Struct("!2xH4s")


class Intake:
    """Room for so many datagrams of IPv4, of one socket at a time."""

    def __init__(self, most: int = MOST_DATAGRAMS) -> None:
        self._most = most
        self._memory = ffi.new("char[]", most * MOST_BYTES)
        self._names = ffi.new("char[]", most * NAME_BYTES)
        self._parts = ffi.new("struct iovec[]", most)
        self._messages: Any = ffi.new("struct mmsghdr[]", most)
        self._bytes = ffi.buffer(self._memory)
        self._name_bytes = ffi.buffer(self._names)
        self._addresses: dict[bytes, Address] = {}
        for number, message in enumerate(self._messages):
            self._parts[number].iov_base = self._memory + number * MOST_BYTES
            self._parts[number].iov_len = MOST_BYTES
            message.msg_hdr.msg_iov = self._parts + number
            message.msg_hdr.msg_iovlen = 1
            message.msg_hdr.msg_name = self._names + number * NAME_BYTES
            message.msg_hdr.msg_namelen = NAME_BYTES

    def take(self, descriptor: int) -> list[tuple[bytes, Address]]:
        """What waits at a socket that does not block, and from where; empty when nothing does."""
        return [self._datagram(number) for number in range(self._receive(descriptor))]

    def _receive(self, descriptor: int) -> int:
        came: int = _recvmmsg(descriptor, self._messages, self._most, 0, _NULL)
        if came >= 0:
            return came
        if ffi.errno not in (errno.EAGAIN, errno.EINTR):  # an ICMP answer to an earlier send
            log.debug("receive: %s", os.strerror(ffi.errno))
        return 0

    def _datagram(self, number: int) -> tuple[bytes, Address]:
        start, name = number * MOST_BYTES, number * NAME_BYTES
        data = self._bytes[start : start + self._messages[number].msg_len]
        return data, self._address(self._name_bytes[name : name + NAME_BYTES])

    def _address(self, name: bytes) -> Address:
        address = self._addresses.get(name)
        if address is None:
            port, host = _PORT_AND_HOST.unpack_from(name)
            if len(self._addresses) == _KNOWN:
                self._addresses.clear()
            address = self._addresses[name] = socket.inet_ntoa(host), port
        return address
