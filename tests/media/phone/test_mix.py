from __future__ import annotations

import time

import numpy as np
import pytest

from server.media.phone.codecs import Codec, codec
from server.media.phone.gain import MOST, TARGET, Gain, soften
from server.media.phone.mix import Listener, Mix
from server.media.phone.resample import Resampler
from server.media.wire.opus import Samples
from tests.sounds import tone


def frames_of(hertz: float, rate: int, frames: int) -> Samples:
    return tone(hertz, frames / 50, rate, 4_000.0)


def strength(samples: Samples, hertz: float, rate: int) -> float:
    """Root mean square of the part that has this pitch."""
    at = np.arange(samples.size) / rate
    return float(abs(np.mean(samples * np.exp(-2j * np.pi * hertz * at))) * np.sqrt(2))


@pytest.mark.parametrize(("source", "target"), [(8_000, 48_000), (48_000, 8_000), (16_000, 8_000), (8_000, 16_000), (48_000, 16_000), (16_000, 48_000), (8_000, 8_000)])  # fmt: skip # noqa: E501
def test_a_tone_keeps_pitch_and_loudness_at_another_rate(source: int, target: int) -> None:
    resampler, samples = Resampler(source, target), frames_of(1_000, source, 50)
    size = source // 50
    pieces = [resampler(samples[at : at + size].astype(np.float32)) for at in range(0, samples.size, size)]
    assert {piece.size for piece in pieces} == {target // 50}
    whole = np.concatenate(pieces)[target // 10 :]
    assert abs(strength(whole, 1_000, target) / (4_000 / np.sqrt(2)) - 1) < 0.02
    rest = whole.std() ** 2 - strength(whole, 1_000, target) ** 2
    assert rest < 0.001 * whole.std() ** 2


def test_what_a_lower_rate_cannot_hold_is_left_out() -> None:
    resampler = Resampler(48_000, 8_000)
    made = np.concatenate([resampler(frames_of(5_500, 48_000, 1).astype(np.float32)) for _ in range(20)])
    assert made[160:].std() < 4_000 / np.sqrt(2) * 0.02
    with pytest.raises(ValueError, match="to"):
        Resampler(44_100, 8_000)


@pytest.mark.parametrize("level", [300.0, 1_000.0, 4_000.0, 15_000.0])
def test_quiet_and_loud_voices_come_out_alike(level: float) -> None:
    gain = Gain()
    rng = np.random.default_rng(1)
    out: list[float] = []
    for n in range(500):  # syllables, and pauses with the noise of the line
        samples = rng.normal(0, level if n % 50 < 35 else 10.0, 160).astype(np.float32)
        made = gain(samples)
        if n > 350 and n % 50 < 35:
            out.append(float(made.std()))
    assert gain.gain <= MOST
    assert 0.5 < np.mean(out) / TARGET < 1.7


def test_noise_alone_is_not_made_louder() -> None:
    gain = Gain()
    rng = np.random.default_rng(1)
    for _ in range(1_000):
        gain(rng.normal(0, 100.0, 160).astype(np.float32))
    assert gain.gain == 1.0


def test_a_sum_is_bent_and_never_turns_over() -> None:
    loud = np.linspace(-90_000, 90_000, 10_001).astype(np.float32)
    bent = soften(loud)
    assert np.abs(bent).max() <= 32_767
    assert (np.diff(bent) >= 0).all()
    quiet = np.linspace(-16_000, 16_000, 101).astype(np.float32)
    assert soften(quiet) is quiet


class Ear:
    """Decodes what a listener gets."""

    def __init__(self, name: str) -> None:
        self.codec: Codec = codec(name)
        self.heard: list[Samples] = []

    def hear(self, payload: bytes) -> None:
        samples = self.codec.decode(payload) if payload else None
        if samples is not None:
            self.heard.append(samples)

    def of(self, hertz: float) -> float:
        whole = np.concatenate(self.heard)
        return strength(whole[whole.size // 3 :], hertz, self.codec.rate)


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722", "OPUS"])
def test_each_hears_the_others_and_not_oneself(name: str) -> None:
    mix = Mix()
    voices = {"a": (400.0, 8_000), "b": (700.0, 16_000), "c": (1_100.0, 48_000)}
    sources = {who: (frames_of(hertz, rate, 150), rate) for who, (hertz, rate) in voices.items()}
    listeners = [Listener(who, name) for who in ("a", "b", "x", "y")]
    ears = {listener: Ear(name) for listener in listeners}
    payloads: dict[Listener, bytes] = {}
    for n in range(150):
        speakers = {
            who: (samples[n * rate // 50 : (n + 1) * rate // 50], rate) for who, (samples, rate) in sources.items()
        }
        payloads = dict(zip(listeners, mix.tick(speakers, listeners), strict=True))
        for listener, payload in payloads.items():
            ears[listener].hear(payload)
    assert payloads[listeners[2]] is payloads[listeners[3]], "listeners share one encoding"
    for listener, ear in ears.items():
        for who, (hertz, _rate) in voices.items():
            if who == listener.who:
                assert ear.of(hertz) < 60
            else:
                assert 1_500 < ear.of(hertz) < 4_500


def test_a_line_is_never_quite_dead_and_never_loud() -> None:
    mix, ear = Mix(), Ear("PCMU")
    for _ in range(100):
        ear.hear(*mix.tick({}, [Listener("x", "PCMU")]))
    level = np.concatenate(ear.heard).astype(float).std()
    assert 1 < level < 20


def test_nothing_is_remembered_of_who_left() -> None:
    mix = Mix()
    for n in range(600):
        mix.tick({f"s{n % 7}": (frames_of(400, 8_000, 1), 8_000)} if n < 50 else {}, [Listener(f"s{n % 7}", "PCMU")])
    for _ in range(1_000):
        mix.tick({}, [])
    assert (mix._voices, mix._own) == ({}, {})


def test_85_telephones_and_5_speakers_take_less_than_2_ms_a_tick() -> None:
    """p99 of the process's own time; PCMA and PCMU mixed, two speakers from telephones, three from browsers."""
    mix = Mix()
    samples = {8_000: frames_of(400, 8_000, 200), 48_000: frames_of(500, 48_000, 200)}
    kinds = [("p0", 8_000), ("p1", 8_000), ("w0", 48_000), ("w1", 48_000), ("w2", 48_000)]
    listeners = [Listener(f"p{n}", "PCMA" if n % 3 else "PCMU") for n in range(85)]
    spent = []
    for n in range(200):
        speakers = {who: (samples[rate][n * rate // 50 : (n + 1) * rate // 50], rate) for who, rate in kinds}
        began = time.process_time()
        assert len(mix.tick(speakers, listeners)) == 85
        spent.append(time.process_time() - began)
    assert sorted(spent)[197] < 0.002, sorted(spent)[-5:]
