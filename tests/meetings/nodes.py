"""Real media nodes for tests of the control side: none outlives its test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from server.config import Media, Settings
from server.meetings.places import place


def media(folder: Path, nodes: int) -> Media:
    """Settings of so many nodes on free ports."""
    return Media(nodes=nodes, udp_port=0, socket=str(folder / "m.sock"))


def running(settings: Settings) -> dict[str, int]:
    """Processes of the nodes with a socket in the settings' folder, by the socket's name."""
    folder = f"{settings.path(settings.media.socket).parent}/"
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode().split("\0")
        except OSError:
            continue
        if "server.media.node" in words:
            sockets = [word.removeprefix(folder) for word in words if word.startswith(folder) and "." in word]
            found |= dict.fromkeys(sockets, int(entry.parent.name))
    return found


def kill(settings: Settings, number: int) -> None:
    """kill -9 of one node."""
    os.kill(running(settings)[place(settings, number).socket.name], signal.SIGKILL)


def end_all(settings: Settings) -> None:
    """kill -9 of what is left."""
    for pid in running(settings).values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


async def until(condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait until it is true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
