"""The live connection of every page: Socket.IO over aiohttp.

A page is rendered at its unit's event number N and carries N. On every connect it asks `channel.catch_up` for what came
after the last number that it saw without a gap, and acknowledges with `channel.ack`; so an event that was sent while it
was away, or twice, does no harm.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Annotated, Any

import msgspec
import socketio
from aiohttp import web

from server import faults
from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.channel import direct, malformed, neighbours
from server.channel.doubts import Doubts
from server.channel.messages import Announcement, Caller, Message
from server.channel.neighbours import Sent
from server.channel.packets import MOST_DIGITS, event_body, packet, packets
from server.channel.presence import Presence
from server.channel.rooms import RoomIndex
from server.channel.sharing import SharedRooms
from server.channel.wire import MsgspecJson
from server.errors import (
    GiaoBanError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    UnavailableError,
)
from server.http.i18n import _, filled, translator
from server.http.input_error import input_error
from server.http.limits import Limiter
from server.store import Store, StoredEvent

log = logging.getLogger("giaoban.channel")
Identify = Callable[[str | None, str | None], Awaitable[Principal | None]]
OnAck = Callable[[Principal, int], None]
MESSAGE_LIMIT = 1 << 18  # bytes; an offer is up to 74 KB
MESSAGES_PER_MINUTE = 1200


class CatchUp(msgspec.Struct, frozen=True):
    """Events after `seq` of the caller's unit, please."""

    seq: int


class Ack(msgspec.Struct, frozen=True):
    """The device has everything up to `seq`."""

    seq: Annotated[int, msgspec.Meta(lt=10**MOST_DIGITS)]  # one number that no database holds would stop all receipts


class Watch(msgspec.Struct, frozen=True):
    """Rooms of live boards that a page shows."""

    rooms: list[str]


def _cookie_of(request: web.Request) -> str | None:
    return request.cookies.get("session")


