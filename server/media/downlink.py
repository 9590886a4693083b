"""The way to one subscriber: where to, under which keys, what has been sent, and what it carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.media.bandwidth import START, BandwidthEstimator
from server.media.ice import Address
from server.media.pacing import BELOW, Pacer

UNTOLD = 5_000_000.0  # bit/s that a link is taken to carry whose receiver cannot tell (it knows no transport-cc)
RTX_SHARE = 0.5  # of the estimate: a link that loses more than this needs less, not more
QUEUED = 40.0  # ms of queue with which it gets less
RTX_SHARE_QUEUED = 0.15
_EMPTY = ("0.0.0.0", 0)  # noqa: S104 - nobody


class Downlink:
    """State that the forwarding loop reads and counts up. Closed (`session` is None) it costs nothing.

    `element` is the first byte of the transport-cc element (RFC 8285 §4.2), and `step` 1; both are 0 for a subscriber
    that did not negotiate it, whose extension block is then four bytes of padding. `bandwidth` learns from its feedback
    what the link carries; whoever sends a batch calls `record((first number, packets, bytes, now))`.
    """

    __slots__ = (
        "address",
        "bandwidth",
        "bytes",
        "dropped",
        "element",
        "pacer",
        "packets",
        "record",
        "retransmitted",
        "rtx_allowance",
        "rtx_filled",
        "session",
        "step",
        "tag_bytes",
        "tcc",
    )

    def __init__(self, transport_cc: int | None = None, start: float = START) -> None:
        self.address: Address = _EMPTY
        self.session: Any = None  # srtp_t of libsrtp
        self.tag_bytes = 0
        self.element = (transport_cc << 4 | 1) if transport_cc else 0
        self.step = 1 if transport_cc else 0
        self.tcc = 0
        self.packets = self.bytes = self.dropped = self.retransmitted = 0
        self.bandwidth = BandwidthEstimator(start)
        self.record: Callable[[tuple[int, int, int, float]], object] = self.bandwidth.record if transport_cc else id
        self.pacer = Pacer()
        self.rtx_allowance = float("inf")  # at first a whole second's
        self.rtx_filled = 0.0

    @property
    def estimate(self) -> float:
        """bit/s that may be sent."""
        return self.bandwidth.estimate if self.step else UNTOLD

    def open(self, address: Address, session: Any, tag_bytes: int) -> None:
        """Send from now on."""
        self.address, self.session, self.tag_bytes = address, session, tag_bytes

    def close(self) -> None:
        """Send nothing."""
        self.session = None
        self.pacer.drop()

    def pace(self) -> bool:
        """Hold pictures back from now on, or no longer, by what the link is known to carry; whether that is new."""
        before, self.pacer.on = self.pacer.on, self.estimate < BELOW
        return before != self.pacer.on

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
