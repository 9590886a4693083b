"""What the media nodes say, turned into rows and messages to the pages."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from server.channel import Channel
from server.media import protocol
from server.meetings.alignment import Alignment
from server.meetings.names import is_meeting, number_of
from server.meetings.pool import MediaPool
from server.meetings.service import attend, recording, rows
from server.meetings.service.attend import SessionNews
from server.store import Store

log = logging.getLogger("giaoban.meetings")


class Hearing:
    """Takes the events of all nodes in their order."""

    def __init__(self, store: Store, channel: Channel, pool: MediaPool, alignment: Alignment) -> None:
        self.store, self.channel, self.pool, self.alignment = store, channel, pool, alignment
        self._wishes: dict[int, protocol.ShowSlots] = {}
        self._told: dict[int, dict[str, dict[str, Any]]] = {}  # by seat: the newest of each kind of message
        self.loudest: dict[int, list[int]] = {}  # by meeting: who is heard now
        self._news: asyncio.Queue[protocol.Event] = asyncio.Queue()
        pool.on_event = self._news.put_nowait
        alignment.on_bereft = self._nobody_speaks

    async def run(self) -> None:
        """For ever: events that arrived together share one transaction."""
        while True:
            events = [await self._news.get()]
            while not self._news.empty():
                events.append(self._news.get_nowait())
            try:
                await self._take(events)
            except Exception:
                log.exception("events of the media nodes")

    async def show(self, participant_id: int, wishes: protocol.ShowSlots) -> None:
        """What somebody's page wants to see; said again when its connection is there, if it was not yet."""
        self._wishes[participant_id] = wishes
        await self.pool.tell(wishes.room, wishes)

    def begin_anew(self, participant_id: int) -> None:
        """Somebody's page is about to connect: what it wished for and a node said before holds no more.

        A node that has died has not said that this is over, and another says only what changes.
        """
        self._wishes.pop(participant_id, None)
        self._told.pop(participant_id, None)

    async def repeat(self, participant_id: int) -> None:
        """Tell a page that has come back what it may have missed."""
        for told, body in list(self._told.get(participant_id, {}).items()):
            await self.channel.send(rows.seat_name(participant_id), told.partition(" ")[0], body)

    async def _take(self, events: list[protocol.Event]) -> None:
        news: list[SessionNews] = []
        for event in filter(lambda event: is_meeting(event.room), events):
            match event:
                case protocol.SessionChanged():
                    news.append(await self._session_changed(event))
                case protocol.Speaking():
                    await self._tell_speaking(event)
                case protocol.LayersWanted():
                    layers = {"kind": event.kind, "rids": event.rids, "codec": event.codec}
                    await self._tell_seat(event, "meeting.layers", layers)
                case protocol.VoiceWanted():
                    await self._tell_seat(event, "meeting.voice", {"kbps": event.kbps, "frame_ms": event.frame_ms})
                case protocol.LinkChanged():
                    link = {"quality": event.quality, "rung": event.rung, "paused": event.paused, "still": event.still}
                    await self._tell_seat(event, "meeting.link", link)
                case protocol.ProgrammeChanged() | protocol.TrackChanged():
                    pass  # the pages see it in the picture; the recorder writes the programme itself
                case protocol.RecordingFailed():
                    await self.store.write(recording.failed, number_of(event.recording), event.code)
                    self.alignment.recording_ended(number_of(event.room))
        if news:
            await self.store.write(attend.sessions_changed, news)
            for meeting_id in {item.meeting for item in news if item.state == "connected"}:
                await self.alignment.sync(meeting_id)

    async def _session_changed(self, event: protocol.SessionChanged) -> SessionNews:
        meeting_id, seat = number_of(event.room), number_of(event.participant)
        log.info("p%d %s %s %s", seat, event.session, event.state, event.reason)
        wishes = self._wishes.get(seat)
        if wishes is not None and event.state == "connected":
            await self.pool.tell(event.room, wishes)
        elif event.state == "closed":
            if event.reason != "replaced":  # else this may be heard after what its successor wishes for
                self._wishes.pop(seat, None)
            self._told.pop(seat, None)
        if event.state == "connected" and self.loudest.get(meeting_id):
            await self._say_who_speaks(rows.seat_name(seat), meeting_id)
        return SessionNews(meeting=meeting_id, participant=seat, session=event.session, state=event.state)

    async def _tell_seat(
        self,
        event: protocol.LayersWanted | protocol.VoiceWanted | protocol.LinkChanged,
        name: str,
        fields: dict[str, Any],
    ) -> None:
        """What concerns one participant's page alone."""
        seat = number_of(event.participant)
        body = {"meeting": number_of(event.room), "participant": seat, **fields}
        self._told.setdefault(seat, {})[f"{name} {fields.get('kind', '')}"] = body
        await self.channel.send(rows.seat_name(seat), name, body)

    async def _tell_speaking(self, event: protocol.Speaking) -> None:
        """Only when others speak: how loud they are changes ten times a second, which is a quarter of a thin link."""
        meeting_id = number_of(event.room)
        before, now = self.loudest.get(meeting_id), [number_of(level.participant) for level in event.loudest]
        self.loudest[meeting_id] = now
        if now != before:
            await self._say_who_speaks(rows.room_name(meeting_id), meeting_id)

    async def _nobody_speaks(self, meeting_id: int) -> None:
        """Its node is gone."""
        if self.loudest.pop(meeting_id, None):
            self.loudest[meeting_id] = []
            await self._say_who_speaks(rows.room_name(meeting_id), meeting_id)

    async def _say_who_speaks(self, room: str, meeting_id: int) -> None:
        loudest = [{"participant": participant} for participant in self.loudest[meeting_id]]
        await self.channel.send(room, "meeting.speaking", {"meeting": meeting_id, "loudest": loudest})
