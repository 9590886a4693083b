"""The short way of events: the same bytes in the same order, the queue where something waits, stalled ones cut off.

These tests also hold the private names that `server/channel/direct.py` touches.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, ClientWSTimeout, WSMsgType
from engineio import packet as engine

from server.channel import direct
from server.channel.packets import acknowledged, event_body, frame_of, packets
from server.channel.reader import AckReader
from server.channel.rooms import RoomIndex
from server.store import StoredEvent, Transaction
from tests.channel.test_channel import Harness, direct_of, harness, until
from tests.conftest import START

assert harness


def emit(tx: Transaction, units: list[int], text: str) -> None:
    tx.emit("test.happened", units, {"text": text})


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_says_its_length(size: int) -> None:
    frame = frame_of(b"x" * size)
    head = {True: 2, size >= 126: 4, size >= 65_536: 10}[True]
    assert len(frame) == head + size
    assert frame[0] == 0x81
    assert int.from_bytes(frame[2:head]) == size if head > 2 else frame[1] == size


@pytest.mark.parametrize("body", [{}, {"subject": "Ứng phó “mưa lũ”\n\u2028", "n": [1, None]}])
def test_a_packet_is_the_same_as_an_event_read_and_written(body: dict[str, Any]) -> None:
    text, other = msgspec.Raw(msgspec.json.encode(body)), msgspec.Raw(b'{"other":1}')
    events = [
        StoredEvent(7, 12, "test.happened", text, START),
        StoredEvent(8, 3456, "test.happened", text, START),
        StoredEvent(9, 1, "test.changed", text, START),
        StoredEvent(9, 2, "test.changed", other, START),
    ]
    for event, packet in zip(events, packets(events), strict=True):
        assert engine.Packet(encoded_packet=packet.decode()).packet_type == engine.MESSAGE
        assert msgspec.json.decode(packet[2:]) == [event.kind, event_body(event)]


def test_only_an_acknowledgement_is_read_as_one() -> None:
    assert acknowledged(b'42["channel.ack",{"seq":7}]') == 7
    for other in ("-7", "", "7.5", '"7"', "\u0661", "7" * 16, '7,"more":1', "[7]"):
        assert acknowledged(f'42["channel.ack",{{"seq":{other}}}]'.encode()) is None, other
    for whole in (b"", b"2", b'42["channel.ack",{}]', b'421["channel.ack",{"seq":7}]', b'42["channel.ack",{"seq":7}] '):
        assert acknowledged(whole) is None, whole


class Reader:
    """In the place of aiohttp's: what it was fed."""

    def __init__(self) -> None:
        self.fed = b""
        self.ended = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.fed += data
        return False, b""

    def feed_eof(self) -> None:
        self.ended = True


def client_frame(payload: bytes, first: int = 0x81, mask: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    size = len(payload)
    head = bytes([first, 0x80 | size]) if size < 126 else bytes([first, 0x80 | 126]) + size.to_bytes(2)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


ACK = client_frame(b'42["channel.ack",{"seq":7}]')
OTHERS = {
    "short": client_frame(b"3"),
    "long": client_frame(b"4" * 300),
    "fragments": client_frame(b"42", 0x01) + client_frame(b"[]", 0x80),
    "control_between": client_frame(b"42", 0x01) + client_frame(b"", 0x89) + client_frame(b"[]", 0x80),
    "huge": bytes([0x82, 0xFF]) + (70_000).to_bytes(8) + b"mask" + b"x" * 70_000,
}


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 7, 1000, 100_000])
@pytest.mark.parametrize("name", OTHERS)
def test_acknowledgements_are_taken_between_frames_only(name: str, cut: int) -> None:
    taken: list[bytes] = []
    inner = Reader()
    reader = AckReader(inner, lambda packet: acknowledged(packet) is not None and not taken.append(bytes(packet)))
    sent = OTHERS[name]
    for begin in range(0, len(sent), cut):
        reader.feed_data(sent[begin : begin + cut])
    reader.feed_data(ACK)
    assert inner.fed == sent
    assert taken == [b'42["channel.ack",{"seq":7}]']
    reader.feed_data(sent[:-1])
    reader.feed_data(ACK)  # which are bytes of the frame that is not over
    assert inner.fed == sent + sent[:-1] + ACK
    reader.feed_eof()
    assert inner.ended


