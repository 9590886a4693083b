"""The way to one subscriber: where to, under which keys, and what has been sent."""

from __future__ import annotations

from typing import Any

from server.media.ice import Address

RTX_BYTES_PER_SECOND = 250_000  # to one subscriber: a link that loses more than this needs less, not more
_EMPTY = ("0.0.0.0", 0)  # noqa: S104 - nobody


class Downlink:
    """State that the forwarding loop reads and counts up. Closed (`session` is None) it costs nothing.

    `element` is the first byte of the transport-cc element (RFC 8285 §4.2), and `step` 1; both are 0 for a subscriber
    that did not negotiate it, whose extension block is then four bytes of padding.
    """

    __slots__ = (
        "address",
        "bytes",
        "dropped",
        "element",
        "packets",
        "retransmitted",
        "rtx_allowance",
        "rtx_filled",
        "session",
        "step",
        "tag_bytes",
        "tcc",
    )

    def __init__(self, transport_cc: int | None = None) -> None:
        self.address: Address = _EMPTY
        self.session: Any = None  # srtp_t of libsrtp
        self.tag_bytes = 0
        self.element = (transport_cc << 4 | 1) if transport_cc else 0
        self.step = 1 if transport_cc else 0
        self.tcc = 0
        self.packets = self.bytes = self.dropped = self.retransmitted = 0
        self.rtx_allowance = float(RTX_BYTES_PER_SECOND)
        self.rtx_filled = 0.0

    def open(self, address: Address, session: Any, tag_bytes: int) -> None:
        """Send from now on."""
        self.address, self.session, self.tag_bytes = address, session, tag_bytes

    def close(self) -> None:
        """Send nothing."""
        self.session = None

    def may_retransmit(self, size: int, now: float) -> bool:
        """Whether `size` more bytes of retransmissions are within the allowance; takes them from it."""
        self.rtx_allowance = min(
            RTX_BYTES_PER_SECOND, self.rtx_allowance + (now - self.rtx_filled) * RTX_BYTES_PER_SECOND
        )
        self.rtx_filled = now
        if self.rtx_allowance < size:
            return False
        self.rtx_allowance -= size
        return True
