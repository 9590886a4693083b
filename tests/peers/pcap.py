"""What a telephone says as a file of captured packets (pcap), for sipp to send: sound, and keys in both ways."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from server.media.phone.codecs import codec
from server.media.phone.events import press
from server.media.wire.rtp import build_header
from tests.sounds import tone, tones_of

RATE, FRAME = 8_000, 160
SOUND, EVENTS = 8, 96
_BEGIN = 1_000_000  # of timestamps: others than those that sipp itself begins with
_ETHERNET = bytes(12) + b"\x08\x00"

Spoken = Iterable[tuple[int, bytes, int]]
"""Packets of 20 ms: payload type, payload, and how many packets before this one its timestamp is from."""


def tones_of_keys(keys: str, length: float = 0.1, pause: float = 0.1) -> np.ndarray:
    """Keys as the two tones of each (ITU-T Q.23)."""
    both = [np.mean([tone(hertz, length) for hertz in tones_of(key)], axis=0) for key in keys]
    return np.concatenate([piece for one in both for piece in (one, np.zeros(round(pause * RATE)))])


def sound(samples: np.ndarray) -> Iterator[tuple[int, bytes, int]]:
    """PCMA."""
    encoder = codec("PCMA")
    whole = np.pad(samples, (0, -samples.size % FRAME)).astype(np.int16)
    for piece in whole.reshape(-1, FRAME):
        yield SOUND, encoder.encode(piece), 0


def events(keys: str, packets: int = 5) -> Iterator[tuple[int, bytes, int]]:
    """Keys by RFC 4733, each followed by as much silence."""
    for key in keys:
        for n in range(packets):
            yield EVENTS, press(key, FRAME * (n + 1), n == packets - 1), n
        yield from sound(np.zeros(packets * FRAME))


def write(path: Path, *spoken: Spoken) -> None:
    """One after the other."""
    made = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
    for n, (kind, payload, before) in enumerate(packet for one in spoken for packet in one):
        rtp = build_header(kind, 0, n & 0xFFFF, _BEGIN + (n - before) * FRAME, 9) + payload
        udp = struct.pack("!HHHH", 6_000, 6_000, 8 + len(rtp), 0) + rtp
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n & 0xFFFF, 0, 64, 17, 0, bytes(4), bytes(4)) + udp
        frame = _ETHERNET + ip
        made += struct.pack("<IIII", n // 50, n % 50 * 20_000, len(frame), len(frame)) + frame
    path.write_bytes(made)
