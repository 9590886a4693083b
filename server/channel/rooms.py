"""The rooms of Socket.IO with indexes: who leaves is not looked for in every room there is, and who is in a room is a
plain dictionary.

The private names of python-socketio's manager that are touched are held by `tests/channel/test_direct.py`.
"""

from __future__ import annotations

from typing import Any

import socketio


class RoomIndex(socketio.AsyncManager):  # type: ignore[misc]  # socketio has no types
    """Knows the rooms of each connection, and the connections in each room of the root namespace.

    `members` has for each room Socket.IO's id of a connection → Engine.IO's.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.members: dict[str, dict[str, str]] = {}
        self._rooms_of: dict[tuple[str, str], set[str | None]] = {}

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        """Enter, and note it."""
        super().basic_enter_room(sid, namespace, room, eio_sid)
        self._rooms_of.setdefault((namespace, sid), set()).add(room)
        if namespace == "/" and room is not None:
            self.members.setdefault(room, {})[sid] = self.rooms[namespace][room][sid]

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """Leave, and note it."""
        self._leave(sid, namespace, room)
        self._rooms_of.get((namespace, sid), set()).discard(room)

    def basic_disconnect(self, sid: str, namespace: str, **_options: Any) -> None:
        """As Socket.IO's, by the index."""
        for room in self._rooms_of.pop((namespace, sid), set()):
            self._leave(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            sids = pending.get(namespace)
            if sids and sid in sids:
                sids.remove(sid)
                if not sids:
                    del pending[namespace]

    def _leave(self, sid: str, namespace: str, room: str | None) -> None:
        super().basic_leave_room(sid, namespace, room)
        members = self.members.get(room) if namespace == "/" and room is not None else None
        if members and members.pop(sid, None) and not members:
            del self.members[room]  # type: ignore[arg-type]  # not None, see above
