"""Waiting for what happens by itself: never a fixed time, and long enough for a machine that is busy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


async def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until it is true, and give what it gave. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):
            await asyncio.sleep(0.005)
    return found
