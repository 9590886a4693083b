"""Reports both ways about a call's sound (RTCP, RFC 3550 §6), where the telephone takes them at the sound's own port.

That is where both have said so (rtcp-mux, RFC 5761). Elsewhere theirs go to a port that nobody reads, and how our sound
arrives there is not known. Sans-IO.
"""

from __future__ import annotations

import secrets
from collections import deque
from typing import NamedTuple

from server.media.phone.tally import Stream
from server.media.wire.rtcp import ReceiverReport, ReportBlock, SenderReport, middle, ntp_time, parse, round_trip
from server.media.wire.rtcp_build import build_sdes, build_sr

EVERY = 5.0  # s from one of ours to the next (RFC 3550 §6.2)
STALE = 4 * EVERY  # s after which what they told says nothing of now
LEAST = 0.2  # s between two of theirs that are read


class Told(NamedTuple):
    """How our sound arrives: the share that was lost of late, jitter and round trip in s, as far as that is known."""

    lost: float
    jitter: float
    rtt: float | None


class Reports:
    """One call's; `ssrc` is that of our sound. Time is any clock that does not leap: no other stream is to be in step
    with this one (§6.4.1).
    """

    def __init__(self, ssrc: int) -> None:
        self._ssrc = ssrc
        self._name = secrets.token_hex(12)  # RFC 7022 §4.2
        self._sent: deque[int] = deque(maxlen=4)  # times of our last ones, as they name them
        self._theirs = (0, 0, 0.0)  # SSRC and time of their last one as a sender, and when it came
        self._told: Told | None = None
        self._told_at = self._read_at = float("-inf")

    def told(self, now: float) -> Told | None:
        """What they have told of late."""
        return self._told if now - self._told_at < STALE else None

    def due(self, now: float) -> bool:
        """Whether one of theirs is read: who sends very many gets only some of them read."""
        if now - self._read_at < LEAST:
            return False
        self._read_at = now
        return True

    def hear(self, data: bytes, clock_rate: int, now: float) -> None:
        """One of theirs, decrypted; `clock_rate` is that of our sound. Raises ProtocolError."""
        for message in parse(data):
            if isinstance(message, SenderReport):
                self._theirs = message.ssrc, middle(message.ntp), now
            if isinstance(message, SenderReport | ReceiverReport):
                for block in message.reports:
                    if block.ssrc == self._ssrc:
                        # What names no time of ours is no answer to it.
                        rtt = round_trip(block, ntp_time(now)) if block.lsr in self._sent else None
                        self._told = Told(block.fraction_lost / 256, block.jitter / clock_rate, rtt)
                        self._told_at = now

    def build(self, stream: Stream | None, timestamp: int, packets: int, octets: int, now: float) -> bytes:
        """One of ours: what we have sent until now, when a sample has `timestamp`, and how theirs arrives."""
        ntp = ntp_time(now)
        self._sent.append(middle(ntp))
        blocks = [self._block(stream, now)] if stream is not None else []
        return build_sr(self._ssrc, ntp, timestamp, packets, octets, blocks) + build_sdes(self._ssrc, self._name)

    def _block(self, stream: Stream, now: float) -> ReportBlock:
        ssrc, last, came = self._theirs
        told = ssrc == stream.ssrc and last != 0
        return ReportBlock(
            stream.ssrc,
            stream.fraction_lost(),
            stream.lost,
            stream.highest,
            int(stream.jitter),
            last if told else 0,
            int((now - came) * 65536) if told else 0,
        )
