"""A real node process, driven over its socket, with endpoints over real UDP on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import stat
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from server.media import protocol as p
from server.media.joining.sdp import RID
from server.media.wire.rtcp_build import build_nack, build_pli
from tests.media.attending import count, grows, join, publisher, show, stats, until, viewer
from tests.media.driving import Control, NodeProcess, node_process
from tests.media.endpoint import EXTENSIONS, RTX, VP8, Endpoint, meeting, picture


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeProcess]:
    async with node_process(tmp_path) as running:
        await running.control.do(p.OpenRoom(room="r"))
        yield running
        await running.control.close()
    assert "Traceback" not in running.log and "ERROR" not in running.log, running.log


async def test_one_speaks_and_shows_another_sees_and_hears(node: NodeProcess) -> None:
    speaker = await publisher(node, "a")
    watcher = await viewer(node, "b", "a")
    await until(lambda: count(watcher, VP8) > 20 and count(watcher, 111) > 20)
    for kind in ("microphone", "camera"):
        assert (await node.control.event(p.TrackChanged, lambda e, k=kind: e.kind == k)).live
        node.control.events.clear()
        break
    video = [packet.sequence for packet in watcher.packets if packet.payload_type == VP8]
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(video))
    assert (await stats(node, "a")).lost_in == 0
    speaker.stop()


async def test_the_socket_is_for_the_owner_only(node: NodeProcess) -> None:
    assert stat.S_IMODE(os.stat(node.socket).st_mode) == 0o600


async def test_who_does_not_hold_the_floor_is_not_heard(node: NodeProcess) -> None:
    speaker = await publisher(node, "a")
    watcher = await viewer(node, "b", "a")
    assert await grows(watcher, 111)
    await node.control.do(p.SetFloor(room="r", holders=["somebody"]))
    assert not await grows(watcher, 111)
    assert await grows(watcher, VP8), "the floor is for voices"
    await node.control.do(p.SetFloor(room="r", holders=["a"]))
    assert await grows(watcher, 111)
    await node.control.do(p.SetPublish(room="r", participant="a", microphone=False, camera=False))
    assert not await grows(watcher, 111)
    assert not await grows(watcher, VP8)
    await node.control.do(p.SetPublish(room="r", participant="a"))
    assert await grows(watcher, 111) and await grows(watcher, VP8)
    speaker.stop()


async def test_a_slot_shows_what_is_wished_when_it_is_wished(node: NodeProcess) -> None:
    watcher = await viewer(node, "v", "late")
    speaker = await publisher(node, "late")
    assert await grows(watcher, VP8), "a source that was not there yet is shown as soon as it sends"
    await show(node, "v")
    assert not await grows(watcher, VP8), "a slot that is not seen costs nothing"
    await show(node, "v", "late")
    assert await grows(watcher, VP8)
    speaker.stop()


async def test_a_camera_that_stops_is_told_and_one_that_returns_too(node: NodeProcess) -> None:
    speaker = await publisher(node, "a")
    await node.control.event(p.TrackChanged, lambda e: e.kind == "camera" and e.live)
    speaker.dark = True
    await node.control.event(p.TrackChanged, lambda e: e.kind == "camera" and not e.live, timeout=4)
    speaker.dark = False
    await node.control.event(p.TrackChanged, lambda e: e.kind == "camera" and e.live, timeout=1)
    speaker.stop()


async def test_speaking_and_programme_are_told(node: NodeProcess) -> None:
    speaker = await publisher(node, "a")
    event = await node.control.event(p.Speaking, lambda e: bool(e.loudest))
    assert event.loudest[0].participant == "a" and 60 < event.loudest[0].level <= 97
    speaker.level = 127
    await node.control.event(p.Speaking, lambda e: not e.loudest)
    speaker.stop()


async def test_a_nack_a_pli_and_reports(node: NodeProcess) -> None:
    speaker = await publisher(node, "a")
    watcher = await viewer(node, "b", "a")
    await until(lambda: count(watcher, VP8) > 10)
    packet = next(packet for packet in watcher.packets if packet.payload_type == VP8)
    watcher.send_rtcp(build_nack(7, packet.ssrc, [packet.sequence]))
    await until(lambda: count(watcher, RTX) == 1)
    again = next(found for found in watcher.packets if found.payload_type == RTX)
    assert again.payload[2:] == packet.payload
    watcher.send_rtcp(build_pli(7, packet.ssrc))
    wanted = build_pli(1, speaker.video)
    await until(lambda: any(wanted in report for report in speaker.endpoint.reports))
    await until(lambda: any(report[1] == 200 for report in watcher.reports), timeout=3)
    await until(lambda: any(report[1] == 201 for report in speaker.endpoint.reports), timeout=3)
    assert any(b"REMB" in report for report in speaker.endpoint.reports)
    assert any(report[:2] == b"\x8f\xcd" for report in speaker.endpoint.reports), "transport-wide feedback"
    figures = await stats(node, "b")
    assert (figures.nacks_in, figures.retransmitted, figures.plis_in) == (1, 1, 1)
    speaker.stop()


def newest_width(watcher: Endpoint) -> int | None:
    """The width of the newest key frame; what stands before VP8's frame header are five octets."""
    keys = [packet.payload for packet in watcher.packets if packet.payload[5:6] == b"\x10"]
    return int.from_bytes(keys[-1][11:13], "little") if keys else None


