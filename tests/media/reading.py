"""A slow reader of transport-wide feedback, which tells of each packet by itself: the node's own must agree with it."""

from __future__ import annotations

from server.errors import ProtocolError
from server.media.wire.rtp import unwrap
from server.media.wire.twcc import (
    _HEAD,
    _REFERENCE_BITS,
    _REFERENCE_TICKS,
    LARGEST_STATUS_COUNT,
    TICK_US,
    Arrival,
    _read_chunks,
    _read_deltas,
)


def parse_feedback(fci: bytes, near_us: int | None = None) -> list[Arrival]:
    """The statuses of a `rtcp.TransportFeedback.fci`, in order of sequence number.

    The reference time wraps after twelve days: with `near_us`, a time of the feedback before, times go on from there.
    Raises ProtocolError when malformed or absurdly long.
    """
    if len(fci) < 10:
        raise ProtocolError("transport feedback is truncated")
    base, count, tail = _HEAD.unpack_from(fci)
    if not 0 < count <= LARGEST_STATUS_COUNT:
        raise ProtocolError("transport feedback has a wrong number of statuses")
    symbols, at = _read_chunks(fci, count)
    reference: int = tail >> 8
    if near_us is not None:
        reference = unwrap(reference, near_us // (TICK_US * _REFERENCE_TICKS), _REFERENCE_BITS)
    try:
        return _read_deltas(fci, at, symbols, base, reference * _REFERENCE_TICKS)
    except IndexError as error:
        raise ProtocolError("transport feedback has too few deltas") from error
