"""What is no message of Socket.IO, which anybody may send: a line in the log, and its sender's connection is ended.

Socket.IO itself would go on, and write down where it failed: two kilobytes for each four bytes of a stranger's.
"""

from __future__ import annotations

import logging
from typing import Any

import socketio
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, EVENT, Packet

log = logging.getLogger("giaoban.channel")
_EVENTS = (EVENT, BINARY_EVENT)
_LISTS = (*_EVENTS, ACK, BINARY_ACK)


class StrictPacket(Packet):  # type: ignore[misc]  # socketio has no types
    """Raises ValueError for all that cannot be read, and nothing else."""

    def decode(self, encoded_packet: Any) -> int:
        """The number of attachments that must follow."""
        try:
            attachments = int(super().decode(encoded_packet))
        except (LookupError, RecursionError, TypeError) as error:
            raise ValueError(f"cannot be read: {error!r}") from error
        if self.packet_type in _LISTS and not isinstance(self.data, list):
            raise ValueError("without a list of what it brings")
        if self.packet_type in _EVENTS and not (self.data and isinstance(self.data[0], str)):
            raise ValueError("an event without a name")
        return attachments

    def add_attachment(self, attachment: Any) -> bool:
        """Whether this was the last one."""
        try:
            return bool(super().add_attachment(attachment))
        except (LookupError, RecursionError, TypeError) as error:
            raise ValueError(f"cannot be put together: {error!r}") from error


def refuse(sio: socketio.AsyncServer) -> None:
    """Let a server end the connections that bring what is no message."""
    StrictPacket.json = sio.packet_class.json
    sio.packet_class = StrictPacket
    usual = sio.eio.handlers["message"]

    async def heard(eio_sid: str, data: Any) -> None:
        try:
            await usual(eio_sid, data)
        except ValueError as error:
            log.info("%s has sent what is no message: %s", eio_sid, str(error)[:100])
            connection = sio.eio.sockets.get(eio_sid)
            if connection is not None:
                await connection.close(wait=False, reason=sio.reason.SERVER_DISCONNECT)

    sio.eio.on("message", heard)
