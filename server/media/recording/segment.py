"""One segment of a recording: a video file, an audio file and a journal, written from packets with `now` passed in.

Voices and picture share one clock: media time 0 is the moment of the segment's start, and each stream is placed by
when its packets arrive. The sound is one mix, without a break from the start; the picture is written as it comes, from
its first key frame on. Every method but `close` may raise OSError.
"""

from __future__ import annotations

import datetime as dt
import errno
import logging
from collections import Counter
from pathlib import Path

import av

from server.media.protocol import Codec, RecordingFile
from server.media.recording.frames import Frame, FrameAssembler
from server.media.recording.journal import Beat, Begun, Ended, Journal, Switched
from server.media.recording.mixer import DELAY, Mixer, Tick
from server.media.recording.timeline import Timeline
from server.media.recording.translator import EVERY, Translated, Translator
from server.media.recording.webm import WebmFile
from server.media.wire.opus import FRAME, QUIET, RATE, SILENCE, Encoder
from server.media.wire.rtp import VIDEO_CLOCK

log = logging.getLogger(__name__)

BEAT = 1.0  # s between lines of the journal
SYNC_EVERY = 5  # beats; what a power cut may lose
FADE = 10  # silent ticks that are still encoded, so that a sound ends well
SPEAKING_TICKS = 15  # of 50 in a beat, to be written down as speaking
TICK_MS = 1000 * FRAME // RATE
FRAME_MS = 33  # how long the last picture is taken to last
LOGGED = 20  # pictures of a segment that cannot be decoded; who sends nothing else does not fill the disk

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Segment:
    """`start` is the monotonic second and `wall` the UTC time of media time 0."""

    def __init__(self, directory: Path, recording: str, start: float, wall: dt.datetime) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.number = next_number(directory)
        self._stem = str(directory / f"{self.number:04}")
        self._start = start
        self._journal = Journal(Path(f"{self._stem}.journal"))
        self._journal.write(Begun(recording=recording, segment=self.number, wall=wall))
        self._mixer = Mixer(start)
        self._encoder = Encoder()
        self._audio = WebmFile(Path(f"{self._stem}-audio.webm"), "opus")
        self._silent = 0
        self._frames = FrameAssembler()
        self._pictures = Timeline(VIDEO_CLOCK)
        self._translator: Translator | None = None
        self._video: WebmFile | None = None
        self._voices: Counter[str] = Counter()
        self._beats = self._undecoded = 0

    @property
    def needs_key_frame(self) -> bool:
        """Whether pictures are dropped until a key frame comes."""
        return self._frames.needs_key_frame

    def audio(self, participant: str, payload: bytes, timestamp: int, arrival: float) -> None:
        """One Opus packet of a voice."""
        self._mixer.push(participant, payload, timestamp, arrival)

    def video(
        self, payload: bytes, timestamp: int, marker: bool, sequence: int, arrival: float, codec: Codec = "vp8"
    ) -> None:
        """One payload of the programme."""
        self._pictures.note(timestamp, arrival)
        for frame in self._frames.push(payload, timestamp, marker, sequence, arrival, codec):
            if frame.codec == "vp9":
                self._translate(frame, arrival)
            else:
                self._translator = None
                self._write_picture(frame, arrival)

    def programme(self, source: str | None, kind: str, now: float) -> None:
        """The picture is another from now on."""
        self._journal.write(Switched(media_ms=self._media_ms(now), source=source, kind=kind))

    def advance(self, now: float, wall: dt.datetime) -> None:
        """Write the sound that has become due, and each second a line in the journal."""
        for tick in self._mixer.mix(now):
            self._write_sound(tick)
        self._write_translated(self._translator.due(now) if self._translator else None)
        if now - self._start >= (self._beats + 1) * BEAT:
            self._beat(wall)
            self._beats = int((now - self._start) / BEAT)

    def close(self, now: float, wall: dt.datetime, reason: str = "") -> list[RecordingFile]:
        """Write what is left, complete the files, say what they are. After an OSError pass its code as `reason`."""
        if not reason:
            try:
                for tick in self._mixer.mix(now + DELAY):
                    self._write_sound(tick)
                self._write_translated(self._translator.due(now + EVERY) if self._translator else None)
            except OSError as error:
                reason = error_code(error)
        files = [file.close() for file in (self._video, self._audio) if file is not None]
        last = Ended(
            media_ms=self._audio.media_ms,
            wall=wall,
            files=files,
            reason=reason,
            lost_packets=self._frames.lost,
            dropped_pictures=self._frames.dropped,
            refused_packets=self._mixer.refused,
        )
        try:
            self._journal.close(last)
        except OSError as error:  # the files stand; the reader takes the journal for that of a crash
            log.warning("%s: the journal has no last line: %s", self._stem, error)
        return files

    def _translate(self, frame: Frame, arrival: float) -> None:
        if frame.key_frame:  # whatever came before it: pictures of somebody else, or what could not be decoded
            self._translator = Translator()
        if self._translator is None:
            return
        try:
            self._write_translated(self._translator.take(frame, arrival))
        except av.FFmpegError as error:
            self._undecoded += 1
            level = logging.INFO if self._undecoded <= LOGGED else logging.DEBUG
            log.log(level, "%s: a picture in VP9 cannot be decoded: %s", self._stem, error)
            self._frames.dropped += 1
            self._frames.needs_key_frame, self._translator = True, None

    def _write_translated(self, picture: Translated | None) -> None:
        if picture is not None:
            self._write_picture(picture.frame, picture.arrival)

    def _write_picture(self, frame: Frame, arrival: float) -> None:
        """Nothing was seen after it came, whatever its timestamp says: one in the future would hold up all after it."""
        if self._video is None:
            self._video = WebmFile(Path(f"{self._stem}-video.webm"), "vp8", frame.width, frame.height)
        at = min(arrival, self._pictures.place(self._pictures.unwrap(frame.timestamp)))
        self._video.add(frame.data, max(0, self._media_ms(at)), FRAME_MS, frame.key_frame)

    def _write_sound(self, tick: Tick) -> None:
        self._voices.update(tick.speaking)
        total = tick.total
        self._silent = self._silent + 1 if total is None else 0
        if total is None and self._silent > FADE:
            packet = QUIET
        else:
            packet = self._encoder.encode(SILENCE if total is None else total)
        self._audio.add(packet, tick.at * 1000 // RATE, TICK_MS, True)

    def _beat(self, wall: dt.datetime) -> None:
        files = [file for file in (self._video, self._audio) if file is not None]
        if self._beats % SYNC_EVERY == 0:
            for file in files:
                file.sync()
        voices = sorted(who for who, ticks in self._voices.items() if ticks >= SPEAKING_TICKS)
        self._voices.clear()
        states = [file.state for file in files]
        self._journal.write(Beat(media_ms=self._audio.media_ms, wall=wall, files=states, voices=voices))
        if self._beats % SYNC_EVERY == 0:
            self._journal.sync()

    def _media_ms(self, moment: float) -> int:
        return round(1000 * (moment - self._start))


def next_number(directory: Path) -> int:
    """The number of the next segment in a recording's directory: 1, or one more than the highest."""
    numbers = [int(path.name[:4]) for path in directory.iterdir() if path.name[:4].isdecimal()]
    return max(numbers, default=0) + 1


def error_code(error: OSError) -> str:
    """What control is told of an error while writing."""
    return "disk_full" if error.errno in _FULL else "cannot_write"
