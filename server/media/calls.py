"""What the node does on the commands about telephone calls, and their figures."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np

from server.media import protocol as p
from server.media import protocol_calls as c
from server.media.phone.bridge import Call, NoPortError, Ports
from server.media.phone.leg import Terms
from server.media.phone.lines import FullError, Lines
from server.media.phone.sounds import CannotReadError, Sounds
from server.media.phone.srtp import Keys
from server.media.refusal import CannotError
from server.media.switch import Switch

Handler = Callable[[Any, float], p.Answer | Awaitable[p.Answer]]


class Calls:
    """Carries out commands on a node's `Lines`."""

    def __init__(self, switch: Switch, ports: Ports) -> None:
        self.lines = Lines(ports, switch.announce)
        self._switch = switch
        self._sounds = Sounds()

    def table(self) -> dict[type[Any], Handler]:
        """Handlers by the commands' types."""
        return {
            c.OpenCall: self._open,
            c.SetTerms: self._set_terms,
            c.CloseCall: self._close,
            c.SeatCall: self._seat,
            c.Play: self._play,
            c.Announce: self._announce,
            c.DictateCall: self._dictate,
            c.EndDictation: self._end_dictation,
            c.JoinCalls: self._join,
        }

    def _open(self, command: c.OpenCall, now: float) -> p.Answer:
        try:
            return c.CallOpened(port=self.lines.open(command.call))
        except NoPortError as error:
            raise CannotError("no_port", str(error)) from error
        except FullError as error:
            raise CannotError("full") from error

    def _set_terms(self, command: c.SetTerms, now: float) -> p.Answer:
        try:
            self.lines.change(command.call, _terms(command.terms))
        except ValueError as error:
            raise CannotError("bad_terms", str(error)) from error
        except KeyError as error:
            raise CannotError("no_call", command.call) from error
        return p.Done()

    def _close(self, command: c.CloseCall, now: float) -> p.Answer:
        self.lines.close(command.call)
        return p.Done()

    def _seat(self, command: c.SeatCall, now: float) -> p.Answer:
        room = self._switch.rooms.get(command.room)
        if room is None:
            raise CannotError("no_room", command.room)
        try:
            self.lines.seat(command.call, room, command.participant)
        except KeyError as error:
            raise CannotError("no_call", command.call) from error
        return p.Done()

    async def _play(self, command: c.Play, now: float) -> p.Answer:
        try:
            sounds = await self._sounds.load(command.files)
            self.lines.play(command.call, command.number, sounds, repeat=command.repeat)
        except CannotReadError as error:
            raise CannotError("cannot_read", str(error)) from error
        except KeyError as error:
            raise CannotError("no_call", command.call) from error
        return p.Done()

    async def _announce(self, command: c.Announce, now: float) -> p.Answer:
        if command.room not in self._switch.rooms:
            raise CannotError("no_room", command.room)
        try:
            sounds = await self._sounds.load([command.file])
        except CannotReadError as error:
            raise CannotError("cannot_read", str(error)) from error
        self.lines.announce(command.room, sounds[0])
        return p.Done()

    def _dictate(self, command: c.DictateCall, now: float) -> p.Answer:
        try:
            self.lines.dictate(command.call, Path(command.file), command.longest)
        except OSError as error:
            raise CannotError("cannot_write", str(error)) from error
        except KeyError as error:
            raise CannotError("no_call", command.call) from error
        return p.Done()

    async def _end_dictation(self, command: c.EndDictation, now: float) -> p.Answer:
        try:
            made = await self.lines.end_dictation(command.call)
        except OSError as error:
            raise CannotError("cannot_write", str(error)) from error
        except KeyError as error:
            raise CannotError("no_call", command.call) from error
        return c.Dictated(ms=made.ms, spoken_ms=made.spoken_ms)

    def _join(self, command: c.JoinCalls, now: float) -> p.Answer:
        try:
            self.lines.join(command.call, command.other)
        except KeyError as error:
            raise CannotError("no_call", f"{command.call}, {command.other}") from error
        return p.Done()

    def stats(self, now: float) -> list[c.CallStats]:
        """Counters of every call."""
        return [_stats(call, now) for call in self.lines]

    def telephones(self, room: str | None, now: float) -> list[p.ParticipantStats]:
        """Counters of those who take part by telephone, in one room or in all."""
        return [_participant_stats(name, call, now) for name, call in self.lines.seated(room)]

    def ticks(self) -> tuple[float, float]:
        """How long the slowest tick of the last minute took, and 99 of 100 at most; s, 0 before the first."""
        lengths = self.lines.ticks() or [0.0]
        return max(lengths), float(np.percentile(lengths, 99))

    def tick_counts(self) -> dict[int, int]:
        """How many ticks, ever, took so many whole times `metronome.COUNTED`."""
        return dict(self.lines.tick_counts())


def _terms(told: c.CallTerms) -> Terms:
    """Raises ValueError."""
    keys = None
    if told.suite:
        try:
            ours, theirs = (base64.b64decode(key, validate=True) for key in (told.our_key, told.their_key))
        except binascii.Error as error:
            raise ValueError("a key is no base64") from error
        keys = Keys(told.suite, ours, theirs, told.their_mki)
    return Terms(
        told.codec,
        told.sending,
        told.receiving,
        told.events,
        told.noise,
        (told.host, told.port) if told.host else None,
        told.sends,
        keys,
        told.their_events,
        told.receives,
        told.reports,
    )


def _stats(call: Call, now: float) -> c.CallStats:
    leg = call.leg
    return c.CallStats(
        call=call.listener.who,
        packets_in=leg.received,
        packets_out=leg.sent,
        silent_for=None if leg.heard_at is None else now - leg.heard_at,
        delay_ms=1000 * leg.playout.delay,
        late=leg.playout.late,
        concealed=leg.playout.concealed,
        malformed=leg.malformed,
        strangers=leg.strangers,
    )


def _participant_stats(name: str, call: Call, now: float) -> p.ParticipantStats:
    leg, sound = call.leg, call.leg.sound(now)
    jitter = leg.tally.jitter if sound == "comes" else None
    told = leg.reports.told(now)
    return p.ParticipantStats(
        participant=name,
        session=f"{call.listener.who} {leg.ssrc:08x}",
        state="lost" if sound == "missing" else "connected",
        packets_in=leg.received,
        bytes_in=leg.tally.bytes,
        packets_out=leg.sent,
        bytes_out=leg.sent_bytes,
        expected_in=leg.tally.expected,
        lost_in=leg.tally.lost,
        lost_out=told.lost if told is not None else None,
        jitter_ms=None if jitter is None else 1000 * jitter,
        jitter_out_ms=1000 * told.jitter if told is not None else None,
        rtt_ms=1000 * told.rtt if told is not None and told.rtt is not None else None,
        queue_ms=None,
        sound=sound,
    )
