"""Trying a place (`/check`): a throw-away room in which a page sends to the media node and gets its own back.

The page makes two connections, as two participants would: one that sends, one that is shown what the first sends. So a
trial goes the whole way of a meeting (offer, answer, ICE, DTLS, forwarding) and needs nobody else, no meeting and no
row in the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from server.accounts.permissions import Permission
from server.channel import Message
from server.channel.channel import Channel
from server.channel.messages import Caller, Empty
from server.errors import ConflictError, UnavailableError, UserError
from server.http.i18n import _
from server.media.protocol import CloseRoom, Done, Join, Joined, OpenRoom, Picture, ShowSlots, Want
from server.meetings.line import MediaRefusedError
from server.meetings.names import trial_room
from server.meetings.pool import MediaPool

log = logging.getLogger("giaoban.meetings")
MOST_TRIALS = 6
"""At once: each loads a node with as much as a small meeting, and nobody waits long for the next."""

LIFE_SECONDS = 60.0
ROOM_SECONDS = 5.0  # that a page waits for a node
SHOWN: tuple[Picture, ...] = ("camera", "screen", "screen")
"""What the receiver's slots show: its own picture, and twice the moving pattern that fills the line."""


class TrialJoin(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two offers; the sender's comes first and begins a new trial."""

    side: Literal["sender", "receiver"]
    offer: Annotated[str, msgspec.Meta(max_length=200_000)]


@dataclass
class _Trial:
    room: str
    end: asyncio.TimerHandle


class Trials:
    """Trials by connection of the live channel; each ends with its page, or after `LIFE_SECONDS`."""

    def __init__(self, channel: Channel, pool: MediaPool) -> None:
        self._pool = pool
        self._trials: dict[str, _Trial] = {}
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        channel.on_leave.append(lambda caller: self._end_soon(caller.sid))

    async def join(self, caller: Caller, data: TrialJoin) -> dict[str, Any]:
        """Answer one of the two offers."""
        trial = await self._begin(caller.sid) if data.side == "sender" else self._trials.get(caller.sid)
        if trial is None:
            raise ConflictError("no_trial", _("Lần thử đã hết giờ. Xin thử lại."))
        try:
            command = Join(room=trial.room, participant=data.side, offer=data.offer)
            joined = await self._pool.ask(trial.room, command, Joined)
            if data.side == "receiver":
                wants = [Want(slot=n, source="sender", kind=kind, width=1280) for n, kind in enumerate(SHOWN)]
                await self._pool.ask(trial.room, ShowSlots(room=trial.room, participant="receiver", wants=wants), Done)
        except MediaRefusedError as error:
            log.info("trial %s: %s", trial.room, error)
            await self._end(caller.sid)
            raise UserError("bad_offer", _("Trình duyệt này không kết nối được. Xin cập nhật rồi thử lại.")) from error
        return {"answer": joined.answer, "slots": joined.slots}

    async def leave(self, caller: Caller, _data: Empty) -> None:
        """The trial is over."""
        await self._end(caller.sid)

    def messages(self) -> list[Message]:
        """What pages send."""
        may = Permission.SIGNED_IN
        return [
            Message("trial.join", self.join, may, TrialJoin, "Try this place: one of two offers, the sender's first"),
            Message("trial.leave", self.leave, may, Empty, "End the trial"),
        ]

    async def _begin(self, sid: str) -> _Trial:
        await self._end(sid)
        if len(self._trials) >= MOST_TRIALS:
            raise ConflictError("trials_busy", _("Đang có nhiều nơi cùng thử máy. Xin thử lại sau một phút."))
        room = trial_room(next(self._numbers))
        end = asyncio.get_running_loop().call_later(LIFE_SECONDS, self._end_soon, sid)
        self._trials[sid] = trial = _Trial(room, end)
        try:
            await self._pool.wait_for(room, ROOM_SECONDS)
            self._pool.place(room)
            await self._pool.ask(room, OpenRoom(room=room), Done)
        except (UnavailableError, MediaRefusedError):
            await self._end(sid)
            raise
        return trial

    async def _end(self, sid: str) -> None:
        trial = self._trials.pop(sid, None)
        if trial is None:
            return
        trial.end.cancel()
        with contextlib.suppress(UnavailableError, MediaRefusedError):  # a node that is away has lost the room anyway
            await self._pool.ask(trial.room, CloseRoom(room=trial.room), Done)
        self._pool.release(trial.room)

    def _end_soon(self, sid: str) -> None:
        if sid in self._trials:
            self._spawn(self._end(sid))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
