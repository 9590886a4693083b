"""How much one participant may ask of the node. A legal browser stays far below; what is above is refused, counted,
and spoils nobody else's meeting.

What it sends is looked at before it is decrypted, and counted only once it has proved to be its own: whoever forges a
participant's address cannot use up its allowance.
"""

from __future__ import annotations

from collections import Counter

from server.media.wire import rtcp
from server.media.wire.rtp import is_rtcp

# A browser sends at most three camera layers and a screen, 4 Mbit/s by our REMB, and probes to twice that.
UPLINK_MBIT = 8  # of one participant, in the long run; a second's worth may come at once
BYTES_PER_MBIT = 125_000
PACKETS_PER_MBIT = 150  # packets of 833 bytes; browsers' are larger, voices come beside 4 Mbit/s of pictures
REPORTS_PER_SECOND = 300  # RTCP datagrams; fifteen slots and feedback every 50 ms make about 60
CHECKS_PER_SECOND = 50  # that we answer; Chromium sends 20 while it seeks a path, then one every 2.5 s
MOVES_PER_SECOND = 0.5  # to another address; a browser that tries its interfaces goes some times to and fro. After each
MOVES_AT_ONCE = 8.0  # the audiences of all that it gets are put together anew, which is much work in a large room
NUMBERS_PER_SECOND = 8_000  # sequence numbers that feedback speaks of; twelve pictures make 2,500 packets
ASKED_PER_SECOND = 2_000  # of them that NACKs ask for, each of which is looked for; Chromium asks for 1,000 at once
CLOCKS_PER_SECOND = 50  # sender reports, each of which is held against the packets of late; browsers send one a stream
KEY_FRAMES_PER_SECOND = 1.0  # that one subscriber may ask for in the long run
KEY_FRAMES_AT_ONCE = 6.0  # when it switches many slots
WISHES_PER_SECOND = (
    1.0  # changes of what it wants to see, each of which may ask as many for a key frame as it has slots
)
WISHES_AT_ONCE = 10.0  # when pages are turned
MOST_STREAMS = 128  # SSRCs in one session; libsrtp keeps some hundred bytes for each and never lets go
GRAIN = 0.01  # s between two fillings


class Bucket:
    """A token bucket: `rate` tokens a second, at most `burst` at once."""

    __slots__ = ("_burst", "_filled", "_left", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = self._left = burst
        self._filled: float | None = None

    def take(self, tokens: float, now: float) -> bool:
        """Take so many tokens, or none and say false."""
        since = now if self._filled is None else self._filled
        self._left = min(self._burst, self._left + max(0.0, now - since) * self._rate)
        self._filled = now
        if self._left < tokens:
            return False
        self._left -= tokens
        return True


class Allowance:
    """What one participant may still send; `refused` counts by reason what it may not."""

    def __init__(self, now: float, uplink_mbit: float = UPLINK_MBIT) -> None:
        self.refused: Counter[str] = Counter()
        self._filled = now
        self._most_bytes = self._bytes = uplink_mbit * BYTES_PER_MBIT
        self._most_packets = self._packets = uplink_mbit * PACKETS_PER_MBIT
        self._reports = float(REPORTS_PER_SECOND)
        self._streams: set[bytes] = set()
        self._checks = Bucket(CHECKS_PER_SECOND, 2 * CHECKS_PER_SECOND)
        self._moves = Bucket(MOVES_PER_SECOND, MOVES_AT_ONCE)
        self._numbers = Bucket(NUMBERS_PER_SECOND, 2 * NUMBERS_PER_SECOND)
        self._asked = Bucket(ASKED_PER_SECOND, ASKED_PER_SECOND)
        self._clocks = Bucket(CLOCKS_PER_SECOND, 2 * CLOCKS_PER_SECOND)
        self._wishes = Bucket(WISHES_PER_SECOND, WISHES_AT_ONCE)
        self._key_frames = Bucket(KEY_FRAMES_PER_SECOND, KEY_FRAMES_AT_ONCE)

    def refuses(self, data: bytes, now: float) -> bool:
        """Whether a protected datagram is more than may come now; costs half a microsecond."""
        if now - self._filled >= GRAIN:
            self._fill(now)
        if is_rtcp(data):
            left, stream = self._reports, data[4:8]
        else:
            left, stream = (self._packets if self._bytes >= 0 else 0), data[8:12]
        if left < 1:
            self.refused["policed"] += 1
            return True
        if stream not in self._streams and len(self._streams) >= MOST_STREAMS:
            self.refused["too_many_streams"] += 1
            return True
        return False

    def spend(self, data: bytes) -> None:
        """This protected datagram was genuine."""
        if is_rtcp(data):
            self._reports -= 1
            self._streams.add(data[4:8])
        else:
            self._packets -= 1
            self._bytes -= len(data)
            self._streams.add(data[8:12])

    def _fill(self, now: float) -> None:
        elapsed, self._filled = now - self._filled, now
        self._bytes = min(self._most_bytes, self._bytes + elapsed * self._most_bytes)
        self._packets = min(self._most_packets, self._packets + elapsed * self._most_packets)
        self._reports = min(REPORTS_PER_SECOND, self._reports + elapsed * REPORTS_PER_SECOND)

    def answers(self, now: float) -> bool:
        """Whether one more connectivity check is answered."""
        return self._checks.take(1, now) or self._refuse("policed_stun")

    def moves(self, now: float) -> bool:
        """Whether its path may lead to another address once more."""
        return self._moves.take(1, now) or self._refuse("policed_stun")

    def wishes(self, now: float) -> bool:
        """Whether what it wants to see may change now."""
        return self._wishes.take(1, now)

    def hears(self, message: rtcp.Message, now: float) -> bool:
        """Whether we do what an RTCP message asks for."""
        match message:
            case rtcp.Nack(lost=lost):
                allowed = self._asked.take(len(lost), now)
            case rtcp.TransportFeedback(fci=fci):
                allowed = self._numbers.take(int.from_bytes(fci[2:4], "big"), now)
            case rtcp.SenderReport():
                allowed = self._clocks.take(1, now)
            case rtcp.Pli() | rtcp.Fir():
                allowed = self._key_frames.take(1, now)
            case _:
                allowed = True
        return allowed or self._refuse("policed_feedback")

    def _refuse(self, reason: str) -> bool:
        self.refused[reason] += 1
        return False
