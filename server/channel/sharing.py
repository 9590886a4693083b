"""What the control processes of one server say to each other through Redis, over python-socketio's own manager.

The manager carries what is sent to rooms; `share` carries the rest on the same channel, in the order of its calls.
Nothing here waits for Redis: what it does not take is dropped, because the database has it or the next word repeats it
(server/channel/neighbours.py). The manager's private names that are touched stand here alone; python-socketio is
pinned, and `tests/channel/test_sharing.py` fails when one of them moves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import socketio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from server.channel.rooms import RoomIndex

log = logging.getLogger("giaoban.channel")
CHANNEL_NAME = "giaoban"
ANSWER_SECONDS = 2.0  # Redis that has not answered by then is away
AGAIN_SECONDS = 1.0
MOST_WAITING = 5_000  # messages
_MARK = b"giaoban:"


class _Shared(msgspec.Struct, frozen=True):
    """A word to the other processes: from whom, about what."""

    process: str
    topic: str
    body: msgspec.Raw


class SharedRooms(RoomIndex, socketio.AsyncRedisManager):  # type: ignore[misc]  # socketio has no types
    """Rooms across processes. `on_shared(process, topic, body)` hears the others, `on_up()` each new connection."""

    def __init__(self, url: str) -> None:
        super().__init__(url, channel=CHANNEL_NAME)
        self.on_shared: Callable[[str, str, msgspec.Raw], Awaitable[None]] | None = None
        self.on_up: Callable[[], None] | None = None
        self._client = Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 1),  # once: a connection that Redis has closed meanwhile is no failure
        )
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._listens = self._sends = False
        self._sender: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether Redis takes what we say and gives us what the others say."""
        return self._listens and self._sends

    def initialize(self) -> None:
        """Begin to listen and to send."""
        super().initialize()
        self._sender = asyncio.get_running_loop().create_task(self._send_on())

    async def close(self) -> None:
        """Say what still waits, and end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_SECONDS):
                await self._waiting.join()
        tasks = [task for task in (self._sender, getattr(self, "thread", None)) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def share(self, topic: str, body: Any) -> None:
        """Tell the other processes; they may miss it."""
        word = _Shared(self.host_id, topic, msgspec.Raw(msgspec.json.encode(body)))
        self._put(_MARK + msgspec.json.encode(word))

    # ---- sending

    async def _publish(self, data: Any) -> None:
        self._put(self.json.dumps(data).encode())

    def _put(self, data: bytes) -> None:
        try:
            self._waiting.put_nowait(data)
        except asyncio.QueueFull:
            self._note_sends(False, "it takes nothing")

    async def _send_on(self) -> None:
        while True:
            data = await self._waiting.get()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):  # a new connection's handshake has several answers
                    await self._client.publish(self.channel, data)
                self._note_sends(True)
            except Exception as error:  # whatever it was, the next word is tried again
                if not isinstance(error, RedisError | OSError):
                    log.exception("what the client of Redis should not raise")
                self._note_sends(False, error)
                while not self._waiting.empty():  # by the time that Redis is back it would be old news
                    self._waiting.get_nowait()
                    self._waiting.task_done()
            finally:
                self._waiting.task_done()

    def _note_sends(self, works: bool, why: object = "") -> None:
        if not works and self._sends:
            log.error("Redis is away, other processes hear nothing of this one: %s", why)
        self._sends = works

    # ---- hearing

    async def _redis_listen_with_retries(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            listening = self._client.pubsub(ignore_subscribe_messages=True)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await listening.subscribe(self.channel)
                self._listens = True
                log.info("Redis connects this process with the others")
                if self.on_up is not None:
                    self.on_up()
                while True:
                    async with asyncio.timeout(AGAIN_SECONDS + ANSWER_SECONDS):
                        message = await listening.get_message(timeout=AGAIN_SECONDS)
                    if message is not None:
                        yield message
            except Exception as error:
                if not isinstance(error, RedisError | OSError):
                    log.exception("what the client of Redis should not raise")
                elif self._listens:
                    log.error("Redis is away, this process hears nothing of others: %s", error)
            finally:
                self._listens = False
                with contextlib.suppress(RedisError, OSError, TimeoutError):
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await listening.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self) -> AsyncIterator[bytes]:
        """The manager's own messages; ours are taken out on the way."""
        async for data in super()._listen():
            if data.startswith(_MARK):
                await self._hear(data[len(_MARK) :])
            else:
                yield data

    async def _hear(self, data: bytes) -> None:
        try:
            word = msgspec.json.decode(data, type=_Shared)
            if word.process != self.host_id and self.on_shared is not None:
                await self.on_shared(word.process, word.topic, word.body)
        except Exception:
            log.exception("what another process said could not be used")
