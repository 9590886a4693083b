"""The conversation about a directive: greeting, reading, and what the keys ask for, until somebody has confirmed it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from server.calls.answering import Answer
from server.calls.clerk import Clerk
from server.calls.line import HungUpError, Line
from server.calls.means import Means
from server.calls.menu import Do, May, Stage, asked_for, menu
from server.calls.prompts import prompt
from server.calls.rules import Outcome
from server.calls.script import Text, greeting, recorded, replaced_by, script
from server.directives import service
from server.directives.service import Reading, Standing
from server.errors import ConflictError, UnavailableError
from server.reach import service as reach
from server.reach.service import Letter

log = logging.getLogger("giaoban.calls")

ASKED_TIMES = 3
ANSWER_SECONDS = 6.0  # after each time that it is asked
LOOK_EVERY = 3.0  # s: whether the directive was confirmed, recalled or replaced meanwhile
LONGEST = 1_200.0  # s of the whole call


class Conversation:
    """One person, one directive. `line.outcome` says at each moment what the call has been worth."""

    def __init__(self, means: Means, line: Line, letter: Letter, reading: Reading, units: Sequence[int]) -> None:
        self._means, self._line, self._letter = means, line, letter
        self._reading, self._units = reading, list(units)
        self._may = May(reading.may_confirm, reading.may_answer)
        self._standing = reading.standing  # as far as the caller knows
        self._answer: Answer | None = None

    async def hold(self) -> None:
        """Until it is over. Raises HungUpError, UnavailableError."""
        line = self._line
        line.outcome = Outcome.NO_KEY
        await line.say(*greeting(self._reading.kind, self._reading))
        line.cut = await self._look() is not self._standing  # it may have rung for a minute
        watch = asyncio.get_running_loop().create_task(self._watch())
        try:
            async with asyncio.timeout(LONGEST):
                await self._talk()
        except TimeoutError:
            log.warning("call %s lasts too long", line.name)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _talk(self) -> None:
        line, silent = self._line, 0
        stage: Stage | None = Stage.GREETING
        while stage is not None and silent < ASKED_TIMES:
            if not line.keys and not line.cut:
                await line.say(*menu(stage, self._may))
            key = await line.key(ANSWER_SECONDS)
            if line.lost:
                line.outcome = line.outcome if line.outcome is Outcome.CONFIRMED else Outcome.NO_NODE
                raise UnavailableError("media_away", "the call's media node is gone")
            if line.cut:
                stage = await self._turned(stage)
            elif key is None:
                silent = ASKED_TIMES if stage is Stage.CONFIRMED else silent + 1
            else:
                silent = 0
                stage = await self._do(asked_for(stage, key, self._may), stage)
        if stage is Stage.ANSWER:
            await line.say("answer_kept")
        if line.outcome is Outcome.UNCONFIRMED:
            await line.say("not_confirmed")
        await line.say("goodbye")

    async def _do(self, do: Do, stage: Stage) -> Stage:
        match do:
            case Do.READ:
                return await self._read(stage)
            case Do.CONFIRM:
                return await self._confirm(stage)
            case Do.SPEAK:
                return await self._speak(stage)
            case Do.SEND:
                return await self._send()
            case Do.HEAR if self._answer is not None:
                await self._answer.hear()
            case Do.CLERK:
                await Clerk(self._means, self._line, self._reading).connect()
                self._heard()
            case _:
                await self._line.say("unknown_key")
        return stage

    def _heard(self) -> None:
        """A human has pressed a key."""
        if self._line.outcome is Outcome.NO_KEY:
            self._line.outcome = Outcome.UNCONFIRMED

    async def _read(self, stage: Stage) -> Stage:
        self._heard()
        await self._tell(script(self._reading, self._means.policy.zone, speaks=self._means.exchange.voice.able))
        return stage if stage is Stage.CONFIRMED else Stage.READ

    async def _tell(self, parts: Sequence[str]) -> None:
        """Say it all; a key, or a change, cuts it short. Each piece is synthesised while the one before is heard."""
        ahead = asyncio.ensure_future(self._file(parts[0])) if parts else None
        for number, _part in enumerate(parts):
            file = await ahead if ahead is not None else None
            following = parts[number + 1 : number + 2]
            ahead = asyncio.ensure_future(self._file(following[0])) if following else None
            if file is not None:
                await self._line.play([file])
            if self._line.keys or self._line.cut or self._line.lost:
                break
        if ahead is not None:
            await ahead

    async def _file(self, part: str) -> str | None:
        return await self._means.exchange.voice.speak(part) if isinstance(part, Text) else prompt(part)

    async def _confirm(self, stage: Stage) -> Stage:
        store, letter, directive = self._means.exchange.store, self._letter, self._reading.directive
        people, call = self._reading.own, self._line.name
        try:
            policy, account = self._means.policy, letter.account
            done = await self._line.patient(
                lambda: store.write(service.confirm_by_phone, policy, people, account, directive, call)
            )
        except ConflictError as error:  # somebody was quicker: the next look tells what it is now
            log.info("call %s: %s", call, error)
            self._line.cut = True
            return stage
        self._standing = await self._look()
        if self._standing is Standing.WITHDRAWN and not done.registered and self._may.confirm:
            self._line.cut = True
            return stage
        confirmed = done.registered or self._may.confirm
        if self._line.outcome is not Outcome.ELSEWHERE:
            self._line.outcome = Outcome.CONFIRMED if confirmed else Outcome.NOTED
        number = ["registry_number", *recorded(done.number)] if done.number is not None else []
        await self._line.say("confirmed" if confirmed else "noted", *number)
        return Stage.CONFIRMED

    async def _speak(self, stage: Stage) -> Stage:
        self._heard()
        if self._answer is None:
            self._answer = Answer(self._means, self._line, self._reading.own[0], self._reading.directive)
        return Stage.ANSWER if await self._answer.record() else stage

    async def _send(self) -> Stage:
        if self._answer is not None and await self._answer.send():
            self._standing = await self._look()
        return Stage.CONFIRMED if self._line.outcome is Outcome.CONFIRMED else Stage.READ

    # ---- what happens elsewhere meanwhile

    async def _look(self) -> Standing:
        store, directive = self._means.exchange.store, self._reading.directive
        return await self._line.patient(lambda: store.read(service.standing_of, directive, self._units))

    async def _watch(self) -> None:
        """Keep the message ours, and cut the conversation short when the directive stands otherwise than it knows."""
        store = self._means.exchange.store
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await store.write(reach.renew, self._letter)
                changed = await self._look() is not self._standing
            except HungUpError:
                return
            except Exception:  # whatever it is: unwatched, the call would be made once more by another process
                log.exception("call %s: how the directive stands could not be read; trying again", self._line.name)
                continue
            if changed:
                self._line.cut = True
                self._line.touch()

    async def _turned(self, stage: Stage) -> Stage | None:
        """Tell what has happened; None ends the conversation."""
        line = self._line
        line.cut = False
        before, self._standing = self._standing, await self._look()
        if self._standing is Standing.WITHDRAWN:
            line.outcome = line.outcome if line.outcome is Outcome.CONFIRMED else Outcome.WITHDRAWN
            store, directive = self._means.exchange.store, self._reading.directive
            newer = await line.patient(lambda: store.read(service.replaced_by, directive))
            if newer:
                await self._tell(replaced_by(newer, speaks=self._means.exchange.voice.able))
            else:
                await line.say("withdrawn")
            return None
        if self._standing is Standing.CONFIRMED and before is Standing.OPEN:
            line.outcome = Outcome.ELSEWHERE
            await line.say("confirmed_elsewhere")
            return stage if stage is Stage.ANSWER else Stage.CONFIRMED
        return stage
