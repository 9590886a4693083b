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
from cffi import FFI
from numpy.typing import NDArray

from server.media.dtls import Arena
from server.media.ice import Address

MOST = 96  # messages at a time: as much memory as the caches of a core hold; the kernel takes 1,024 (UIO_MAXIOV)
UDP_SEGMENT = 103  # linux/udp.h

_ffi = FFI()
_ffi.cdef("""
struct iovec { void *iov_base; size_t iov_len; };
struct msghdr { void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                void *msg_control; size_t msg_controllen; int msg_flags; };
struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
int sendmmsg(int socket, struct mmsghdr *messages, unsigned int count, int flags);
""")
_libc = _ffi.dlopen(None)
_NAME = struct.Struct("=HHI8x")  # sockaddr_in, the port and the address in network order
_SEGMENT = struct.Struct("@NiiH")  # cmsghdr and its u16
_CONTROL = socket.CMSG_SPACE(2)

Octets = NDArray[np.uint8]


def socket_names(addresses: Sequence[Address]) -> Octets:
    """IPv4 addresses as the kernel reads them, shape (n, 16)."""
    packed = (
        _NAME.pack(socket.AF_INET, socket.htons(port), int.from_bytes(socket.inet_aton(host), "little"))
        for host, port in addresses
    )
    return np.frombuffer(b"".join(packed), np.uint8).reshape(-1, _NAME.size)


def _fields(kind: str, inner: str, names: tuple[str, ...]) -> np.dtype[np.void]:
    """Pointers and sizes of a C structure, which may begin with another, by name."""
    offsets = [_ffi.offsetof(inner, name) for name in names]
    return np.dtype(
        {"names": list(names), "formats": [np.uintp] * len(names), "offsets": offsets, "itemsize": _ffi.sizeof(kind)}
    )


def _address(memory: Any) -> int:
    return int(_ffi.cast("uintptr_t", memory))


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
        self._messages = _ffi.new("struct mmsghdr[]", MOST)
        self._parts = _ffi.new("struct iovec[]", MOST)
        self._control = _ffi.new("char[]", _CONTROL)
        self._base = self.memory.ctypes.data
        self._numbers = numbers = np.arange(MOST, dtype=np.uintp)
        parts = _fields("struct iovec", "struct iovec", ("iov_base", "iov_len"))
        self._part_rows = np.frombuffer(_ffi.buffer(self._parts), parts)
        names = ("msg_name", "msg_iov", "msg_iovlen", "msg_control", "msg_controllen")
        rows = np.frombuffer(_ffi.buffer(self._messages), _fields("struct mmsghdr", "struct msghdr", names))
        self._rows = rows
        for message in self._messages:
            message.msg_hdr.msg_namelen = _NAME.size
        rows["msg_iov"] = _address(self._parts) + numbers * _ffi.sizeof("struct iovec")
        rows["msg_iovlen"] = 1
        rows["msg_control"] = _address(self._control)

    def lay(self, names: Octets, addresses: Sequence[Address], size: int, segment: int) -> Octets:
        """Messages of `size` bytes, one to each address; gives their memory, shape (n, size)."""
        count = len(addresses)
        self.addresses, self.size, self.segment = addresses, size, segment
        parts, rows = self._part_rows[:count], self._rows[:count]
        parts["iov_base"] = self._base + self._numbers[:count] * size
        parts["iov_len"] = size
        rows["msg_name"] = names.ctypes.data + self._numbers[:count] * _NAME.size
        if size > segment:
            _SEGMENT.pack_into(
                _ffi.buffer(self._control), 0, socket.CMSG_LEN(2), socket.IPPROTO_UDP, UDP_SEGMENT, segment
            )
            rows["msg_controllen"] = _CONTROL
        else:
            rows["msg_controllen"] = 0
        return self.memory[: count * size].reshape(count, size)

    def message(self, number: int) -> memoryview:
        """The bytes of one."""
        return self.arena.view[number * self.size : (number + 1) * self.size]

    def send(self, descriptor: int, first: int, end: int) -> int:
        """Send the messages from `first` to before `end`; how many the kernel took, 0 when it refused the first."""
        return max(0, int(_libc.sendmmsg(descriptor, self._messages + first, end - first, 0)))
