"""What is encoded here is what FFmpeg would have made with the same library."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from server.media.wire.opus import RATE, Decoder, Encoder, Samples, duration


def speech_like(rate: int) -> Samples:
    """Three seconds of gliding tones that come and go over noise."""
    at = np.arange(3 * rate) / rate
    voice = 8_000 * np.sin(2_000 * at * (1 + 0.2 * np.sin(2 * at))) * (np.sin(3 * at) > 0)
    whole: Samples = (voice + np.random.default_rng(1).normal(0, 300, at.size)).astype(np.int16)
    return whole


class ByFfmpeg:
    """The same through PyAV."""

    def __init__(self, bit_rate: int, rate: int, effort: int, repairs: bool) -> None:
        self._codec: Any = av.CodecContext.create("libopus", "w")
        self._codec.bit_rate, self._codec.sample_rate, self._codec.layout = bit_rate, rate, "mono"
        self._codec.format, self._codec.time_base = "s16", Fraction(1, rate)
        options = {"application": "voip", "compression_level": str(effort)}
        self._codec.options = options | ({"fec": "1", "packet_loss": "10"} if repairs else {})
        self._codec.open()
        self._at = 0

    def encode(self, samples: Samples) -> bytes:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = self._codec.sample_rate, self._codec.time_base, self._at
        self._at += samples.size
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


@pytest.mark.parametrize(
    ("bit_rate", "rate", "effort", "repairs"),
    [(24_000, 8_000, 1, True), (32_000, 16_000, 1, True), (32_000, RATE, 5, True), (40_000, RATE, 5, False)],
)
def test_packets_are_those_of_ffmpeg(bit_rate: int, rate: int, effort: int, repairs: bool) -> None:
    ours, theirs = Encoder(bit_rate, rate, effort, repairs=repairs), ByFfmpeg(bit_rate, rate, effort, repairs)
    decoder = Decoder()
    for frame in speech_like(rate).reshape(-1, ours.frame):
        packet = ours.encode(frame)
        assert packet == theirs.encode(frame)
        assert duration(packet) == 960
        decoded = decoder.decode(packet)
        assert decoded is not None
        assert decoded.size == 960


def test_only_frames_of_16_bits_and_20_ms_are_encoded() -> None:
    encoder = Encoder()
    for samples in (np.zeros(959, np.int16), np.zeros(1_920, np.int16), np.zeros(960, np.float32)):
        with pytest.raises(ValueError, match="samples of"):
            encoder.encode(samples)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="44100"):
        Encoder(rate=44_100)
