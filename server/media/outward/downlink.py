"""The way to one subscriber: where to, under which keys, what has been sent, and what it carries."""

from __future__ import annotations

from bisect import bisect_left
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
    what the link carries. `row` is its place in the `ledger` of its room, with which `catch_up` brings that up to date.
    """

    __slots__ = (
        "_bytes",
        "_number",
        "_packets",
        "_read",
        "_size",
        "address",
        "bandwidth",
        "dropped",
        "element",
        "ledger",
        "pacer",
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
        self.dropped = self.retransmitted = 0
        self._packets = self._bytes = 0  # beside what the ledger counts
        self.bandwidth = BandwidthEstimator(start)
        self.pacer = Pacer()
        self.rtx_allowance = float("inf")  # at first a whole second's
        self.rtx_filled = 0.0
        self._enter(Ledger(), 0)

    def join(self, ledger: Ledger) -> None:
        """Keep the numbers in this ledger from now on, which it shares with others to get the same as they do."""
        self.catch_up()
        self._packets, self._bytes = self.packets, self.bytes
        before, row = self.ledger, self.row
        self._enter(ledger, self.tcc)
        before.release(row)

    def part(self) -> None:
        """Share a ledger with nobody any more; it is in no audience."""
        self.join(Ledger())

    def _enter(self, ledger: Ledger, tcc: int) -> None:
        self.ledger, self.row = ledger, ledger.row(tcc)
        self._read = ledger.end  # entries of the ledger
        self._number, self._size = tcc, 0  # what they say of this row up to there

    @property
    def tcc(self) -> int:
        """The last transport-wide number, 16 bits. Who sets it counts what goes out under the numbers before it."""
        return self.ledger.numbers[self.row]

    @tcc.setter
    def tcc(self, number: int) -> None:
        if self._read != self.ledger.end:
            self.catch_up()
        self.ledger.numbers[self.row] = self._number = number

    @property
    def packets(self) -> int:
        """Packets that left."""
        return self._packets + int(self.ledger.counts[self.row])

    @property
    def bytes(self) -> int:
        """Bytes that left, of UDP payload."""
        ledger, row = self.ledger, self.row
        return self._bytes + int(ledger.sizes[row]) - int(ledger.counts[row]) * IP_UDP

    def count(self, packets: int, octets: int, now: float, numbered: int | None = None) -> None:
        """So many packets left, the first of those that were `numbered` last (by default these)."""
        if self._read != self.ledger.end:
            self.catch_up()
        self._packets += packets
        self._bytes += octets
        if self.step:
            first = self.tcc - (packets if numbered is None else numbered) + 1 & 0xFFFF
            self.bandwidth.record((first, packets, octets + packets * IP_UDP, now))

    # ---- what the ledger says of it, read when it is asked for (`history.Unread`) ----------------------------------

    def catch_up(self) -> None:
        """Read all that is new."""
        end = self.ledger.end
        if self._read == end:
            return
        row, number, size, record = self.row, self._number, self._size, self.bandwidth.record
        for numbers, sizes, at in self.ledger.since(self._read):
            last, total = numbers[row], sizes[row]
            if total != size and last != number:
                record((number + 1 & 0xFFFF, last - number & 0xFFFF, total - size, at))
            number, size = last, total
        self._read, self._number, self._size = end, number, size

    def ending(self, first: int, count: int) -> tuple[int, int, float] | None:
        """See `history.Unread`."""
        if first != self._number + 1 & 0xFFFF:
            return None
        row, number, entries = self.row, self._number, self.ledger.since(self._read)
        at = bisect_left(entries, count, key=lambda entry: entry.numbers[row] - number & 0xFFFF)
        if at == len(entries) or entries[at].numbers[row] - number & 0xFFFF != count:
            return None
        return at + 1, entries[at].sizes[row] - self._size, entries[at].at

    def skip(self, batches: int) -> None:
        """See `history.Unread`."""
        unread = self.ledger.since(self._read)
        last = unread[batches - 1]
        self._read = self.ledger.end - len(unread) + batches
        self._number, self._size = last.numbers[self.row], last.sizes[self.row]

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
