"""Where a telephone's sound comes from and goes to: the address it named, until it is heard from another (latching).

A telephone behind a NAT names an address that is not its own; a stranger sends to our port what it likes. So a source
is believed when it is the one named, or, as long as that one is silent, when it has sent a run of packets that belong
together. Once it is believed, others are heard only after it has been silent.
"""

from __future__ import annotations

from dataclasses import dataclass

from server.media.transport.ice import Address
from server.media.wire.rtp import distance

RUN = 4  # packets in order by which a source that was not named is believed
SILENT = 3.0  # s without a packet after which a run from elsewhere may take over (a telephone changes networks)
_NEAR = 20  # numbers that two packets of a run may lie apart


@dataclass
class _Candidate:
    source: Address
    ssrc: int
    sequence: int
    count: int = 1


class Latch:
    """`address` is where to send, None while nobody knows; `others` counts packets of sources not believed."""

    def __init__(self, named: Address | None) -> None:
        """`named`: from the description, None when it names a host by name."""
        self._named = named
        self.address = named
        self._believed: Address | None = None
        self._heard = float("-inf")
        self._candidate: _Candidate | None = None
        self.others = 0

    def name(self, named: Address | None) -> None:
        """A new description (re-INVITE): it is believed again from the beginning."""
        if named != self._named:
            self._named = self.address = named
            self._believed = self._candidate = None

    def admits(self, source: Address, ssrc: int, sequence: int, now: float) -> bool:
        """Whether a packet is to be heard. With SRTP ask only of packets that were proved."""
        if source == self._believed:
            self._heard = now
            return True
        if source == self._named and (self._believed is None or now - self._heard >= SILENT):
            self._believe(source, now)
            return True
        if self._believed is not None and now - self._heard < SILENT:
            self.others += 1
            return False
        if self._runs(source, ssrc, sequence):
            self._believe(source, now)
            return True
        self.others += 1
        return False

    def _runs(self, source: Address, ssrc: int, sequence: int) -> bool:
        candidate = self._candidate
        if candidate is None or (candidate.source, candidate.ssrc) != (source, ssrc):
            self._candidate = _Candidate(source, ssrc, sequence)
            return False
        step = distance(sequence, candidate.sequence)
        candidate.count = candidate.count + 1 if 0 < step <= _NEAR else 1
        candidate.sequence = sequence
        return candidate.count >= RUN

    def _believe(self, source: Address, now: float) -> None:
        self._believed = self.address = source
        self._heard = now
        self._candidate = None
