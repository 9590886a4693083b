"""Keys pressed on a telephone (RFC 4733): each press once, however often its packets are doubled, lost or mixed up."""

from __future__ import annotations

import struct
from bisect import insort

from server.errors import ProtocolError
from server.media.wire.rtp import unwrap

KEYS = "0123456789*#ABCD"

_EVENT = struct.Struct("!BBH")
_LONGEST = 0xFFFF  # of a segment; longer presses go on in another (§2.5.1.3)
_REMEMBERED = 16  # presses whose late packets are known for what they are
_LATEST = 0x80000  # that a packet may come late: 11 s at 48 kHz, a minute at 8; from further back, the clock has leapt


class Keypad:
    """Hears the event packets of one source (SSRC)."""

    def __init__(self) -> None:
        self._presses: list[int] = []  # unwrapped timestamps of the newest, in order
        self._key = -1
        self._begun = 0

    def hear(self, payload: bytes, timestamp: int) -> str | None:
        """The key when this packet is the first of its press, else None.

        Raises ProtocolError for a payload that is no event. Events that are no keys (hook flash, fax tones) are None.
        """
        if len(payload) < _EVENT.size:
            raise ProtocolError("a telephone event is truncated")
        key, _, _ = _EVENT.unpack_from(payload)
        if key >= len(KEYS):
            return None
        at = unwrap(timestamp, self._begun, 32) if self._presses else timestamp
        if self._presses and at < self._presses[-1] - _LATEST:
            self._presses.clear()
        if at in self._presses:
            return None
        if self._presses and at < self._presses[-1]:
            return self._late(key, at)
        goes_on = key == self._key and at == self._begun + _LONGEST  # no two presses are just so far apart
        self._remember(at)
        self._key, self._begun = key, at
        return None if goes_on else KEYS[key]

    def _late(self, key: int, at: int) -> str | None:
        """A packet from before the newest press, of one not yet known: all of its own were late or lost."""
        if len(self._presses) >= _REMEMBERED and at < self._presses[0]:
            return None
        self._remember(at)
        return KEYS[key]

    def _remember(self, at: int) -> None:
        insort(self._presses, at)
        del self._presses[:-_REMEMBERED]


def press(key: str, duration: int, ended: bool, volume: int = 10) -> bytes:
    """The payload of one packet of a press, `duration` in units of its clock. Raises ValueError for no key."""
    return _EVENT.pack(KEYS.index(key), ended << 7 | volume, min(duration, _LONGEST))
