"""A volley: the same amount for many addresses, laid in memory side by side and sent in batches by one system call.

`socket.sendmsg` parses an address and builds what the kernel reads anew for each message; sendmmsg(2) takes the
structures as they stand here, of which from one volley to the next little changes.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.media.transport.dtls import Arena, Lengths, srtp_protect
from server.media.transport.ice import Address
from server.media.transport.mmsg import NAME_BYTES, UDP_SEGMENT, ffi, libc

MOST_MEMBERS = 96  # of one; the kernel takes 1,024 messages at a time (UIO_MAXIOV), and a batch or more goes to each

_NAME = struct.Struct("=HHI8x")  # sockaddr_in, the port and the address in network order
_SEGMENT = struct.Struct("@NiiH")  # cmsghdr and its u16
_CONTROL = socket.CMSG_SPACE(2)
_LINE = 64  # bytes of a line of the caches
_KEPT = 64  # lengths of packets for which pointers are kept: pictures have ever new ones
_SEGMENTED = socket.CMSG_LEN(2), socket.IPPROTO_UDP, UDP_SEGMENT

Octets = NDArray[np.uint8]
Pointers = NDArray[np.uintp]


class Names:
    """IPv4 addresses as the kernel reads them, and `pointers` to each, shape (n,), good while this object lives."""

    __slots__ = ("_memory", "addresses", "pointers")

    def __init__(self, addresses: Sequence[Address]) -> None:
        self.addresses = addresses
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
    """Room for so many `members` to get at most `packets` packets each in at most `largest` bytes.

    `lay` gives the memory, `protect` makes SRTP of what was put there, `send` sends it. What one gets, `size` bytes, is
    cut into datagrams of `segment` bytes, the last of which may be shorter. They leave in as many `batches` as are
    needed for none to be larger than `most` bytes; these are counted through all members.

    Each member has a row of the memory that is always the same, so that of what the kernel and libsrtp are told only
    that is written anew which differs from the volley before.
    """

    def __init__(self, members: int, largest: int, packets: int, most: int) -> None:
        self.members = members
        self._row = (-(-largest // _LINE) | 1) * _LINE  # an odd number: rows would else share few lines of the caches
        self.arena = Arena(members * self._row)
        self.rows: Octets = np.frombuffer(self.arena.view, np.uint8).reshape(members, self._row)
        self.size = self.segment = self.packets = 0
        self.batches = self._full = 1
        self._most = most
        self._lengths = Lengths(members * packets)
        self._pointers: dict[tuple[int, int], list[Any]] = {}  # to packets, by how many a member gets and their length
        self._heads: dict[tuple[int, int, int, int], NDArray[np.void]] = {}
        self.addresses: Sequence[Address] = ()
        self._to: Names | None = None
        messages = members * -(-2 * largest // most)  # a batch of equal packets is at least half full
        self._messages = ffi.new("struct mmsghdr[]", messages)
        self._parts = ffi.new("struct iovec[]", messages)
        self._control = ffi.new("char[]", _CONTROL)
        self._control_bytes = ffi.buffer(self._control)
        numbers = np.arange(messages, dtype=np.uintp)
        self._starts: Pointers = self.rows.ctypes.data + numbers[:members] * self._row
        self._places, self._sizes = _columns(self._parts, "struct iovec", "struct iovec", ("iov_base", "iov_len"))
        names = ("msg_name", "msg_controllen", "msg_iov", "msg_iovlen", "msg_control")
        columns = _columns(self._messages, "struct mmsghdr", "struct msghdr", names)
        self._names, self._control_sizes, iov, iov_lengths, control = columns
        for message in self._messages:
            message.msg_hdr.msg_namelen = NAME_BYTES
        iov[:] = _address(self._parts) + numbers * ffi.sizeof("struct iovec")
        iov_lengths[:] = 1
        control[:] = _address(self._control)

    def lay(self, names: Names, size: int, segment: int) -> Octets:
        """`size` bytes for each address; gives their memory, shape (n, at least size)."""
        count = len(names.addresses)
        batches = self.batches
        if size != self.size or segment != self.segment:
            self._cut(size, segment)
        if names is not self._to or batches != self.batches:
            self._names[: count * self.batches].reshape(count, self.batches)[:] = names.pointers[:, None]
            self._to = names
        self.addresses = names.addresses
        return self.rows[:count]

    def _cut(self, size: int, segment: int) -> None:
        """A message for each batch of each member, who follow each other."""
        self.size, self.segment = size, segment
        self.packets = -(-size // segment)
        self._full = self.packets if size <= self._most else self._most // segment
        self.batches = batches = -(-self.packets // self._full)
        messages, full = self.members * batches, self._full * segment
        shape = self.members, batches
        self._places[:messages].reshape(shape)[:] = self._starts[:, None] + np.arange(batches, dtype=np.uintp) * full
        sizes = self._sizes[:messages].reshape(shape)
        sizes[:, :-1], sizes[:, -1] = full, size - (batches - 1) * full
        self._control_sizes[:messages] = _CONTROL if size > segment else 0
        if size > segment:
            _SEGMENT.pack_into(self._control_bytes, 0, *_SEGMENTED, segment)

    def heads(self, octets: np.dtype[np.void]) -> NDArray[np.void]:
        """The first so many octets of each packet, shape (n, packets)."""
        count = len(self.addresses)
        key = octets.itemsize, count, self.packets, self.segment if self.packets > 1 else 0
        heads = self._heads.get(key)
        if heads is None:
            if len(self._heads) >= _KEPT:
                self._heads.clear()
            shape, strides = (count, self.packets), (self._row, self.segment)
            heads = self._heads[key] = np.ndarray(shape, octets, self.rows, 0, strides)
        return heads

    def protect(self, sessions: list[Any], lengths: list[int]) -> list[int]:
        """Make SRTP of the packets, of which each member's are so long, with a session for each packet of each member.

        Gives the status of each, 0 where it is protected (srtp_err_status_t). One `map`: a loop costs as much again.
        """
        count = len(self.addresses)
        self._lengths.values[: count * self.packets].reshape(count, self.packets)[:] = lengths
        return list(map(srtp_protect, sessions, self._packet_pointers(), self._lengths.pointers))

    def _packet_pointers(self) -> list[Any]:
        """To each packet of each member; more may have some."""
        key, count = (self.packets, self.segment if self.packets > 1 else 0), len(self.addresses)
        pointers = self._pointers.get(key)
        if pointers is None or len(pointers) < count * self.packets:
            if len(self._pointers) >= _KEPT:
                self._pointers.clear()
            start, packets, segment = self.arena.start, range(self.packets), self.segment
            starts = (start + member * self._row for member in range(count))
            pointers = self._pointers[key] = [row + place * segment for row in starts for place in packets]
        return pointers

    def batch(self, number: int) -> memoryview:
        """The bytes of one batch."""
        member, place = divmod(number, self.batches)
        return self._of(member, place * self._full, (place + 1) * self._full)

    def packet(self, member: int, place: int) -> memoryview:
        """The bytes of one packet of a member."""
        return self._of(member, place, place + 1)

    def _of(self, member: int, begin: int, end: int) -> memoryview:
        start = member * self._row
        return self.arena.view[start + begin * self.segment : start + min(end * self.segment, self.size)]

    def packets_before(self, number: int) -> int:
        """Packets in the batches before one."""
        member, place = divmod(number, self.batches)
        return member * self.packets + place * self._full

    def send(self, descriptor: int, first: int, end: int) -> int:
        """Send the batches from `first` to before `end`; how many the kernel took, 0 when it refused the first."""
        return max(0, int(libc.sendmmsg(descriptor, self._messages + first, end - first, 0)))
