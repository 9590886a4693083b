"""The link with a real media node: started, adopted, killed, replaced, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from server.config import Media, Settings
from server.errors import UnavailableError
from server.media import protocol
from server.media.protocol import Done, Failed, OpenRoom, Reply, SetFloor, Speaking, Welcome
from server.meetings.link import MediaLink, MediaRefusedError

HANGS_SECONDS = 5.0  # from the last word of a node to the next node in its place


@pytest.fixture
def media_settings(settings: Settings, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(settings, media=Media(udp_port=0, socket=str(tmp_path / "m.sock")))


class Links:
    """Makes links and remembers what they were told; ends every node that they started."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.made: list[MediaLink] = []
        self.welcomes: list[Welcome] = []
        self.pids: set[int] = set()

    async def open(self) -> MediaLink:
        link = MediaLink(self.settings)

        async def up(welcome: Welcome) -> None:
            self.welcomes.append(welcome)
            self.pids.add(welcome.pid)

        link.on_up = up
        self.made.append(link)
        await link.start()
        await link.wait_ready()
        return link

    async def close(self) -> None:
        for link in self.made:
            await link.close(keep=True)
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


@pytest.fixture
async def links(media_settings: Settings) -> AsyncIterator[Links]:
    made = Links(media_settings)
    yield made
    await made.close()


