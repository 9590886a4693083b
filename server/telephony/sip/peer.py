"""Where a message came from or goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """An element next to us: transport (`udp`, `tcp`, `tls`), address as text, and the connection when there is one."""

    transport: str
    host: str
    port: int
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """Whether the transport repeats what gets lost."""
        return self.transport != "udp"

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port}"
