"""Keys as ITU-T Q.24 has them: how long, how strong, how far off their pitch; and voices, which are none."""

from __future__ import annotations

import numpy as np
import pytest

from server.calls.prompts import FOLDER
from server.media.phone.g711 import ALAW, LINE_RATE, ULAW
from server.media.phone.inband import COLUMNS, KEYS, ROWS, Listening
from server.media.phone.sounds import read
from server.media.wire.opus import Samples

ALL = "".join(KEYS)


def pressed(
    keys: str,
    *,
    length: float = 0.05,
    pause: float = 0.05,
    high: float = 4_000,
    low: float = 4_000,
    off: float = 0.0,
) -> Samples:
    pieces = [np.zeros(round(0.1 * LINE_RATE))]
    for key in keys:
        row = next(n for n, names in enumerate(KEYS) if key in names)
        at = np.arange(round(length * LINE_RATE)) / LINE_RATE
        tones = ((low, ROWS[row]), (high, COLUMNS[KEYS[row].index(key)]))
        pieces.append(sum(size * np.sin(2 * np.pi * hertz * (1 + off) * at) for size, hertz in tones))
        pieces.append(np.zeros(round(pause * LINE_RATE)))
    return np.concatenate(pieces).astype(np.int16)


def heard(samples: Samples, step: int = 160) -> str:
    listening = Listening(ALAW)
    return "".join(listening.hear(ALAW.encode(samples[n : n + step])) for n in range(0, samples.size, step))


@pytest.mark.parametrize("begin", range(0, 102, 7))
def test_every_key_is_heard_once_wherever_it_begins(begin: int) -> None:
    assert heard(pressed(ALL)[begin:]) == ALL
    assert heard(pressed(ALL, length=0.042, pause=0.042)[begin:]) == ALL


def test_a_key_twice_is_two_and_a_long_one_is_one() -> None:
    assert heard(pressed("55#")) == "55#"
    assert heard(pressed("5", length=3)) == "5"


@pytest.mark.parametrize("off", [-0.015, 0.015])
def test_a_telephone_may_be_off_its_pitch(off: float) -> None:
    assert heard(pressed(ALL, off=off)) == ALL


@pytest.mark.parametrize("off", [-0.035, 0.035])
def test_what_is_further_off_is_no_key(off: float) -> None:
    assert len(heard(pressed(ALL, off=off))) < len(ALL)


@pytest.mark.parametrize(("low", "high"), [(4_000, 6_000), (6_000, 2_700), (1_100, 1_100), (15_000, 15_000)])
def test_strong_weak_and_uneven_tones(low: float, high: float) -> None:
    assert heard(pressed(ALL, low=low, high=high)) == ALL


def test_codecs_and_the_noise_of_a_line_change_nothing() -> None:
    clean = pressed(ALL)
    noise = np.random.default_rng(1).normal(0, 200, clean.size)
    for law in (ALAW, ULAW):
        assert heard(law.decode(law.encode((clean + noise).astype(np.int16)))) == ALL


def test_a_packet_that_is_lost_neither_hides_a_key_nor_doubles_it() -> None:
    whole = pressed("159", length=0.12)
    packets = [whole[n : n + 160] for n in range(0, whole.size, 160)]
    for lost in range(len(packets)):
        assert heard(np.concatenate(packets[:lost] + packets[lost + 1 :])) == "159", lost


def test_a_line_on_which_nobody_speaks_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most lines are, most of the time; and whatever comes after is heard as ever."""
    listening, looked = Listening(ULAW), []
    look = listening._look
    monkeypatch.setattr(listening, "_look", lambda payload: looked.append(payload) or look(payload))
    rng = np.random.default_rng(4)

    def hear(samples: Samples) -> str:
        noisy = (samples + rng.normal(0, 60, samples.size)).astype(np.int16)
        return "".join(listening.hear(ULAW.encode(noisy[n : n + 160])) for n in range(0, noisy.size, 160))

    assert hear(np.zeros(10 * LINE_RATE)) == "" and not looked
    for begin in range(0, 160, 13):
        assert hear(pressed("5", low=1_100, high=1_100)[begin:]) == "5"
        looked.clear()
        assert hear(np.zeros(LINE_RATE)) == "" and len(looked) < 5


def test_one_tone_is_no_key() -> None:
    for hertz in ROWS + COLUMNS:
        at = np.arange(LINE_RATE) / LINE_RATE
        assert heard((8_000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16)) == ""


def test_voices_and_music_are_no_keys() -> None:
    """All that is read to callers: some minutes of speech."""
    for file in sorted(FOLDER.glob("*.opus")):
        assert heard(read(str(file)).at(LINE_RATE)) == "", file.name


def test_noise_is_no_key() -> None:
    assert heard(np.random.default_rng(2).normal(0, 3_000, 60 * LINE_RATE).astype(np.int16)) == ""
