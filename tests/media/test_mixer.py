"""The mixer puts each voice where it belongs, whatever the network does to its packets."""

from __future__ import annotations

import random

import numpy as np
import pytest

from server.media.recording.mixer import DELAY, MOST_WAITING, Mixer, Tick
from server.media.wire.opus import FRAME, LONGEST, QUIET, RATE, Decoder, duration
from tests.media.material import Sound, tone

START = 50.0


def _sound(ticks: list[Tick]) -> Sound:
    parts = [np.zeros(FRAME, np.int16) if tick.total is None else tick.total for tick in ticks]
    return Sound(np.concatenate(parts), 0.0)


def _mix(mixer: Mixer, packets: list[tuple[float, str, bytes, int]], seconds: float) -> Sound:
    """Push packets (arrival, who, data, timestamp) in the order of arrival; mix every 20 ms."""
    ticks: list[Tick] = []
    waiting = sorted(packets, key=lambda packet: packet[0])
    for step in range(round((seconds + DELAY) * 50) + 1):
        now = START + step * 0.02
        while waiting and waiting[0][0] + START <= now:
            at, who, data, timestamp = waiting.pop(0)
            mixer.push(who, data, timestamp & 0xFFFF_FFFF, START + at)
        ticks += mixer.mix(now)
    return _sound(ticks)


def _voice(hertz: float, seconds: float, begin: float, first: int = 0) -> list[tuple[float, str, bytes, int]]:
    return [(begin + i * 0.02, f"{hertz:.0f}", data, first + i * FRAME) for i, data in enumerate(tone(hertz, seconds))]


def test_two_voices_are_summed() -> None:
    sound = _mix(Mixer(START), _voice(440, 2, 0) + _voice(1000, 1, 0.5), 2)
    assert sound.hertz(0.7, 1.4, count=2) == pytest.approx([440, 1000], abs=5)
    assert sound.hertz(1.6, 1.95) == pytest.approx([440], abs=5)
    assert sound.samples.size == 2 * RATE


def test_loud_voices_saturate_and_do_not_wrap() -> None:
    full = np.full(FRAME, 30_000, np.int16)
    total = Tick(0, {"a": full, "b": full, "c": -full}).total
    assert total is not None
    assert (total == 30_000).all()
    total = Tick(0, {"a": full, "b": full}).total
    assert total is not None
    assert (total == 32_767).all()


def test_jitter_and_disorder_within_the_delay_change_nothing() -> None:
    rng = random.Random(7)
    packets = _voice(440, 3, 0, first=0xFFFF_F000)
    calm = _mix(Mixer(START), packets, 3)
    shaken = _mix(Mixer(START), [(at + rng.uniform(0, 0.15), *rest) for at, *rest in packets], 3)
    assert shaken.onset() == pytest.approx(calm.onset(), abs=0.03)
    assert shaken.loudness(1, 2.8) == pytest.approx(calm.loudness(1, 2.8), rel=0.02)
    assert shaken.hertz(1, 2.8) == pytest.approx([440], abs=2)


def test_a_voice_begins_when_its_first_packet_came() -> None:
    sound = _mix(Mixer(START), _voice(440, 1, 1.2, first=123_456_789), 2.5)
    assert sound.onset() == pytest.approx(1.2, abs=0.03)


def test_lost_packets_are_papered_over() -> None:
    packets = _voice(440, 3, 0)
    kept = [packet for i, packet in enumerate(packets) if i % 10]
    sound = _mix(Mixer(START), kept, 3)
    assert sound.hertz(1, 2.8) == pytest.approx([440], abs=2)
    assert sound.loudness(1, 2.8) > 0.85 * _mix(Mixer(START), packets, 3).loudness(1, 2.8)


def test_a_voice_that_stops_becomes_silence() -> None:
    mixer = Mixer(START)
    sound = _mix(mixer, _voice(440, 1, 0), 3)
    assert sound.loudness(1.3, 3) == 0
    assert all(not tick.voices for tick in mixer.mix(START + 5))


def test_a_new_beginning_of_the_numbers_goes_on_at_once() -> None:
    """After a reload the same participant sends from another random timestamp."""
    sound = _mix(Mixer(START), _voice(440, 1, 0, first=4_000_000_000) + _voice(440, 1, 2, first=17), 3)
    assert sound.hertz(2.1, 2.9) == pytest.approx([440], abs=5)
    assert sound.loudness(1.4, 1.95) == 0


