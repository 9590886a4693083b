from __future__ import annotations

import numpy as np
import pytest

from server.media.phone.codecs import Codec, codec
from server.media.wire.opus import Samples
from tests.sounds import pitch, tone

NAMES = ["PCMU", "PCMA", "G722", "OPUS"]


def through(there: Codec, back: Codec, samples: Samples) -> Samples:
    size = there.rate // 50
    payloads = [there.encode(samples[at : at + size]) for at in range(0, samples.size - size + 1, size)]
    assert all(there.duration(payload) == there.clock // 50 for payload in payloads if payload)
    decoded = [back.decode(payload) for payload in payloads if payload]
    return np.concatenate([one for one in decoded if one is not None])


@pytest.mark.parametrize("name", NAMES)
def test_a_tone_comes_through_at_its_pitch_and_loudness(name: str) -> None:
    there, back = codec(name), codec(name)
    heard = through(there, back, tone(440, 1.0, there.rate))[there.rate // 5 :]
    assert abs(pitch(heard, there.rate) - 440) < 3
    assert 0.8 < heard.astype(float).std() / (8_000 / np.sqrt(2)) < 1.2


@pytest.mark.parametrize("name", NAMES)
def test_octets_from_anywhere_harm_nothing(name: str) -> None:
    one = codec(name)
    for payload in (b"", b"\0", b"\xff" * 7, bytes(range(256)) * 5, b"\x03", b"\x7f\xff"):
        one.duration(payload)
        one.decode(payload)
    there = codec(name)
    heard = through(there, one, tone(440, 1.0, there.rate))[there.rate // 2 :]
    assert abs(pitch(heard, there.rate) - 440) < 5


def test_another_codec() -> None:
    with pytest.raises(KeyError):
        codec("G729")
