"""Somebody who sends far too much: a process of its own, so that it takes its time from nobody else.

`python -m tests.bench.flood KIND PORT` prints its offer (empty for a stranger) as a line of JSON, reads the answer,
says "ready", reads how many seconds, floods, and prints how many datagrams it sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice

from aioice import stun

from server.media.wire import rtcp_build
from server.media.wire.rtp import build_header
from tests.media.endpoint import KEEP_ALIVE, VP8, Endpoint, meeting

TURN = 0.002  # s between two volleys
PREPARED = 512
PACKET = 1_200  # bytes
PAYLOAD = b"\x90\xc0\x80\x00\x00\x11".ljust(PACKET, b"p")
RATES = {  # datagrams a second
    "strangers": 10_000,
    "noise": 10_000,
    "checks": 10_000,
    "media": 50_000_000 // 8 // PACKET,
    "replays": 10_000,
    "nacks": 2_000,
    "plis": 2_000,
}


def stranger(ufrag: str) -> bytes:
    """A check for somebody who is not there."""
    return _check(f"{ufrag}:x", b"x" * 24)


def _check(username: str, password: bytes) -> bytes:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = username
    request.attributes["PRIORITY"] = 1
    request.attributes["ICE-CONTROLLING"] = 1
    request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(password)
    return bytes(request)


def datagrams(kind: str, endpoint: Endpoint | None, answer: str) -> Iterator[bytes]:
    """What is sent, without end."""
    if kind == "strangers":
        return cycle([stranger(f"nobody{number}") for number in range(PREPARED)])
    if kind == "noise":
        return cycle([bytes((number & 0xFF,)) + os.urandom(PACKET - 1) for number in range(PREPARED)])
    assert endpoint is not None and endpoint.remote is not None
    if kind == "checks":
        remote = endpoint.remote
        return cycle([_check(f"{remote.ufrag}:x", remote.pwd.encode()) for _ in range(PREPARED)])
    if kind == "media":
        return _media(endpoint)
    if kind == "replays":
        return cycle(islice(_media(endpoint), PREPARED))
    return _sealed(endpoint, _nacks(answer) if kind == "nacks" else _plis(answer))


def _media(endpoint: Endpoint) -> Iterator[bytes]:
    assert endpoint.link is not None
    ssrc = next(media.ssrc for media in endpoint.media if media.kind == "video")
    number = 0
    while True:
        number += 1
        yield endpoint.link.protect(build_header(VP8, 0x80, number, number * 90, ssrc or 0) + PAYLOAD)


def _nacks(answer: str) -> list[bytes]:
    """All that one datagram can ask for, of every stream that we get."""
    return [
        rtcp_build.build_nack(1, ssrc, [(number + ahead) & 0xFFFF for ahead in range(4_000)])
        for number in range(0, 1 << 16, 4_000)
        for ssrc in _streams(answer)
    ]


def _plis(answer: str) -> list[bytes]:
    return [rtcp_build.build_pli(1, ssrc) for ssrc in _streams(answer)]


def _streams(answer: str) -> list[int]:
    return [int(ssrc) for ssrc in re.findall(r"a=ssrc:(\d+)", answer)]


def _sealed(endpoint: Endpoint, reports: list[bytes]) -> Iterator[bytes]:
    assert endpoint.link is not None
    for report in cycle(reports):
        yield endpoint.link.protect_rtcp(report)


def flood(
    send: Callable[[bytes], object], each: Iterator[bytes], rate: int, seconds: float, keep: Callable[[], object]
) -> int:
    """Send at a rate as steady as a busy machine allows."""
    begin = asked = time.monotonic()
    sent = 0
    while (now := time.monotonic()) - begin < seconds:
        if now - asked > KEEP_ALIVE:
            asked = now
            keep()
        for _ in range(int((now - begin) * rate) - sent):
            with contextlib.suppress(BlockingIOError):
                send(next(each))
            sent += 1
        time.sleep(TURN)
    return sent


async def main(kind: str, port: int) -> None:
    """See the module."""
    os.nice(5)  # the load that is measured goes first
    loop = asyncio.get_running_loop()

    async def line() -> str:
        return await loop.run_in_executor(None, sys.stdin.readline)

    endpoint = None if kind in ("strangers", "noise") else Endpoint(meeting(2))
    print(json.dumps(endpoint.description() if endpoint else ""), flush=True)
    answer = json.loads(await line())
    if endpoint is not None:
        await endpoint.connect(answer)
    print("ready", flush=True)
    seconds = float(await line())
    if endpoint is None:
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sent = flood(lambda d: own.sendto(d, ("127.0.0.1", port)), datagrams(kind, None, ""), RATES[kind], seconds, int)
    else:
        sent = flood(endpoint._send, datagrams(kind, endpoint, answer), RATES[kind], seconds, endpoint.check)
    print(sent, flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
