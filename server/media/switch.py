"""The switchboard: rooms, their participants, and the way of each packet and each tick of the clock through them.

A spoken word: `udp` → `paths` (whose?) → here (unprotect) → `uplink` (which stream?) → `room` (may it be heard? which
slots?) → `forward` (rewrite, protect, send).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from server.errors import ProtocolError
from server.media import feedback
from server.media.inward.source import Source
from server.media.outward.forward import Forwarder
from server.media.outward.overload import TURN, Overload, fate, steps
from server.media.participant import Participant
from server.media.protocol import Event, SessionChanged, SessionState
from server.media.room import Room
from server.media.transport.paths import Paths
from server.media.transport.udp import Clock, UdpPort
from server.media.wire.rtp import is_rtcp

log = logging.getLogger(__name__)

REPORTS_AT_ONCE = 16  # after a burst, before the next is looked at: half a millisecond,
REPORTS_TURN = 0.001  # s after which it is looked at in any case
PHASES = 10  # once-a-second work is spread over this many ticks
LOGGED_FAULTS = 50  # of ours; one that comes with every tick does not fill the disk


def _nobody_listens(event: Event) -> None:
    log.debug("%s", event)


class Switch:
    """All rooms of the node; `tell` takes events. `clock` is the one that gives every other `now`."""

    def __init__(self, port: UdpPort, clock: Clock) -> None:
        self.port = port
        self._clock = clock
        self._unix_time = 0.0  # when the clock showed 0, by the last tick
        self.forwarder = Forwarder(port)
        self.paths: Paths[Participant] = Paths(port, self._media, self._burst_ended, self.forwarder.holding)
        self.rooms: dict[str, Room] = {}
        self.tell: Callable[[Event], None] = _nobody_listens
        self.past_bytes_in = self.past_bytes_out = self.past_retransmitted = 0  # of sessions that are over
        self.overload = Overload()
        self._busy: set[Room] = set()
        self._queue: dict[Source, Room] = {}  # that have packets to pass on, in the order of their coming
        self._asking: set[Participant] = set()
        self._reports: deque[tuple[Participant, bytes]] = deque()  # genuine RTCP that is not yet heard
        self._ticks = self._faults = 0

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return sum(len(room.participants) for room in self.rooms.values())

    def participants(self) -> Iterator[Participant]:
        """Everybody, room by room."""
        for room in self.rooms.values():
            yield from room.participants.values()

    # ---- rooms and sessions ----------------------------------------------------------------------------------------

    def open_room(self, name: str) -> Room:
        """The room of this name, made if it is not there."""
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(name, self.forwarder, self.announce)
            log.info("%s: room opened", name)
        return room

    def close_room(self, name: str) -> None:
        """End its sessions and forget it."""
        room = self.rooms.get(name)
        if room is None:
            return
        for participant in list(room.participants.values()):
            participant.close("room_closed")
        self.rooms.pop(name, None)
        log.info("%s: room closed", name)

    def admit(self, participant: Participant, now: float) -> None:
        """A session begins; the one that its participant had before ends."""
        room = self.rooms[participant.room]
        before = room.participants.get(participant.name)
        if before is not None:
            before.close("replaced")
        participant.changed = self._changed
        self.paths.add(participant)
        room.enter(participant, now)

    def _changed(self, participant: Participant, state: SessionState, reason: str) -> None:
        now = self._clock()
        room = self.rooms[participant.room]
        if state == "closed":
            self.paths.remove(participant)
            self.past_bytes_in += participant.uplink.bytes
            self.past_bytes_out += participant.downlink.bytes
            self.past_retransmitted += participant.downlink.retransmitted
            self._asking.discard(participant)
            room.depart(participant, now)
            participant.link.close()
        else:
            room.arrange(participant, now)
        self.announce(
            SessionChanged(
                room=participant.room,
                participant=participant.name,
                session=participant.session,
                state=state,
                reason=reason,
            )
        )

    def announce(self, event: Event) -> None:
        """Tell control, whoever that is by now."""
        self.tell(event)

    # ---- packets ---------------------------------------------------------------------------------------------------

    def _media(self, participant: Participant, data: bytes, now: float) -> None:
        """A protected datagram of a participant. Raises ProtocolError when it is none or was tampered with."""
        try:
            self._take_in(participant, data, now)
        except ProtocolError:
            raise
        except Exception:
            self._fail(participant)

    def _take_in(self, participant: Participant, data: bytes, now: float) -> None:
        room = self.rooms[participant.room]
        if is_rtcp(data):
            plain = participant.link.unprotect_rtcp(data)
            participant.allowance.spend(data)
            self._reports.append((participant, plain))
            return
        plain = participant.link.unprotect(data)
        participant.allowance.spend(data)
        arrived = participant.uplink.receive(plain, now)
        if arrived is None:
            return
        for packet in (*arrived.repaired, arrived.packet):
            room.arrived(participant, arrived.source, packet, arrived.level, now)
        if room.busy:
            self._busy.add(room)
        if arrived.source.losses.missing or arrived.source.key_frames.wanted:
            self._asking.add(participant)

    def _burst_ended(self, now: float) -> bool:
        """Media first: ninety reports that come at once would hold up a word by milliseconds."""
        self._pass_on(now)
        self._hear_reports(now)
        behind = [room for room in self.rooms.values() if self._attempt(room, room.catch_up, now)]
        return bool(self._reports or self._queue or behind)

    def _hear_reports(self, now: float) -> None:
        """The oldest of those that wait. The policing of each participant bounds how many can."""
        end = self._clock() + REPORTS_TURN
        for number in range(min(REPORTS_AT_ONCE, len(self._reports))):
            if number and self._clock() > end:
                break
            participant, data = self._reports.popleft()
            room = self.rooms.get(participant.room)
            if room is None or room.participants.get(participant.name) is not participant:
                continue  # it has left meanwhile
            try:
                feedback.received(participant, data, room, self.forwarder, now, self._unix_time + now)
            except ProtocolError as error:
                self.paths.refuse(data[0], error)
            except Exception:
                self._fail(participant)

    def _fail(self, where: object) -> None:
        """A fault of ours. That which a participant's packets have met ends its session, and nobody else's."""
        self._faults += 1
        if self._faults <= LOGGED_FAULTS:
            log.exception("%s meets a fault of the node", where)
        if isinstance(where, Participant):
            where.close("failed")

    def _attempt(self, part: Room | Forwarder, work: Callable[[float], bool | None], now: float) -> bool | None:
        """Work for many one after the other; a fault is of the one that `part` is `at`, and the others' turn comes."""
        try:
            return work(now)
        except Exception:
            at, part.at = part.at, None
            self._fail(next((one for one in self.participants() if one.downlink is at), part))
            return True

    def _pass_on(self, now: float) -> None:
        """Voices, and pictures for a turn, the important first; what is left waits until the next burst was read."""
        for room in self._busy:
            self._queue.update(dict.fromkeys(room.take_busy(), room))
        self._busy.clear()
        due = sorted(self._queue.items(), key=lambda entry: entry[1].importance(entry[0]))
        if self.overload.level:
            self._leave_out(due)
        self._serve(due, now)
        waiting = max((now - source.fresh[0].arrival for source in self._queue if source.fresh), default=0.0)
        if self.overload.note(waiting, now):
            self.overload.rise(self._steps(now), now)
        self._attempt(self.forwarder, self.forwarder.release, now)
        for participant in list(self._asking):
            try:
                participant.send_requests(now)
            except Exception:
                self._fail(participant)
            if not any(source.losses.missing for source in participant.uplink.sources.values()):
                self._asking.discard(participant)

    def _serve(self, due: Iterable[tuple[Source, Room]], now: float) -> None:
        """Send what is fresh of these, of which voices come first; what is done is no longer in the queue."""
        end: float | None = None
        for source, room in due:
            if source.is_video and end is None:
                end = self._clock() + TURN
            while (source.fresh or source.joining) and (end is None or self._clock() < end):
                try:
                    (room.pass_on if source.fresh else self.forwarder.join)(source, now)
                except Exception:
                    source.fresh.clear()
                    source.joining.clear()
                    self._fail(room.participants.get(source.owner))
            if not (source.fresh or source.joining):
                del self._queue[source]

    def _steps(self, now: float) -> Iterator[int]:
        """The levels of overload that leave out something of the pictures that go out now."""
        for participant in self.participants():
            room = self.rooms[participant.room]
            for source in participant.uplink.sources.values():
                if source.is_video and source.slots and source.live(now):
                    yield from steps(room.importance(source), source.top_layer > 0)

    def _leave_out(self, due: Iterable[tuple[Source, Room]]) -> None:
        """What the present level of overload leaves out."""
        for source, room in due:
            match fate(room.importance(source), self.overload.level):
                case "nothing":
                    self.forwarder.give_up(source)
                case "base":
                    self.forwarder.thin(source)

    # ---- time ------------------------------------------------------------------------------------------------------

    def tick(self, now: float, wall: float) -> None:
        """Every tenth of a second, which is `wall` in Unix time.

        What is due once a second is done for a tenth of the participants each time.
        """
        self._ticks += 1
        self._unix_time = wall - now
        self._attempt(self.forwarder, self.forwarder.release, now)
        for room in list(self.rooms.values()):
            self._attempt(room, room.tick, now)
        for turn, participant in enumerate(list(self.participants()), self._ticks):
            try:
                self._look_after(participant, turn, now, wall)
            except Exception:
                self._fail(participant)

    def _look_after(self, participant: Participant, turn: int, now: float, wall: float) -> None:
        uplink = participant.uplink
        if uplink.packets:
            crowding = uplink.look_at_way(now)
            participant.send_rtcp([*crowding, *uplink.requests(now), *uplink.transport_feedback(now)])
        if turn % 2:
            self._probe(participant, now)
        if turn % PHASES == 0:
            self._once_a_second(participant, now, wall)

    def _probe(self, participant: Participant, now: float) -> None:
        """Find out whether a link carries more, where its subscriber wishes for more than it is known to carry."""
        bandwidth = participant.downlink.bandwidth
        if not participant.receiving or (participant.view.content and bandwidth.at_ease(now)):
            return
        participant.downlink.catch_up()
        bandwidth.tick(now)
        if self.overload.level:
            return  # what there is already is too much
        probe = bandwidth.probe(now, self.rooms[participant.room].needed(participant))
        if probe is not None:
            self.forwarder.rtx.probe(participant.pictures, probe.size, now)
        elif bandwidth.interrupted:
            self.forwarder.rtx.probe(participant.pictures, 1, now)  # so that there is something to give feedback on

    def _once_a_second(self, participant: Participant, now: float, wall: float) -> None:
        participant.look(now)
        if participant.state == "connected":
            self.rooms[participant.room].look_after(participant, now)
            participant.send_rtcp(feedback.reports(participant, now, wall))