async def test_simulcast_layers_by_width(node: NodeProcess) -> None:
    endpoint = Endpoint(meeting(0, rids=("f", "q")))
    await join(node, "a", endpoint)
    watcher = await viewer(node, "b")
    assert EXTENSIONS[RID] == 2

    async def send() -> None:
        number = 0
        while True:
            for ssrc, rid, width in ((1001, b"f", 960), (1002, b"q", 240)):
                plain = picture(ssrc, number, number, key=number % 10 == 0, width=width)
                named = b"\x90" + plain[1:12] + b"\xbe\xde\x00\x01" + b"\x10" + b"1" + b"\x20" + rid + plain[12:]
                endpoint.send_rtp(named)
            number += 1
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(send())
    for width, expected in ((960, 960), (200, 240)):
        wants = [p.Want(slot=0, source="a", width=width)]
        await node.control.do(p.ShowSlots(room="r", participant="b", wants=wants))
        await until(lambda n=expected: newest_width(watcher) == n)
    sending.cancel()


async def test_another_network_is_no_new_join(node: NodeProcess) -> None:
    speaker = await publisher(node, "a")
    watcher = await viewer(node, "b", "a")
    assert await grows(watcher, VP8)
    old = watcher.address
    watcher.move()
    assert watcher.address != old
    watcher.check()
    assert await grows(watcher, VP8)
    assert not any(isinstance(e, p.SessionChanged) and e.state == "closed" for e in node.control.events)
    speaker.stop()


async def test_another_nat_binding_is_no_new_join(node: NodeProcess) -> None:
    """The port changes on the way: whoever checks knows nothing of it, and does not nominate its path again."""
    speaker = await publisher(node, "a")
    watcher = await viewer(node, "b", "a")
    assert await grows(watcher, VP8)
    watcher.controlling = False
    watcher.move()
    before = count(watcher, VP8)

    def goes_on() -> bool:
        watcher.check()
        return count(watcher, VP8) > before

    await until(goes_on, 20)
    assert not any(isinstance(e, p.SessionChanged) and e.state in ("lost", "closed") for e in node.control.events)
    speaker.stop()


async def test_a_second_join_ends_the_first_session(node: NodeProcess) -> None:
    first = Endpoint(meeting(1))
    joined = await join(node, "a", first)
    second = await join(node, "a", Endpoint(meeting(1)))
    event = await node.control.event(p.SessionChanged, lambda e: e.state == "closed")
    assert (event.session, event.reason) == (joined.session, "replaced")
    await until(lambda: first.ended == "left")
    assert second.session != joined.session
    await node.control.do(p.Leave(room="r", participant="a"))
    event = await node.control.event(p.SessionChanged, lambda e: e.state == "closed")
    assert (event.session, event.reason) == (second.session, "left")


async def test_a_page_that_closes_ends_its_session_at_once(node: NodeProcess) -> None:
    endpoint = Endpoint(meeting(1))
    joined = await join(node, "a", endpoint)
    await endpoint.close()
    event = await node.control.event(p.SessionChanged, lambda e: e.state == "closed", timeout=2)
    assert event.session == joined.session


async def test_what_cannot_be_done_has_a_code(node: NodeProcess) -> None:
    async def code(command: p.Command) -> str:
        return (await node.control.call(command, p.Failed)).code

    assert await code(p.Join(room="none", participant="a", offer="v=0")) == "no_room"
    assert await code(p.Join(room="r", participant="a", offer="rubbish")) == "bad_offer"
    assert await code(p.ShowSlots(room="r", participant="nobody", wants=[])) == "no_participant"
    assert await code(p.SetFloor(room="none", holders=None)) == "no_room"
    await node.control.do(p.Leave(room="none", participant="a"))
    await node.control.do(p.CloseRoom(room="none"))


async def test_lines_that_are_no_requests_do_not_end_the_connection(node: NodeProcess) -> None:
    node.control._writer.write(b'{"id": 99}\nrubbish\n{"id": 98, "command": {"type": "fly"}}\n')
    node.control._waiting[99] = asyncio.get_running_loop().create_future()
    node.control._waiting[98] = asyncio.get_running_loop().create_future()
    await node.control.do(p.OpenRoom(room="other"))


