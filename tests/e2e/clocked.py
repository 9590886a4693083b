"""The whole application in this process, by a clock that the test moves: what takes hours takes seconds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from server.app import make_app
from server.config import Access, Database, Http, Media, Settings, Storage
from server.store import Store
from tests.e2e.harness import App, until


class ClockedApp(App):
    """No media node; everything else as it is served, the sweeper included."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ahead = timedelta()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._stop = asyncio.Event()

    def now(self) -> datetime:
        """What the server takes for the time."""
        return datetime.now(UTC) + self.ahead

    def start(self) -> None:
        """Serve in a thread until `stop`."""
        self._thread.start()
        until(self.ready, 60, "the server is ready")

    def stop(self) -> None:
        """End it, and wait until it has."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def log(self) -> str:
        """Its lines stand in the test's own log."""
        return ""

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        settings = Settings(
            http=Http(host=self.address, port=self.port),
            database=Database(url=self.environment["GIAOBAN_DATABASE_URL"]),
            storage=Storage(data=str(self.folder / "data"), recordings=str(self.folder / "rec"), free_space_mb=1),
            media=Media(udp_port=0, socket=""),
            access=Access(requests_per_minute=100_000),
            demo=True,
        )
        store = Store(settings.database_url(), clock=self.now)
        runner = web.AppRunner(make_app(settings, store), access_log=None, shutdown_timeout=3)
        await runner.setup()
        await web.TCPSite(runner, self.address, self.port).start()
        await self._stop.wait()
        await runner.cleanup()
        store.close()


@contextmanager
def clocked(folder: Path) -> Iterator[ClockedApp]:
    """The application, seeded and started; ended afterwards."""
    app = ClockedApp(folder)
    app.seed()
    app.start()
    try:
        yield app
    finally:
        app.stop()
