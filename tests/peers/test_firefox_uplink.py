"""Firefox ESR sends behind a thin way out, through a real node: it uses the way, and no queue stands on it.

Of the large picture it sends at least 200 kbit/s, whatever feedback says: beside a voice that is more than the way
carries, and only the node's wish for a smaller one helps. The way is emulated; the node is on its far side, the browser
and who watches on ours.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.config import ROOT
from server.media import protocol as p
from tests.media.attending import count
from tests.media.driving import NodeProcess, node_process
from tests.media.endpoint import OPUS, VP8, Endpoint, meeting
from tests.peers.firefox import FirefoxPage, firefox
from tests.peers.link import Counters, Link, Way, emulated
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)
ROOM, SENDER, VIEWER = "r", "firefox", "viewer"
GOOD, THIN = Way(delay=0.02), Way(delay=0.02, rate=300_000)
MEASURED = 8.0  # s
PAGE = "<!doctype html><meta charset=utf-8><title>sends</title><script type=module src=/weak_page.js></script>"
CAMERA = """async () => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 960, height: 540 });
  const world = Object.assign(document.createElement('canvas'), { width: 1400, height: 1400 });
  const paint = world.getContext('2d');
  for (let n = 0; n < 1500; n += 1) {
    paint.fillStyle = `hsl(${(n * 77) % 360} 80% ${20 + (n * 31) % 60}%)`;
    paint.fillRect((n * 577) % 1400, (n * 983) % 1400, 10 + (n * 13) % 120, 10 + (n * 29) % 120);
  }
  const shown = canvas.getContext('2d', { alpha: false });
  setInterval(() => {
    const time = performance.now() / 1000;
    shown.setTransform(1, 0, 0, 1, 480, 270);
    shown.rotate(0.12 * Math.sin(time));
    shown.drawImage(world, -700 + 60 * Math.sin(1.3 * time), -700 + 60 * Math.cos(time));
  }, 50);
  document.body.append(canvas);
  const devices = navigator.mediaDevices;
  const opened = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async ({ audio }) => new MediaStream([
    ...(await opened({ audio })).getTracks(), ...canvas.captureStream(20).getTracks(),
  ]);
}"""  # Firefox's own fake camera hardly moves: a few kbit/s


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        folder = ROOT / "web" if self.path.startswith("/static/") else ROOT / "tests" / "bench"
        file = folder / self.path[1:]
        if not file.is_file() and self.path != "/":
            self.send_error(404)
            return
        body = PAGE.encode() if self.path == "/" else file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path == "/" else "text/javascript")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def pages() -> Iterator[str]:
    """The address of the page that sends, which speaks to a node as the room's page does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def call(page: FirefoxPage, function: str, argument: Any = None) -> Any:
    """What the page's function of this name gives; the other tasks go on meanwhile."""
    return await asyncio.to_thread(page.evaluate, f"(argument) => {function}(argument)", argument)


async def send(node: NodeProcess, page: FirefoxPage) -> asyncio.Task[None]:
    """Let the page join with voice and camera; the task passes on to it what the node says of it."""
    await asyncio.to_thread(page.evaluate, CAMERA)
    offer = await call(page, "offerToUs", True)
    joined = await node.control.call(p.Join(room=ROOM, participant=SENDER, offer=offer), p.Joined)
    await call(page, "acceptFromUs", msgspec.to_builtins(joined))

    async def tell() -> None:
        while True:
            event = await node.control.event(p.Event, timeout=3600)  # type: ignore[arg-type]
            if getattr(event, "participant", "") == SENDER:
                await call(page, "hear", msgspec.to_builtins(event))

    return asyncio.create_task(tell())


async def watch(node: NodeProcess, host: str) -> Endpoint:
    """Who is shown the large picture."""
    endpoint = Endpoint(meeting(2, publish=False), host=host)
    offer = endpoint.description()
    joined = await node.control.call(p.Join(room=ROOM, participant=VIEWER, offer=offer), p.Joined)
    await endpoint.connect(joined.answer)
    want = p.Want(slot=0, source=SENDER, width=960)
    await node.control.do(p.ShowSlots(room=ROOM, participant=VIEWER, wants=[want]))
    return endpoint


def pictures(viewer: Endpoint) -> int:
    """How many different pictures have come."""
    return len({packet.timestamp for packet in viewer.packets if packet.payload_type == VP8})


async def width(node: NodeProcess) -> int:
    """How wide the picture is that is shown."""
    answer = await node.control.call(p.GetStats(room=ROOM), p.Stats)
    return next((one.width for person in answer.participants for one in person.shown), 0)


async def shows(node: NodeProcess, wide: int, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while await width(node) != wide:
            await asyncio.sleep(0.2)


async def carried(link: Link, seconds: float) -> tuple[Counters, Counters]:
    """What Firefox's way out has done at the begin and at the end of these seconds."""
    before = link.counters()["down"]
    await asyncio.sleep(seconds)
    return before, link.counters()["down"]


async def test_firefox_uses_a_thin_way_out_and_leaves_no_queue_on_it(tmp_path: Path) -> None:
    with emulated() as link, pages() as address, firefox(tmp_path, "127.0.0.1") as browser:
        link.set(down=GOOD, up=GOOD)
        async with node_process(tmp_path, *link.command(), address=link.far) as node:
            await node.control.do(p.OpenRoom(room=ROOM))
            page = await asyncio.to_thread(browser.page, address)
            telling = await send(node, page)
            viewer = await watch(node, link.near)
            await shows(node, 960, 30)
            await until(lambda: pictures(viewer) > 20)
            link.set(down=THIN)
            await shows(node, 480, 30)
            await asyncio.sleep(4)  # the queue drains
            viewer.packets.clear()
            before, after = await carried(link, MEASURED)
            told = {
                "kbit_s": 8 * (after.bytes - before.bytes) / MEASURED / 1000,
                "dropped": (after.queue_dropped - before.queue_dropped) / (after.packets_in - before.packets_in),
                "pictures_s": pictures(viewer) / MEASURED,
                "voice": count(viewer, OPUS) / MEASURED / 50,
            }
            print(json.dumps(told))
            assert told["kbit_s"] > 150, "half of what there is"
            assert told["dropped"] < 0.03
            assert told["pictures_s"] > 3
            assert told["voice"] > 0.9
            assert not telling.done()
            telling.cancel()
            await viewer.close()
            assert page.errors == []
            assert "Traceback" not in node.log
