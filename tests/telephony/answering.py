"""A telephone on real sockets: takes every call, unless the number begins with 1, and notes what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.telephony.sip.call import Call, Ending
from server.telephony.sip.incoming import IncomingCall
from server.telephony.sip.outgoing import OutgoingCall
from tests.telephony.sip.making import SDP


class Answering:
    """Takes every call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.ups: list[Call] = []
        self.endings: list[Ending] = []
        self.keys: list[str] = []
        self.changed = asyncio.Event()

    def on_call(self, call: IncomingCall, now: float) -> None:
        self.calls.append(call)
        call.ring(now)
        if not call.dialled.startswith("1"):
            call.answer(SDP, now)

    def on_ringing(self, call: OutgoingCall, description: bytes, now: float) -> None:
        self.changed.set()

    def on_up(self, call: Call, description: bytes, now: float) -> None:
        self.ups.append(call)
        self.changed.set()

    def on_offer(self, call: Call, description: bytes, now: float) -> bytes | None:
        return SDP

    def on_key(self, call: Call, key: str, now: float) -> None:
        self.keys.append(key)

    def on_ended(self, call: Call, ending: Ending, now: float) -> None:
        self.endings.append(ending)
        self.changed.set()

    async def until(self, true: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until something is true, or fail."""
        async with asyncio.timeout(seconds):
            while not true():
                self.changed.clear()
                await self.changed.wait()
