"""The two servers of the `weak` bench, each between the same two pages of Chromium: how they come together."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from playwright.async_api import Browser, Page, Playwright, Route

from server.config import ROOT
from server.media import protocol as p
from tests.bench.janus import janus_process
from tests.e2e.harness import CHROMIUM, FLAGS
from tests.media.driving import Control, NodeProcess, node_process
from tests.peers.link import Link

HERE = "http://localhost"  # nobody listens there: the pages' files are put in by `_serve`
ROOM = "weak"  # of our node
SHOWN_WIDTH = 960  # CSS pixels of the picture: the large one of a meeting
FOREVER = 86_400.0  # s
_PAGE = "<!doctype html><meta charset=utf-8><title>bench</title><script type=module src=/{script}></script>"
_PICKS_A_SCREEN = ("--use-fake-ui-for-media-stream", "--auto-select-desktop-capture-source")
_SPEECH_SECONDS, _SPEECH_RATE = 8, 48_000

Side = Callable[[Path, Link, Page, Page], AbstractAsyncContextManager[Control | None]]


@asynccontextmanager
async def through_us(folder: Path, link: Link, publisher: Page, receiver: Page) -> AsyncIterator[Control]:
    """Both pages in a room of our node, the receiver with the publisher's camera in its first slot."""
    async with node_process(folder, address=link.near) as node:
        await node.control.do(p.OpenRoom(room=ROOM))
        pages = {"publisher": publisher, "receiver": receiver}
        for name, page in pages.items():
            offer = await page.evaluate("publishing => offerToUs(publishing)", name == "publisher")
            joined = await node.control.call(p.Join(room=ROOM, participant=name, offer=offer), p.Joined)
            await page.evaluate("joined => acceptFromUs(joined)", msgspec.to_builtins(joined))
        want = p.Want(slot=0, source="publisher", width=SHOWN_WIDTH)
        await node.control.do(p.ShowSlots(room=ROOM, participant="receiver", wants=[want]))
        async with told(node, pages):
            yield node.control


@asynccontextmanager
async def told(node: NodeProcess, pages: dict[str, Page]) -> AsyncIterator[None]:
    """Pass on to each page what the node says of it, in the control process's place."""
    telling = asyncio.create_task(_tell(node, pages))
    yield
    assert not telling.done(), telling
    telling.cancel()
    assert "Traceback" not in node.log, node.log


async def _tell(node: NodeProcess, pages: dict[str, Page]) -> None:
    while True:
        event = await node.control.event(p.Event, timeout=FOREVER)  # type: ignore[arg-type]
        page = pages.get(getattr(event, "participant", ""))
        if page is not None:
            await page.evaluate("event => hear(event)", msgspec.to_builtins(event))


@asynccontextmanager
async def through_janus(folder: Path, link: Link, publisher: Page, receiver: Page) -> AsyncIterator[None]:
    """Both pages in a videoroom as Janus makes it: simulcast, transport-cc, Opus with in-band FEC, RTX.

    It offers no RED, and leaves the choice of a layer to the subscriber's page, whose default is the largest; it falls
    back to a smaller one by itself when the larger no longer comes.
    """
    async with janus_process(folder, address=link.near, options={}) as janus:
        answer = await janus.answer_publisher(await publisher.evaluate("offerToJanus()"))
        await publisher.evaluate("sdp => acceptFromJanus(sdp)", answer)
        await publisher.wait_for_function("state() === 'connected'")
        handle, offer = await janus.offer_subscriber()
        await janus.begin_subscriber(handle, await receiver.evaluate("sdp => answerJanus(sdp)", offer))
        yield


SIDES: dict[str, Side] = {"ours": through_us, "janus": through_janus}


# ---- browsers and what they send


@asynccontextmanager
async def browser(playwright: Playwright, folder: Path, wrapper: list[str] | None = None) -> AsyncIterator[Browser]:
    """Chromium with a moving picture and a voice for devices; `wrapper` is a command that starts it elsewhere."""
    program = CHROMIUM
    if wrapper:
        script = folder / "chromium-far"
        script.write_text(f'#!/bin/sh\nexec {" ".join(wrapper)} {CHROMIUM} "$@"\n')
        script.chmod(0o755)
        program = str(script)
    flags = [
        "--autoplay-policy=no-user-gesture-required",
        "--disable-features=WebRtcHideLocalIpsWithMdns",
        "--auto-accept-this-tab-capture",
        f"--use-file-for-fake-video-capture={folder}/picture.mjpeg",
        f"--use-file-for-fake-audio-capture={folder}/voice.wav",
    ]
    usual = (flag for flag in FLAGS if not flag.startswith(_PICKS_A_SCREEN))  # pages share themselves
    made = await playwright.chromium.launch(executable_path=program, args=[*usual, *flags])
    try:
        yield made
    finally:
        await made.close()


async def open_page(made: Browser, script: str = "weak_page.js") -> Page:
    """A page with a bench's script, in a context of its own."""
    context = await made.new_context(permissions=["camera", "microphone"], viewport={"width": 1920, "height": 1080})
    await context.route(f"{HERE}/**", partial(_serve, script))
    page = await context.new_page()
    await page.goto(f"{HERE}/")
    await page.wait_for_function("window.ready")
    return page


async def _serve(script: str, route: Route) -> None:
    path = route.request.url.removeprefix(HERE)
    if path == "/":
        await route.fulfill(body=_PAGE.format(script=script), content_type="text/html")
    elif path.startswith("/static/"):
        await route.fulfill(path=ROOT / "web" / path[1:])
    else:
        await route.fulfill(path=Path(__file__).with_name(Path(path).name))


def make_material(folder: Path) -> None:
    """Write what the publisher's devices show and say: a picture that moves all over, a voice that never pauses."""
    picture = "testsrc2=size=960x540:rate=30:duration=8,rotate=0.12*sin(PI*t/4)"
    command: list[Any] = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-q:v", "5", folder / "picture.mjpeg"]
    subprocess.run(command, check=True)
    raw = ["-f", "s16le", "-ar", str(_SPEECH_RATE), "-ac", "1", "-i", "-"]
    subprocess.run(["ffmpeg", "-v", "error", *raw, folder / "voice.wav"], input=_speech().tobytes(), check=True)


def _speech() -> np.ndarray[Any, Any]:
    """Something like a voice: harmonics of a gliding pitch, four syllables a second, vowels that change; no silence."""
    time = np.arange(_SPEECH_SECONDS * _SPEECH_RATE) / _SPEECH_RATE
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.5 * time)) / _SPEECH_RATE
    formant = 700 + 400 * np.sin(2 * np.pi * 2.25 * time)
    tones = sum(np.sin(n * phase) * np.exp(-(((n * 140 - formant) / 500) ** 2)) / n**0.5 for n in range(1, 24))
    loudness = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)
    voice = np.asarray(tones * loudness)
    return (voice / np.abs(voice).max() * 16_000).astype("<i2")


__all__ = ["SIDES", "browser", "make_material", "open_page"]
