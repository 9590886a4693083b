"""Opus (RFC 6716): how long a packet lasts, a decoder that can conceal losses, an encoder for mixes.

Everything is mono, 16 bit, and 48 kHz but for voices that have no more than their telephone gave them.

PyAV decodes. It would encode as well, but leads each frame through a filter graph, which costs as much as a voice of
8 kHz itself, and on a core that has slept in between thrice that: so the library that PyAV is linked with is asked.
"""

from __future__ import annotations

from typing import Any

import av
import av._core
import numpy as np
from cffi import FFI
from numpy.typing import NDArray

RATE = 48_000  # samples a second, also the RTP clock (RFC 7587 §4.1)
FRAME = 960  # samples in 20 ms
LONGEST = 5760  # samples in 120 ms, the most that a packet may hold (RFC 6716 §3.2.5)
QUIET = b"\xf8\xff\xfe"  # 20 ms of coded silence: full-band CELT, one frame

Samples = NDArray[np.int16]
SILENCE: Samples = np.zeros(FRAME, np.int16)  # 20 ms

_SILK = (480, 960, 1920, 2880)
_HYBRID = (480, 960)
_CELT = (120, 240, 480, 960)
_MOST_BYTES = 1275  # of a packet of one frame (RFC 6716 §3.4)
_VOIP, _SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_PACKET_LOSS_PERC = 2048, 4002, 4010, 4012, 4014
_REPAIRS = {_SET_INBAND_FEC: 1, _SET_PACKET_LOSS_PERC: 10}  # % lost that they are made for

_ffi = FFI()
_ffi.cdef("""
typedef struct OpusEncoder OpusEncoder;
OpusEncoder *opus_encoder_create(int32_t rate, int channels, int application, int *error);
void opus_encoder_destroy(OpusEncoder *encoder);
int opus_encoder_ctl(OpusEncoder *encoder, int request, ...);
int32_t opus_encode(OpusEncoder *encoder, const int16_t *samples, int size, unsigned char *packet, int32_t most);
""")
_libopus: Any = _ffi.dlopen(av._core.__file__)  # a library is searched together with those that it is linked with


def duration(packet: bytes) -> int:
    """Samples in a packet by its first bytes (RFC 6716 §3.1, §3.2); 0 if they are not an Opus packet's."""
    if not packet:
        return 0
    config, count = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = _SILK[config & 3]
    elif config < 16:
        frame = _HYBRID[config & 1]
    else:
        frame = _CELT[config & 3]
    frames = 2 if count else 1
    if count == 3:
        frames = packet[1] & 0x3F if len(packet) > 1 else 0
    return frame * frames if frame * frames <= LONGEST else 0


class Decoder:
    """One voice's decoder. A packet that cannot be decoded gives None and harms nothing that follows."""

    def __init__(self) -> None:
        self._codec: av.AudioCodecContext = av.CodecContext.create("libopus", "r")
        self._codec.sample_rate = RATE
        self._codec.layout = "mono"
        self._last = QUIET[0]

    def decode(self, packet: bytes) -> Samples | None:
        """The samples of a packet, mono whatever was sent."""
        if not packet:  # FFmpeg would take it for the end of the stream
            return None
        try:
            frames = self._codec.decode(av.Packet(packet))
        except av.FFmpegError:
            return None
        if not frames:
            return None
        self._last = packet[0]
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])

    def conceal(self) -> Samples | None:
        """What probably was in a packet that is missing: a frame without data makes libopus extrapolate."""
        return self.decode(bytes((self._last & 0xFC,)))


class Encoder:
    """An encoder of samples at `rate` (8, 12, 16, 24 or 48 kHz): 20 ms in, one packet out.

    `effort` is what libopus calls complexity, 0 to 10: better sound for more CPU. What goes over a network `repairs`:
    each packet of speech holds the one before in little (in-band FEC, RFC 6716 §2.1.7), for 10 to 20 % more
    CPU. That takes bits: below 32 kbit/s a voice wider than a telephone's becomes narrower.
    """

    def __init__(self, bit_rate: int = 40_000, rate: int = RATE, effort: int = 5, *, repairs: bool = False) -> None:
        """Raises ValueError for a rate that is none of Opus'."""
        self.rate, self.frame = rate, rate // 50
        self._packet = _ffi.new("unsigned char[]", _MOST_BYTES)
        self._bytes = _ffi.buffer(self._packet)
        made = _libopus.opus_encoder_create(rate, 1, _VOIP, _ffi.NULL)
        if not made:
            raise ValueError(f"Opus at {rate} Hz")
        self._encoder = _ffi.gc(made, _libopus.opus_encoder_destroy)
        settings = {_SET_BITRATE: bit_rate, _SET_COMPLEXITY: effort}
        for request, value in (settings | (_REPAIRS if repairs else {})).items():
            _libopus.opus_encoder_ctl(self._encoder, request, _ffi.cast("int32_t", value))

    def encode(self, samples: Samples) -> bytes:
        """One packet of `frame` samples. Raises ValueError when these are more or fewer, or not of 16 bits."""
        if samples.nbytes != 2 * self.frame:
            raise ValueError(f"{samples.size} samples of {samples.dtype}")
        whole = _ffi.from_buffer("int16_t[]", samples)
        size = _libopus.opus_encode(self._encoder, whole, self.frame, self._packet, _MOST_BYTES)
        if size < 0:
            raise RuntimeError(f"libopus: error {size}")
        packet: bytes = self._bytes[:size]
        return packet
