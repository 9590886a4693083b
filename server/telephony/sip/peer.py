"""Where a message came from or goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """An element next to us: transport (`udp`, `tcp`, `tls`), address as text, and the connection when there is one.

    A port of 0 is not known.
    """

    transport: str
    host: str
    port: int
    connection: int = 0

    @property
    def listens(self) -> bool:
        """Whether it can be reached at its port: not if that is not known, or is the one that it has connected from."""
        return not self.reliable or (self.connection == 0 and self.port > 0)

    @property
    def reliable(self) -> bool:
        """Whether the transport repeats what gets lost."""
        return self.transport != "udp"

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port}"
