"""Which units are connected now, by counting connections."""

from __future__ import annotations

from collections import Counter


class Presence:
    """Connections by unit; says when a unit's state changes."""

    def __init__(self) -> None:
        self._connections: Counter[int] = Counter()

    def arrived(self, unit_id: int) -> bool:
        """Count a connection; True if it is the unit's first."""
        self._connections[unit_id] += 1
        return self._connections[unit_id] == 1

    def left(self, unit_id: int) -> bool:
        """Uncount a connection; True if it was the unit's last."""
        self._connections[unit_id] -= 1
        if self._connections[unit_id] <= 0:
            del self._connections[unit_id]
            return True
        return False

    def connected(self) -> list[int]:
        """The units with at least one connection."""
        return sorted(self._connections)
