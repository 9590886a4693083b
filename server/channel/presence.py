"""Which units are connected now: connections here are counted, and other processes say which units they have.

Pure: times are seconds of one clock of the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Presence:
    """Connections by unit; says when a unit's state changes, wherever its devices are connected."""

    def __init__(self) -> None:
        self._connections: Counter[int] = Counter()
        self._others: dict[str, tuple[frozenset[int], float]] = {}  # process → its units, when it said so

    def arrived(self, unit_id: int) -> bool:
        """Count a connection; True if it is the unit's first anywhere."""
        self._connections[unit_id] += 1
        return self._connections[unit_id] == 1 and not self._is_elsewhere(unit_id)

    def left(self, unit_id: int) -> bool:
        """Uncount a connection; True if it was the unit's last anywhere."""
        self._connections[unit_id] -= 1
        if self._connections[unit_id] <= 0:
            del self._connections[unit_id]
            return not self._is_elsewhere(unit_id)
        return False

    def here(self) -> list[int]:
        """The units with at least one connection to this process."""
        return sorted(self._connections)

    def connected(self) -> list[int]:
        """The units with at least one connection."""
        return sorted(self._everywhere())

    def processes(self) -> int:
        """How many processes there are, this one included."""
        return 1 + len(self._others)

    def heard(self, process: str, unit_ids: Iterable[int], now: float) -> tuple[list[int], list[int]]:
        """Another process has these units. Gives the units that came by it, and those that went."""
        before = self._everywhere()
        self._others[process] = (frozenset(unit_ids), now)
        return self._since(before)

    def forget(self, process: str) -> tuple[list[int], list[int]]:
        """Another process has ended. Gives the units that came (none) and went."""
        before = self._everywhere()
        self._others.pop(process, None)
        return self._since(before)

    def silent(self, since: float) -> list[str]:
        """Processes that have said nothing after that moment."""
        return [process for process, (_units, at) in self._others.items() if at < since]

    def _is_elsewhere(self, unit_id: int) -> bool:
        return any(unit_id in units for units, _at in self._others.values())

    def _elsewhere(self) -> frozenset[int]:
        return frozenset().union(*(units for units, _at in self._others.values()))

    def _everywhere(self) -> frozenset[int]:
        return self._elsewhere() | self._connections.keys()

    def _since(self, before: frozenset[int]) -> tuple[list[int], list[int]]:
        after = self._everywhere()
        return sorted(after - before), sorted(before - after)
