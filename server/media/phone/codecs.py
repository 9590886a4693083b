"""Codecs of telephones, one interface: a payload to samples and back, 20 ms at a time.

G.722 and Opus keep a state, so each direction of each call has a codec of its own; G.711 has none and is shared.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

import av
import numpy as np

from server.media.phone.g711 import ALAW, G711, LINE_RATE, ULAW
from server.media.wire import opus
from server.media.wire.opus import Samples

FRAME_TIME = opus.FRAME / opus.RATE  # s

Rate = int
"""Samples a second."""


class Codec(Protocol):
    """`rate` is of samples, `clock` of timestamps; they differ with G.722 (RFC 3551 §4.5.2)."""

    rate: Rate
    clock: Rate

    def duration(self, payload: bytes) -> int:
        """How long a payload lasts, in units of the clock; 0 when it is none of this codec's."""

    def decode(self, payload: bytes) -> Samples | None:
        """Its samples, None when they cannot be had."""

    def conceal(self) -> Samples | None:
        """20 ms of what probably was in a packet that is lost; None when the codec does not know."""

    def encode(self, samples: Samples) -> bytes:
        """20 ms as a payload."""


class G711Codec:
    """PCMU or PCMA."""

    rate = clock = LINE_RATE

    def __init__(self, law: G711) -> None:
        self._law = law
        self.encode = law.encode

    def duration(self, payload: bytes) -> int:
        """An octet a sample."""
        return len(payload)

    def decode(self, payload: bytes) -> Samples | None:
        """Any octets are sound."""
        return self._law.decode(payload)

    def conceal(self) -> Samples | None:
        """It knows nothing of what comes."""
        return None


class G722Codec:
    """G.722 at 64 kbit/s, by FFmpeg."""

    rate, clock = 16_000, 8_000

    def __init__(self) -> None:
        self._decoder: av.AudioCodecContext = av.CodecContext.create("g722", "r")
        self._decoder.sample_rate = self.rate
        self._decoder.layout = "mono"
        self._encoder: av.AudioCodecContext = av.CodecContext.create("g722", "w")
        self._encoder.sample_rate = self.rate
        self._encoder.layout = "mono"
        self._encoder.format = "s16"
        self._encoder.time_base = Fraction(1, self.rate)
        self._encoder.options = {"frame_size": "320"}
        self._encoder.open()
        self._at = 0

    def duration(self, payload: bytes) -> int:
        """An octet is two samples and one tick of the clock."""
        return len(payload)

    def decode(self, payload: bytes) -> Samples | None:
        """None for nothing."""
        if not payload:
            return None
        try:
            frames = self._decoder.decode(av.Packet(payload))
        except av.FFmpegError:
            return None
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]) if frames else None

    def conceal(self) -> Samples | None:
        """FFmpeg's decoder has nothing for it."""
        return None

    def encode(self, samples: Samples) -> bytes:
        """320 samples as 160 octets."""
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self.rate
        frame.time_base = Fraction(1, self.rate)
        frame.pts = self._at
        self._at += samples.size
        return b"".join(bytes(packet) for packet in self._encoder.encode(frame))


class OpusCodec:
    """Opus at 48 kHz."""

    rate = clock = opus.RATE

    def __init__(self) -> None:
        self._decoder = opus.Decoder()
        self._encoder: opus.Encoder | None = None
        self.decode = self._decoder.decode
        self.conceal = self._decoder.conceal

    def duration(self, payload: bytes) -> int:
        """By its first octets."""
        return opus.duration(payload)

    def encode(self, samples: Samples) -> bytes:
        """960 samples; few telephones are encoded for alone, so the encoder is made when it is needed."""
        if self._encoder is None:
            self._encoder = opus.Encoder(32_000, repairs=True)
        return self._encoder.encode(samples)


def codec(name: str) -> Codec:
    """A codec for one direction of one call, by its name in a description. Raises KeyError for another."""
    return _MADE[name]()


_MADE: dict[str, Callable[[], Codec]] = {
    "PCMU": lambda: G711Codec(ULAW),
    "PCMA": lambda: G711Codec(ALAW),
    "G722": G722Codec,
    "OPUS": OpusCodec,
}
