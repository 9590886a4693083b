"""Where a page of a list of deliveries goes on: behind the last line of the one before (keyset)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NEVER = datetime.max.replace(tzinfo=UTC)
"""Where the order needs a date, of what is due at no date: last."""
Key = tuple[datetime, int]
"""When a delivery is due, and its id."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def place_of(key: Key) -> str:
    """A key as it stands in an address: microseconds since 1970."""
    return f"{(key[0] - _EPOCH) // _MICROSECOND}.{key[1]}"


def key_of(place: str) -> Key | None:
    """The key of an address; None at the beginning of the list."""
    if not place:
        return None
    moment, _dot, delivery = place.partition(".")
    return _EPOCH + min(int(moment) * _MICROSECOND, NEVER - _EPOCH), int(delivery)
