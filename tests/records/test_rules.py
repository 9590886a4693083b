"""The record's timeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from server.records.rules import Asked, Gap, Stretch, Turn, chapter_ms, gaps, media_ms, merkle_root, moment_of, turns

T = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


def test_a_recording_that_went_well_has_no_gap() -> None:
    assert gaps([Asked(at(0), at(60), [Stretch(at(0.8), 59_500)])]) == []


def test_a_proper_end_is_no_crash() -> None:
    stretches = [Stretch(at(0), 10_000), Stretch(at(14), 46_000)]
    assert gaps([Asked(at(0), at(60), stretches)]) == [Gap(at(10), at(14), 10_000, "stopped")]


def test_a_crash_is_a_gap_however_short() -> None:
    stretches = [Stretch(at(0), 10_000, "crash"), Stretch(at(10.4), 49_600)]
    assert gaps([Asked(at(0), at(60), stretches)]) == [Gap(at(10), at(10.4), 10_000, "crash")]


def test_a_full_disk_leaves_the_rest_missing() -> None:
    assert gaps([Asked(at(0), at(60), [Stretch(at(0), 20_000, "disk_full")])]) == [
        Gap(at(20), at(60), 20_000, "disk_full")
    ]


def test_a_recording_without_any_file_is_missing_as_a_whole() -> None:
    assert gaps([Asked(at(0), at(60), [])]) == [Gap(at(0), at(60), 0, "crash")]


def test_between_two_recordings_the_chair_had_stopped() -> None:
    first, second = Asked(at(0), at(10), [Stretch(at(0), 10_000)]), Asked(at(30), at(40), [Stretch(at(35), 5000)])
    assert gaps([first, second]) == [Gap(at(10), at(30), 10_000, "paused"), Gap(at(30), at(35), 10_000, "crash")]


def test_a_clock_that_was_set_back_makes_no_gap() -> None:
    assert gaps([Asked(at(0), at(20), [Stretch(at(0), 10_000, "crash"), Stretch(at(8), 12_000)])]) == []


def test_moments_in_the_joined_media() -> None:
    stretches = [Stretch(at(0), 10_000, "crash"), Stretch(at(20), 10_000)]
    assert [media_ms(stretches, at(s)) for s in (-5, 0, 9.5, 10, 15, 20, 29.9, 30)] == [
        0, 0, 9500, 10_000, 10_000, 10_000, 19_900, None,
    ]  # fmt: skip


def test_places_in_the_joined_media_and_back() -> None:
    stretches = [Stretch(at(0), 10_000, "crash"), Stretch(at(20), 0, "crash"), Stretch(at(30), 10_000)]
    assert [moment_of(stretches, ms) for ms in (0, 9999, 10_000, 19_500, 20_000)] == [
        at(0), at(9.999), at(30), at(39.5), None,
    ]  # fmt: skip
    assert all(media_ms(stretches, moment_of(stretches, ms) or at(0)) == ms for ms in range(0, 20_000, 97))


def test_a_chapter_needs_something_recorded() -> None:
    stretches = [Stretch(at(0), 10_000, "crash"), Stretch(at(20), 10_000)]
    spans = [(-9, -1), (-9, 0), (-9, 1), (4, 5), (9, 15), (12, 18), (12, 21), (25, 99), (30, 40)]
    assert [chapter_ms(stretches, at(start), at(end)) for start, end in spans] == [
        None, None, 0, 4000, 9000, None, 10_000, 15_000, None,
    ]  # fmt: skip


def test_the_root_of_the_sums() -> None:
    one, two, three = (sha256(text).hexdigest() for text in (b"1", b"2", b"3"))
    leaf = [sha256(b"\0" + bytes.fromhex(one)).digest() for one in (one, two, three)]
    pair = sha256(b"\1" + leaf[0] + leaf[1]).digest()
    assert merkle_root([]) == ""
    assert merkle_root([one]) == leaf[0].hex()
    assert merkle_root([one, two, three]) == sha256(b"\1" + pair + leaf[2]).hexdigest()
    assert merkle_root([two, one, three]) != merkle_root([one, two, three])


def test_turns_of_speech() -> None:
    seconds = [(1000 * s, {"an"} if s <= 10 or 13 <= s <= 20 else {"binh"} if s > 40 else set()) for s in range(1, 47)]
    assert turns(seconds) == [Turn("an", 0, 20_000), Turn("binh", 40_000, 46_000)]
    assert turns([(1000 * s, {"an"}) for s in (1, 2, 3)]) == []
    assert turns([(1000 * s, {"an"}) for s in (*range(1, 7), *range(20, 26))]) == [
        Turn("an", 0, 6000),
        Turn("an", 19_000, 25_000),
    ]


def test_a_turn_does_not_begin_before_the_recording() -> None:
    found = turns([(840 + 1000 * beat, ["a"]) for beat in range(8)])
    assert [(turn.start_ms, turn.end_ms) for turn in found] == [(0, 7840)]
