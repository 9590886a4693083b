"""The load generator: `load.c`, compiled when a bench needs it, on the sockets and keys of connected endpoints."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cffi import FFI
from pylibsrtp import _binding

from server.media.joining import sdp
from tests.bench.figures import percentile
from tests.media.endpoint import OPUS, VP8, Endpoint

SLICE = 0.5  # s of load between two looks at the keep-alives
KEEP_ALIVE_SLICES = 5

_INTERFACE = """
void load_init(int count, int publishing, uintptr_t protect, uintptr_t unprotect, uintptr_t protect_rtcp);
void load_sink(int number, int fd, uintptr_t in, uintptr_t out, const char *host, int port, int tcc_id);
void load_publisher(int number, int fd, uintptr_t out, const char *host, int port, uint32_t video_ssrc,
                    uint32_t audio_ssrc, int video_pt, int audio_pt);
void load_reset(void);
uint64_t load_stat(int which);
uint64_t load_received(int number);
int load_latencies(int voices, double *out, int room);
void load_run(double length, double frames, int burst, double voices, int video_size, int audio_size, int sample);
"""


@dataclass(frozen=True)
class Rate:
    """What each publisher sends: frames of `burst` packets and voice packets, a second; sizes in bytes of RTP."""

    frames: float = 24.0
    burst: int = 5
    voices: float = 50.0
    video_size: int = 1100
    audio_size: int = 120
    sample: int = 61

    def times(self, factor: float) -> Rate:
        """The same load, `factor` times as fast."""
        return replace(self, frames=self.frames * factor, voices=self.voices * factor)


@dataclass(frozen=True)
class Outcome:
    """What one run of load gave; `cpu` is what `cpu_of` said of the server. Latencies are in s, sorted.

    `lost` and `voices_lost` are shares of what the sinks should have got.
    """

    sent: int
    received: int
    lost: float
    voices_lost: float
    good: int
    bad: int
    cpu: float
    seconds: float
    least: int
    feedbacks: int
    latencies: list[float]
    voice_latencies: list[float]

    @property
    def cost(self) -> float:
        """CPU of the server in microseconds for each packet that came."""
        return 1e6 * self.cpu / self.received

    @property
    def rate(self) -> float:
        """Packets a second that came."""
        return self.received / self.seconds

    @property
    def p99_ms(self) -> float:
        """Of all latencies, in ms."""
        return 1000 * percentile([*self.latencies, *self.voice_latencies], 0.99)

    @property
    def voice_p99_ms(self) -> float:
        """Of the voices' latencies, in ms."""
        return 1000 * percentile(self.voice_latencies, 0.99)


def _compile() -> tuple[FFI, Any]:
    folder = Path(tempfile.mkdtemp(prefix="load"))
    library = folder / "load.so"
    source = Path(__file__).with_name("load.c")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    ffi = FFI()
    ffi.cdef(_INTERFACE)
    return ffi, ffi.dlopen(str(library))


def _at(pointer: Any) -> int:
    return int(_binding.ffi.cast("uintptr_t", pointer))


class Load:
    """Publishers and sinks in one C loop; the endpoints are connected already and give up their sockets.

    The first `pictures` publishers send pictures, all send voices; each sink gets what `heard` of them send.
    """

    def __init__(
        self, publishers: list[Endpoint], sinks: list[Endpoint], *, pictures: int = 1, heard: float = 1.0
    ) -> None:
        self._ffi, self._c = _compile()
        self._sinks = sinks
        self._publishers = publishers
        self._reach = len(sinks) * heard
        names = ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp")
        functions = [_at(_binding.ffi.addressof(_binding.lib, name)) for name in names]
        self._c.load_init(len(sinks), len(publishers), *functions)
        for number, sink in enumerate(sinks):
            host, port = self._remote(sink)
            assert sink.link is not None and sink.link._inward is not None
            inward = _at(sink.link._inward._srtp[0])
            transport_cc = sink.extensions.get(sdp.TRANSPORT_CC, 0)
            self._c.load_sink(number, sink.release(), inward, _at(sink.link.session), host, port, transport_cc)
        for number, publisher in enumerate(publishers):
            self._add_publisher(number, publisher, number < pictures)

    def _add_publisher(self, number: int, publisher: Endpoint, pictures: bool) -> None:
        host, port = self._remote(publisher)
        video = next(m.ssrc for m in publisher.media if m.kind == "video" and m.ssrc) if pictures else 0
        audio = next(m.ssrc for m in publisher.media if m.kind == "audio" and m.ssrc)
        assert publisher.link is not None
        session = _at(publisher.link.session)
        self._c.load_publisher(number, publisher.release(), session, host, port, video, audio, VP8, OPUS)

    @staticmethod
    def _remote(endpoint: Endpoint) -> tuple[bytes, int]:
        assert endpoint.remote is not None
        host, port = endpoint.remote.address
        return host.encode(), port

    def run(self, seconds: float, rate: Rate, cpu_of: Callable[[], float], *, warm_up: float = 1.0) -> Outcome:
        """Load for so long after a warm-up; then let what is on its way arrive."""
        self._slices(warm_up, rate)
        self._slices(0.3, Rate(frames=0, voices=0))
        self._c.load_reset()
        before = cpu_of()
        self._slices(seconds, rate)
        self._slices(0.3, Rate(frames=0, voices=0))
        used = cpu_of() - before
        least = min(self._c.load_received(number) for number in range(len(self._sinks)))
        sent, received, good, bad, _, _, feedbacks, voices, voices_received = (self._c.load_stat(n) for n in range(9))
        return Outcome(
            sent=sent,
            received=received,
            lost=1 - received / (sent * self._reach),
            voices_lost=1 - voices_received / (voices * self._reach),
            good=good,
            bad=bad,
            cpu=used,
            seconds=seconds,
            least=least,
            feedbacks=feedbacks,
            latencies=self._latencies(0),
            voice_latencies=self._latencies(1),
        )

    def _latencies(self, voices: int) -> list[float]:
        room = self._ffi.new("double[]", 200_000)
        return sorted(room[0 : self._c.load_latencies(voices, room, 200_000)])

    async def close(self) -> None:
        """Close the endpoints, and with them their sockets."""
        for endpoint in (*self._publishers, *self._sinks):
            await endpoint.close()

    def _slices(self, seconds: float, rate: Rate) -> None:
        """Load in slices; between them a part of the endpoints shows that it is still there."""
        turn, left = 0, seconds
        while left > 0:
            for endpoint in [*self._publishers, *self._sinks][turn % KEEP_ALIVE_SLICES :: KEEP_ALIVE_SLICES]:
                endpoint.check()
            length = min(SLICE, left)
            self._c.load_run(
                length, rate.frames, rate.burst, rate.voices, rate.video_size, rate.audio_size, rate.sample
            )
            left -= length
            turn += 1


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process so far, user and system, to the nanosecond (proc(5), schedstat)."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        except FileNotFoundError:
            continue
    return total / 1e9


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)
