"""A spoken answer: recorded by the media node from the tone on, and never lost, whatever ends the call."""

from __future__ import annotations

import asyncio
import logging
import time
from math import inf
from pathlib import Path

from server.accounts.principal import Principal
from server.calls.line import Line
from server.calls.means import Means
from server.calls.patience import patiently
from server.calls.prompts import ENTER
from server.calls.rules import Outcome
from server.directives import service
from server.directives.rules import Through
from server.directives.service.spoken import SOUND
from server.directives.shapes import Upload, WhyKept
from server.errors import NotAllowedError, UnavailableError, UserError
from server.store.files import FileStore, FileTooLargeError, StoredFile

log = logging.getLogger("giaoban.calls")

LONGEST = 180.0  # s of an answer
KEEPING_SECONDS = 60.0  # that the database may be away when an answer is to be kept; after that `salvage` keeps it
LEAST_MS = 400  # of speech; less is a cough
STILL_SECONDS = 3.0  # without a change a file is complete: a node writes four times a second, in silence, too


class Answer:
    """What a person says in one call as the answer of their unit; said again, it takes the place of what was before."""

    def __init__(self, means: Means, line: Line, who: Principal, directive: int) -> None:
        self._means, self._line, self._who, self._directive = means, line, who, directive
        self._times = 0
        self._kept: int | None = None
        self._path: Path | None = None

    async def record(self) -> bool:
        """Tone, speech up to a key; whether something was said. Raises HungUpError after it has been kept."""
        line, store = self._line, self._means.exchange.store
        await line.say("speak_now")
        line.keys.clear()
        self._times += 1
        name = f"{line.name}-{self._times}.webm"
        key = await line.patient(lambda: store.write(service.begin_spoken, self._who, self._directive, name))
        if not await self._begin(self._means.answers / name):
            await self._drop(key)
            await line.say("cannot_record")
            return False
        try:
            await line.say(ENTER)
            await line.until(lambda: bool(line.keys) or line.lost, LONGEST)
            line.keys.clear()
        finally:
            said = await self._end(key, name)
        if not said:
            await line.say("nothing_heard")
        return said

    async def _begin(self, path: Path) -> bool:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            await self._line.phones.dictate(self._line.name, path, LONGEST)
        except (OSError, UnavailableError) as error:
            log.error("call %s: an answer cannot be recorded: %s", self._line.name, error)
            return False
        return True

    async def _end(self, key: int, name: str) -> bool:
        """Complete the file and keep it; what was said before it in this call gives way to it."""
        ms, spoken_ms = 0, LEAST_MS
        try:
            made = await self._line.phones.end_dictation(self._line.name)
            ms, spoken_ms = made.ms, made.spoken_ms
        except UnavailableError as error:  # the node is gone: what it has written is there
            log.warning("call %s: the answer ends where its node did: %s", self._line.name, error)
        path = self._means.answers / name
        if spoken_ms < LEAST_MS or not await keep(self._means, key, path, ms):
            await self._drop(key)
            path.unlink(missing_ok=True)
            return False
        if self._kept is not None:
            await self._drop(self._kept)
        self._kept = key
        return True

    async def _drop(self, key: int) -> None:
        exchange = self._means.exchange
        await exchange.owed.do(lambda: exchange.store.write(service.drop_spoken, key))

    async def hear(self) -> None:
        """Play it to the person."""
        store, key = self._means.exchange.store, self._kept or 0
        sound = await self._line.patient(lambda: store.read(service.spoken_file, self._who, key))
        await self._line.play([str(self._means.files.path(sound.sha256))])

    async def send(self) -> bool:
        """Hand it in as the unit's report; otherwise it stays, to be sent by somebody at a page, and that is said."""
        store, key = self._means.exchange.store, self._kept or 0
        command = f"{self._line.name}:answer:{key}"
        try:
            sent = self._who, self._means.policy, key, command, Through.TELEPHONE
            await self._line.patient(lambda: store.write(service.send_spoken, *sent))
        except (UserError, NotAllowedError) as error:
            if error.code != "already_sent":  # as by a try of which nobody knew: the database went away
                log.info("call %s: the answer is kept and not sent: %s", self._line.name, error)
                await self._means.exchange.owed.do(lambda: store.write(service.why_kept, key, WhyKept.REFUSED))
                await self._line.say("answer_kept")
                return False
        self._line.outcome = Outcome.CONFIRMED  # at once: who hears no more of it has answered all the same
        await self._line.say("answer_sent")
        return True


async def keep(means: Means, key: int, path: Path, ms: int) -> bool:
    """Into the file store, where nothing is lost any more; False when there is no such file, or the disk is full."""
    try:
        stored = await asyncio.to_thread(_store, means.files, path, means.policy.attachment_limit)
    except (OSError, FileTooLargeError) as error:
        log.error("the answer %s could not be kept: %s", path.name, error)
        return False
    file = Upload(name=path.name, content_type=SOUND, size=stored.size, sha256=stored.sha256)
    store = means.exchange.store
    await patiently(lambda: store.write(service.keep_spoken, key, file, ms), KEEPING_SECONDS)
    await asyncio.to_thread(path.unlink, missing_ok=True)
    return True


def _store(files: FileStore, path: Path, limit: int) -> StoredFile:
    with path.open("rb") as source:
        return files.put(source, limit)


async def salvage(means: Means) -> int:
    """At the start: keep what was being said when the server ended. Gives how many answers there were.

    Before the first call of our own. A node that outlives its server writes on until a server tells it to end the call.
    """
    store = means.exchange.store
    kept = 0
    for one in await patiently(lambda: store.read(service.unfinished_spoken)):
        path = means.answers / one.file
        await _still(path)
        if await keep(means, one.id, path, 0):
            kept += 1
        elif not path.exists():  # else the disk is full, and the next start finds it
            await patiently(lambda key=one.id: store.write(service.drop_spoken, key))  # type: ignore[misc]
    if kept:
        log.warning("%d answers were being spoken when the server ended; they are kept", kept)
    return kept


async def _still(path: Path) -> None:
    """Until nobody writes the file any more, or there is none."""
    age, size = await asyncio.to_thread(_age_and_size, path)
    before = size if age >= STILL_SECONDS else None
    while size != before:
        before = size
        await asyncio.sleep(STILL_SECONDS)
        _age, size = await asyncio.to_thread(_age_and_size, path)


def _age_and_size(path: Path) -> tuple[float, int]:
    """Seconds since it was changed, and octets; a file that is not there is old and empty."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return inf, 0
    return time.time() - found.st_mtime, found.st_size
