"""Pictures of the pages of attached PDFs: each is made when somebody first looks, and kept as long as there is room."""

from __future__ import annotations

import asyncio
import logging
import sys
from enum import IntEnum
from pathlib import Path

from server.directives.rendering import UNREADABLE
from server.store.files import FileStore

log = logging.getLogger("giaoban.directives")

MOST_PAGES = 100
WAIT_SECONDS = 30
KEPT_BYTES = 1 << 30


class Size(IntEnum):
    """How wide a picture is, in pixels."""

    SMALL = 240
    LARGE = 1000


class Previews:
    """Makes one picture at a time, in a process of its own, so that looking at files costs meetings nothing."""

    def __init__(self, folder: Path, files: FileStore) -> None:
        self._folder, self._files = folder, files
        self._one_at_a_time = asyncio.Lock()

    async def pages(self, sha256: str) -> int:
        """How many pages can be looked at, at most MOST_PAGES; 0 if the file cannot be read."""
        if self._count(sha256) is None:
            await self.picture(sha256, 1, Size.SMALL)
        return min(self._count(sha256) or 0, MOST_PAGES)

    async def picture(self, sha256: str, page: int, size: Size) -> Path | None:
        """A page (from 1) as WebP; None if there is none, or the file cannot be read."""
        target = self._folder / sha256[:2] / f"{sha256}-{page}-{size.value}.webp"
        if not 1 <= page <= MOST_PAGES:
            return None
        async with self._one_at_a_time:
            known = self._count(sha256)
            if not target.exists() and (known is None or page <= known):
                target.parent.mkdir(parents=True, exist_ok=True)
                await self._make(sha256, page, size, target)
        return target if target.exists() else None

    def _count(self, sha256: str) -> int | None:
        try:
            return int(self._counted(sha256).read_text("ascii"))
        except (FileNotFoundError, ValueError):
            return None

    def _counted(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.pages"

    async def _make(self, sha256: str, page: int, size: Size, target: Path) -> None:
        unfinished = target.with_suffix(".part")
        arguments = (str(self._files.path(sha256)), str(page), str(size.value), str(unfinished))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server.directives.rendering", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                said, complaint = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            unfinished.unlink(missing_ok=True)
            log.warning("page %d of %s took too long to draw", page, sha256)
            return
        if process.returncode != 0:
            unfinished.unlink(missing_ok=True)
            if process.returncode != UNREADABLE:  # it ran out of what it may take, or fell
                log.warning("page %d of %s: %s", page, sha256, complaint.decode(errors="replace")[-500:])
        count = int(said) if process.returncode == 0 else 0
        if count or self._count(sha256) is None:  # one page that cannot be drawn does not hide the others
            self._counted(sha256).write_text(str(count), "ascii")
        if unfinished.exists():
            unfinished.rename(target)
            await asyncio.to_thread(_forget, self._folder)


def _forget(folder: Path) -> None:
    """Keep what was made last; what is asked for again is made again."""
    left = KEPT_BYTES
    for path in sorted(folder.glob("*/*.webp"), key=lambda path: path.stat().st_mtime, reverse=True):
        left -= path.stat().st_size
        if left < 0:
            path.unlink(missing_ok=True)
