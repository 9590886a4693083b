"""Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

The receiver of media tells when each packet of the transport came; the sender estimates the path from that. Times are
in microseconds of any clock that does not go back; on the wire they have a grain of 250 µs.
"""

from __future__ import annotations

from itertools import accumulate, groupby
from struct import Struct
from typing import NamedTuple

from server.errors import ProtocolError
from server.media.wire.rtcp_build import build_transport_feedback
from server.media.wire.rtp import unwrap

TICK_US = 250
_REFERENCE_TICKS = 256  # the reference time counts 64 ms
_REFERENCE_BITS = 24

LARGEST_STATUS_COUNT = 2048  # packets that we read from one feedback; browsers send some hundreds
_WINDOW = 1024  # packets below the newest whose arrival is remembered, for those that come late
_WAITING = 4096  # arrivals between two feedbacks; a flood beyond is not reported
_RECEIVED_PER_PACKET = 400  # so that a feedback stays below 1,200 bytes
_SPAN_PER_PACKET = 1024

_HEAD = Struct("!HHI")
_RUN_END = 10  # where the deltas begin behind a single chunk
_MISSING, _SMALL, _LARGE = 0, 1, 2
_RUN_BITS = 13

# Symbols of a chunk's lower fourteen bits, looked up in two steps of seven (one-bit) or of eight and six (two-bit).
_ONE_BIT = [tuple(value >> shift & 1 for shift in range(6, -1, -1)) for value in range(128)]
_FOUR = [tuple(value >> shift & 3 for shift in (6, 4, 2, 0)) for value in range(256)]
_THREE = [tuple(value >> shift & 3 for shift in (4, 2, 0)) for value in range(64)]

Arrival = tuple[int, int | None]  # 16-bit sequence number; microseconds, or None when it did not come


class Report(NamedTuple):
    """A feedback read as a whole, for who asks about ranges of numbers and not about each.

    The i-th of `told` packets from the 16-bit `base` on came if `before[i + 1] > before[i]`, at `ticks[before[i]]`;
    `before` is None when all came, and then `ticks[i]` is the time of the i-th, in units of `TICK_US`. `ordered` says
    that none came before its predecessor.
    """

    base: int
    told: int
    before: list[int] | None
    ticks: list[int]
    ordered: bool


# ---- reading -------------------------------------------------------------------------------------------------------


def read_report(fci: bytes, near: int | None = None) -> Report:
    """Read a `rtcp.TransportFeedback.fci`, without a step of Python for each packet in the usual case.

    The reference time wraps after twelve days: with `near`, a time of the feedback before, in ticks, times go on from
    there. Raises ProtocolError when malformed or absurdly long.
    """
    base, count, reference = _read_head(fci, near)
    before: list[int] | None = None
    if _is_one_run(fci, count):
        came, at = count, _RUN_END
    else:
        symbols, at = _read_chunks(fci, count)
        came = symbols.count(_SMALL)
        if came + symbols.count(_MISSING) < count:
            return _read_large(fci, at, symbols, base, reference)
        if came < count:
            before = list(accumulate(symbols, initial=0))
    deltas = fci[at : at + came]
    if len(deltas) < came:
        raise ProtocolError("transport feedback has too few deltas")
    ticks = list(accumulate(deltas, initial=reference))
    del ticks[0]
    return Report(base, count, before, ticks, True)


def read_run(fci: bytes, near: int | None = None) -> tuple[int, int, int] | None:
    """Of a feedback that says that all came, one soon after the other: its first number, how many, and the last's time.

    None when it says something else. As `read_report`, at a fifth of the cost.
    """
    base, count, reference = _read_head(fci, near)
    end = _RUN_END + count
    if not _is_one_run(fci, count) or len(fci) < end:
        return None
    return base, count, reference + sum(fci[_RUN_END:end])


