from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from server.media.inward.packet import PAYLOAD, Packet
from server.media.phone.codecs import codec
from server.media.phone.telephone import ALIVE_EVERY, HANGOVER, Telephone
from server.media.speakers import SPEAKING
from server.media.wire.opus import FRAME, QUIET, RATE, Decoder
from tests.sounds import pitch, tone


def run(telephone: Telephone, samples: np.ndarray | None, seconds: float, now: float) -> list[tuple[Packet, int]]:
    found = []
    for n in range(round(seconds * 50)):
        piece = None if samples is None else samples[n * 160 : n * 160 + 160]
        made = telephone.packet(piece, 8_000, round(50 * now) + n, now + n * 0.02)
        if made is not None:
            found.append(made)
    return found


def test_a_word_is_packets_in_order_with_its_loudness() -> None:
    telephone = Telephone("p", "c")
    packets = run(telephone, tone(300, 1, 8_000, 4_000), 1, 100.0)
    assert len(packets) == 50
    assert [packet.index - packets[0][0].index for packet, _ in packets] == list(range(50))
    assert {(b[0].timestamp - a[0].timestamp) % 2**32 for a, b in pairwise(packets)} == {960}
    assert [bool(packet.marker) for packet, _ in packets] == [True] + 49 * [False]
    assert all(level > SPEAKING + 10 for _, level in packets)


def words(rate: int, seconds: float) -> np.ndarray:
    """Something like speech: a voice that rises and falls, four times a second."""
    at = np.arange(round(rate * seconds)) / rate
    hum = sum(np.sin(2 * np.pi * 140 * n * at) / n for n in range(1, 12))
    return (5_000 * hum * np.abs(np.sin(2 * np.pi * 2 * at))).astype(np.int16)


def repairs(packet: bytes) -> bool:
    """Whether a packet of SILK holds the one before: the flag behind that of voice activity (RFC 6716 §4.2.4)."""
    assert packet[0] >> 3 < 16, "CELT has no such thing"
    return bool(packet[1] & 0x40)


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_what_browsers_get_of_a_telephone_repairs_single_losses(rate: int) -> None:
    telephone, sound = Telephone("p", "c"), words(rate, 4)
    size = rate // 50
    made = [telephone.packet(sound[n * size : (n + 1) * size], rate, n, n * 0.02) for n in range(200)]
    payloads = [packet.template[PAYLOAD:] for packet, _ in filter(None, made)]
    assert len(payloads) > 150
    assert sum(map(repairs, payloads)) > 0.6 * len(payloads), "speech, but not what is softer"
    assert {payload[0] >> 3 for payload in payloads[10:]} == {1 if rate == 8_000 else 9}, "as wide as the line"


def test_what_a_telephone_with_opus_gets_repairs_single_losses_too() -> None:
    there, sound = codec("OPUS"), words(RATE, 2)
    payloads = [there.encode(sound[at : at + FRAME]) for at in range(0, sound.size, FRAME)]
    assert sum(map(repairs, payloads)) > 0.6 * len(payloads)
    assert payloads[-1][0] >> 3 in (13, 15), "as wide as the browsers' voices"


def test_silence_costs_few_packets_and_time_goes_on() -> None:
    telephone = Telephone("p", "c")
    spoken = run(telephone, tone(300, 1), 1, 100.0)
    silent = run(telephone, None, 4, 101.0)
    assert len(silent) <= HANGOVER * 50 + 4 / ALIVE_EVERY + 1
    assert silent[-1][0].template[PAYLOAD:] == QUIET and silent[-1][1] == 0
    again = run(telephone, tone(300, 1), 1, 105.0)
    gap = (again[0][0].timestamp - spoken[0][0].timestamp) % 2**32
    assert gap == 5 * RATE
    assert again[0][0].marker


def test_a_quiet_line_is_made_louder() -> None:
    telephone = Telephone("p", "c")
    quiet = np.concatenate([tone(300, 0.3, 8_000, 600), np.zeros(800, np.int16)])
    levels = run(telephone, np.tile(quiet, 10), 4, 100.0)
    assert max(level for _, level in levels[-50:]) >= levels[0][1] + 6


def test_a_line_may_go_on_at_another_rate() -> None:
    telephone, decoder = Telephone("p", "c"), Decoder()
    before = run(telephone, tone(300, 1), 1, 100.0)
    wide = tone(700, 1, 16_000)
    after = [telephone.packet(wide[n * 320 : n * 320 + 320], 16_000, 50 * 101 + n, 101 + n * 0.02) for n in range(50)]
    packets = [packet for packet, _ in before] + [made[0] for made in after if made is not None]
    assert {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(packets)} == {960}
    heard = [decoder.decode(packet.template[PAYLOAD:]) for packet in packets]
    sound = [samples for samples in heard if samples is not None]
    assert pitch(np.concatenate(sound[10:50]), RATE) == pytest.approx(300, abs=10)
    assert pitch(np.concatenate(sound[60:]), RATE) == pytest.approx(700, abs=10)
