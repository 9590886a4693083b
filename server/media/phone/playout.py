"""A telephone's sound in even steps of 20 ms (a jitter buffer): late, lost, doubled and drifting packets come in.

Sans-IO. The quickest packets of the last seconds tell the offset between the sender's clock and ours, the slowest how
long sound must wait. What is played is moved to where it belongs: at once in a pause, by stretching while it sounds.

It belongs where a packet begins: 20 ms that are one packet need no other, wherever between two packets our clock ticks;
20 ms that are parts of two must wait for the second.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from math import gcd

import numpy as np

from server.media.phone import stretch
from server.media.phone.codecs import FRAME_TIME, Codec
from server.media.wire.opus import Samples
from server.media.wire.rtp import unwrap

_MARGIN = 0.005  # s that the slowest packet comes before its time
_SURE = 0.003  # s sooner still that it must come before sound goes on to the next beginning: not to and fro
LONGEST = 0.2  # s that sound waits at most
_BUCKET, _BUCKETS = 1.0, 6  # s, and how many of them are looked back at
_STRAGGLERS = 3  # so many of the slowest packets tell what to wait for: fewer are not worth the wait
_CONCEALED = 3  # frames in a row that are made up before a gap is silence
_MOST_WAITING = 100  # packets
_ANOTHER_CLOCK = 2.0  # s off: the sender began anew
_ALL_LATE = 5  # packets in a row that came too late to be played: the sender's clock stood still in a pause
_LEAP = 0.1  # s off that no stretching mends
_NEAR = 0.002  # s off that need no mending
_LATER = 0.009  # s that a voice may be later than it must, until periods are left out: they are as long
_ALIKE, _ALMOST = 0.9, 0.5  # likeness of two periods of which one may go, and when it is urgent
_URGENT = 0.03  # s off
_QUIET = 180.0  # root mean square of 16-bit samples that count as a pause (-45 dB)


@dataclass
class _Bucket:
    """The quickest packet of a second and the slowest few: seconds of our clock less seconds of theirs."""

    end: float
    least: float
    most: list[float]


class _Transit:
    """What the packets' arrival tells of a line: `base` is that of the quickest, None before anything came, and `wait`
    how long after it (s) all packets that are waited for have come.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another clock."""
        self._buckets: list[_Bucket] = []
        self.base: float | None = None
        self.wait = _MARGIN

    def note(self, transit: float, now: float) -> None:
        """A packet came."""
        if not self._buckets or now >= self._buckets[-1].end:
            self._buckets.append(_Bucket(now + _BUCKET, transit, []))
            del self._buckets[:-_BUCKETS]
        bucket = self._buckets[-1]
        if len(bucket.most) == _STRAGGLERS and bucket.least <= transit <= bucket.most[0]:
            return  # as most: it is no measure of anything
        bucket.least = min(bucket.least, transit)
        insort(bucket.most, transit)
        del bucket.most[:-_STRAGGLERS]
        self._judge()

    def _judge(self) -> None:
        self.base = min(bucket.least for bucket in self._buckets)
        slowest = sorted(transit for bucket in self._buckets for transit in bucket.most)
        spread = slowest[max(-_STRAGGLERS, -len(slowest))] - self.base
        self.wait = min(_MARGIN + spread, LONGEST - FRAME_TIME)


class Playout:
    """One voice. Positions are in units of the codec's clock, unwrapped.

    `late` counts packets that came after their time, `concealed` frames that were made up.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._frame = round(codec.rate * FRAME_TIME)
        self._step = round(codec.clock * FRAME_TIME)
        self._length = self._step  # of the newest packet
        self._ratio = codec.rate / codec.clock
        self._waiting: dict[int, bytes] = {}
        self._newest: int | None = None
        self._cursor: int | None = None  # what is decoded next, None in a pause
        self._ready: Samples = np.zeros(0, np.int16)
        self._transit = _Transit()
        self._last: Samples = np.zeros(self._frame, np.int16)
        self._gap = _CONCEALED
        self._late_in_a_row = 0
        self.late = self.concealed = 0

    @property
    def delay(self) -> float:
        """Seconds that sound waits here at present, at most: less, the sooner after a packet our clock ticks."""
        return self._transit.wait + FRAME_TIME if self._transit.base is not None else 0.0

    def push(self, payload: bytes, timestamp: int, now: float, *, overdue: bool = False) -> None:
        """A packet that arrived; `overdue` when our clock stood since, so that this tells nothing of the line."""
        length = self._codec.duration(payload)
        if not length:
            return
        at = timestamp if self._newest is None else unwrap(timestamp, self._newest, 32)
        self._note(at, now, overdue)
        self._length = length
        if at + length <= (self._due(now) if self._cursor is None else self._cursor):
            self.late += 1
            self._late_in_a_row += 1
            if self._late_in_a_row < _ALL_LATE:
                return
            self._restart(at, now)
        self._late_in_a_row = 0
        self._waiting[at] = payload
        if len(self._waiting) > _MOST_WAITING:
            del self._waiting[min(self._waiting)]

    def _note(self, at: int, now: float, overdue: bool) -> None:
        transit = now - at / self._codec.clock
        base = self._transit.base
        if base is not None and abs(transit - base) > _ANOTHER_CLOCK:
            self._restart(at, now)
        else:
            if base is None or not overdue:
                self._transit.note(transit, now)
            self._newest = max(self._newest or at, at)

    def _restart(self, at: int, now: float) -> None:
        self._transit.restart()
        self._transit.note(now - at / self._codec.clock, now)
        self._newest = at
        self.drop()

    def drop(self) -> None:
        """What waits is not to be heard."""
        self._waiting.clear()
        self._cursor = None
        self._ready = self._ready[:0]

    def take(self, now: float) -> Samples | None:
        """The next 20 ms, to be called every 20 ms; None is silence."""
        if self._transit.base is None:
            return None
        due = self._due(now - _SURE)
        if self._cursor is None and not self._begin(due):
            return None
        self._approach(min(max(self._place(), due), self._due(now)))
        while self._ready.size < self._frame and self._decode_next(self._frame - self._ready.size):
            pass
        taken, self._ready = self._ready[: self._frame], self._ready[self._frame :]
        if not taken.size:
            return None
        self._last = taken if taken.size == self._frame else np.pad(taken, (0, self._frame - taken.size))
        return self._last if np.count_nonzero(self._last) else None

    def _due(self, now: float) -> int:
        """The last position from which a frame may be played at `now`, with all that has surely come by then.

        Packets begin a length apart, and frames that begin where one does begin there again after as much as both
        lengths have in common: 20 ms, as a rule. With little in common, frames are parts of two packets at some time.
        """
        come = round((now - (self._transit.base or 0.0) - self._transit.wait) * self._codec.clock)
        common = gcd(self._length, self._step)
        return come - (come - (self._newest or 0)) % common + common - self._step

    def _begin(self, due: int) -> bool:
        """After a pause: whether the next packet's time has come within this frame."""
        self._drop_before(due)
        if min(self._waiting, default=due + self._codec.clock) >= due + FRAME_TIME * self._codec.clock:
            return False
        self._cursor = due
        self._gap = _CONCEALED
        return True

    def _drop_before(self, due: int) -> None:
        """Forget packets whose time has passed."""
        for at in [at for at in self._waiting if at + self._codec.duration(self._waiting[at]) <= due]:
            del self._waiting[at]

    def _approach(self, due: int) -> None:
        """Bring what is played nearer to what is due."""
        ahead = (self._place() - due) / self._codec.clock
        if abs(ahead) <= _NEAR:
            return
        if abs(ahead) > _LEAP or float(np.sqrt(np.mean(self._last.astype(np.float32) ** 2))) < _QUIET:
            self._move(due, ahead)
        elif not -_LATER <= ahead <= 0:
            self._stretch(ahead)

    def _stretch(self, ahead: float) -> None:
        """By a period of the voice, once enough of it is there."""
        while self._ready.size < stretch.WINDOW * self._codec.rate and self._is_next_there():
            self._decode_next(0)
        if self._ready.size < stretch.WINDOW * self._codec.rate:
            return
        period = stretch.find_period(self._ready, self._codec.rate)
        if period.likeness < (_ALMOST if abs(ahead) > _URGENT else _ALIKE):
            return
        change = stretch.repeat if ahead > 0 else stretch.leave_out
        self._ready = change(self._ready, period.samples)

    def _is_next_there(self) -> bool:
        return self._cursor is not None and min(self._waiting, default=self._cursor + 1) <= self._cursor

    def _place(self) -> int:
        """The position of the next sample to be played."""
        return (self._cursor or 0) - round(self._ready.size / self._ratio)

    def _move(self, due: int, ahead: float) -> None:
        if ahead > 0:
            silence = np.zeros(round(ahead * self._codec.rate), np.int16)
            self._ready = np.concatenate((silence, self._ready))
            return
        dropped = round(-ahead * self._codec.rate)
        if dropped <= self._ready.size:
            self._ready = self._ready[dropped:]
        else:
            self._cursor, self._ready = due, self._ready[:0]
            self._drop_before(due)

    def _decode_next(self, missing: int) -> bool:
        """Append what comes next; false when there is nothing more to append."""
        cursor = self._cursor or 0
        at = min(self._waiting, default=None)
        if at is None or at > cursor:
            return self._fill(cursor, at, missing)
        samples = self._codec.decode(self._waiting.pop(at))
        if samples is not None:
            samples = samples[round((cursor - at) * self._ratio) :]
            if samples.size:
                self._append(samples)
        self._gap = 0
        return True

    def _fill(self, cursor: int, at: int | None, missing: int) -> bool:
        """A packet is missing: make it up, or be silent until the next one."""
        if self._gap >= _CONCEALED and at is None:
            self._cursor = None
            return False
        room = missing if at is None else min(missing, max(round((at - cursor) * self._ratio), 1))
        if self._gap >= _CONCEALED:
            self._append(np.zeros(room, np.int16))
            return True
        self._gap += 1
        self.concealed += 1
        made = self._codec.conceal()
        if made is None:
            made = (self._last * 0.8).astype(np.int16)
        self._append(made[:room])
        return True

    def _append(self, samples: Samples) -> None:
        self._ready = np.concatenate((self._ready, samples)) if self._ready.size else samples
        self._cursor = (self._cursor or 0) + max(round(samples.size / self._ratio), 1)