class Channel:
    """Connections, rooms and messages; `identify(cookie token, bearer token)` finds who connects.

    With `redis_url` it shares them with the other control processes of the server.
    """

    def __init__(self, store: Store, identify: Identify, redis_url: str = "") -> None:
        self.store = store
        self.identify = identify
        self.presence = Presence()
        self.messages: dict[str, Message] = {}
        self.announcements: dict[str, Announcement] = {}
        self.on_ack: list[OnAck] = []
        self.on_leave: list[Callable[[Caller], None]] = []
        self.on_end: list[Callable[[Sequence[str], int | None], None]] = []
        """Told of sessions, or of an account whose sessions all, that are over or changed in whichever process."""
        self.may_watch: dict[str, Callable[[Principal, str], Awaitable[bool]]] = {}
        self._callers: dict[str, Caller] = {}
        self._connections: dict[str, str] = {}  # Socket.IO's id of a caller → Engine.IO's id of its connection
        self._by_connection: dict[str, Caller] = {}
        self._limiter = Limiter(MESSAGES_PER_MINUTE)
        self._sending = asyncio.Lock()  # first come, first served: events leave in the order of their commits
        self._tasks: set[asyncio.Task[None]] = set()
        self.sio = socketio.AsyncServer(
            async_mode="aiohttp",
            json=MsgspecJson,
            max_http_buffer_size=MESSAGE_LIMIT,
            ping_interval=10,
            ping_timeout=8,
            monitor_clients=False,
            cors_allowed_origins=None,
            http_compression=False,
            client_manager=SharedRooms(redis_url) if redis_url else RoomIndex(),
        )
        malformed.refuse(self.sio)
        self._others = neighbours.make(self, self.sio.manager)
        self._doubts = Doubts(self)
        self._heart, self._intake, self._departures = direct.set_up(self.sio, self._quick_ack, _cookie_of)
        self.sio.on("connect", self._connect)
        self.sio.on("disconnect", self._disconnect)
        self.sio.on("*", self._dispatch)
        self.register(
            Message("channel.catch_up", self._catch_up, Permission.LISTEN, CatchUp, "Events after a number"),
            Message("channel.ack", self._ack, Permission.SIGNED_IN, Ack, "Everything up to a number has arrived"),
            Message("channel.watch", self._watch, Permission.LISTEN, Watch, "Follow live boards"),
        )
        self.announce(
            Announcement("channel.head", "The unit's last number: a page that has not heard so far asks for the rest"),
            Announcement("presence.changed", "A unit connected its first or lost its last device"),
            Announcement("server.leaving", "The server is about to restart; the page reconnects by itself"),
        )

    def attach(self, app: web.Application) -> None:
        """Serve `/socket.io/` and send events from now on."""
        self.sio.attach(app)
        app[CHANNEL] = self
        app.cleanup_ctx.extend([self._intake.run, self._heart.run, self._departures.run, self._doubts.run])
        self.store.listeners.append(self._committed)
        self.store.on_doubt = self._doubts.raised
        if self._others is not None:
            app.cleanup_ctx.append(self._others.run)

    def register(self, *messages: Message) -> None:
        """Add a feature's messages; two of one name are a mistake of ours."""
        for message in messages:
            if message.name in self.messages:
                raise ValueError(f"message registered twice: {message.name}")
            self.messages[message.name] = message

    def announce(self, *announcements: Announcement) -> None:
        """Add to the document what a feature sends."""
        self.announcements.update({a.name: a for a in announcements})

    def callers(self) -> Iterable[Caller]:
        """Everybody who is connected."""
        return list(self._callers.values())

    def enter(self, sid: str, room: str) -> bool:
        """Put a connection into a room; False when it has ended meanwhile."""
        if sid not in self._callers:
            return False
        self.sio.manager.basic_enter_room(sid, "/", room)
        return True

    def leave(self, sid: str, room: str) -> None:
        """Take a connection out of a room."""
        self.sio.manager.basic_leave_room(sid, "/", room)

    async def send(self, room: str, name: str, body: Any) -> None:
        """Wake everybody in a room (`unit:12`, `meeting:7`, `account:3`, a sid); not stored, may be missed."""
        if self._others is None:
            await self.send_here(room, name, body)
        else:
            await self.sio.emit(name, msgspec.Raw(msgspec.json.encode(body)), room=room)  # not searched for bytes

    async def send_here(self, room: str, name: str, body: Any) -> None:
        """The same for those who are connected to this process."""
        if room in self.sio.manager.rooms.get("/", ()):
            await direct.send_packet(self.sio, room, packet(name, body))

    async def end_sessions(self, session_ids: Sequence[str], account_id: int | None = None) -> None:
        """Disconnect the pages of sessions that were revoked or changed; with `account_id` all of that account's."""
        if self._others is not None:
            self._others.ended(session_ids, account_id)
        await self.end_here(session_ids, account_id)

    async def end_here(self, session_ids: Sequence[str], account_id: int | None) -> None:
        """The same in this process alone."""
        for tell in self.on_end:
            tell(session_ids, account_id)
        for sid, caller in list(self._callers.items()):
            if caller.who.session_id in session_ids or caller.who.account_id == account_id:
                await self.sio.disconnect(sid, ignore_queue=True)

    async def say_goodbye(self) -> None:
        """Tell the pages of this process that it restarts."""
        await self.send_here("everybody", "server.leaving", {})

    async def let_go(self) -> None:
        """End all connections, so that the server need not wait for them; pages come back by themselves."""
        connections = list(self.sio.eio.sockets.values())
        goodbyes = (one.close(wait=False, reason=self.sio.reason.SERVER_DISCONNECT) for one in connections)
        await asyncio.gather(*goodbyes)  # not waiting: one that polls may never come to take it
        for connection in connections:  # browsers pass over Engine.IO's goodbye: ending the writer closes the socket
            await connection.queue.put(None)

    # ---- what comes in

    def _is_forged(self, sid: str) -> bool:
        """Whether a client has sent a message by the name of one of Socket.IO's own events."""
        return bool(self.sio.manager.is_connected(sid, "/"))  # true only between the real two

    async def _connect(self, sid: str, cookie: Any = None, auth: Any = None, *_more: Any) -> None:
        if self._is_forged(sid):
            return
        token = auth.get("token") if isinstance(auth, dict) and isinstance(auth.get("token"), str) else None
        try:
            who = await self.identify(cookie, token)
        except UnavailableError as error:
            raise socketio.exceptions.ConnectionRefusedError(error.code) from error
        if who is None:
            raise socketio.exceptions.ConnectionRefusedError("not_signed_in")
        shown = auth.get("unit") if isinstance(auth, dict) else None
        if isinstance(shown, int) and shown != who.unit_id:  # a page's numbers are those of the unit that it shows
            raise socketio.exceptions.ConnectionRefusedError("other_unit")
        caller = Caller(who, sid)
        self._callers[sid] = caller
        self._connections[sid] = connection = self.sio.manager.eio_sid_from_sid(sid, "/")
        self._by_connection[connection] = caller
        for room in (f"unit:{who.unit_id}", f"account:{who.account_id}", "everybody"):
            self.enter(sid, room)
        log.info("connected %s %s unit %d", sid, who.username, who.unit_id)
        if not who.screen and self.presence.arrived(who.unit_id):
            await self.tell_presence(who.unit_id, connected=True)
        self._say_presence()

    async def _disconnect(self, sid: str, reason: Any = None, *_more: Any) -> None:
        if self._is_forged(sid):
            return
        caller = self._callers.pop(sid, None)
        if caller is None:
            return
        self._by_connection.pop(self._connections.pop(sid, ""), None)
        log.info("disconnected %s %s (%s)", sid, caller.who.username, reason)
        for tell in self.on_leave:
            tell(caller)
        if not caller.who.screen and self.presence.left(caller.who.unit_id):
            await self.tell_presence(caller.who.unit_id, connected=False)
        self._say_presence()

    async def _dispatch(self, name: str, sid: str, *data: Any) -> dict[str, Any]:
        caller = self._callers.get(sid)
        try:
            if caller is None:
                raise NotSignedInError("not_signed_in", _("Đồng chí cần đăng nhập để tiếp tục."))
            return await self._handle(name, caller, data[0] if data else {})
        except GiaoBanError as error:
            log.info("refused %s %s: %s", sid, name, error)
            text = filled(caller.who.language if caller else "vi", error.message, error.params)
            return {"error": {"code": error.code, "message": text}}
        except Exception:
            log.exception("failed %s %s", sid, name)
            text = translator(caller.who.language if caller else "vi")(_("Máy chủ gặp lỗi. Xin thử lại."))
            return {"error": {"code": "internal_error", "message": text}}

    async def _handle(self, name: str, caller: Caller, data: Any) -> dict[str, Any]:
        self._limiter.check(caller.sid, time.monotonic())
        message = self.messages.get(name)
        if message is None:
            raise NotFoundError("unknown_message", _("Máy chủ không hiểu yêu cầu này. Xin tải lại trang."))
        if not caller.who.may(message.may):
            raise NotAllowedError("not_allowed", _("Vai trò của đồng chí không làm được việc này."))
        try:
            typed = msgspec.convert(data if data is not None else {}, message.data)
        except msgspec.ValidationError as error:
            raise input_error(error) from error
        return {"ok": True, **(await message.handler(caller, typed) or {})}

    # ---- our own messages

    async def _catch_up(self, caller: Caller, data: CatchUp) -> dict[str, Any]:
        missed = await self.store.since(caller.who.unit_id, data.seq)
        return {"events": [event_body(e) | {"kind": e.kind} for e in missed]}

    async def _ack(self, caller: Caller, data: Ack) -> None:
        for tell in self.on_ack:
            tell(caller.who, data.seq)

    def _quick_ack(self, connection: str, seq: int) -> bool:
        """An acknowledgement without a task of its own; False sends it the usual way, where it is looked at closely."""
        caller = self._by_connection.get(connection)
        if caller is None or caller.who.screen:  # where nobody sits, nothing arrives
            return False
        for tell in self.on_ack:
            tell(caller.who, seq)
        return True

    async def _watch(self, caller: Caller, data: Watch) -> None:
        for room in data.rooms[:10]:
            check = self.may_watch.get(room.partition(":")[0])
            if check is None or not await check(caller.who, room):
                raise NotAllowedError("not_allowed", _("Đồng chí không được theo dõi nội dung này."))
            self.enter(caller.sid, room)

    # ---- what goes out

    async def tell_presence(self, unit_id: int, *, connected: bool) -> None:
        """Tell those who watch, here: every process tells its own."""
        await self.send_here("presence", "presence.changed", {"unit": unit_id, "connected": connected})

    def _say_presence(self) -> None:
        if self._others is not None:
            self._others.presence_changed()

    def _committed(self, events: Sequence[StoredEvent], notes: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """After a commit, in the loop: every event to its unit's room, every note to its live room."""
        task = asyncio.get_running_loop().create_task(self._send_all(list(events), list(notes)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_all(self, events: list[StoredEvent], notes: list[tuple[str, dict[str, Any]]]) -> None:
        async with self._sending:
            made = packets(events)
            for event, packet in zip(events, made, strict=True):
                room = f"unit:{event.unit_id}"
                if waiting := direct.write_packet(self.sio, room, packet):
                    await direct.queue_packet(self.sio, waiting, packet)
                faults.place("sending", event.kind)
            if events:
                faults.place("sent", events[0].kind)
            if self._others is not None:
                self._others.sent([Sent(e.unit_id, e.seq, p.decode()) for e, p in zip(events, made, strict=True)])
            for room, body in notes:
                await self.send(room, body["kind"], body)


CHANNEL = web.AppKey("channel", Channel)
