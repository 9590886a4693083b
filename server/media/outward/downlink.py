"""The way to one subscriber: where to, under which keys, what has been sent, and what it carries."""

from __future__ import annotations

from typing import Any

from server.media.bandwidth import QUEUED, START, BandwidthEstimator
from server.media.outward.ledger import Ledger
from server.media.outward.pacing import Pacer
from server.media.transport.ice import Address
from server.media.wire.rtp import IP_UDP

UNTOLD = 5_000_000.0  # bit/s that a link is taken to carry whose receiver cannot tell (it knows no transport-cc)
RTX_SHARE = 0.5  # of the estimate: a link that loses more than this needs less, not more
RTX_SHARE_QUEUED = 0.15  # where packets wait in its queue
_EMPTY = ("0.0.0.0", 0)  # noqa: S104 - nobody


class Downlink:
    """State that the forwarding loop reads and counts up. Closed (`session` is None) it costs nothing.

    `element` is the first byte of the transport-cc element (RFC 8285 §4.2), and `step` 1; both are 0 for a subscriber
    that did not negotiate it, whose extension block is then four bytes of padding. `bandwidth` learns from its feedback
    what the link carries. `row` is its place in the `ledger` of its room, with which `catch_up` brings `packets`,
    `bytes`, the slots' counters and `bandwidth` up to date.
    """

    __slots__ = (
        "_read",
        "address",
        "bandwidth",
        "bytes",
        "dropped",
        "element",
        "ledger",
        "pacer",
        "packets",
        "retransmitted",
        "row",
        "rtx_allowance",
        "rtx_filled",
        "session",
        "step",
        "tag_bytes",
    )

    def __init__(self, transport_cc: int | None = None, start: float = START) -> None:
        self.address: Address = _EMPTY
        self.session: Any = None  # srtp_t of libsrtp
        self.tag_bytes = 0
        self.element = (transport_cc << 4 | 1) if transport_cc else 0
        self.step = 1 if transport_cc else 0
        self.packets = self.bytes = self.dropped = self.retransmitted = 0
        self.bandwidth = BandwidthEstimator(start)
        self.pacer = Pacer()
        self.rtx_allowance = float("inf")  # at first a whole second's
        self.rtx_filled = 0.0
        self.ledger = Ledger()
        self.row = self.ledger.row(0)
        self._read = 0  # entries of the ledger

    def join(self, ledger: Ledger) -> None:
        """Keep the numbers in this ledger from now on, which it shares with others to get the same as they do."""
        self.catch_up()
        self.row = ledger.row(self.tcc)
        self.ledger, self._read = ledger, ledger.end

    @property
    def tcc(self) -> int:
        """The last transport-wide number, 16 bits."""
        return self.ledger.numbers[self.row]

    @tcc.setter
    def tcc(self, number: int) -> None:
        self.ledger.numbers[self.row] = number

    def count(self, packets: int, octets: int, now: float, numbered: int | None = None) -> None:
        """So many packets left, the first of those that were `numbered` last (by default these)."""
        if self._read != self.ledger.end:
            self.catch_up()
        self.packets += packets
        self.bytes += octets
        if self.step:
            first = self.tcc - (packets if numbered is None else numbered) + 1 & 0xFFFF
            self.bandwidth.record((first, packets, octets + packets * IP_UDP, now))

    def catch_up(self) -> None:
        """Read what the ledger says of this downlink since the last time."""
        end = self.ledger.end
        if self._read == end:
            return
        row, record = self.row, self.bandwidth.record if self.step else None
        sent = total = 0
        for places, slots, first, packets, octets, size, at, without in self.ledger.since(self._read):
            place = places.get(row)
            if place is None or (without and place in without):
                continue
            if record is not None:
                record((first[place], packets, size, at))
            sent += packets
            total += octets
            slot = slots[place]
            slot.packets += packets
            slot.octets += octets
        self.packets += sent
        self.bytes += total
        self._read = end

    @property
    def estimate(self) -> float:
        """bit/s that may be sent."""
        return self.bandwidth.estimate if self.step else UNTOLD

    def open(self, address: Address, session: Any, tag_bytes: int) -> None:
        """Send from now on."""
        self.address, self.session, self.tag_bytes = address, session, tag_bytes

    def close(self) -> None:
        """Send nothing."""
        self.catch_up()
        self.session = None
        self.pacer.drop()

    def pace(self) -> bool:
        """Whether pictures are held back, by what the link is known to carry; true when that is new."""
        return self.pacer.judge(self.estimate)

    def may_retransmit(self, size: int, now: float) -> bool:
        """Whether `size` more bytes of retransmissions are within a second's allowance; takes them from it."""
        share = RTX_SHARE if self.bandwidth.queueing_ms < QUEUED else RTX_SHARE_QUEUED
        most = share * self.estimate / 8
        self.rtx_allowance = min(most, self.rtx_allowance + (now - self.rtx_filled) * most)
        self.rtx_filled = now
        if self.rtx_allowance < size:
            return False
        self.rtx_allowance -= size
        return True
