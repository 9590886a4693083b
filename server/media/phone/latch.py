"""Where a telephone's sound comes from and goes to: the address it named, until it is heard from another (latching).

A telephone behind a NAT names an address that is not its own; a stranger sends to our port what it likes. So the source
that was named is believed at any time; as long as it is not heard, another that has sent a run of packets that belong
together. That one may be the stranger, so after a silence it may be replaced. Who was heard from where it said it would
be is no stranger: silent or not, only its own stream may come from elsewhere (it changes networks). A stranger cannot
name that, for it hears nothing of it (RFC 3550 §8: 32 random bits; RFC 7362 §5 has the risk).
"""

from __future__ import annotations

from dataclasses import dataclass

from server.media.transport.ice import Address
from server.media.wire.rtp import distance

RUN = 4  # packets in order by which a source that was not named is believed
SILENT = 3.0  # s without a packet after which a run from elsewhere may take over
NOWHERE = "0.0.0.0"  # noqa: S104  # RFC 2543's way to say hold
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
        self._itself = False  # whether it was heard from where it was named
        self._ssrc = 0
        self._heard = float("-inf")
        self._candidate: _Candidate | None = None
        self.others = 0

    def name(self, named: Address | None) -> None:
        """A new description (re-INVITE): it is believed again from the beginning. Nowhere is no new address (hold)."""
        if named != self._named and (named is None or named[0] != NOWHERE):
            self._named = self.address = named
            self._believed = self._candidate = None
            self._itself = False

    def admits(self, source: Address, ssrc: int, sequence: int, now: float) -> bool:
        """Whether a packet is to be heard. With SRTP ask only of packets that were proved."""
        if source == self._believed:
            self._heard, self._ssrc = now, ssrc
            return True
        if source == self._named:
            self._itself = True
        elif not self._may_follow(ssrc, now) or not self._runs(source, ssrc, sequence):
            self.others += 1
            return False
        self._believed = self.address = source
        self._heard, self._ssrc = now, ssrc
        self._candidate = None
        return True

    def _may_follow(self, ssrc: int, now: float) -> bool:
        if self._believed is None:
            return True
        return now - self._heard >= SILENT and (not self._itself or ssrc == self._ssrc)

    def _runs(self, source: Address, ssrc: int, sequence: int) -> bool:
        candidate = self._candidate
        if candidate is None or (candidate.source, candidate.ssrc) != (source, ssrc):
            self._candidate = _Candidate(source, ssrc, sequence)
            return False
        step = distance(sequence, candidate.sequence)
        candidate.count = candidate.count + 1 if 0 < step <= _NEAR else 1
        candidate.sequence = sequence
        return candidate.count >= RUN
