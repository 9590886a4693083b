"""What is no message of Socket.IO, which anybody may send: a line in the log, and its sender's connection is ended.

Socket.IO itself would go on, and write down where it failed: two kilobytes for each four bytes of a stranger's.
"""

from __future__ import annotations

import logging
from typing import Any

import socketio
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, EVENT, Packet

log = logging.getLogger("giaoban.channel")


class StrictPacket(Packet):  # type: ignore[misc]  # socketio has no types
    """Raises ValueError for all that cannot be read, and nothing else; also for attachments.

    No message of ours has any, and somebody who announces them without an end would fill the memory with them.
    """

    def decode(self, encoded_packet: Any) -> int:
        """The number of attachments that must follow: none."""
        try:
            super().decode(encoded_packet)
        except (LookupError, RecursionError, TypeError) as error:
            raise ValueError(f"cannot be read: {error!r}") from error
        if self.packet_type in (BINARY_EVENT, BINARY_ACK):
            raise ValueError("with attachments")
        if self.packet_type in (EVENT, ACK) and not isinstance(self.data, list):
            raise ValueError("without a list of what it brings")
        if self.packet_type == EVENT and not (self.data and isinstance(self.data[0], str)):
            raise ValueError("an event without a name")
        return 0


async def end(connection: Any, error: Exception) -> None:
    """End a connection (Engine.IO's) that has brought what cannot be read."""
    log.info("%s has sent what is no message: %s", connection.sid, str(error)[:100])
    await connection.close(wait=False, reason=connection.server.reason.SERVER_DISCONNECT)
    await connection.queue.put(None)  # its writer closes then


def refuse(sio: socketio.AsyncServer) -> None:
    """Let a server end the connections that bring what is no message."""
    StrictPacket.json = sio.packet_class.json
    sio.packet_class = StrictPacket
    usual = sio.eio.handlers["message"]

    async def heard(eio_sid: str, data: Any) -> None:
        try:
            await usual(eio_sid, data)
        except ValueError as error:
            connection = sio.eio.sockets.get(eio_sid)
            if connection is not None:
                await end(connection, error)

    sio.eio.on("message", heard)
