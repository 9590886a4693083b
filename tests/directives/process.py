"""The control process as a process of its own, to be killed: `python -m tests.directives.process FOLDER PORT`.

FOLDER holds the database, seeded with the demo district when it is new, and all other files.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from server.accounts import demo
from server.app import make_app
from server.config import ROOT, Access, Database, Media, Settings, Storage
from server.store import Store, schema
from server.units.import_ import import_tree, read_district


def settings_in(folder: Path) -> Settings:
    """Settings with everything inside the folder."""
    return Settings(
        database=Database(url=f"sqlite:///{folder}/giaoban.db"),
        storage=Storage(data=str(folder / "data"), recordings=str(folder / "recordings"), free_space_mb=1),
        media=Media(udp_port=0, socket=str(folder / "media.sock")),
        access=Access(requests_per_minute=1_000_000),
        demo=True,
    )


def seed(folder: Path) -> None:
    """A new database with the demo district."""
    store = Store(settings_in(folder).database_url())
    schema.metadata.create_all(store.engine)
    district = read_district(ROOT / "config" / "districts" / "camlo.toml")
    store.write_now(import_tree, district)
    store.write_now(demo.seed, district, demo.DEFAULT_PASSWORD)
    store.close()


async def _serve(folder: Path, port: int) -> None:
    settings = settings_in(folder)
    app = make_app(settings, Store(settings.database_url()))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


def free_port() -> int:
    """A port that nobody listens on now; a restarted server needs the same one again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Running:
    """A server process that can be killed and started again on the same port and database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        command = [sys.executable, "-m", "tests.directives.process", str(self.folder), str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"})
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=1).close()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("the server did not start")

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it cleanly."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """A server on a new demo district."""
    seed(folder)
    server = Running(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
