"""Forwarding in memory: a port that keeps what is sent, subscribers with real SRTP keys, sources fed by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from pylibsrtp import Policy, Session

from server.media.outward.downlink import Downlink
from server.media.outward.ledger import Ledger
from server.media.outward.slots import Slot
from server.media.transport.ice import Address
from server.media.transport.volley import Volley
from server.media.wire.rtp import RtpPacket, is_rtcp

KEY = bytes(range(28))
PROFILE = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
TAG = 16


def session(direction: int) -> Session:
    """One end of an SRTP association with a fixed key."""
    policy = Policy(key=KEY, ssrc_type=direction, srtp_profile=PROFILE)
    policy.window_size = 1024
    return Session(policy)


@dataclass
class MemoryPort:
    """Takes what a `UdpPort` takes; `batches` are (bytes, segment, to, video)."""

    batches: list[tuple[bytes, int, Address, bool]] = field(default_factory=list)
    number: int = 40_000
    sent: int = 0

    def send_segments(self, data: memoryview, segment: int, to: Address, video: bool) -> int:
        count = -(-len(data) // segment)
        self.batches.append((bytes(data), segment, to, video))
        self.sent += count
        return count

    def send_volley(self, volley: Volley, first: int, end: int, video: bool) -> list[int]:
        for number in range(first * volley.batches, end * volley.batches):
            to = volley.addresses[number // volley.batches]
            self.send_segments(volley.batch(number), volley.segment, to, video)
        return []

    def send(self, data: bytes, to: Address) -> bool:
        self.batches.append((data, len(data), to, False))
        self.sent += 1
        return True

    def datagrams(self) -> list[bytes]:
        """Everything sent so far, one by one; forgotten then."""
        found = [
            data[start : start + segment]
            for data, segment, _, _ in self.batches
            for start in range(0, len(data), segment)
        ]
        self.batches.clear()
        return found


class Subscriber:
    """One subscriber with a video slot and a voice slot, and the keys to read what comes."""

    def __init__(self, transport_cc: int | None = 5, ledger: Ledger | None = None) -> None:
        self._out = session(Policy.SSRC_ANY_OUTBOUND)
        self._in = session(Policy.SSRC_ANY_INBOUND)
        self.downlink = Downlink(transport_cc)
        if ledger is not None:
            self.downlink.join(ledger)
        self.downlink.open(("127.0.0.1", 9), self._out._srtp[0], TAG)
        self.picture = Slot(0, 96, 90_000, 0xAAAA, self.downlink, rtx_ssrc=0xBBBB, rtx_payload_type=97)
        self.voice = Slot(0, 111, 48_000, 0xCCCC, self.downlink)

    def read(self, port: MemoryPort) -> list[RtpPacket]:
        """The RTP packets sent since the last call."""
        return [RtpPacket.parse(self._in.unprotect(data)) for data in port.datagrams() if not is_rtcp(data)]
