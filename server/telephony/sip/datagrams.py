"""SIP over UDP (RFC 3261 §18): one socket. A burst is taken in one go, and no burst is so long that a meeting waits."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from server.telephony.sip.admission import Admission
from server.telephony.sip.peer import Peer

log = logging.getLogger(__name__)

Receive = Callable[[bytes, Peer], None]

BURST = 64
_LARGEST = 65_535
_BUFFER = 1 << 20  # octets: a second of twenty calls a second is a tenth of it


class Datagrams:
    """The bound socket. `receive` gets what trunks send."""

    def __init__(self, host: str, port: int, admission: Admission, receive: Receive) -> None:
        """Raises OSError when the address cannot be had."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        try:
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._admission, self._receive = admission, receive
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._take)

    def close(self) -> None:
        """Free the port."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _take(self) -> None:
        read, allows = self._socket.recvfrom, self._admission.allows
        for _ in range(BURST):
            try:
                data, source = read(_LARGEST)
            except BlockingIOError:
                return
            except OSError as error:  # an ICMP answer to an earlier send
                log.debug("receive: %s", error)
                continue
            if not allows(source[0]):
                self._admission.stranger(source[0], self._loop.time())
            elif len(data) > 4:  # less is a keep-alive of a NAT
                self._receive(data, Peer("udp", source[0], source[1]))

    def send(self, data: bytes, peer: Peer) -> None:
        """Tried once: what gets lost is repeated by its transaction."""
        try:
            self._socket.sendto(data, (peer.host, peer.port))
        except OSError as error:
            log.warning("cannot send to %s: %s", peer, error)
