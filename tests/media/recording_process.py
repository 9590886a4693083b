"""A process that records in real time until it is killed: `python -m tests.media.recording_process DIRECTORY [BYTES]`.

Prints, ten times a second, the media milliseconds that it has been given; with BYTES no file may grow beyond that size,
and what the recorder says of it is printed.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
import time
from pathlib import Path

from server.media.recording.recorder import Recorder
from server.media.wire.opus import FRAME
from tests.media.material import BLUE, RED, Picture, pictures, tone


async def main(directory: Path, limit: int) -> None:
    """Feed a recorder with a voice and a picture."""
    frames, voice, picture = pictures([RED] * 25 + [BLUE] * 25), tone(440, 2), Picture()
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    recorder = await Recorder.start(directory, "r1", lambda code, message: print("failed", code, message, flush=True))
    start, number = time.monotonic(), 0
    while not recorder.failed:
        now = time.monotonic()
        recorder.on_audio("an", voice[number % len(voice)], number * FRAME, now)
        if number % 2 == 0:
            for packet in picture.packets(frames[number // 2 % len(frames)], number * 0.02):
                recorder.on_video(*packet, now)
        number += 1
        if number % 5 == 0:
            print(number * 20, flush=True)
        await asyncio.sleep(max(0.0, start + number * 0.02 - time.monotonic()))
    for file in await recorder.close():
        print("file", file.name, file.bytes, file.sha256, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