@pytest.mark.parametrize(("first", "rest"), [(5, 133), (126, 126)])
def test_a_length_that_looks_like_another_is_not_taken_for_it(first: int, rest: int) -> None:
    """The second byte says 5 or "more than 125"; so many bytes follow that it would be the same for one short frame."""
    taken: list[bytes] = []
    inner = Reader()
    reader = AckReader(inner, lambda packet: not taken.append(bytes(packet)))
    begun = (client_frame(b"hello") if first == 5 else b"\x81\xfe\x01\x00" + bytes(4)).ljust(6 + rest, b"\x00")
    reader.feed_data(begun)
    assert (inner.fed, taken) == (begun, [])


async def test_events_come_straight_and_in_order(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    await harness.connect("leader.1", heard)
    queued: list[Any] = []
    send_packet = harness.channel.sio.eio.send_packet

    async def noted(sid: str, packet: Any) -> None:
        queued.append(packet)
        await send_packet(sid, packet)

    monkeypatch.setattr(harness.channel.sio.eio, "send_packet", noted)
    for number in range(20):
        await harness.store.write(emit, [1], str(number))
    await until(lambda: len(heard) == 20)
    assert [body["text"] for _name, body in heard] == [str(number) for number in range(20)]
    assert not queued


async def test_what_waits_in_the_queue_is_not_overtaken(harness: Harness) -> None:
    heard: list[Any] = []
    await harness.connect("leader.1", heard)
    sio = harness.channel.sio
    (owner,) = sio.eio.sockets.values()
    await owner.send(engine.Packet(engine.MESSAGE, '2["slow",{"n":1}]'))  # taken by nobody yet
    assert not direct_of(owner).write(frame_of(b'42["fast",{"n":2}]'))
    await direct.send_packet(sio, "unit:1", b'42["fast",{"n":2}]')
    await until(lambda: len(heard) == 2)
    assert [name for name, _body in heard] == ["slow", "fast"]
    await until(lambda: owner.queue._unfinished_tasks == 0)
    assert direct_of(owner).write(frame_of(b'42["again",{}]'))
    await until(lambda: len(heard) == 3)


async def test_what_a_bad_line_drops_is_repeated_at_even_distances(harness: Harness) -> None:
    await harness.connect("leader.1", [])
    (owner,) = harness.channel.sio.eio.sockets.values()
    opened = direct_of(owner)._transport.get_extra_info("socket")
    assert opened.getsockopt(socket.IPPROTO_TCP, direct._THIN_LINEAR_TIMEOUTS) == 1


async def test_one_who_reads_nothing_is_cut_off_and_delays_nobody(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert direct.STALL_SECONDS <= 5
    monkeypatch.setattr(direct, "STALL_SECONDS", 0.3)
    heard: list[Any] = []
    await harness.connect("leader.2", heard)
    url = harness.server.make_url("/socket.io/?EIO=4&transport=websocket")
    soon = ClientWSTimeout(ws_close=0.1)  # nobody will answer its goodbye
    async with ClientSession() as session, session.ws_connect(url, timeout=soon) as stalled:
        await stalled.receive()
        await stalled.send_str('40{"token":"leader.1"}')
        await stalled.receive()
        connection = stalled.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled._response.connection.transport.pause_reading()  # type: ignore[union-attr]
        begin = asyncio.get_running_loop().time()
        for number in range(60):
            await harness.store.write(emit, [1, 2], f"{number} " + "x" * 200_000)
        await until(lambda: len(heard) == 60)
        assert asyncio.get_running_loop().time() - begin < 4
        await until(lambda: len(harness.channel.presence.connected()) == 1)
    assert len(await harness.store.since(1, 0)) == 60  # nothing of what it missed is lost
    again = await harness.connect("leader.1")
    answer = await again.call("channel.catch_up", {"seq": 55}, timeout=10)
    assert [event["seq"] for event in answer["events"]] == [56, 57, 58, 59, 60]


async def test_acknowledgements_are_taken_and_wrong_ones_refused(harness: Harness) -> None:
    heard: list[tuple[int, int]] = []
    harness.channel.on_ack.append(lambda who, seq: heard.append((who.unit_id, seq)))
    client = await harness.connect("leader.1")
    await client.emit("channel.ack", {"seq": 7})
    await until(lambda: heard == [(1, 7)])
    (owner,) = harness.channel.sio.eio.sockets.values()
    assert isinstance(direct_of(owner)._line.reader, AckReader)
    assert await client.call("channel.ack", {"seq": 8}, timeout=5) == {"ok": True}  # with an answer: the usual way
    assert heard == [(1, 7), (1, 8)]
    for wrong in ({"seq": "x"}, {"seq": 1.5}, {}, {"seq": 1, "more": 2}, [1], "x", None, {"seq": 2**70}):
        await client.emit("channel.ack", wrong)
    refused = await client.call("channel.ack", {"seq": "x"}, timeout=5)
    assert refused["error"]["code"] == "invalid_input"
    assert all(isinstance(seq, int) and seq < 10**15 for _unit, seq in heard)


async def test_many_acknowledgements_go_the_usual_way_until_the_next_heartbeat(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "MOST_QUICK", 2)
    heard: list[int] = []
    harness.channel.on_ack.append(lambda _who, seq: heard.append(seq))
    client = await harness.connect("leader.1")
    for seq in range(1, 6):
        await client.emit("channel.ack", {"seq": seq})
        await asyncio.sleep(0)  # each in a frame of its own
    await until(lambda: sorted(heard) == [1, 2, 3, 4, 5])
    (owner,) = harness.channel.sio.eio.sockets.values()
    assert direct_of(owner)._quick == 2
    direct_of(owner).ask()
    assert direct_of(owner)._quick == 0


async def test_an_acknowledgement_before_the_sign_in_is_nothing(harness: Harness) -> None:
    heard: list[int] = []
    harness.channel.on_ack.append(lambda _who, seq: heard.append(seq))
    url = harness.server.make_url("/socket.io/?EIO=4&transport=websocket")
    async with ClientSession() as session, session.ws_connect(url) as early:
        await early.receive()
        await early.send_str('42["channel.ack",{"seq":7}]')
        await early.send_str('40{"token":"nobody"}')
        answer = await early.receive(timeout=5)
        assert answer.type is WSMsgType.TEXT
        assert heard == []


async def test_polling_goes_the_usual_way(harness: Harness) -> None:
    import socketio

    heard: list[Any] = []
    client = socketio.AsyncClient(reconnection=False)
    harness.clients.append(client)
    client.on("*", lambda name, body=None: heard.append((name, body)))
    await client.connect(str(harness.server.make_url("/")), auth={"token": "leader.1"}, transports=["polling"])
    await harness.store.write(emit, [1], "a")
    await until(lambda: len(heard) == 1)
    await client.eio.disconnect(abort=True)  # else it waits until its last question runs out, a quarter of a minute


async def test_who_leaves_is_out_of_all_rooms(harness: Harness) -> None:
    manager = harness.channel.sio.manager
    assert isinstance(manager, RoomIndex)
    first, second = await harness.connect("leader.1"), await harness.connect("leader.1")
    assert len(list(manager.get_participants("/", "unit:1"))) == 2
    await first.disconnect()
    await until(lambda: len(list(manager.get_participants("/", "unit:1"))) == 1)
    await second.disconnect()
    await until(lambda: "unit:1" not in manager.rooms.get("/", {}))
    await until(lambda: not manager._rooms_of)
    assert not harness.channel._by_connection
    assert not harness.channel._connections


async def test_what_is_said_to_one_whose_end_is_being_told_goes_nowhere(harness: Harness) -> None:
    await harness.connect("leader.1")
    (owner,) = harness.channel.sio.eio.sockets.values()
    direct, told = direct_of(owner), asyncio.Event()
    usual = direct.ended

    async def ended(eio_sid: str, reason: str) -> None:
        await owner.queue.put(engine.Packet(engine.MESSAGE, "too late"))
        await usual(eio_sid, reason)
        told.set()

    direct.ended = ended
    direct.abort()
    await told.wait()
    await until(lambda: direct._writing is None)
    assert owner.queue.empty()
