"""What the node does on each command of the control process: one short method each, found by the command's type."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from server.errors import ProtocolError
from server.media import protocol as p
from server.media import telling
from server.media.calls import Calls
from server.media.figures import node_stats
from server.media.joining.bounds import Bounds
from server.media.joining.negotiation import Negotiation
from server.media.participant import Participant
from server.media.recording.recorder import CannotRecordError
from server.media.recording.recordings import Recordings
from server.media.refusal import CannotError
from server.media.room import Room
from server.media.switch import Switch
from server.media.transport.dtls import new_certificate

log = logging.getLogger(__name__)

MOST_PARTICIPANTS = 500  # in the whole node


class Commands:
    """Carries out commands on a `Switch`; `stopping` is set when the process is to end."""

    def __init__(self, switch: Switch, addresses: list[str], bounds: Bounds, calls: Calls) -> None:
        self.stopping = asyncio.Event()
        self.lag = 0.0  # s; how late the event loop was of late, noted by who measures it
        self._switch = switch
        self.calls = calls
        self._recordings = Recordings(switch.announce)
        port = switch.port
        candidates = [(address, port.number) for address in addresses]
        self._negotiation = Negotiation(new_certificate(), candidates, port.send, bounds)
        self._table: dict[type[Any], Callable[[Any, float], p.Answer | Awaitable[p.Answer]]] = {
            p.Hello: self._hello,
            p.OpenRoom: self._open_room,
            p.CloseRoom: self._close_room,
            p.Join: self._join,
            p.Leave: self._leave,
            p.SetFloor: self._set_floor,
            p.SetPublish: self._set_publish,
            p.ShowSlots: self._show_slots,
            p.StartRecording: self._start_recording,
            p.StopRecording: self._stop_recording,
            p.GetStats: self._get_stats,
            p.Shutdown: self._shutdown,
            **calls.table(),
        }

    async def carry_out(self, command: p.Command) -> p.Answer:
        """Do it; what cannot be done is answered by `Failed`."""
        try:
            answer = self._table[type(command)](command, time.monotonic())
            return await answer if isinstance(answer, Awaitable) else answer
        except CannotError as error:
            return p.Failed(code=error.code, message=str(error))

    async def close_everything(self) -> None:
        """End all sessions and recordings."""
        await self._recordings.stop_all()
        self.calls.lines.close_all()
        for name in list(self._switch.rooms):
            self._switch.close_room(name)

    def standing(self) -> Iterator[p.Event]:
        """What a control process that has just come needs to hear beyond `Welcome`."""
        for room in self._switch.rooms.values():
            for name, kind in room.live_tracks():
                yield p.TrackChanged(room=room.name, participant=name, kind=kind, live=True)
            programme = room.programme
            yield p.ProgrammeChanged(room=room.name, source=programme.source, kind=programme.kind)
            for participant in room.participants.values():
                yield from telling.standing(participant)

    def _room(self, name: str) -> Room:
        room = self._switch.rooms.get(name)
        if room is None:
            raise CannotError("no_room", name)
        return room

    def _participant(self, room: str, name: str) -> Participant:
        participant = self._room(room).participants.get(name)
        if participant is None:
            raise CannotError("no_participant", name)
        return participant

    def _hello(self, command: p.Hello, now: float) -> p.Answer:
        if command.version != p.VERSION:
            raise CannotError("version", f"this node speaks {p.VERSION}")
        rooms = [
            p.RoomInfo(
                room=room.name,
                sessions=[
                    p.SessionInfo(participant=who.name, session=who.session, state=who.state)
                    for who in room.participants.values()
                ],
                recording=self._recordings.of(room.name),
            )
            for room in self._switch.rooms.values()
        ]
        return p.Welcome(
            version=p.VERSION,
            pid=os.getpid(),
            udp_port=self._switch.port.number,
            rooms=rooms,
            calls=self.calls.lines.infos(),
        )

    def _open_room(self, command: p.OpenRoom, now: float) -> p.Answer:
        self._switch.open_room(command.room)
        return p.Done()

    async def _close_room(self, command: p.CloseRoom, now: float) -> p.Answer:
        self._switch.close_room(command.room)
        self.calls.lines.room_closed(command.room)
        await self._recordings.stop(command.room)
        return p.Done()

    def _join(self, command: p.Join, now: float) -> p.Answer:
        room = self._room(command.room)
        if self._switch.sessions >= MOST_PARTICIPANTS and command.participant not in room.participants:
            raise CannotError("full")
        try:
            participant, answer, slots = self._negotiation.accept(command.participant, command.room, command.offer, now)
        except ProtocolError as error:
            log.warning("%s/%s: offer refused: %s", command.room, command.participant, error)
            raise CannotError("bad_offer", str(error)) from error
        self._switch.admit(participant, now)
        return p.Joined(answer=answer, session=participant.session, slots=slots)

    def _leave(self, command: p.Leave, now: float) -> p.Answer:
        room = self._switch.rooms.get(command.room)
        participant = room.participants.get(command.participant) if room else None
        if participant is not None:
            participant.close("left")
        return p.Done()

    def _set_floor(self, command: p.SetFloor, now: float) -> p.Answer:
        self._room(command.room).set_floor(command.holders, now)
        return p.Done()

    def _set_publish(self, command: p.SetPublish, now: float) -> p.Answer:
        room = self._room(command.room)
        wishes: dict[p.Kind, bool] = {
            "microphone": command.microphone,
            "camera": command.camera,
            "screen": command.screen,
        }
        allowed = frozenset(kind for kind, wish in wishes.items() if wish)
        room.set_publish(command.participant, allowed, now)
        return p.Done()

    def _show_slots(self, command: p.ShowSlots, now: float) -> p.Answer:
        participant = self._participant(command.room, command.participant)
        self._room(command.room).show(participant, command.wants, now)
        return p.Done()

    async def _start_recording(self, command: p.StartRecording, now: float) -> p.Answer:
        room = self._room(command.room)
        try:
            await self._recordings.start(room, command.recording, Path(command.directory))
        except CannotRecordError as error:
            raise CannotError(error.code, str(error)) from error
        if self._switch.rooms.get(command.room) is not room:
            await self._recordings.stop(command.room)
            raise CannotError("no_room", command.room)
        return p.Done()

    async def _stop_recording(self, command: p.StopRecording, now: float) -> p.Answer:
        closed = await self._recordings.stop(command.room, command.recording)
        if closed is None:
            raise CannotError("not_recording", command.recording)
        return closed

    def _get_stats(self, command: p.GetStats, now: float) -> p.Answer:
        stats = node_stats(self._switch, command.room, self.lag, now)
        slowest, usual = self.calls.ticks()
        return msgspec.structs.replace(
            stats,
            calls=self.calls.stats(now),
            telephones=self.calls.telephones(command.room, now),
            calls_tick_ms=1000 * slowest,
            calls_tick_p99_ms=1000 * usual,
            calls_ticks=self.calls.tick_counts(),
        )

    async def _shutdown(self, command: p.Shutdown, now: float) -> p.Answer:
        """Control may end with our answer, and a container with control: the files must be complete by then."""
        await self._recordings.stop_all()
        asyncio.get_running_loop().call_later(0.05, self.stopping.set)
        return p.Done()
