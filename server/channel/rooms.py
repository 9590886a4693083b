"""The rooms of Socket.IO with an index: who leaves is not looked for in every room there is.

The private names of python-socketio's manager that are touched are held by `tests/channel/test_direct.py`.
"""

from __future__ import annotations

from typing import Any

import socketio


class RoomIndex(socketio.AsyncManager):  # type: ignore[misc]  # socketio has no types
    """Knows the rooms of each connection, so that one who leaves is not looked for in every room there is."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rooms_of: dict[tuple[str, str], set[str | None]] = {}

    def basic_enter_room(self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None) -> None:
        """Enter, and note it."""
        super().basic_enter_room(sid, namespace, room, eio_sid)
        self._rooms_of.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        """Leave, and note it."""
        super().basic_leave_room(sid, namespace, room)
        self._rooms_of.get((namespace, sid), set()).discard(room)

    def basic_disconnect(self, sid: str, namespace: str, **_options: Any) -> None:
        """As Socket.IO's, by the index; a room of one goes as a whole."""
        rooms = self.rooms.get(namespace, {})
        for room in self._rooms_of.pop((namespace, sid), ()):
            members = rooms[room]
            if len(members) == 1:
                del rooms[room]
            else:
                del members[sid]
        if not rooms:
            self.rooms.pop(namespace, None)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            sids = pending.get(namespace)
            if sids and sid in sids:
                sids.remove(sid)
                if not sids:
                    del pending[namespace]
