"""Lines of every kind against one tone: what comes out must be the tone, soon, and without holes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.media.phone.codecs import codec
from server.media.phone.playout import LONGEST, Playout
from server.media.wire.opus import Samples
from tests.sounds import tone

STEP = 0.02
HERTZ = 400.0
AT_MOST = 0.025  # s that sound waits on a straight line: a frame of which the clock ticks just too soon, and the margin
Line = Callable[[int, random.Random], list[float]]
"""For packet n: how long each of its copies takes, in s; none is a loss."""


def straight(n: int, chance: random.Random) -> list[float]:
    return [0.03]


def jittery(n: int, chance: random.Random) -> list[float]:
    return [0.03 + chance.uniform(0, 0.03)]


def lossy(n: int, chance: random.Random) -> list[float]:
    return [] if chance.random() < 0.05 else [0.03]


def doubled(n: int, chance: random.Random) -> list[float]:
    return [0.03] * chance.randint(1, 3)


def disordered(n: int, chance: random.Random) -> list[float]:
    return [0.03 if n % 5 else 0.06]


def play(
    name: str,
    line: Line,
    seconds: float,
    *,
    drift: float = 0.0,
    begin: int = 0xFFFF_FFF0,
    seed: int = 1,
    phase: float = 0.007,
    hertz: float = HERTZ,
) -> tuple[Playout, list[Samples | None]]:
    """A tone of a sender whose clock runs faster by `drift`, through a line, into a playout on our clock."""
    there, playout = codec(name), Playout(codec(name))
    chance, said = random.Random(seed), 0
    size = there.rate // 50
    arrivals: list[tuple[float, int, bytes, int]] = []
    for n in range(round(seconds / STEP * (1 + drift))):
        samples = 8_000 * np.sin(2 * np.pi * hertz * (said + np.arange(size)) / there.rate)
        said += size
        payload = there.encode(samples.astype(np.int16))
        for held in line(n, chance):
            timestamp = (begin + n * there.clock // 50) & 0xFFFF_FFFF
            arrivals.append((100 + n * STEP / (1 + drift) + held, n, payload, timestamp))
    arrivals.sort(reverse=True)
    out: list[Samples | None] = []
    for tick in range(round(seconds / STEP)):
        now = 100 + phase + tick * STEP
        while arrivals and arrivals[-1][0] <= now:
            at, _, payload, timestamp = arrivals.pop()
            playout.push(payload, timestamp, at)
        out.append(playout.take(now))
    return playout, out


def longest_hole(out: list[Samples | None], rate: int) -> float:
    """Seconds within the tone that are silent: 5 ms pieces much too quiet."""
    size = rate // 50
    sound = np.concatenate([frame if frame is not None else np.zeros(size, np.int16) for frame in out])
    pieces = sound[: sound.size // (size // 4) * (size // 4)].reshape(-1, size // 4).astype(float)
    loud = pieces.std(axis=1) > 600
    first = int(np.argmax(loud))
    hole = longest = 0
    for one in loud[first:]:
        hole = 0 if one else hole + 1
        longest = max(longest, hole)
    return longest * 0.005


def first_sound(out: list[Samples | None]) -> float:
    return next(n for n, frame in enumerate(out) if frame is not None) * STEP + 0.007


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722", "OPUS"])
def test_a_straight_line_is_played_as_it_is_and_soon(name: str) -> None:
    playout, out = play(name, straight, 3)
    rate = codec(name).rate
    assert first_sound(out) <= 0.03 + AT_MOST + STEP + 0.04
    assert longest_hole(out[:-5], rate) <= 0.01
    sound = np.concatenate([frame for frame in out[20:140] if frame is not None]).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size))) ** 2
    peak = int(np.argmax(spectrum))
    assert abs(peak * rate / sound.size - HERTZ) < 2
    assert spectrum[peak - 5 : peak + 6].sum() > 0.97 * spectrum.sum()
    assert (playout.late, playout.concealed) == (0, 0) or name == "OPUS"


@pytest.mark.parametrize("phase", [n / 1_000 for n in range(20)])
def test_nothing_is_made_up_whenever_our_clock_ticks(phase: float) -> None:
    playout, _out = play("PCMA", straight, 4, phase=phase)
    assert (playout.late, playout.concealed) == (0, 0)


def waits(phase: float, milliseconds: int, chance: random.Random) -> list[float]:
    """Seconds that each 20 ms wait for our clock, which ticks `phase` after packets of so many milliseconds come; each
    comes up to a millisecond late.
    """
    there, playout = codec("PCMA"), Playout(codec("PCMA"))
    size, seconds = milliseconds * 8, milliseconds / 1_000
    payload = there.encode(tone(HERTZ, seconds))
    arrivals = [(100 + n * seconds + chance.uniform(0, 0.001), n * size) for n in range(round(6 / seconds))]
    found = []
    for tick in range(300):
        now = 100 + phase + tick * STEP
        while arrivals and arrivals[0][0] <= now:
            at, timestamp = arrivals.pop(0)
            playout.push(payload, timestamp, at)
        if playout.take(now) is not None:
            found.append(now - 100 - (playout._place() - 160) / 8_000)
    assert (playout.late, playout.concealed) == (0, 0)
    return found[50:]


def test_sound_waits_for_our_clock_and_no_longer() -> None:
    """From 6 to 26 ms, by where between two packets it ticks."""
    chance = random.Random(1)
    found = [waits(millisecond / 1_000, 20, chance) for millisecond in range(20)]
    for one in found:
        assert max(one) - min(one) < 0.0005, "it goes to and fro"
        assert 0.006 <= one[-1] <= AT_MOST + 0.005
    assert sum(one[-1] for one in found) / len(found) < 0.019


@pytest.mark.parametrize("milliseconds", [10, 30, 40, 60])
def test_packets_of_any_length_are_whole_whenever_our_clock_ticks(milliseconds: int) -> None:
    chance = random.Random(1)
    for millisecond in range(20):
        assert max(waits(millisecond / 1_000, milliseconds, chance)) <= AT_MOST + 0.005


@pytest.mark.parametrize("line", [jittery, lossy, doubled, disordered])
@pytest.mark.parametrize("name", ["PCMA", "G722"])
def test_a_bad_line_leaves_no_hole_longer_than_40_ms(name: str, line: Line) -> None:
    playout, out = play(name, line, 30)
    assert longest_hole(out[50:-10], codec(name).rate) <= 0.04
    assert playout.delay <= 0.06


@pytest.mark.parametrize("drift", [-3e-4, 3e-4])
def test_a_clock_that_drifts_is_followed(drift: float) -> None:
    playout, out = play("PCMA", straight, 240, drift=drift)
    assert longest_hole(out[50:-10], 8_000) <= 0.02
    assert playout.delay <= 0.04
    assert playout.late <= 5


def test_a_line_that_stands_is_played_on_where_it_is_by_then() -> None:
    def stands(n: int, chance: random.Random) -> list[float]:
        return [] if 100 <= n < 200 else [0.03]

    _playout, out = play("PCMA", stands, 8)
    silent = [n for n, frame in enumerate(out) if frame is None]
    assert 80 < len([n for n in silent if n > 20]) <= 100
    assert longest_hole(out[210:-5], 8_000) <= 0.01


@pytest.mark.parametrize("stall", [0.06, 0.1, 0.15])
def test_a_machine_that_comes_late_to_its_ticks_leaves_no_hole(stall: float) -> None:
    """Packets and ticks wait for as long; then come all packets, and each tick that is due, at its own time."""
    there, playout = codec("PCMA"), Playout(codec("PCMA"))
    sound = tone(HERTZ, 20)
    out: list[Samples | None] = []
    said = taken = 0
    for millisecond in range(20_000):
        now = 100 + millisecond / 1_000
        if 0 < (now - 104) % 5 <= stall:
            continue
        while 100 + said * STEP <= now:
            overdue = now > 100.007 + taken * STEP
            playout.push(there.encode(sound[said * 160 : said * 160 + 160]), said * 160, now, overdue=overdue)
            said += 1
        while 100.007 + taken * STEP <= now:
            out.append(playout.take(100.007 + taken * STEP))
            taken += 1
        assert playout.delay <= AT_MOST + 0.002, "the line is as quick as it was"
    assert longest_hole(out[50:-10], 8_000) <= 0.01
    assert playout.late == 0


def test_a_slower_way_is_waited_for_and_a_quicker_one_taken() -> None:
    def moves(n: int, chance: random.Random) -> list[float]:
        return [0.13] if 200 <= n < 500 else [0.03]

    playout, out = play("PCMA", moves, 30)
    assert longest_hole(out[:-5], 8_000) <= 0.12
    assert longest_hole(out[220:490], 8_000) <= 0.02
    assert playout.delay <= 0.04


def test_a_sender_that_begins_anew() -> None:
    playout = Playout(codec("PCMA"))
    payload = codec("PCMA").encode(np.full(160, 5_000, np.int16))
    heard = 0
    for n in range(300):
        now = n * STEP
        playout.push(payload, (n * 160 + (4_000_000_000 if n >= 100 else 0)) & 0xFFFF_FFFF, now)
        heard += playout.take(now + 0.001) is not None
    assert heard > 285


def test_a_clock_that_stood_still_in_a_pause() -> None:
    """Some exchanges go on counting where they stopped."""
    playout = Playout(codec("PCMA"))
    payload = codec("PCMA").encode(np.full(160, 5_000, np.int16))
    heard: list[bool] = []
    for n in range(300):
        now = n * STEP
        if n < 100 or n >= 160:
            playout.push(payload, (n if n < 100 else n - 60) * 160, now)
        heard.append(playout.take(now + 0.001) is not None)
    assert sum(heard[170:]) > 120


def test_packets_of_other_lengths() -> None:
    playout = Playout(codec("PCMA"))
    there = codec("PCMA")
    heard = 0
    for n in range(300):
        if n % 3 == 0:
            samples = 8_000 * np.sin(2 * np.pi * HERTZ * np.arange(n * 160, n * 160 + 480) / 8_000)
            playout.push(there.encode(samples.astype(np.int16)), n * 160, n * STEP)
        heard += playout.take(n * STEP + 0.001) is not None
    assert heard > 290


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 700), st.floats(0, 0.5)), max_size=80))
def test_whatever_comes_frames_are_whole_and_nothing_grows(sent: list[tuple[int, int, float]]) -> None:
    playout, now = Playout(codec("PCMU")), 0.0
    for timestamp, size, after in sent:
        playout.push(bytes(size), timestamp, now)
        for _ in range(int(after / STEP) + 1):
            now += STEP
            frame = playout.take(now)
            assert frame is None or frame.size == 160
        assert playout._ready.size < 8_000 * (LONGEST + 1)
        assert len(playout._waiting) <= 100


def test_85_voices_cost_little() -> None:
    voices = [Playout(codec("PCMA")) for _ in range(85)]
    payload = codec("PCMA").encode((8_000 * np.sin(np.arange(160))).astype(np.int16))
    began = time.process_time()
    for n in range(100):
        for voice in voices:
            voice.push(payload, n * 160, n * STEP)
            voice.take(n * STEP + 0.001)
    assert (time.process_time() - began) / 100 < 0.02


def frequencies(sound: np.ndarray, rate: int) -> list[float]:
    """Of each quarter of a second, by the phase of the strongest frequency at its two ends."""
    size = rate // 4
    found = []
    for start in range(0, sound.size - size, size):
        spectrum = np.abs(np.fft.rfft(sound[start : start + size] * np.hanning(size), 16 * size))
        found.append(float(np.argmax(spectrum)) * rate / (16 * size))
    return found


@pytest.mark.parametrize("hertz", [220.0, 437.0, 1_004.0, 1_633.0])
@pytest.mark.parametrize("drift", [-1e-3, 1e-3])
def test_a_tone_keeps_its_pitch_whatever_the_clocks_do(drift: float, hertz: float) -> None:
    """Clocks a thousandth apart, ten times what telephones have: within 1 % all the time, and no hole."""
    playout, out = play("PCMA", straight, 60, drift=drift, hertz=hertz)
    sound = np.concatenate([frame if frame is not None else np.zeros(160, np.int16) for frame in out[50:-10]])
    off = [abs(found / hertz / (1 + drift) - 1) for found in frequencies(sound.astype(float), 8_000)]
    assert len(off) > 200
    assert max(off) < 0.01
    assert longest_hole(out[50:-10], 8_000) <= 0.02
    assert playout.late <= 5


def test_a_tone_keeps_its_pitch_when_the_way_gets_longer() -> None:
    def longer(n: int, chance: random.Random) -> list[float]:
        return [0.03 + 0.04 * min(max(n - 200, 0) / 400, 1)]

    _playout, out = play("PCMA", longer, 30, hertz=440)
    sound = np.concatenate([frame if frame is not None else np.zeros(160, np.int16) for frame in out[50:-10]])
    assert max(abs(found / 440 - 1) for found in frequencies(sound.astype(float), 8_000)) < 0.01
    assert longest_hole(out[50:-10], 8_000) <= 0.04
