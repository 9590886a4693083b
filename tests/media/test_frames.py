"""Pictures are whole or not there."""

from __future__ import annotations

import random

from server.media.recording.frames import PATIENCE, Frame, FrameAssembler
from tests.media.material import BLUE, RED, Picture, pictures

Packets = list[tuple[bytes, int, bool, int]]


def _stream(count: int = 60, key_every: int = 20) -> tuple[list[bytes], Packets]:
    rng = random.Random(1)
    frames = pictures([RED if i // 7 % 2 else BLUE for i in range(count)], (640, 360), key_every)
    frames = [frame + rng.randbytes(2000) for frame in frames]  # several packets each; the decoder is not asked here
    picture = Picture()
    return frames, [packet for i, frame in enumerate(frames) for packet in picture.packets(frame, i * 0.04)]


def _push(assembler: FrameAssembler, packets: Packets) -> list[Frame]:
    return [
        frame for i, packet in enumerate(packets) for frame in assembler.push(*packet, i * 0.01)
    ]  # 10 ms between packets


def test_all_frames_come_back_whole() -> None:
    frames, packets = _stream()
    out = _push(FrameAssembler(), packets)
    assert [frame.data for frame in out] == frames
    assert out[0].key_frame
    assert (out[0].width, out[0].height) == (640, 360)


def test_disorder_and_copies_change_nothing() -> None:
    frames, packets = _stream()
    for i in range(1, len(packets) - 3, 5):
        packets[i], packets[i + 2] = packets[i + 2], packets[i]
    packets = [copy for packet in packets for copy in (packet, packet)]
    assert [frame.data for frame in _push(FrameAssembler(), packets)] == frames


def test_a_late_packet_within_the_patience_saves_its_picture() -> None:
    frames, packets = _stream()
    packets.insert(20, packets.pop(5))
    assert [frame.data for frame in _push(FrameAssembler(), packets)] == frames


def test_what_comes_again_over_a_long_way_saves_its_picture() -> None:
    """600 ms there and back, and the first answer is lost, too."""
    frames, packets = _stream()
    packets.insert(5 + 130, packets.pop(5))
    assembler = FrameAssembler()
    assert [frame.data for frame in _push(assembler, packets)] == frames
    assert assembler.lost == 0


def test_gaps_that_nothing_fills_do_not_add_up() -> None:
    """Each counts from when what follows it came, not from when those before it were given up."""
    _, packets = _stream(240)
    kept = [packet for i, packet in enumerate(packets) if i % 10 or i > 200]
    assembler, done = FrameAssembler(), -1
    for i, packet in enumerate(kept):
        if assembler.push(*packet, i * 0.01):
            done = i
        if assembler.lost == 20:
            break
    assert assembler.lost == 20
    assert done * 0.01 < 2.0 + PATIENCE + 0.1


def test_after_a_loss_the_next_is_a_key_frame() -> None:
    frames, packets = _stream(120)
    lost = next(i for i, packet in enumerate(packets) if packet[0][0] == 0x10 and i > 12) + 1
    del packets[lost]
    assembler = FrameAssembler()
    out = _push(assembler, packets)
    sizes = [frame.data for frame in out]
    gone = next(i for i, frame in enumerate(frames) if i >= len(sizes) or sizes[i] != frame)
    assert out[gone].key_frame
    assert sizes[gone:] == frames[frames.index(sizes[gone]) :]
    assert assembler.lost == 1
    assert assembler.dropped > 0
    assert not assembler.needs_key_frame


def test_a_stream_that_begins_amid_waits_for_a_key_frame() -> None:
    frames, packets = _stream()
    assembler = FrameAssembler()
    out = _push(assembler, packets[2:])
    assert out[0].key_frame
    assert out[0].data != frames[0]


def test_garbage_is_no_picture() -> None:
    rng = random.Random(5)
    assembler = FrameAssembler()
    for i in range(2000):
        for frame in assembler.push(rng.randbytes(rng.randrange(30)), 0, rng.random() < 0.3, i & 0xFFFF, i * 0.01):
            assert frame.data
    frames, packets = _stream()
    packets = [(payload, timestamp, marker, 2000 + i) for i, (payload, timestamp, marker, _) in enumerate(packets)]
    out = _push(assembler, packets)
    assert [frame.data for frame in out] == frames
