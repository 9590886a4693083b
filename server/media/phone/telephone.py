"""A telephone as the others of a room hear it: its sound as Opus packets of a source, as a browser's voice is one."""

from __future__ import annotations

import math
import secrets

import numpy as np

from server.media.inward.packet import BLANK_HEADER, Packet
from server.media.inward.source import Source
from server.media.phone.gain import Gain, soften
from server.media.phone.resample import Floats
from server.media.protocol import Kind
from server.media.speakers import SPEAKING
from server.media.wire.opus import FRAME, QUIET, Encoder, Samples

HANGOVER = 0.4  # s after the last loud frame in which sound goes on: words end softly
ALIVE_EVERY = 0.4  # s between packets of a silent line, as browsers send them (DTX)
BIT_RATE, WIDE_BIT_RATE = 24_000, 32_000  # from 8 kHz, and from more, with repairs in either
EFFORT = 1  # 30 us a packet where 5 takes 57; at 24 kbit/s a line of 3.4 kHz sounds alike


class Telephone:
    """One participant by telephone. `allowed` is what of it is passed on, `source` where its packets go."""

    def __init__(self, name: str, call: str) -> None:
        self.name, self.call = name, call
        self.allowed: frozenset[Kind] = frozenset()
        self.source = Source(name, "microphone", "", secrets.randbits(32))
        self._gain = Gain()
        self._encoder: Encoder | None = None  # of the rate at which the line comes
        self._index = secrets.randbits(15) + 0x10000
        self._timestamp = secrets.randbits(31)
        self._loud_until = self._sent_at = float("-inf")
        self._sounded = -1

    def packet(self, samples: Samples | None, rate: int, number: int, now: float) -> tuple[Packet, int] | None:
        """What the others get of these 20 ms and how loud it is (0..127); None for silence that nobody misses.

        They are the `number`th; one who may not be heard is not asked in each.
        """
        loud = soften(self._gain(samples.astype(np.float32))) if samples is not None else None
        level = _level(loud) if loud is not None else 0
        if level >= SPEAKING:
            self._loud_until = now + HANGOVER
        if now < self._loud_until:
            marker = 0 if number == self._sounded + 1 else 0x80  # RFC 3551 §4.1: a talkspurt begins
            self._sounded = number
            return self._made(self._encode(loud, rate), marker, number, now), level
        return (self._made(QUIET, 0, number, now), 0) if now - self._sent_at >= ALIVE_EVERY else None

    def _encode(self, sound: Floats | None, rate: int) -> bytes:
        encoder = self._encoder
        if encoder is None or (sound is not None and encoder.rate != rate):
            bit_rate = BIT_RATE if rate == 8_000 else WIDE_BIT_RATE
            encoder = self._encoder = Encoder(bit_rate, rate, EFFORT, repairs=True)
        return encoder.encode(sound.astype(np.int16) if sound is not None else np.zeros(encoder.frame, np.int16))

    def _made(self, payload: bytes, marker: int, number: int, now: float) -> Packet:
        self._index += 1
        self._sent_at = now
        timestamp = (self._timestamp + number * FRAME) & 0xFFFF_FFFF
        return Packet(self._index, timestamp, marker, BLANK_HEADER + payload, now)


def _level(samples: Floats) -> int:
    """127 less the level of RFC 6464."""
    power = float(np.dot(samples, samples)) / samples.size
    decibels = 10 * math.log10(power / 32_768**2) if power > 0 else -127.0
    return int(min(max(round(127 + decibels), 0), 127))
