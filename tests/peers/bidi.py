"""A small client of WebDriver BiDi (W3C): one websocket, commands with a number each, events into a list.

It is synchronous, as Playwright's pages in our tests are; its own thread runs the loop.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import aiohttp

T = TypeVar("T")
PATIENCE = 60.0  # s that a command may take on a busy machine


class CommandError(RuntimeError):
    """The browser has refused a command."""


class Bidi:
    """The connection; `events` are the (method, parameters) that came, in their order."""

    def __init__(self, url: str) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._connect(url))

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result; raises CommandError with the browser's words."""
        return self._run(self._command(method, parameters))

    def close(self) -> None:
        """Close the connection and end the thread."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, PATIENCE), self._loop).result()

    async def _connect(self, url: str) -> None:
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(url, max_msg_size=0)
        self._reader = asyncio.create_task(self._read())

    async def _close(self) -> None:
        await self._socket.close()
        await self._reader
        await self._http.close()

    async def _command(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        waiting = self._waiting[number] = self._loop.create_future()
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": parameters}))
        answer = await waiting
        if answer["type"] == "error":
            raise CommandError(f"{method}: {answer['error']}: {answer['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def _read(self) -> None:
        async for message in self._socket:
            found = json.loads(message.data)
            if found["type"] == "event":
                self.events.append((found["method"], found["params"]))
            else:
                self._waiting.pop(found["id"]).set_result(found)
        for waiting in self._waiting.values():
            waiting.set_exception(ConnectionError("the browser has closed the connection"))
        self._waiting.clear()
