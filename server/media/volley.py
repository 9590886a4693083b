"""A volley: messages of one length to many addresses, laid in memory side by side and sent by one system call.

`socket.sendmsg` parses an address and builds what the kernel reads anew for each message; sendmmsg(2) takes the
structures as they stand here, of which from one volley to the next only pointers change.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.media.dtls import Arena
from server.media.ice import Address
from server.media.mmsg import NAME_BYTES, ffi, libc

MOST = 96  # messages at a time: as much memory as the caches of a core hold; the kernel takes 1,024 (UIO_MAXIOV)
UDP_SEGMENT = 103  # linux/udp.h

_NAME = struct.Struct("=HHI8x")  # sockaddr_in, the port and the address in network order
_SEGMENT = struct.Struct("@NiiH")  # cmsghdr and its u16
_CONTROL = socket.CMSG_SPACE(2)
_SEGMENTED = socket.CMSG_LEN(2), socket.IPPROTO_UDP, UDP_SEGMENT

Octets = NDArray[np.uint8]


class Names:
    """IPv4 addresses as the kernel reads them, and `pointers` to each, shape (n,), good while this object lives."""

    __slots__ = ("_memory", "pointers")

    def __init__(self, addresses: Sequence[Address]) -> None:
        packed = [
            _NAME.pack(socket.AF_INET, socket.htons(port), int.from_bytes(socket.inet_aton(host), "little"))
            for host, port in addresses
        ]
        self._memory = np.frombuffer(b"".join(packed), np.uint8)
        self.pointers = self._memory.ctypes.data + np.arange(len(packed), dtype=np.uintp) * NAME_BYTES


def _columns(memory: Any, kind: str, inner: str, names: tuple[str, ...]) -> list[NDArray[np.uintp]]:
    """Pointers and sizes in an array of a C structure, which may begin with another: one column for each name."""
    offsets = [ffi.offsetof(inner, name) for name in names]
    rows = np.dtype(
        {"names": list(names), "formats": [np.uintp] * len(names), "offsets": offsets, "itemsize": ffi.sizeof(kind)}
    )
    table = np.frombuffer(ffi.buffer(memory), rows)
    return [table[name] for name in names]


def _address(memory: Any) -> int:
    return int(ffi.cast("uintptr_t", memory))


class Volley:
    """Room for `MOST` messages of at most `largest` bytes. `lay` gives the memory, and `send` sends what was put there.

    `start + n * size` is the pointer to message n for libsrtp. Each message is cut into datagrams of `segment` bytes,
    the last of which may be shorter.
    """

    def __init__(self, largest: int) -> None:
        self.arena = Arena(MOST * largest)
        self.start = self.arena.start
        self.memory: Octets = np.frombuffer(self.arena.view, np.uint8)
        self.size = self.segment = 0
        self.addresses: Sequence[Address] = ()
        self._messages = ffi.new("struct mmsghdr[]", MOST)
        self._parts = ffi.new("struct iovec[]", MOST)
        self._control = ffi.new("char[]", _CONTROL)
        self._control_bytes = ffi.buffer(self._control)
        self._base = self.memory.ctypes.data
        self._numbers = numbers = np.arange(MOST, dtype=np.uintp)
        self._places, self._sizes = _columns(self._parts, "struct iovec", "struct iovec", ("iov_base", "iov_len"))
        names = ("msg_name", "msg_controllen", "msg_iov", "msg_iovlen", "msg_control")
        columns = _columns(self._messages, "struct mmsghdr", "struct msghdr", names)
        self._names, self._control_sizes, iov, iov_lengths, control = columns
        for message in self._messages:
            message.msg_hdr.msg_namelen = NAME_BYTES
        iov[:] = _address(self._parts) + numbers * ffi.sizeof("struct iovec")
        iov_lengths[:] = 1
        control[:] = _address(self._control)

    def lay(self, names: Names, addresses: Sequence[Address], size: int, segment: int) -> Octets:
        """Messages of `size` bytes, one to each address; gives their memory, shape (n, size)."""
        count = len(addresses)
        self.addresses, self.size, self.segment = addresses, size, segment
        self._places[:count] = self._base + self._numbers[:count] * size
        self._sizes[:count] = size
        self._names[:count] = names.pointers
        if size > segment:
            _SEGMENT.pack_into(self._control_bytes, 0, *_SEGMENTED, segment)
        self._control_sizes[:count] = _CONTROL if size > segment else 0
        return self.memory[: count * size].reshape(count, size)

    def message(self, number: int) -> memoryview:
        """The bytes of one."""
        return self.arena.view[number * self.size : (number + 1) * self.size]

    def send(self, descriptor: int, first: int, end: int) -> int:
        """Send the messages from `first` to before `end`; how many the kernel took, 0 when it refused the first."""
        return max(0, int(libc.sendmmsg(descriptor, self._messages + first, end - first, 0)))
