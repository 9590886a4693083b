"""One connection to a node: answers find their questions, and nobody waits for a broken line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.errors import ProtocolError, UnavailableError
from server.media import protocol
from server.media.protocol import CloseRoom, Done, Event, Failed, OpenRoom, Reply, Request, Speaking
from server.meetings.line import MediaLine, MediaRefusedError

Answering = Callable[[Request, asyncio.StreamWriter], None]


@asynccontextmanager
async def line_to(path: Path, answer: Answering, heard: list[Event] | None = None) -> AsyncIterator[MediaLine]:
    """A line to a stand-in that treats each request so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while text := await reader.readline():
            answer(protocol.decode_request(text), writer)
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    line = await MediaLine.open(path, (heard if heard is not None else []).append)
    assert line is not None
    yield line
    await line.close()
    server.close()


def reply(request: Request, writer: asyncio.StreamWriter, answer: protocol.Answer) -> None:
    writer.write(protocol.encode(Reply(id=request.id, answer=answer)))


async def test_answers_find_their_questions_in_any_order(tmp_path: Path) -> None:
    held: list[Request] = []
    heard: list[Event] = []

    def late(request: Request, writer: asyncio.StreamWriter) -> None:
        held.append(request)
        if len(held) == 2:
            writer.write(protocol.encode(Speaking(room="m1", loudest=[])))
            reply(held[1], writer, Failed(code="no_room"))
            reply(held[0], writer, Done())

    async with line_to(tmp_path / "s", late, heard) as line:
        first = asyncio.create_task(line.ask(OpenRoom(room="m1"), Done, 5))
        await asyncio.sleep(0)  # it has asked before us
        with pytest.raises(MediaRefusedError) as refused:
            await line.ask(CloseRoom(room="m1"), Done, 5)
        assert refused.value.code == "no_room"
        assert await first == Done()
        assert heard == [Speaking(room="m1", loudest=[])]
        assert line.peer == os.getpid()


async def test_silence_and_a_broken_line_are_told(tmp_path: Path) -> None:
    def hang_up(request: Request, writer: asyncio.StreamWriter) -> None:
        if isinstance(request.command, CloseRoom):
            writer.close()

    async with line_to(tmp_path / "s", hang_up) as line:
        with pytest.raises(UnavailableError):
            await line.ask(OpenRoom(room="m1"), Done, 0.05)
        with pytest.raises(UnavailableError):
            await line.ask(CloseRoom(room="m1"), Done, 60)
        await asyncio.wait([line.listening], timeout=5)
        with pytest.raises(UnavailableError):
            await line.ask(OpenRoom(room="m1"), Done, 60)


async def test_what_is_no_answer_breaks_the_line(tmp_path: Path) -> None:
    def nonsense(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"{}\n")

    async with line_to(tmp_path / "s", nonsense) as line:
        with pytest.raises(UnavailableError):
            await line.ask(OpenRoom(room="m1"), Done, 60)
        assert isinstance(await line.close(), ProtocolError)


async def test_nobody_at_the_socket_is_no_line(tmp_path: Path) -> None:
    assert await MediaLine.open(tmp_path / "none", lambda event: None) is None
    server = await asyncio.start_unix_server(lambda reader, writer: None, tmp_path / "s")
    server.close()
    await server.wait_closed()
    assert await MediaLine.open(tmp_path / "s", lambda event: None) is None
