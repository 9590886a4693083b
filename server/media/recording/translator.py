"""Pictures of a shared screen from VP9 to VP8, so that a recording's picture is one track of one codec as cameras come.

A slow thing, for the recorder's thread alone. Measured at 1920×1080: 4 ms of a core to decode a picture, 6 ms to encode
one of which little is new and 65 ms a whole page. So of many pictures a second only some are encoded, and of those the
last in any case: a page that has just been turned is to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.frame import PictureType

from server.media.programme import SEEK_EVERY
from server.media.recording.frames import Frame
from server.media.wire.rtp import VIDEO_CLOCK

EVERY = 0.2  # s between two pictures, unless the later is a key frame
MOST_PIXELS = 4096 * 2304
_RATE = 1_000_000  # bit/s; a still page takes next to nothing of it
_OPTIONS = {
    "deadline": "realtime", "cpu-used": "-12", "lag-in-frames": "0", "auto-alt-ref": "0",
    "screen-content-mode": "1", "static-thresh": "300", "qmin": "4", "qmax": "50",
}  # fmt: skip
_NO_KEY_FRAMES = 1_000_000  # pictures without one that we do not ask for


@dataclass(frozen=True, slots=True)
class Translated:
    """A picture in VP8; `arrival` is when it came in VP9."""

    frame: Frame
    arrival: float


class Translator:
    """Takes whole VP9 frames in order, the first a key frame."""

    def __init__(self) -> None:
        self._decoder: av.VideoCodecContext = av.CodecContext.create("vp9", "r")
        self._decoder.thread_count = 1
        self._decoder.options = {"max_pixels": str(MOST_PIXELS)}
        self._encoder: av.VideoCodecContext | None = None
        self._held: tuple[Frame, av.VideoFrame, float] | None = None
        self._encoded_at = self._began = float("-inf")

    def take(self, frame: Frame, arrival: float) -> Translated | None:
        """The picture in VP8, or None when it is left for `due`. Raises av.FFmpegError for what is no VP9."""
        pictures = self._decoder.decode(av.Packet(frame.data))
        if not pictures:  # it is not to be shown
            return None
        self._held = (frame, pictures[-1], arrival)
        return self._encode() if frame.key_frame else self.due(arrival)

    def due(self, now: float) -> Translated | None:
        """The picture that was left, once enough time has passed."""
        return self._encode() if self._held is not None and now - self._encoded_at >= EVERY else None

    def _encode(self) -> Translated | None:
        if self._held is None:
            return None
        frame, picture, arrival = self._held
        self._held, self._encoded_at = None, arrival
        self._encoder = self._encoder or _encoder(picture.width, picture.height)
        begins = arrival - self._began >= SEEK_EVERY
        if begins:
            self._began = arrival
        picture.pts, picture.time_base = round(arrival * VIDEO_CLOCK), Fraction(1, VIDEO_CLOCK)
        picture.pict_type = PictureType.I if begins else PictureType.NONE  # whatever it was in VP9
        (packet,) = self._encoder.encode(picture)
        size = (self._encoder.width, self._encoder.height) if begins else (0, 0)
        return Translated(Frame(bytes(packet), frame.timestamp, begins, *size), arrival)


def _encoder(width: int, height: int) -> av.VideoCodecContext:
    encoder: av.VideoCodecContext = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, VIDEO_CLOCK), Fraction(round(1 / EVERY))
    encoder.bit_rate, encoder.gop_size, encoder.thread_count = _RATE, _NO_KEY_FRAMES, 1
    encoder.options = _OPTIONS
    return encoder
