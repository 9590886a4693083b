"""Who is heard, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from server.media.speakers import PAUSE, STALE, Speakers

LOUD, SOFT, SILENT = 110, 85, 0


class Talk:
    """Voices at 50 packets a second; `levels` says how loud each is now."""

    def __init__(self, slots: int = 3) -> None:
        self.speakers = Speakers(slots)
        self.levels: dict[str, int] = {}
        self.now = 0.0
        self.changes: list[list[str | None]] = []

    def run(self, seconds: float, allowed: set[str] | None = None) -> list[str | None]:
        for tick in range(round(seconds * 50)):
            self.now += 0.02
            begun = [self.speakers.heard(name, level, self.now) for name, level in self.levels.items()]
            chosen = set(self.levels) if allowed is None else allowed
            if (any(begun) or tick % 5 == 0) and self.speakers.choose(chosen, self.now):
                self.changes.append(list(self.speakers.slots))
        return self.speakers.slots


def test_all_are_heard_while_slots_are_free() -> None:
    talk = Talk()
    talk.levels = {"a": SILENT, "b": SILENT}
    assert set(talk.run(0.2)) == {"a", "b", None}


def test_a_fourth_voice_takes_the_slot_of_the_one_who_paused_at_once() -> None:
    talk = Talk()
    talk.levels = {"a": LOUD, "b": LOUD, "c": SILENT}
    talk.run(2)
    talk.levels["d"] = LOUD
    assert set(talk.run(0.04)) == {"a", "b", "d"}


def test_three_who_speak_are_not_cut_off_by_an_equally_loud_fourth() -> None:
    talk = Talk()
    talk.levels = {"a": LOUD, "b": LOUD, "c": LOUD}
    before = list(talk.run(2))
    talk.levels["d"] = LOUD
    assert talk.run(3) == before


def test_a_much_louder_voice_takes_the_softest_one_s_slot() -> None:
    talk = Talk()
    talk.levels = {"a": LOUD, "b": LOUD, "c": SOFT}
    before = list(talk.run(2))
    talk.levels["d"] = LOUD
    after = talk.run(1)
    assert set(after) == {"a", "b", "d"}
    assert after.index("d") == before.index("c"), "the others keep their slots"


def test_words_said_by_turns_do_not_push_each_other_out_between_words() -> None:
    """Five equal voices: one goes on, the others say a short word each second, a quarter of one after another."""
    talk = Talk()
    names, heard = ["a", "b", "c", "d"], 0
    for tick in range(60 * 50):
        talk.levels = {"on": LOUD} | {
            name: LOUD if 0 <= tick % 50 - 12 * n < 8 else SILENT for n, name in enumerate(names)
        }
        slots = talk.run(0.02)
        heard += tick > 500 and any(talk.levels[name] and name in slots for name in names)
    assert heard > 0.95 * 50 * 2 * 8, "two of the four are heard, each word from its beginning"
    assert len(talk.changes) < 10, "and they stay the same two"


def test_who_loses_the_floor_is_silent_at_once() -> None:
    talk = Talk()
    talk.levels = {"a": LOUD, "b": LOUD}
    talk.run(1)
    talk.speakers.choose({"b"}, talk.now)
    assert "a" not in talk.speakers.slots and "b" in talk.speakers.slots


def test_a_microphone_that_stopped_sending_frees_its_slot() -> None:
    talk = Talk(slots=1)
    talk.levels = {"a": LOUD}
    talk.run(1)
    talk.levels = {"b": SILENT}
    talk.run(STALE + 0.2)
    assert talk.speakers.slots == ["b"]


def test_two_in_turn_do_not_flap() -> None:
    talk = Talk(slots=1)
    talk.levels = {"a": LOUD, "b": LOUD}
    talk.run(5)
    assert len(talk.changes) == 1


def _speech(seed: int) -> Iterator[int]:
    """Levels of somebody who talks without end: four syllables a second, a breath between phrases."""
    chance = random.Random(seed)
    while True:
        for _ in range(chance.randint(8, 25)):
            peak, half = 100 + chance.gauss(0, 4), chance.uniform(3, 6)
            yield from (round(peak - abs(n - half) / half * 22) for n in range(round(2 * half)))
            yield from [55] * chance.randint(0, 4)
        yield from [45] * chance.randint(15, 40)


@pytest.mark.parametrize(("people", "slots", "most"), [(2, 1, 8), (4, 3, 12), (8, 3, 40)])
@pytest.mark.parametrize("seed", range(3))
def test_people_of_like_loudness_who_talk_at_once_do_not_pump(people: int, slots: int, most: int, seed: int) -> None:
    """A minute in which nobody lets the others finish; by instantaneous levels they would change 60 to 300 times."""
    talk = Talk(slots)
    lines = {str(n): _speech(100 * seed + n) for n in range(people)}
    for _ in range(3000):
        talk.levels = {name: next(line) for name, line in lines.items()}
        talk.run(0.02)
    assert len(talk.changes) <= most


def test_a_slammed_door_takes_no_speaker_s_slot() -> None:
    talk = Talk(slots=1)
    talk.levels = {"a": 90, "door": SILENT}
    talk.run(3)
    for _ in range(10):
        talk.levels["door"] = 127
        talk.run(0.14)
        talk.levels["door"] = SILENT
        talk.run(2)
    assert talk.speakers.slots == ["a"]


def test_dtx_loses_no_slot_and_is_silence_at_once() -> None:
    """A packet each 0.4 s: the slot stays, but its holder does not seem to speak on for as many packets."""
    talk = Talk(slots=1)
    talk.levels = {"a": LOUD}
    talk.run(2)
    silent_since = talk.now
    for _ in range(20):
        talk.levels = {}
        talk.run(0.38, {"a"})
        talk.levels = {"a": SILENT}
        talk.run(0.02)
        if talk.now - silent_since > PAUSE + 0.5:
            assert talk.speakers.levels(talk.now) == []
    assert talk.speakers.slots == ["a"]
    assert len(talk.changes) == 1


def test_levels_tell_who_speaks_loudest_first() -> None:
    talk = Talk()
    talk.levels = {"a": SOFT, "b": LOUD, "c": SILENT}
    talk.run(2)
    assert [name for name, _ in talk.speakers.levels(talk.now)] == ["b", "a"]
    talk.levels = dict.fromkeys("abc", SILENT)
    talk.run(PAUSE + 1)
    assert talk.speakers.levels(talk.now) == []
