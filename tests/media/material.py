"""Real media for the recorder's tests: tones and coloured pictures, coded and packetised, and how to read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from server.media.recording.segment import Segment
from server.media.wire.opus import FRAME, RATE, Encoder
from tests import sounds

WALL = dt.datetime(2026, 11, 24, 1, 0, tzinfo=dt.UTC)
RED, GREEN, BLUE = (200, 30, 30), (30, 180, 30), (30, 30, 200)
Colour = tuple[int, int, int]


def tone(hertz: float, seconds: float, loudness: int = 8000) -> list[bytes]:
    """Opus packets of 20 ms."""
    encoder = Encoder()
    wave = sounds.tone(hertz, round(seconds * RATE / FRAME) * FRAME / RATE, RATE, loudness)
    return [encoder.encode(frame) for frame in wave.reshape(-1, FRAME)]


def pictures(colours: list[Colour], size: tuple[int, int] = (320, 180), key_every: int = 30) -> list[bytes]:
    """VP8 frames, one for each colour, 25 a second."""
    return _coded("libvpx", colours, size, key_every)


def vp9_pictures(colours: list[Colour], size: tuple[int, int] = (320, 180), key_every: int = 1000) -> list[bytes]:
    """VP9 frames of profile 0, one for each colour, 25 a second; where the colour changes there is no key frame."""
    return _coded("libvpx-vp9", colours, size, key_every)


def _coded(name: str, colours: list[Colour], size: tuple[int, int], key_every: int) -> list[bytes]:
    width, height = size
    codec = av.CodecContext.create(name, "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.bit_rate, codec.gop_size = Fraction(1, 25), 500_000, key_every
    codec.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    frames: list[bytes] = []
    for number, colour in enumerate(colours):
        image = av.VideoFrame.from_ndarray(np.full((height, width, 3), colour, np.uint8), format="rgb24")
        image.pts, image.time_base = number, Fraction(1, 25)
        if name == "libvpx" and number and colour != colours[number - 1]:
            image.pict_type = av.video.frame.PictureType.I
        frames += [bytes(packet) for packet in codec.encode(image)]
    assert len(frames) == len(colours)
    return frames


def payloads(frame: bytes, limit: int = 1100) -> Iterator[tuple[bytes, bool]]:
    """The RTP payloads of a frame (RFC 7741) with their marker bits."""
    for at in range(0, len(frame), limit):
        yield (b"\x10" if at == 0 else b"\x00") + frame[at : at + limit], at + limit >= len(frame)


def vp9_payloads(frame: bytes, limit: int = 1100) -> Iterator[tuple[bytes, bool]]:
    """The same of a VP9 frame, with the descriptor that a forwarder leaves (RFC 9628)."""
    inter = (frame[0] & 0x04) << 4  # frame_type of profile 0: where P stands in the descriptor
    for at in range(0, len(frame), limit):
        ends = at + limit >= len(frame)
        yield bytes((inter | (0x08 if at == 0 else 0) | (0x04 if ends else 0),)) + frame[at : at + limit], ends


class Picture:
    """Sends frames to anything with the recorder's `video` method."""

    def __init__(self, timestamp: int = 0xFFFF_0000, sequence: int = 65_500) -> None:
        self.timestamp, self.sequence = timestamp, sequence
        self.payloads = payloads

    def packets(self, frame: bytes, at: float) -> Iterator[tuple[bytes, int, bool, int]]:
        """Payload, timestamp, marker and sequence of each packet of a frame that is `at` seconds into the stream."""
        timestamp = self.timestamp + round(90_000 * at) & 0xFFFF_FFFF
        for payload, marker in self.payloads(frame):
            yield payload, timestamp, marker, self.sequence
            self.sequence = self.sequence + 1 & 0xFFFF


def record(
    segment: Segment,
    seconds: float,
    voices: dict[str, list[bytes]],
    frames: list[bytes],
    start: float = 100.0,
) -> float:
    """Feed a segment in virtual time, 25 pictures a second and all voices at once; gives the time at its end."""
    picture = Picture()
    for tick in range(round(seconds * 50)):
        at = tick * 0.02
        for number, (name, packets) in enumerate(voices.items()):
            if tick < len(packets):
                segment.audio(name, packets[tick], 7_000 * number + tick * FRAME, start + at)
        if tick % 2 == 0 and tick // 2 < len(frames):
            for packet in picture.packets(frames[tick // 2], at):
                segment.video(*packet, start + at)
        if tick % 5 == 4:
            segment.advance(start + at + 0.02, WALL + dt.timedelta(seconds=at + 0.02))
    return start + seconds


@dataclass
class Sound:
    """Decoded sound: samples of 16 bits, the first at media second `begin`."""

    samples: np.ndarray
    begin: float

    def between(self, start: float, end: float) -> np.ndarray:
        """The samples of a stretch of media time."""
        return self.samples[round((start - self.begin) * RATE) : round((end - self.begin) * RATE)]

    def hertz(self, start: float, end: float, count: int = 1) -> list[float]:
        """The strongest frequencies of a stretch, sorted."""
        part = self.between(start, end).astype(float)
        spectrum = np.abs(np.fft.rfft(part * np.hanning(part.size)))
        found = []
        for _ in range(count):
            peak = int(spectrum.argmax())
            found.append(peak * RATE / part.size)
            spectrum[max(0, peak - 20) : peak + 20] = 0
        return sorted(found)

    def loudness(self, start: float, end: float) -> float:
        """Root mean square of a stretch."""
        return float(np.sqrt(np.mean(self.between(start, end).astype(float) ** 2)))

    def onset(self, threshold: int = 1500) -> float:
        """Media second of the first loud sample."""
        return self.begin + int(np.argmax(np.abs(self.samples.astype(int)) > threshold)) / RATE


def hear(path: Path) -> Sound:
    """All sound of a file."""
    with av.open(path) as file:
        frames = list(file.decode(audio=0))
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    parts = [out.to_ndarray().reshape(-1) for frame in frames for out in resampler.resample(frame)]
    return Sound(np.concatenate(parts), float(frames[0].time or 0))


def see(path: Path) -> list[tuple[float, Colour]]:
    """Media second and mean colour of each picture of a file."""
    with av.open(path) as file:
        return [(float(frame.time or 0), _mean(frame)) for frame in file.decode(video=0)]


def _mean(frame: av.VideoFrame) -> Colour:
    red, green, blue = frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
    return round(red), round(green), round(blue)


def alike(one: Colour, other: Colour) -> bool:
    """Whether two colours differ by no more than the codec's loss."""
    return all(abs(a - b) < 16 for a, b in zip(one, other, strict=True))
