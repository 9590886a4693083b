"""Debian's Janus (videoroom, one event loop) as the peer of the benches `sfu` and `weak`, over its HTTP interface."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from server.media.joining import sdp
from tests.media.endpoint import Endpoint, Media

ROOM = 4321
FEED = 77
_PLUGINS = "/usr/lib/x86_64-linux-gnu/janus"
_BARE = dict.fromkeys(("playoutdelay_ext", "videoorient_ext", "audiolevel_ext"), False)  # no more than we send
_ONLY = {
    "plugins": "videoroom",
    "transports": "http",
}


def available() -> bool:
    """Whether Janus is installed."""
    return shutil.which("janus") is not None


def local_address() -> str | None:
    """An address of this machine other than loopback, which Janus does not gather; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _disabled(kind: str) -> str:
    names = [path.name for path in Path(_PLUGINS, kind).glob("libjanus_*.so") if _ONLY[kind] not in path.name]
    return ",".join(names)


def _configure(folder: Path, port: int, address: str) -> None:
    (folder / "janus.jcfg").write_text(
        f"""general: {{ configs_folder = "{folder}" plugins_folder = "{_PLUGINS}/plugins"
  transports_folder = "{_PLUGINS}/transports" debug_level = 2 event_loops = 1 session_timeout = 600 }}
media: {{ ipv6 = false }}
nat: {{ ice_enforce_list = "{address}" full_trickle = false }}
plugins: {{ disable = "{_disabled("plugins")}" }}
transports: {{ disable = "{_disabled("transports")}" }}
events: {{ broadcast = false }}
"""
    )
    (folder / "janus.plugin.videoroom.jcfg").write_text("general: { }\n")
    (folder / "janus.transport.http.jcfg").write_text(
        f'general: {{ json = "compact" base_path = "/janus" http = true port = {port} ip = "127.0.0.1" }}\n'
        "admin: { admin_http = false }\n"
    )


class Janus:
    """A running Janus: `pid`, and endpoints that publish to or subscribe in one room."""

    def __init__(self, pid: int, base: str, http: aiohttp.ClientSession, address: str) -> None:
        self.pid = pid
        self._base = base
        self._http = http
        self._address = address
        self._session = 0
        self._events: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._up: dict[int, asyncio.Event] = {}
        self._publisher: int | None = None

    async def _post(self, path: str, **message: Any) -> dict[str, Any]:
        message["transaction"] = secrets.token_hex(6)
        async with self._http.post(self._base + path, json=message) as response:
            answer: dict[str, Any] = await response.json()
        assert answer["janus"] != "error", answer
        return answer

    async def start(self, options: dict[str, Any]) -> asyncio.Task[None]:
        """Open a session and the room, with `options` of it other than Janus's own."""
        for _ in range(100):
            try:
                self._session = (await self._post("", janus="create"))["data"]["id"]
                break
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
        task = asyncio.create_task(self._poll())
        handle = await self._attach()
        room = {
            "request": "create",
            "room": ROOM,
            "publishers": 2,
            "videocodec": "vp8",
            "audiocodec": "opus",
            **options,
        }
        await self._post(f"/{self._session}/{handle}", janus="message", body=room)
        return task

    async def _poll(self) -> None:
        while True:
            async with self._http.get(f"{self._base}/{self._session}?maxev=10") as response:
                for event in await response.json():
                    kind = event.get("janus") if isinstance(event, dict) else None
                    if kind == "event":
                        self._queue(event["sender"]).put_nowait(event)
                    elif kind == "webrtcup":
                        self._is_up(event["sender"]).set()

    def _queue(self, handle: int) -> asyncio.Queue[dict[str, Any]]:
        return self._events.setdefault(handle, asyncio.Queue())

    def _is_up(self, handle: int) -> asyncio.Event:
        """Set when the way to this one's browser is secured: before, nobody can subscribe to what it publishes."""
        return self._up.setdefault(handle, asyncio.Event())

    async def _attach(self) -> int:
        answer = await self._post(f"/{self._session}", janus="attach", plugin="janus.plugin.videoroom")
        number: int = answer["data"]["id"]
        return number

    async def _ask(self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None) -> dict[str, Any]:
        extra = {"jsep": jsep} if jsep else {}
        await self._post(f"/{self._session}/{handle}", janus="message", body=body, **extra)
        return await asyncio.wait_for(self._queue(handle).get(), 15)

    async def publish(self) -> Endpoint:
        """An endpoint that sends a voice and a picture into the room."""
        media = [
            Media("0", "audio", "sendonly", secrets.randbits(31)),
            Media("1", "video", "sendonly", secrets.randbits(31)),
        ]
        endpoint = Endpoint(media, host=self._address, extensions={})
        await endpoint.connect(await self.answer_publisher(endpoint.description()))
        return endpoint

    async def answer_publisher(self, offer: str) -> str:
        """Let the one publisher in; gives the answer to its offer."""
        handle = await self._attach()
        await self._ask(handle, {"request": "join", "ptype": "publisher", "room": ROOM, "id": FEED})
        configure = {"request": "configure", "audio": True, "video": True}
        answer = await self._ask(handle, configure, {"type": "offer", "sdp": offer})
        self._publisher = handle
        return str(answer["jsep"]["sdp"])

    async def offer_subscriber(self) -> tuple[int, str]:
        """The offer for somebody who receives what is published, and the handle for the answer."""
        assert self._publisher is not None, "nobody publishes"
        await asyncio.wait_for(self._is_up(self._publisher).wait(), 15)
        handle = await self._attach()
        body = {"request": "join", "ptype": "subscriber", "room": ROOM, "streams": [{"feed": FEED}]}
        return handle, str((await self._ask(handle, body))["jsep"]["sdp"])

    async def begin_subscriber(self, handle: int, answer: str) -> None:
        """Take the subscriber's answer; media flow from now on."""
        await self._ask(handle, {"request": "start"}, {"type": "answer", "sdp": answer})

    async def subscribe(self) -> Endpoint:
        """An endpoint that receives what is published."""
        handle, offer = await self.offer_subscriber()
        media = [Media("0", "audio", "recvonly"), Media("1", "video", "recvonly")]
        if offer.index("m=video") < offer.index("m=audio"):
            media = [Media("0", "video", "recvonly"), Media("1", "audio", "recvonly")]
        number = re.search(r"a=extmap:(\d+)\S* " + re.escape(sdp.TRANSPORT_CC), offer)
        extensions = {sdp.TRANSPORT_CC: int(number[1])} if number else {}
        endpoint = Endpoint(media, host=self._address, controlling=False, extensions=extensions)
        endpoint.begin(offer)
        await self.begin_subscriber(handle, endpoint.description("active"))
        await asyncio.wait_for(endpoint.connected.wait(), 15)
        return endpoint


@asynccontextmanager
async def janus_process(
    folder: Path, *prefix: str, address: str | None = None, options: dict[str, Any] = _BARE
) -> AsyncIterator[Janus]:
    """Janus on free ports, configured in `folder`; ended afterwards. `options` are of its room."""
    address = address or local_address()
    assert address is not None
    port = _free_port()
    _configure(folder, port, address)
    with (folder / "janus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*prefix, "janus", "-F", str(folder), stdout=log, stderr=log)
    async with aiohttp.ClientSession() as http:
        janus = Janus(process.pid, f"http://127.0.0.1:{port}/janus", http, address)
        poll = await janus.start(options)
        try:
            yield janus
        finally:
            poll.cancel()
            process.terminate()
            await asyncio.wait_for(process.wait(), 10)