@pytest.mark.parametrize("off", [0.4, 0.7, 1.0, 3.0, 4.9, 8.0])
def test_a_microphone_that_was_off_is_heard_at_once(off: float) -> None:
    """Its sender's timestamps stood meanwhile, as Chromium's do."""
    before, after = _voice(440, 2, 0), _voice(440, 2, 2 + off, first=2 * RATE)
    sound = _mix(Mixer(START), before + after, 4 + off)
    loud = [sound.loudness(2 + off + n / 50, 2 + off + (n + 1) / 50) > 1000 for n in range(98)]
    assert loud.count(False) <= 5, "words were lost"
    assert loud.index(True) <= 5
    assert sound.hertz(2.5 + off, 3.8 + off) == pytest.approx([440], abs=2)


@pytest.mark.parametrize("queue", [0.5, 1.0, 1.5])
def test_what_waits_in_a_queue_is_heard_later_and_comes_back_to_its_place_in_pauses(queue: float) -> None:
    """A way that is full for three seconds, and then drains twice as fast as it is filled."""
    words = 32  # of 0.3 s, one every half second
    packets = [packet for word in range(words) for packet in _voice(440, 0.3, word / 2, first=word * RATE // 2)]
    packets += [(n / 50, "440", QUIET, n * FRAME) for n in range(25 * words) if n % 25 >= 15]
    waits = [(at + (queue if 4 <= at < 7 else max(0.0, queue + 7 - at) * (at >= 7)), *rest) for at, *rest in packets]
    sound = _mix(Mixer(START), waits, words / 2)
    loud = [sound.loudness(n / 50, (n + 1) / 50) > 1000 for n in range(25 * words - 10)]
    assert sum(loud) >= 15 * words - 30, "no more than something of some words' edges"
    assert all(loud[n] for n in range(25 * words - 25, 25 * words - 11)), "at its place again"


@pytest.mark.parametrize("drift", [-200e-6, 200e-6])
def test_a_drifting_clock_is_followed(drift: float) -> None:
    """A sender whose clock is off by 200 ppm is 24 ms off after two minutes; the voice stays within 60 ms."""
    mixer, pip = Mixer(START), tone(440, 0.2)
    sound: list[Tick] = []
    for i in range(120 * 50 * 3):
        at = i * 0.02 * (1 + drift)
        packet = pip[i % 500] if i % 500 < len(pip) else QUIET
        mixer.push("an", packet, i * FRAME, START + at)
        sound += mixer.mix(START + at)
    last = max(i for i in range(0, 18_000 - 100, 500))
    expected = last * 0.02 * (1 + drift)
    heard = _sound(sound)
    near = Sound(heard.between(expected - 1, expected + 1), expected - 1)
    assert near.onset() == pytest.approx(expected, abs=0.06)


def test_garbage_is_refused_and_disturbs_nobody() -> None:
    rng = random.Random(3)
    mixer = Mixer(START)
    garbage = [(i * 0.01, "bad", rng.randbytes(rng.randrange(40)), rng.getrandbits(32)) for i in range(300)]
    sound = _mix(mixer, _voice(440, 3, 0) + [(at, who, b"", ts) for at, who, _, ts in garbage], 3)
    assert mixer.refused == 300
    assert sound.hertz(1, 2.8) == pytest.approx([440], abs=2)
    ticks = []
    for at, who, data, timestamp in garbage:
        mixer.push(who, data, timestamp, START + 4 + at)
        ticks += mixer.mix(START + 4 + at)
    assert all(samples.size == FRAME for tick in ticks for samples in tick.voices.values())


def test_a_flood_is_bounded() -> None:
    mixer = Mixer(START)
    for i in range(10 * MOST_WAITING):
        mixer.push("an", QUIET, i * FRAME, START)
    assert len(mixer._voices["an"]._waiting) <= MOST_WAITING


def test_speaking_is_loud_enough() -> None:
    wave = (10_000 * np.sin(np.arange(FRAME) / 10)).astype(np.int16)
    assert Tick(0, {"an": wave, "hum": wave // 100}).speaking == ["an"]


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"", 0),
        (QUIET, 960),
        (b"\x18", 2880),  # SILK, 60 ms, one frame
        (b"\x79", 1920),  # hybrid, 20 ms, two frames
        (b"\xfb\x03", 2880),  # CELT, 20 ms, three frames
        (b"\xfb", 0),
        (b"\xfb\x3f", 0),  # 63 frames are too long
        (b"\x1b\x02", LONGEST),
    ],
)
def test_duration(packet: bytes, samples: int) -> None:
    assert duration(packet) == samples


def test_a_decoder_survives_what_is_no_packet() -> None:
    decoder, packets = Decoder(), tone(440, 0.2)
    for bad in (b"", b"\xfb", b"\xff\xff\xff", b"\x03\x00"):
        assert decoder.decode(bad) is None
    assert [decoder.decode(packet).size for packet in packets] == [FRAME] * 10  # type: ignore[union-attr]
    concealed = decoder.conceal()
    assert concealed is not None
    assert np.abs(concealed).max() > 1000