async def until(condition: Callable[[], object], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_node_is_started_and_answers(links: Links) -> None:
    link = await links.open()
    assert await link.ask(OpenRoom(room="m1"), Done) == Done()
    with pytest.raises(MediaRefusedError) as refused:
        await link.ask(SetFloor(room="nowhere", holders=None), Done)
    assert refused.value.code == "no_room"


async def test_a_running_node_is_adopted_with_its_rooms(links: Links) -> None:
    first = await links.open()
    await first.ask(OpenRoom(room="m7"), Done)
    await first.close(keep=True)
    await links.open()
    assert [w.pid for w in links.welcomes] == [links.welcomes[0].pid] * 2
    assert [info.room for info in links.welcomes[1].rooms] == ["m7"]


async def test_a_killed_node_is_replaced_quickly(links: Links) -> None:
    link = await links.open()
    old = links.welcomes[0].pid
    os.kill(old, signal.SIGKILL)
    await until(lambda: link.pid != old, 3)  # a new process has been started
    await until(lambda: len(links.welcomes) == 2 and link.ready, 15)
    assert await link.ask(OpenRoom(room="m1"), Done) == Done()


async def test_a_node_that_hangs_is_replaced_before_long(links: Links) -> None:
    link = await links.open()
    begin = time.monotonic()
    os.kill(links.welcomes[0].pid, signal.SIGSTOP)
    await until(lambda: link.pid != links.welcomes[0].pid, 10)
    assert time.monotonic() - begin < HANGS_SECONDS
    await until(lambda: len(links.welcomes) == 2 and link.ready, 10)


STATS = protocol.Stats(participants=[], packets_in=0, packets_out=0, cpu_seconds=1.0, refused={})
Counted = Callable[[protocol.GetStats, asyncio.StreamWriter], Awaitable[protocol.Stats | None]]


@contextlib.asynccontextmanager
async def standing_in(settings: Settings, counted: Counted) -> AsyncIterator[MediaLink]:
    """A link to a node that tells its counters as `counted` does, or is silent where that gives nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = protocol.decode_request(line)
            answer: protocol.Answer | None = Welcome(version=protocol.VERSION, pid=0, udp_port=1, rooms=[])
            if isinstance(request.command, protocol.GetStats):
                answer = await counted(request.command, writer)
            if answer is not None:
                writer.write(protocol.encode(Reply(id=request.id, answer=answer)))
        writer.close()

    server = await asyncio.start_unix_server(serve, settings.media.socket)
    link = MediaLink(settings)
    await link.start()
    try:
        yield link
    finally:
        await link.close(keep=True)
        server.close()


async def test_a_node_that_answers_late_but_says_something_is_busy_and_not_ended(
    media_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one to which three hundred people come at once: its answers come in the order of the questions."""
    ended: list[bool] = []
    monkeypatch.setattr(MediaLink, "_kill", lambda link: ended.append(True))
    monkeypatch.setattr("server.meetings.link.PULSE_SECONDS", 0.1)
    monkeypatch.setattr("server.meetings.link.ANSWER_SECONDS", 0.2)  # of old
    asked: list[protocol.GetStats] = []

    async def counted(command: protocol.GetStats, writer: asyncio.StreamWriter) -> protocol.Stats:
        for _joined in range(20 if not asked else 0):
            writer.write(protocol.encode(Speaking(room="m1", loudest=[])))
            await asyncio.sleep(0.03)
        asked.append(command)
        return STATS

    async with standing_in(media_settings, counted) as link:
        await until(lambda: len(asked) >= 3, 10)
        assert link.ready
        assert not ended


@pytest.mark.parametrize(("busy", "least", "most"), [(False, 2, 7), (True, 8, 8)])
async def test_a_node_is_given_more_time_where_we_do_not_come_to_our_turn_either(
    media_settings: Settings, monkeypatch: pytest.MonkeyPatch, busy: bool, least: int, most: int
) -> None:
    ended: list[int] = []
    asked: list[protocol.GetStats] = []
    monkeypatch.setattr(MediaLink, "_kill", lambda link: ended.append(len(asked)))
    monkeypatch.setattr("server.meetings.link.PULSE_SECONDS", 0.3)

    async def counted(command: protocol.GetStats, writer: asyncio.StreamWriter) -> None:
        asked.append(command)
        if busy:
            asyncio.get_running_loop().call_later(0.2, time.sleep, 0.4)

    async with standing_in(media_settings, counted):
        await until(lambda: ended, 20)
        assert least <= ended[0] <= most


async def test_a_node_that_hangs_is_ended_by_whoever_finds_it(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has not said who it is: the socket knows."""
    monkeypatch.setattr("server.meetings.link.HELLO_SECONDS", 0.2)
    first = await links.open()
    await first.close(keep=True)
    hung = links.welcomes[0].pid
    os.kill(hung, signal.SIGSTOP)
    second = await links.open()
    assert not alive(hung)
    assert links.welcomes[1].pid != hung
    assert second.known.is_set()


async def test_a_link_that_does_not_restart_ends_with_its_node(media_settings: Settings, links: Links) -> None:
    first = await links.open()
    await first.close(keep=True)
    link = MediaLink(media_settings, restart=False)
    gone: list[bool] = []
    link.on_gone = lambda: gone.append(link.place.socket.exists())
    links.made.append(link)
    await link.start()
    await link.wait_ready()
    os.kill(links.welcomes[0].pid, signal.SIGKILL)
    await until(lambda: gone and not link.place.socket.exists(), 15)
    assert not link.ready
    assert len(gone) == 1


async def test_closing_for_good_ends_the_node(links: Links) -> None:
    link = await links.open()
    await link.close(keep=False)
    await until(lambda: not alive(links.welcomes[0].pid), 15)
    with pytest.raises(UnavailableError):
        await link.ask(OpenRoom(room="m1"), Done)


async def test_a_node_that_is_late_is_said_to_be_overloaded_once(
    media_settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.meetings.link.PING_SECONDS", 0.01)
    lags = iter([0.0, 5.0, 400.0, 300.0, 5.0, 0.0])

    async def counted(command: protocol.GetStats, writer: asyncio.StreamWriter) -> protocol.Stats:
        lag = next(lags, 0.0) if command.room is None else 0.0  # else it is only to say something
        return msgspec.structs.replace(STATS, lag_ms=lag)

    async with standing_in(media_settings, counted) as link:
        await until(lambda: link.figures(0).lag == 0.3, 10)
        assert link.figures(0).overloaded
        await until(lambda: not link.figures(0).overloaded, 10)
        assert caplog.text.count("is overloaded: 0 % of a core, 400 ms late, 0 sessions") == 1
        assert caplog.text.count("overloaded") == 1


async def test_a_node_of_another_version_is_told_to_end(media_settings: Settings) -> None:
    """A stand-in that refuses our greeting, as an older node does."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = protocol.decode_request(line)
            heard.append(type(request.command).__name__)
            answer = Failed(code="version") if isinstance(request.command, protocol.Hello) else Done()
            writer.write(protocol.encode(Reply(id=request.id, answer=answer)))
            if isinstance(request.command, protocol.Shutdown):
                server.close()
        writer.close()

    server = await asyncio.start_unix_server(serve, media_settings.media.socket)
    link = MediaLink(media_settings)
    await link.start()
    await until(lambda: heard[:2] == ["Hello", "Shutdown"], 15)
    await link.wait_ready()
    await link.close(keep=False)
