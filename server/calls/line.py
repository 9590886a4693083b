"""One telephone call as what happens in it sees it: say something, wait for keys, until it is hung up."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from server.calls.patience import answered, patiently
from server.calls.prompts import prompt
from server.calls.rules import Outcome
from server.calls.sound import Side
from server.errors import UnavailableError
from server.meetings.phones import CallTerms, Phones
from server.meetings.service.view import ParticipantView

if TYPE_CHECKING:
    from server.telephony.sip.call import Call, Ending

T = TypeVar("T")

SAME_KEY = 4.0  # s in which a key by RTP and by INFO is one press: INFO comes when it is let go, and may be lost thrice
KEY_SECONDS = 8.0
HASH_SECONDS = 5.0  # after the last digit of a code within which the # that people are asked for still comes
MOST_KEYS = 64  # that wait; a telephone that sends more is broken
UP_SECONDS = 40.0
ONCE_SECONDS = 3.0  # that somebody with a key pressed waits for the database
LAST_SECONDS = 3.0  # that is waited for the answer to what was asked when somebody hung up
NODE_SECONDS = 30.0  # that a caller waits for a media node


class HungUpError(Exception):
    """The call has ended."""


class Line:
    """A call with its port at a media node. `name` is the nodes' name of it, `row` its place in the log.

    `number` is empty where it is hidden; `asserted` is what the trunk vouches for even so: not to be shown or kept.
    `account` and `unit` are the caller's, as far as they are known. `view` is the newest of the seat that it sits in;
    `lost` is set when its node is gone, `news` with each change of the meeting that it waits for or takes part in,
    `cut` when what is being said or waited for has lost its sense. `moving` is while the answer to our new description
    is waited for; `terms` were agreed on last.
    """

    def __init__(self, phones: Phones, number: str, clock: Callable[[], float]) -> None:
        self.name = secrets.token_hex(8)
        self.number = number
        self.asserted = ""
        self.phones = phones
        self.call: Call | None = None
        self.side: Side | None = None
        self.keys: deque[str] = deque()
        self.outcome: Outcome | None = None
        self.ending: Ending | None = None
        self.ended_at: datetime | None = None
        self.up = False
        self.answered: bytes | None = None
        self.row = 0
        self.account: int | None = None
        self.unit: int | None = None
        self.meeting: int | None = None
        self.participant: int | None = None
        self.view: ParticipantView | None = None
        self.seen: ParticipantView | None = None  # of what was told to the caller, if it was worth telling
        self.over = self.lost = self.news = False
        self.cut = self.moving = False
        self.terms: CallTerms | None = None
        self._clock = clock
        self._number = 0
        self._played = 0
        self._changed = asyncio.Event()
        self._asked: set[asyncio.Future[Any]] = set()
        self._told_once: list[tuple[str, str, float]] = []  # keys that may yet be told in the other way
        self._hash_until = 0.0  # until when a # belongs to the code before it

    @property
    def dialog(self) -> str:
        """SIP's, in writing; empty as long as there is none."""
        known = self.call.dialog if self.call is not None else None
        return known.write() if known is not None else ""

    # ---- told by SIP and the nodes

    def press(self, key: str, how: str) -> None:
        """A key was told by `how`."""
        now = self._clock()
        self._told_once = [one for one in self._told_once if now - one[2] < SAME_KEY]
        twin = next((one for one in self._told_once if one[0] == key and one[1] != how), None)
        if twin is not None:
            self._told_once.remove(twin)
            return
        self._told_once.append((key, how, now))
        spare, self._hash_until = key == "#" and now < self._hash_until, 0.0
        if spare:
            return
        if len(self.keys) < MOST_KEYS:
            self.keys.append(key)
        self._changed.set()

    def played(self, number: int) -> None:
        """What was played under this number has ended."""
        self._played = max(self._played, number)
        self._changed.set()

    def hung_up(self, ending: Ending) -> None:
        """The call is over."""
        self.ending = ending
        self._changed.set()

    def touch(self) -> None:
        """Something that may be waited for has changed."""
        self._changed.set()

    # ---- for what happens in it

    async def until(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until it is so; False when it was not within so many seconds. Raises HungUpError."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._changed.clear()
                    if self.ending is not None:
                        raise HungUpError
                    if condition():
                        return True
                    await self._changed.wait()
        except TimeoutError:
            return False

    async def patient(self, ask: Callable[[], Awaitable[T]], seconds: float = inf) -> T:
        """As `patiently`, until somebody hangs up. Raises HungUpError, UnavailableError."""
        return await patiently(lambda: self._answer(ask), seconds, lambda pause: self.until(lambda: False, pause))

    async def once(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What it gives, asked once; no answer soon is the database away. Raises HungUpError, UnavailableError."""
        return await answered(lambda: self._answer(ask), ONCE_SECONDS)

    async def _answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        task = asyncio.ensure_future(ask())
        self._asked.add(task)
        task.add_done_callback(self._heard)
        try:
            await self.until(task.done)
        except HungUpError:
            if not task.done():
                await asyncio.wait({task}, timeout=LAST_SECONDS)
            if not task.done():
                raise
        return task.result()

    def _heard(self, task: asyncio.Future[Any]) -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone
        self.touch()

    async def settled(self) -> None:
        """When nothing is open that was asked: what is written after that comes after it."""
        if self._asked:
            await asyncio.wait(set(self._asked))

    async def say(self, *names: str) -> None:
        """Play prompts to their end; a key cuts them short."""
        await self.play([prompt(name) for name in names])

    async def play(self, files: list[str]) -> None:
        """The same with files. Raises HungUpError, UnavailableError."""
        self._number += 1
        number = self._number
        await self.phones.play(self.name, number, files)
        await self.until(lambda: self._played >= number or bool(self.keys) or self.lost or self.cut)
        if self._played < number and not self.lost:
            await self.phones.play(self.name, number, [])

    async def music(self, name: str) -> None:
        """Play a sound over and over, until something else is played."""
        self._number += 1
        await self.phones.play(self.name, self._number, [prompt(name)], repeat=True)

    async def key(self, seconds: float = KEY_SECONDS) -> str | None:
        """The next key; None when none comes."""
        await self.until(lambda: bool(self.keys) or self.lost or self.cut, seconds)
        return self.keys.popleft() if self.keys else None

    async def digits(self, most: int) -> str:
        """Digits up to a #, or so many and the # after them; * begins anew. What was dialled when no more come."""
        text = ""
        while len(text) < most:
            key = await self.key()
            if key is None or key == "#":
                return text
            text = "" if key == "*" else text + key
        if not self.keys:
            self._hash_until = self._clock() + HASH_SECONDS
        elif self.keys[0] == "#":
            self.keys.popleft()
        return text

    # ---- sound

    async def open(self, address: str, meeting_id: int | None = None, beside: str | None = None) -> Side:
        """A port at a node, with `beside` at that of another call. Raises UnavailableError."""
        port = await self.phones.open(self.name, meeting_id, beside)
        self.side = Side(address, port)
        return self.side

    async def agree(self, terms: CallTerms) -> None:
        """What was agreed."""
        await self.phones.agree(self.name, terms)
        self.terms = terms

    async def move(self, meeting_id: int | None, now: Callable[[], float]) -> None:
        """To the node that carries the meeting, or to any, by a new description; where that fails, it stays at its own.

        Raises UnavailableError, HungUpError, ProtocolError.
        """
        call, side = self.call, self.side
        if call is None or side is None:
            raise HungUpError
        before, old_port = self.phones.node(self.name), side.port
        side.moved(await self.phones.open(self.name, meeting_id))
        left = before
        try:
            await self._offer_anew(call, side, now)
        except BaseException:
            if before is not None:
                left = self.phones.stay(self.name, before)
                side.moved(old_port)
            raise
        finally:
            if left != self.phones.node(self.name):
                await self.phones.close_at(self.name, left)

    async def _offer_anew(self, call: Call, side: Side, now: Callable[[], float]) -> None:
        self.lost, self.answered, self.moving = False, None, True
        try:
            call.reinvite(side.offer(), now())
            if not await self.until(lambda: self.answered is not None, UP_SECONDS):
                raise UnavailableError("no_answer", "")
            await self.agree(side.accept(self.answered or b""))
        finally:
            self.moving = False
