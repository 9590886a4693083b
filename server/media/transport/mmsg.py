"""Many datagrams by one system call: sendmmsg(2) and recvmmsg(2), with the structures that they read."""

from __future__ import annotations

from typing import Any

from cffi import FFI

NAME_BYTES = 16  # of a sockaddr_in
UDP_SEGMENT = 103  # the option by which the kernel cuts a message into datagrams (linux/udp.h)

ffi = FFI()
ffi.cdef("""
struct iovec { void *iov_base; size_t iov_len; };
struct msghdr { void *msg_name; unsigned int msg_namelen; struct iovec *msg_iov; size_t msg_iovlen;
                void *msg_control; size_t msg_controllen; int msg_flags; };
struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
int sendmmsg(int socket, struct mmsghdr *messages, unsigned int count, int flags);
int recvmmsg(int socket, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
""")
libc: Any = ffi.dlopen(None)