async def test_who_sends_too_much_is_policed_and_the_others_are_not(node: NodeProcess) -> None:
    """Genuine packets as fast as they go out, beside a meeting of two; then it sends as it should again."""
    speaker, greedy = await publisher(node, "a"), Endpoint(meeting(2))
    watcher = await viewer(node, "b", "a")
    await join(node, "greedy", greedy)
    ssrc, number = greedy.media[1].ssrc or 0, 0
    answer = await node.control.call(p.GetStats(), p.Stats)
    async with asyncio.timeout(30):
        while answer.refused.get("policed", 0) < 1_000:
            for _ in range(100):
                greedy.send_rtp(picture(ssrc, number & 0xFFFF, number // 100, key=number == 0, size=1200))
                number += 1
            await asyncio.sleep(0.005)
            answer = await node.control.call(p.GetStats(), p.Stats)
    taken = next(entry.packets_in for entry in answer.participants if entry.participant == "greedy")
    assert taken + answer.refused["policed"] <= number
    assert await grows(watcher, VP8) and await grows(watcher, 111)
    await asyncio.sleep(1)
    before = (await stats(node, "greedy")).packets_in
    for _ in range(20):
        number += 1
        greedy.send_rtp(picture(ssrc, number & 0xFFFF, number, size=300))
    await asyncio.sleep(0.3)
    assert (await stats(node, "greedy")).packets_in == before + 20
    speaker.stop()


async def test_strangers_are_counted_and_disturb_nobody(node: NodeProcess) -> None:
    speaker = await publisher(node, "a")
    watcher = await viewer(node, "b", "a")
    port = (await node.control.call(p.Hello(), p.Welcome)).udp_port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(50):
            for data in (
                b"\x80" * 100,
                b"\x16" * 100,
                b"\x00\x01" + bytes(18),
                b"\xff",
                b"\x47rubbish",
                os.urandom(300),
            ):
                stranger.sendto(data, ("127.0.0.1", port))
    for junk in (b"\x80" * 60, b"\x80\xc8" + bytes(50), b"\x17" * 30, b"\x01" * 30):
        watcher.socket.sendto(junk, ("127.0.0.1", port))
    assert watcher.link is not None
    for plain in (b"\x80\xc9\x00\x01\x00\x00\x00\x01", b"\x8f\xcd\x00\x03" + bytes(12), b"\x81\xcd\x00\x02" + bytes(8)):
        watcher.send_rtcp(plain)
    malformed = (b"\x80", b"\x90"), (b"\x90", b"\xbe\xde\x00\x01\x1f" + bytes(3)), (b"\xa0", b"\xff")
    for number, (first, rest) in enumerate(malformed):
        watcher.send_rtp(first + b"\x60" + number.to_bytes(2) + bytes(4) + b"\x00\x00\x12\x34" + rest)
    assert await grows(watcher, VP8) and await grows(watcher, 111)
    refused = (await node.control.call(p.GetStats(), p.Stats)).refused
    assert refused["stranger_media"] >= 50 and refused["stranger_dtls"] >= 50 and refused["bad_stun"] >= 50
    assert refused["bad_srtp"] >= 2 and refused["bad_rtp"] >= 2
    speaker.stop()


async def test_a_new_control_process_adopts_the_node(node: NodeProcess) -> None:
    speaker = await publisher(node, "a")
    watcher = await viewer(node, "b", "a")
    await until(lambda: count(watcher, VP8) > 5)
    await node.control.close()
    assert await grows(watcher, VP8), "the meeting does not notice"
    node.control = await Control.connect(node.socket)
    sessions = {info.participant: info.state for room in node.control.welcome.rooms for info in room.sessions}
    assert sessions == {"a": "connected", "b": "connected"}
    assert (await node.control.event(p.TrackChanged)).live
    layers = await node.control.event(p.LayersWanted, lambda e: e.participant == "a" and e.kind == "camera")
    assert layers.rids == [""]
    assert (await node.control.event(p.VoiceWanted, lambda e: e.participant == "a")).kbps == 32
    assert (await node.control.event(p.LinkChanged, lambda e: e.participant == "b")).quality == "good"
    second = await Control.connect(node.socket)
    await until(lambda: node.control._task.done())
    node.control = second
    await node.control.do(p.SetFloor(room="r", holders=[]))
    assert not await grows(watcher, 111)
    speaker.stop()


async def test_a_recording_runs_beside_the_meeting(node: NodeProcess, tmp_path: Path) -> None:
    speaker = await publisher(node, "a")
    folder = tmp_path / "recording"
    start = p.StartRecording(room="r", recording="one", directory=str(folder))
    await node.control.do(start)
    assert (await node.control.call(start, p.Failed)).code == "already_recording"
    await asyncio.sleep(1.5)
    other = await Control.connect(node.socket)
    assert [room.recording for room in other.welcome.rooms] == ["one"], "an adopter is told"
    node.control = other
    closed = await other.call(p.StopRecording(room="r", recording="one"), p.RecordingClosed)
    assert {Path(file.name).suffix for file in closed.files}
    for file in closed.files:
        data = (folder / file.name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)
    assert any(file.media_ms > 1000 for file in closed.files)
    assert (await other.call(p.StopRecording(room="r", recording="one"), p.Failed)).code == "not_recording"
    speaker.stop()


async def test_a_recording_that_cannot_begin_leaves_the_meeting_alone(node: NodeProcess, tmp_path: Path) -> None:
    speaker = await publisher(node, "a")
    watcher = await viewer(node, "b", "a")
    (tmp_path / "file").write_text("no folder")
    start = p.StartRecording(room="r", recording="one", directory=str(tmp_path / "file" / "under"))
    assert (await node.control.call(start, p.Failed)).code == "cannot_write"
    assert await grows(watcher, VP8)
    speaker.stop()
