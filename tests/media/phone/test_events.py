from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ProtocolError
from server.media.phone.events import KEYS, Keypad, press

Packet = tuple[bytes, int]


def packets(keys: str, begin: int = 0, step: int = 4_000) -> list[Packet]:
    """As a telephone sends them: every 20 ms while the key is down, and the end three times."""
    made: list[Packet] = []
    for number, key in enumerate(keys):
        at = (begin + number * step) & 0xFFFF_FFFF
        made += [(press(key, 160 * n, False), at) for n in range(1, 6)]
        made += [(press(key, 960, True), at)] * 3
    return made


def heard(sent: list[Packet]) -> str:
    keypad = Keypad()
    return "".join(key for payload, at in sent if (key := keypad.hear(payload, at)))


def test_every_key() -> None:
    assert heard(packets(KEYS)) == KEYS


def test_the_same_key_twice_is_two_presses() -> None:
    assert heard(packets("1123")) == "1123"


@pytest.mark.parametrize("begin", [0, 0xFFFF_FFFF - 5_000, 0x8000_0000])
def test_timestamps_wrap(begin: int) -> None:
    assert heard(packets("*60#", begin)) == "*60#"


@given(st.integers(0, 10**6), st.text(KEYS, min_size=1, max_size=12))
def test_doubled_and_lost_packets_change_nothing(seed: int, keys: str) -> None:
    """Of each press one packet arrives at least, whichever; each arrives up to three times."""
    chance = random.Random(seed)
    sent: list[Packet] = []
    for number, key in enumerate(keys):
        whole = packets(key, 1_000 + number * 4_000)
        kept = [packet for packet in whole if chance.random() < 0.5] or [chance.choice(whole)]
        sent += [packet for packet in kept for _ in range(chance.randint(1, 3))]
    assert heard(sent) == keys


@given(st.integers(0, 10**6), st.text(KEYS, min_size=1, max_size=12))
def test_packets_that_overtake_each_other_press_nothing_twice(seed: int, keys: str) -> None:
    chance = random.Random(seed)
    order = sorted(enumerate(packets(keys)), key=lambda numbered: numbered[0] + chance.uniform(0, 12))
    found = heard([packet for _, packet in order])
    assert sorted(found) == sorted(keys)


def test_a_key_held_for_ten_seconds_is_one_press() -> None:
    sent = [(press("5", 160 * n, False), 0) for n in range(1, 411)]
    sent += [(press("5", 160 * n, False), 0xFFFF) for n in range(1, 100)] + [(press("5", 16_000, True), 0xFFFF)] * 3
    assert heard(sent) == "5"
    assert heard(sent + packets("5", 100_000)) == "55"


@pytest.mark.parametrize("lost", [range(68, 69), range(60, 75)])
def test_a_key_held_at_48_khz_is_one_press_though_the_end_of_a_segment_is_lost(lost: range) -> None:
    """Of each segment only the last packet says that it is full (RFC 4733 §2.5.1.3); after 1.4 s another begins."""
    sent = [(press("5", 960 * n, False), 0) for n in range(1, 70)]
    sent += [(press("5", 960 * n, False), 0xFFFF) for n in range(1, 20)]
    kept = [packet for number, packet in enumerate(sent) if number not in lost]
    assert len(kept) < len(sent)
    assert heard(kept) == "5"
    assert heard([*kept, (press("5", 160, False), 2 * 0xFFFF), *packets("5", 200_000)]) == "55"


def test_a_stream_whose_clock_leaps_back_is_heard_again() -> None:
    """Of the same source, though it should not: a gateway that passes on what was transferred behind it."""
    assert heard(packets("1" * 16, 3_000_000_000, 8_000) + packets("*9*6", 1_000_000_000, 8_000)) == "1" * 16 + "*9*6"


def test_other_events_are_no_keys() -> None:
    assert Keypad().hear(bytes((16, 0x8A, 3, 0xC0)), 5) is None
    assert Keypad().hear(bytes((36, 0, 0, 0)), 5) is None


def test_truncated_events() -> None:
    for payload in (b"", b"\1", b"\1\n\0"):
        with pytest.raises(ProtocolError):
            Keypad().hear(payload, 0)


def test_a_key_that_is_none() -> None:
    with pytest.raises(ValueError, match="substring"):
        press("x", 1, False)
