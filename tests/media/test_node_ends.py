"""A real node process that ends: told to, by a signal, or deserted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from server.media import protocol as p
from server.media.joining.bounds import Bounds
from server.media.node import ALONE_AND_EMPTY, ALONE_WITH_SESSIONS, Node
from server.media.phone.bridge import Ports
from server.media.recording import journal
from tests.media.attending import join, publisher, until
from tests.media.driving import node_process
from tests.media.endpoint import Endpoint, meeting


async def test_sigterm_completes_the_recording(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    async with node_process(tmp_path) as node:
        await node.control.do(p.OpenRoom(room="r"))
        speaker = await publisher(node, "a")
        await node.control.do(p.StartRecording(room="r", recording="one", directory=str(folder)))
        await asyncio.sleep(1)
        speaker.stop()
        node.process.terminate()
        assert await asyncio.wait_for(node.process.wait(), 10) == 0
        assert "recording one closed" in node.log
        assert any(path.stat().st_size > 1000 for path in folder.iterdir())
        await node.control.close()


async def test_shutdown_is_answered_when_the_recording_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    async with node_process(tmp_path) as node:
        await node.control.do(p.OpenRoom(room="r"))
        speaker = await publisher(node, "a")
        await node.control.do(p.StartRecording(room="r", recording="one", directory=str(folder)))
        await asyncio.sleep(1)
        await node.control.do(p.Shutdown())
        ended = journal.read(folder / "0001.journal")[-1]
        assert isinstance(ended, journal.Ended)
        assert {file.name for file in ended.files} == {"0001-video.webm", "0001-audio.webm"}
        for file in ended.files:
            assert len((folder / file.name).read_bytes()) == file.bytes
        speaker.stop()
        assert await asyncio.wait_for(node.process.wait(), 5) == 0
        await node.control.close()


async def test_a_deserted_node_ends_itself_but_not_a_meeting(tmp_path: Path) -> None:
    node = Node(tmp_path / "node.sock", 0, ["127.0.0.1"], Bounds(), Ports("127.0.0.1", 41_200, 41_299))
    began = node._alone_since
    assert not node._deserted(began + ALONE_AND_EMPTY - 0.1)
    assert node._deserted(began + ALONE_AND_EMPTY + 0.1)
    node.switch.open_room("r").participants["a"] = object()  # type: ignore[assignment]
    assert not node._deserted(began + ALONE_WITH_SESSIONS - 0.1)
    assert node._deserted(began + ALONE_WITH_SESSIONS + 0.1)
    node.port.close()


async def test_shutdown_is_answered_and_ends_the_process(tmp_path: Path) -> None:
    async with node_process(tmp_path) as node:
        await node.control.do(p.OpenRoom(room="r"))
        endpoint = Endpoint(meeting(0))
        await join(node, "a", endpoint)
        await node.control.do(p.Shutdown())
        assert await asyncio.wait_for(node.process.wait(), 5) == 0
        assert not node.socket.exists()
        await until(lambda: endpoint.ended == "left")
        await node.control.close()
