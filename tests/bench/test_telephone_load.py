from __future__ import annotations

import numpy as np
import pytest

from server.media.phone.g711 import ALAW
from tests.bench.telephone_load import BEEPS, FRAME, TONE, Ear, Phones
from tests.sounds import tone


def heard(sound: np.ndarray, turn: int, holes: range = range(0)) -> Ear:
    """An ear that got this sound, packet by packet from 100 s on, with silence in some."""
    ear = Ear(turn)
    for n, frame in enumerate(sound.reshape(-1, 160)):
        ear.hear(100 + n * 0.02, ALAW.encode(np.zeros_like(frame) if n in holes else frame))
    return ear


@pytest.mark.parametrize("begins", [1.2, 1.2013, 1.2027, 1.2049, 1.5])
@pytest.mark.parametrize("turn", [0, 7, 49])
def test_a_beep_begins_where_its_first_sample_is_and_is_no_other(begins: float, turn: int) -> None:
    for number, hertz in enumerate(BEEPS):
        beep, before = tone(hertz, 0.16), round(begins * 8_000)
        sound = tone(TONE, 4) + np.pad(beep, (before, 32_000 - before - beep.size))
        found = heard(sound, turn).begins
        assert found[number] == [pytest.approx(100 + begins, abs=0.001)]
        assert sum(len(one) for one in found) == 1


@pytest.mark.parametrize("turn", [0, 30])
def test_the_longest_hole_in_the_tone_is_found(turn: int) -> None:
    assert heard(tone(TONE, 4), turn).gap == 0
    assert heard(tone(TONE, 4), turn, range(98, 101)).gap == pytest.approx(60, abs=5)


def test_telephones_that_talk_to_each_other_are_the_same_load_and_need_no_node() -> None:
    phones = Phones(3, 2)
    phones.turn_to_each_other()
    phones.talk(0.5)
    assert all(phone.heard >= 0.8 * 0.5 / FRAME for phone in phones.phones)
    phones.close()
