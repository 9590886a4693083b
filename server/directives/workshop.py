"""Files are made in a process of their own: to set a register of a year takes seconds of computing.

In a thread of the server's that would keep news from everybody meanwhile: each write to a page waits for the turn of
Python's one interpreter, and a directive to a thousand units for a thousand turns.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any

from server.http.i18n import translator

WAIT_SECONDS = 300
AT_ONCE = 2


class Workshop:
    """Makes a few files at a time; others wait for their turn."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def make(self, work: Callable[..., bytes], language: str, *what: Any, **more: Any) -> bytes:
        """What `work(*what, say=…, **more)` gives, `say` translating into the language; `work` is a module's own.

        Raises TimeoutError after WAIT_SECONDS, RuntimeError if it fails.
        """
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "server.directives.workshop"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    made, complaint = await process.communicate(pickle.dumps((work, language, what, more)))
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            raise RuntimeError(f"{work.__name__} failed: {complaint.decode(errors='replace')[-2000:]}")
        return made


def main() -> None:
    """The program: a job comes on standard input, its file goes to standard output."""
    os.nice(10)
    work, language, what, more = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own server
    sys.stdout.buffer.write(work(*what, say=translator(language), **more))


if __name__ == "__main__":
    main()
