"""Pages without a WebSocket: what they post is heard whole, in however many pieces it comes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession

from server.accounts.permissions import Permission
from server.channel import Message, posts
from server.channel.channel import MESSAGE_LIMIT
from server.channel.messages import Caller
from tests.channel.test_channel import Harness, harness, until

assert harness
LONG = "x" * (MESSAGE_LIMIT - 100)  # more than aiohttp holds of a body before somebody reads it

NO_PAYLOADS = {
    "no text": b"\xff",
    "no kind of packet": b"x",
    "what only servers ask": b"2probe",
    "what only servers pass over": b"6",
    "deep JSON": b"4" + b"[" * 100_000,
    "empty packets": b"\x1e" * 20,
    "too many": b"\x1e".join([b"3"] * (posts.MOST_PACKETS + 1)),
    "an empty form": b"d=",
    "half a form": b"d",
    "no base64": "bÿ".encode(),
}


class Say(msgspec.Struct, frozen=True):
    text: str


class Poller:
    """A page that posts, on a connection of which each piece is sent by itself."""

    def __init__(self, harness: Harness) -> None:
        self.url = harness.server.make_url("/socket.io/?EIO=4&transport=polling")
        self.sid = ""

    async def open(self) -> None:
        async with ClientSession() as session:
            opened = await (await session.get(self.url)).text()
            self.sid = json.loads(opened[1:])["sid"]
            self.url = self.url.update_query(sid=self.sid)
            assert (await session.post(self.url, data='40{"token":"cadre.1"}')).status == 200
            await session.get(self.url)

    async def post(self, *pieces: bytes, length: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self.url.host, self.url.port)
        size = length or sum(map(len, pieces))
        head = (
            f"POST {self.url.path_qs} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nContent-Type: text/plain\r\n\r\n"
        )
        for piece in (head.encode(), *pieces):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        return reader, writer


@pytest.fixture
async def said(harness: Harness) -> list[str]:
    heard: list[str] = []

    async def say(caller: Caller, data: Say) -> dict[str, Any]:
        heard.append(data.text)
        return {}

    harness.channel.register(Message("test.say", say, Permission.LISTEN, Say))
    return heard


@pytest.mark.parametrize("text", ["Cam Lộ", LONG])
async def test_a_message_in_pieces(harness: Harness, said: list[str], text: str) -> None:
    page = Poller(harness)
    await page.open()
    body = b"42" + json.dumps(["test.say", {"text": text}], ensure_ascii=False).encode()
    reader, writer = await page.post(body[:20], body[20:-9], body[-9:])
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await until(lambda: said)
    assert said == [text]
    writer.close()


async def test_a_page_that_goes_in_the_midst_of_it_is_no_fault(
    harness: Harness, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    page = Poller(harness)
    await page.open()
    _, writer = await page.post(b'42["test.say",{"te', length=500)
    writer.transport.abort()
    _, again = await page.post(b'42["test.say",{"text":"here"}]')
    await until(lambda: said)
    assert said == ["here"]
    assert [record for record in caplog.records if record.exc_info] == []
    again.close()


async def test_a_body_that_does_not_come_is_not_waited_for(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posts, "LATEST", 0.1)
    page = Poller(harness)
    await page.open()
    reader, writer = await page.post(b"42", length=500)
    assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_a_stranger_s_body_is_not_read(harness: Harness) -> None:
    page = Poller(harness)
    page.url = page.url.update_query(sid="nobody")
    reader, writer = await page.post(b"42", length=500)
    async with asyncio.timeout(posts.LATEST / 2):
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_a_body_of_unknown_length_is_not_read(harness: Harness, said: list[str]) -> None:
    page = Poller(harness)
    await page.open()
    reader, writer = await asyncio.open_connection(page.url.host, page.url.port)
    writer.write(
        f"POST {page.url.path_qs} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n42\r\n".encode()
    )
    async with asyncio.timeout(posts.LATEST / 2):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert said == []
    writer.close()


async def test_what_has_waited_while_the_network_was_away_comes_at_once(harness: Harness, said: list[str]) -> None:
    page = Poller(harness)
    await page.open()
    texts = [str(number) for number in range(50)]
    body = "\x1e".join(f'42["test.say",{{"text":"{text}"}}]' for text in texts)
    reader, writer = await page.post(body.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await until(lambda: len(said) == len(texts))
    assert sorted(said, key=int) == texts
    writer.close()


@pytest.mark.parametrize("body", NO_PAYLOADS.values(), ids=list(NO_PAYLOADS))
async def test_what_is_no_payload_is_refused_at_once(
    harness: Harness, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    page = Poller(harness)
    await page.open()
    reader, writer = await page.post(body)
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    assert [record for record in caplog.records if record.exc_info] == []
    writer.close()


async def test_one_that_is_too_long_is_refused_at_once(harness: Harness, said: list[str]) -> None:
    page = Poller(harness)
    await page.open()
    reader, writer = await page.post(b"42", length=MESSAGE_LIMIT + 1)
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    _, again = await page.post(b'42["test.say",{"text":"here"}]')
    await until(lambda: said)
    again.close()
    writer.close()


async def test_one_who_never_comes_again_delays_no_stop(harness: Harness) -> None:
    """Engine.IO's own waits until its goodbye has been taken: a phone without a network would hold up each restart."""
    await Poller(harness).open()
    async with asyncio.timeout(1):
        await harness.channel.let_go()
    assert list(harness.channel.callers()) == []


async def test_one_who_waits_takes_the_goodbye(harness: Harness) -> None:
    page = Poller(harness)
    await page.open()
    async with ClientSession() as session:
        waiting = asyncio.create_task(session.get(page.url))
        await asyncio.sleep(0.1)
        await harness.channel.let_go()
        async with asyncio.timeout(1):
            assert (await (await waiting).text()).split("\x1e")[-1] == "1"
