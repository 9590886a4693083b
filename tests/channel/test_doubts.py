"""A commit whose answer is lost: it is there, and the page that is connected hears of it all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from server.channel import doubts
from server.errors import UnavailableError
from server.store import Transaction
from tests.channel.test_channel import Harness, harness, until

__all__ = ["harness"]
DOWN = sa.exc.OperationalError("COMMIT", None, Exception("the answer was lost"), connection_invalidated=True)


def issue(tx: Transaction) -> None:
    tx.emit("directive.issued", [7], {"subject": "Trực bão"})


class Database:
    """Commits, and says that it did not, as long as it is `losing`; answers nothing while it is `down`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.losing = self.down = False
        self.asked = 0
        commit, begin = sa.Connection.commit, sa.Engine.connect

        def lose(connection: sa.Connection) -> None:
            commit(connection)
            if self.losing:
                raise DOWN

        def refuse(engine: sa.Engine) -> sa.Connection:
            if self.down:
                self.asked += 1
                raise DOWN
            return begin(engine)

        monkeypatch.setattr(sa.Connection, "commit", lose)
        monkeypatch.setattr(sa.Engine, "connect", refuse)
        monkeypatch.setattr(doubts, "LOOK_SECONDS", 0.05)


async def test_what_was_committed_without_an_answer_is_told(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(monkeypatch)
    heard: list[Any] = []
    page = await harness.connect("cadre.7", heard)
    database.losing = True
    with pytest.raises(UnavailableError):
        await harness.store.write(issue)
    database.losing, database.down = False, True
    await until(lambda: database.asked >= 3)
    assert not heard, "nobody can know yet"
    database.down = False
    await until(lambda: ("channel.head", {"head": 1}) in heard)
    (missed,) = (await page.call("channel.catch_up", {"seq": 0}))["events"]
    assert (missed["kind"], missed["subject"]) == ("directive.issued", "Trực bão")


async def test_a_write_that_is_refused_for_what_it_says_raises_no_doubt(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(monkeypatch)
    heard: list[Any] = []
    await harness.connect("cadre.7", heard)
    await harness.store.write(issue)
    await until(lambda: heard)

    def refused(_tx: Transaction) -> None:
        raise ValueError("not so")

    with pytest.raises(ValueError, match="not so"):
        await harness.store.write(refused)
    await harness.store.write(issue)
    await until(lambda: len(heard) == 2)
    await asyncio.sleep(4 * doubts.LOOK_SECONDS)
    assert [name for name, _body in heard] == ["directive.issued"] * 2


async def test_a_look_that_fails_is_not_the_last(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database, heads = Database(monkeypatch), harness.store.heads
    heard: list[Any] = []
    await harness.connect("cadre.7", heard)

    async def fail(_units: Any) -> dict[int, int]:
        raise ValueError("a mistake of ours")

    monkeypatch.setattr(harness.store, "heads", fail)
    database.losing = True
    with pytest.raises(UnavailableError):
        await harness.store.write(issue)
    await until(lambda: "could not tell pages" in caplog.text)
    monkeypatch.setattr(harness.store, "heads", heads)
    with pytest.raises(UnavailableError):
        await harness.store.write(issue)
    database.losing = False
    await until(lambda: ("channel.head", {"head": 2}) in heard)