def _read_head(fci: bytes, near: int | None) -> tuple[int, int, int]:
    """The first number, how many it speaks of, and the reference time in ticks."""
    if len(fci) < _RUN_END:
        raise ProtocolError("transport feedback is truncated")
    base, count, tail = _HEAD.unpack_from(fci)
    if not 0 < count <= LARGEST_STATUS_COUNT:
        raise ProtocolError("transport feedback has a wrong number of statuses")
    reference: int = tail >> 8
    if near is not None:
        reference = unwrap(reference, near // _REFERENCE_TICKS, _REFERENCE_BITS)
    return base, count, reference * _REFERENCE_TICKS


def _is_one_run(fci: bytes, count: int) -> bool:
    """The usual case: one chunk, in which all came and each delta takes a byte."""
    return fci[8] >> 5 == _SMALL and (fci[8] & 0x1F) << 8 | fci[9] == count


def _read_large(fci: bytes, at: int, symbols: list[int], base: int, ticks: int) -> Report:
    """A feedback in which some delta takes two bytes: something came late, or long after its predecessor."""
    try:
        arrivals = _read_deltas(fci, at, symbols, base, ticks)
    except IndexError as error:
        raise ProtocolError("transport feedback has too few deltas") from error
    before = list(accumulate((time is not None for _, time in arrivals), initial=0))
    times = [time // TICK_US for _, time in arrivals if time is not None]
    return Report(base, len(symbols), before, times, times == sorted(times))


def _read_chunks(fci: bytes, count: int) -> tuple[list[int], int]:
    symbols: list[int] = []
    at, size = 8, len(fci) - 1
    while len(symbols) < count:
        if at >= size:
            raise ProtocolError("transport feedback has too few chunks")
        high, low = fci[at], fci[at + 1]
        at += 2
        if high < 0x80:
            length = (high & 0x1F) << 8 | low
            if length == 0:
                raise ProtocolError("transport feedback has an empty run")
            symbols += [high >> 5] * min(length, count - len(symbols))
        elif high < 0xC0:
            symbols += _ONE_BIT[(high & 0x3F) << 1 | low >> 7]
            symbols += _ONE_BIT[low & 0x7F]
        else:
            symbols += _FOUR[(high & 0x3F) << 2 | low >> 6]
            symbols += _THREE[low & 0x3F]
    del symbols[count:]
    return symbols, at


def _read_deltas(fci: bytes, at: int, symbols: list[int], base: int, ticks: int) -> list[Arrival]:
    arrivals: list[Arrival] = []
    for number, symbol in enumerate(symbols, base):
        if symbol == _SMALL:
            ticks += fci[at]
            at += 1
        elif symbol == _LARGE:
            delta = fci[at] << 8 | fci[at + 1]
            ticks += delta - 0x10000 if delta >= 0x8000 else delta
            at += 2
        elif symbol == _MISSING:
            arrivals.append((number & 0xFFFF, None))
            continue
        else:
            raise ProtocolError("transport feedback has a reserved symbol")
        arrivals.append((number & 0xFFFF, ticks * TICK_US))
    return arrivals


# ---- building ------------------------------------------------------------------------------------------------------


class FeedbackBuilder:
    """Collects arrivals of one transport and makes feedback packets of them, which say of each number since the last
    feedback whether and when it came. A packet that was reported missing and then comes is reported again.
    """

    def __init__(self, sender_ssrc: int, media_ssrc: int = 0) -> None:
        self.sender_ssrc = sender_ssrc
        self.media_ssrc = media_ssrc
        self._ticks: dict[int, int] = {}  # unwrapped number -> arrival
        self._highest: int | None = None
        self._begin: int | None = None  # first number of the next feedback; None while nothing new came
        self._next = 0  # first number that no feedback has covered
        self._waiting = 0
        self._feedbacks = 0

    @property
    def sent(self) -> int:
        """How many packets the peer has sent until the newest that came; only differences count."""
        return self._highest or 0

    def record(self, sequence: int, arrival_us: int) -> None:
        """A packet with this 16-bit transport-wide number came; copies and very late ones are ignored."""
        highest = self._highest
        if highest is None:
            number = self._highest = self._next = sequence + 0x10000
        else:
            number = unwrap(sequence, highest)
            if number > highest:
                self._highest = number
            elif number <= highest - _WINDOW or number in self._ticks:
                return
        if self._waiting >= _WAITING:
            return
        self._waiting += 1
        self._ticks[number] = arrival_us // TICK_US
        begin = self._begin
        if begin is None:
            self._begin = min(number, self._next)
        elif number < begin:
            self._begin = number

    def build(self, losses: bool = True) -> list[bytes]:
        """RTCP packets for what came since the last call; empty when nothing did.

        Without `losses` they say nothing of what did not come: Chromium sends that again unasked.
        """
        if self._begin is None or self._highest is None:
            return []
        begin, highest = self._begin, self._highest
        numbers = sorted(number for number in self._ticks if number >= begin)
        packets: list[bytes] = []
        while numbers:
            taken, base = self._take(numbers, begin if losses else numbers[0])
            if not losses:
                taken = min(taken, _run(numbers))
            packets.append(self._packet(numbers[:taken], base))
            begin = numbers[taken - 1] + 1
            del numbers[:taken]
        self._begin, self._next, self._waiting = None, begin, 0
        self._ticks = {n: ticks for n, ticks in self._ticks.items() if n > highest - _WINDOW}
        return packets

    def _take(self, numbers: list[int], begin: int) -> tuple[int, int]:
        """How many of the sorted numbers fit the next packet, and the first number it speaks of.

        A gap wider than a packet may span is a new beginning of the peer's numbers, not a loss to be listed.
        """
        first = numbers[0]
        base = begin if first - begin < _SPAN_PER_PACKET else first
        before = self._ticks[first]
        for taken, number in enumerate(numbers):
            ticks = self._ticks[number]
            if (
                taken == _RECEIVED_PER_PACKET
                or number - base >= _SPAN_PER_PACKET
                or not -0x8000 <= ticks - before < 0x8000
            ):
                return taken, base
            before = ticks
        return len(numbers), base

    def _packet(self, numbers: list[int], base: int) -> bytes:
        symbols = [_MISSING] * (numbers[-1] - base + 1)
        deltas = bytearray()
        reference = self._ticks[numbers[0]] // _REFERENCE_TICKS
        before = reference * _REFERENCE_TICKS
        for number in numbers:
            ticks = self._ticks[number]
            delta = ticks - before
            before = ticks
            if 0 <= delta <= 0xFF:
                symbols[number - base] = _SMALL
                deltas.append(delta)
            else:
                symbols[number - base] = _LARGE
                deltas += delta.to_bytes(2, "big", signed=True)
        head = _HEAD.pack(base & 0xFFFF, len(symbols), (reference & 0xFF_FFFF) << 8 | self._feedbacks & 0xFF)
        self._feedbacks += 1
        fci = b"".join((head, _build_chunks(symbols), deltas))
        return build_transport_feedback(self.sender_ssrc, self.media_ssrc, fci)


def _run(numbers: list[int]) -> int:
    """How many of the first follow each other without a gap."""
    return next((at for at, number in enumerate(numbers) if number != numbers[0] + at), len(numbers))


def _build_chunks(symbols: list[int]) -> bytes:
    """Runs where they are long, vectors of fourteen or seven else."""
    runs = [(symbol, sum(1 for _ in group)) for symbol, group in groupby(symbols)]
    ends: list[int] = []
    at = 0
    for _, length in runs:
        at += length
        ends.append(at)
    chunks = bytearray()
    at = run = 0
    while at < len(symbols):
        while ends[run] <= at:
            run += 1
        left = ends[run] - at
        vector = symbols[at : at + 14]
        small = _LARGE not in vector
        if left >= (14 if small else 7) or left >= len(vector):
            length = min(left, (1 << _RUN_BITS) - 1)
            chunk = symbols[at] << _RUN_BITS | length
            at += length
        elif small:
            chunk = 0x8000 | _bits(vector, 1)
            at += 14
        else:
            chunk = 0xC000 | _bits(vector[:7], 2)
            at += 7
        chunks += chunk.to_bytes(2, "big")
    return bytes(chunks)


def _bits(symbols: list[int], width: int) -> int:
    value = 0
    for symbol in symbols:
        value = value << width | symbol
    return value << (14 - width * len(symbols))
