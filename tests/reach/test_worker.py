"""The worker: at least once, once at a time however many processes, retries in the clock's time, dead letters."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web

from server.accounts import sessions
from server.accounts.principal import Principal
from server.config import Settings
from server.directives.documents import Urgency
from server.errors import ConflictError, NotFoundError
from server.reach import service
from server.reach import worker as working
from server.reach.keys import AWAKE
from server.reach.model import message_table
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import Channel, Gone, Later, Never, Outcome, Reason, Sent
from server.reach.service import Letter, Telling
from server.reach.service.outbox import put_code
from server.reach.service.sending import LEASE
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import draft
from tests.reach.helpers import (
    BACKOFF,
    PHONE,
    POLICY,
    Obedient,
    browser,
    messages,
    notice,
    reach,
    states,
    subscriptions,
    worker,
)

MAIL, SMS, PUSH = Channel.MAIL, Channel.SMS, Channel.PUSH


@pytest.fixture
def clerk(store: Store, district: DistrictIds) -> Principal:
    who = district.who("vanthu.camthuy")
    reach(store, who, MAIL, SMS)
    return who


@pytest.fixture
def directive(store: Store, district: DistrictIds, clerk: Principal) -> int:
    """A draft: messages are about something."""
    from server.directives import service as directives

    chair = district.who("chutich")
    deadline = store.clock() + timedelta(days=7)
    return store.write_now(directives.create_draft, chair, POLICY, draft([clerk.unit_id], deadline=deadline)).id


def put(store: Store, who: Principal, directive: int, channel: Channel, count: int = 1, **changes: Any) -> None:
    at = changes.pop("at", store.clock())
    told = notice(directive=directive, **changes)
    for _ in range(count):
        store.write_now(service.put, [Telling(told, [who.account_id], [(channel, at)], "issued", [who.unit_id])])


async def test_what_is_due_is_sent_to_the_address_of_the_person(store: Store, clerk: Principal, directive: int) -> None:
    put(store, clerk, directive, SMS)
    put(store, clerk, directive, SMS, at=store.clock() + timedelta(minutes=5))
    sender = Obedient(SMS)
    assert await worker(store).turn(sender) == 1
    (sent,) = sender.letters
    assert (sent.address, sent.name, sent.notice.number, sent.tries) == (PHONE, clerk.name, "05/CĐ-UBND", 1)
    assert states(store) == [("sms", "sent"), ("sms", "waiting")]
    assert messages(store)[0].detail == "taken"


async def test_the_urgent_goes_first(store: Store, clerk: Principal, directive: int, clock: Clock) -> None:
    put(store, clerk, directive, MAIL, 8, urgency="NORMAL")
    clock.advance(seconds=1)
    put(store, clerk, directive, MAIL, 1, urgency="FLASH")
    sender = Obedient(MAIL)
    await worker(store).turn(sender)
    assert sender.letters[0].notice.urgency == "FLASH"


async def test_a_failure_is_tried_again_later_with_the_same_key_and_then_given_to_the_operator(
    store: Store, clerk: Principal, directive: int, clock: Clock
) -> None:
    put(store, clerk, directive, SMS)
    sender = Obedient(SMS, Later(Reason.NO_CONNECTION, "refused"))
    one = worker(store)
    waits = []
    for _ in range(BACKOFF.tries):
        assert await one.turn(sender) == 1
        assert await one.turn(sender) == 0  # not before its time
        (row,) = messages(store)
        waits.append((row.due_at - clock()).total_seconds())
        clock.set(row.due_at)
    assert [5 <= waits[0] <= 10, 10 <= waits[1] <= 20, 20 <= waits[2] <= 40] == [True] * 3
    assert len({letter.key for letter in sender.letters}) == 1
    assert [letter.tries for letter in sender.letters] == [1, 2, 3, 4]
    (row,) = messages(store)
    assert (row.state, row.reason, row.detail) == ("dead", "no_connection", "refused")
    clock.advance(days=1)
    assert await one.turn(sender) == 0


EVENING = datetime(2026, 11, 25, 13, 59, 50, tzinfo=UTC)  # 20:59:50 in Vietnam, ten seconds before quiet hours


def awake(at: datetime, urgency: str) -> datetime:
    return POLICY.after_quiet_hours(at, Urgency(urgency))


@pytest.mark.parametrize(("urgency", "waits"), [("NORMAL", True), ("FLASH", False)])
async def test_a_second_try_waits_for_the_end_of_quiet_hours(
    store: Store, clerk: Principal, directive: int, clock: Clock, urgency: str, waits: bool
) -> None:
    clock.set(EVENING)
    put(store, clerk, directive, SMS, urgency=urgency)
    sender = Obedient(SMS, Later(Reason.BUSY))
    one = worker(store, sender, awake=awake)
    await one.turn(sender)
    clock.advance(minutes=1)
    sender.answer = Sent()
    await one.turn(sender)
    (row,) = messages(store)
    assert (row.state, row.tries, len(sender.letters)) == (("waiting", 1, 1) if waits else ("sent", 2, 2))
    if waits:
        clock.set(EVENING + timedelta(hours=9, minutes=30, seconds=10))
        assert row.due_at == clock()
        await one.turn(sender)
        assert states(store) == [("sms", "sent")]


async def test_what_the_operator_sends_again_waits_for_the_end_of_quiet_hours(
    store: Store, clerk: Principal, directive: int, clock: Clock
) -> None:
    put(store, clerk, directive, SMS, urgency="NORMAL")
    sender = Obedient(SMS, Never(Reason.REFUSED))
    one = worker(store, sender, awake=awake)
    clock.set(EVENING)
    await one.turn(sender)
    clock.advance(hours=2)
    store.write_now(service.send_again, messages(store)[0].id, frozenset({SMS}))
    assert await one.turn(sender) == 0
    assert states(store) == [("sms", "waiting")]


def test_the_application_tells_its_worker_of_the_quiet_hours(app: web.Application) -> None:
    night = EVENING + timedelta(hours=2)
    assert [app[AWAKE](night, urgency) > night for urgency in ("NORMAL", "URGENT", "FLASH")] == [True, True, False]


async def test_a_code_does_not_wait_for_the_morning(store: Store, clerk: Principal, clock: Clock) -> None:
    clock.set(EVENING + timedelta(hours=2))
    code = Notice(kind=NoticeKind.CODE, code="123456")
    store.write_now(put_code, clerk.account_id, SMS, PHONE, code)
    sender = Obedient(SMS)
    assert await worker(store, sender, awake=awake).turn(sender) == 1


async def test_a_refusal_is_not_tried_again(store: Store, clerk: Principal, directive: int) -> None:
    put(store, clerk, directive, SMS)
    await worker(store).turn(Obedient(SMS, Never(Reason.REFUSED, "no such number")))
    (found,) = store.read_now(service.dead_letters)
    assert (found.person, found.reason, found.address, found.number) == (
        clerk.name,
        "refused",
        "+8491…678",
        "05/CĐ-UBND",
    )
    assert store.read_now(service.how_many_dead) == 1


async def test_a_channel_that_asks_us_to_wait_is_left_alone(
    store: Store, clerk: Principal, directive: int, clock: Clock
) -> None:
    put(store, clerk, directive, SMS, 9)
    wait = timedelta(minutes=7)
    sender = Obedient(SMS, Later(Reason.BUSY, "", wait, everybody=True))
    one = worker(store)
    assert await one.turn(sender) == 8
    assert await one.turn(sender) == 0  # the ninth is due, but they asked
    sender.answer = Sent()
    clock.advance(minutes=7)
    while await one.turn(sender):
        pass
    assert {state for _channel, state in states(store)} == {"sent"}


async def test_what_its_sender_does_not_know_is_tried_again(
    store: Store, clerk: Principal, directive: int, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_letter: Letter) -> Outcome:
        raise ZeroDivisionError("bug")

    put(store, clerk, directive, SMS)
    await worker(store).turn(Obedient(SMS, fails))
    (row,) = messages(store)
    assert (row.state, row.reason, row.detail) == ("waiting", "failing", "ZeroDivisionError: bug")
    assert "in a way we do not know" in caplog.text


async def test_a_message_whose_sender_died_is_sent_by_another(
    store: Store, clerk: Principal, directive: int, clock: Clock
) -> None:
    put(store, clerk, directive, SMS)
    (lost,) = store.write_now(service.claim, SMS, "of one that dies", 8)
    sender, other = Obedient(SMS), worker(store)
    assert await other.turn(sender) == 0
    clock.advance(seconds=LEASE.total_seconds())
    assert await other.turn(sender) == 1
    assert sender.letters[0].key == lost.key
    late = store.write_now(service.settle, lost, Later(Reason.TIMEOUT), BACKOFF, Random(1))
    assert late is None  # it was not dead but slow: the other's outcome counts
    assert states(store) == [("sms", "sent")]


async def test_somebody_acts_while_it_is_being_sent(
    store: Store, clerk: Principal, directive: int, clock: Clock
) -> None:
    def acts(_letter: Letter) -> Outcome:
        store.write_now(service.stop, directive, [clerk.unit_id], ["issued"])
        return Later(Reason.TIMEOUT)

    put(store, clerk, directive, SMS)
    await worker(store).turn(Obedient(SMS, acts))
    assert states(store) == [("sms", "stopped")]


async def test_somebody_acts_and_its_sender_dies(store: Store, clerk: Principal, directive: int, clock: Clock) -> None:
    put(store, clerk, directive, SMS)
    store.write_now(service.claim, SMS, "of one that dies", 8)
    store.write_now(service.stop, directive, [clerk.unit_id], ["issued"])
    clock.advance(seconds=LEASE.total_seconds())
    sender = Obedient(SMS)
    assert await worker(store).turn(sender) == 0
    assert sender.letters == []
    assert states(store) == [("sms", "stopped")]


async def test_several_processes_send_each_message_once(
    store: Store, clerk: Principal, directive: int, settings: Settings, clock: Clock
) -> None:
    put(store, clerk, directive, SMS, 60)
    stores = [store, *(Store(settings.database_url(), clock=clock) for _ in range(2))]
    senders = [Obedient(SMS) for _ in stores]

    async def serve(one: Store, sender: Obedient) -> None:
        mine = worker(one)
        while await mine.turn(sender):
            pass

    try:
        await asyncio.gather(*(serve(one, sender) for one, sender in zip(stores, senders, strict=True)))
    finally:
        for other in stores[1:]:
            other.close()
    counts = Counter(letter.id for sender in senders for letter in sender.letters)
    assert len(counts) == 60
    assert set(counts.values()) == {1}
    assert {state for _channel, state in states(store)} == {"sent"}


async def test_a_slow_channel_holds_up_no_other(store: Store, clerk: Principal, directive: int) -> None:
    released = asyncio.Event()

    class Slow(Obedient):
        async def send(self, letter: Letter) -> Outcome:
            await released.wait()
            return await super().send(letter)

    put(store, clerk, directive, SMS)
    put(store, clerk, directive, MAIL)
    slow, quick = Slow(SMS), Obedient(MAIL)
    one = worker(store, slow, quick)
    one.start()
    try:
        async with asyncio.timeout(20):
            while not quick.letters:
                await asyncio.sleep(0.01)
            assert not slow.letters
            released.set()
            while states(store) != [("sms", "sent"), ("mail", "sent")]:
                await asyncio.sleep(0.01)
    finally:
        await one.close()


async def test_messages_of_a_channel_that_is_no_longer_there_go_to_the_operator(
    store: Store, clerk: Principal, directive: int
) -> None:
    put(store, clerk, directive, SMS)
    assert store.write_now(service.retire, [MAIL]) == 1
    (found,) = store.read_now(service.dead_letters)
    assert found.reason == "not_configured"
    with pytest.raises(ConflictError):
        store.write_now(service.send_again, found.id, frozenset({MAIL}))


async def test_what_was_being_sent_by_a_channel_that_is_gone_goes_to_the_operator_once_its_sender_is_dead(
    store: Store, clerk: Principal, directive: int, clock: Clock
) -> None:
    put(store, clerk, directive, SMS, count=2)
    store.write_now(service.claim, SMS, "of one that dies", 1)
    assert store.write_now(service.retire, [MAIL]) == 1
    assert [row.state for row in messages(store)] == ["sending", "dead"]  # its sender may live and settle it
    clock.advance(seconds=LEASE.total_seconds())
    assert store.write_now(service.retire, [MAIL]) == 1
    assert [row.state for row in messages(store)] == ["dead", "dead"]
    assert {one.reason for one in store.read_now(service.dead_letters)} == {"not_configured"}


async def test_of_what_somebody_has_acted_on_meanwhile_the_operator_hears_nothing(
    store: Store, clerk: Principal, directive: int, clock: Clock
) -> None:
    put(store, clerk, directive, SMS)
    store.write_now(service.claim, SMS, "of one that dies", 8)
    store.write_now(service.stop, directive, [clerk.unit_id], ["issued"])
    clock.advance(seconds=LEASE.total_seconds())
    assert store.write_now(service.retire, [MAIL]) == 0
    assert states(store) == [("sms", "stopped")]


async def test_a_worker_that_starts_before_the_lease_is_over_looks_again(
    store: Store, clerk: Principal, directive: int, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "RETIRE_SECONDS", 0.01)
    put(store, clerk, directive, SMS)
    store.write_now(service.claim, SMS, "of one that dies", 8)
    one = worker(store)
    one.start()
    try:
        await asyncio.sleep(0.05)
        assert states(store) == [("sms", "sending")]
        clock.advance(seconds=LEASE.total_seconds())
        async with asyncio.timeout(30):
            while states(store) != [("sms", "dead")]:
                await asyncio.sleep(0.01)
    finally:
        await one.close()


async def test_the_operator_sends_again(store: Store, clerk: Principal, directive: int, clock: Clock) -> None:
    put(store, clerk, directive, SMS)
    await worker(store).turn(Obedient(SMS, Never(Reason.REFUSED)))
    (found,) = store.read_now(service.dead_letters)
    store.write_now(service.send_again, found.id, frozenset({SMS}))
    sender = Obedient(SMS)
    assert await worker(store).turn(sender) == 1
    assert sender.letters[0].tries == 1
    assert store.read_now(service.dead_letters) == []
    with pytest.raises(NotFoundError):
        store.write_now(service.send_again, found.id, frozenset({SMS}))


async def test_the_operator_gives_up(store: Store, clerk: Principal, directive: int) -> None:
    put(store, clerk, directive, SMS)
    await worker(store).turn(Obedient(SMS, Never(Reason.REFUSED)))
    store.write_now(service.give_up, messages(store)[0].id)
    assert states(store) == [("sms", "given_up")]
    assert store.read_now(service.how_many_dead) == 0
    with pytest.raises(NotFoundError):
        store.write_now(service.give_up, messages(store)[0].id)


async def test_a_dead_letter_that_nobody_needs_any_more(store: Store, clerk: Principal, directive: int) -> None:
    put(store, clerk, directive, SMS)
    await worker(store).turn(Obedient(SMS, Never(Reason.REFUSED)))
    store.write_now(service.stop, directive, [clerk.unit_id], ["issued"])
    (found,) = store.read_now(service.dead_letters)
    assert found.acted
    assert store.read_now(service.how_many_dead) == 0
    with pytest.raises(ConflictError):
        store.write_now(service.send_again, found.id, frozenset({SMS}))


async def test_a_locked_account_is_told_nothing(
    store: Store, clerk: Principal, directive: int, district: DistrictIds
) -> None:
    from server.accounts import people

    put(store, clerk, directive, SMS)
    store.write_now(people.lock_account, district.who("quantri"), clerk.account_id)
    sender = Obedient(SMS)
    await worker(store).turn(sender)
    assert sender.letters == []
    assert states(store) == [("sms", "stopped")]


async def test_a_browser_that_has_left_is_forgotten(store: Store, clerk: Principal, directive: int) -> None:
    browser(store, clerk)
    put(store, clerk, directive, PUSH)
    await worker(store).turn(Obedient(PUSH, Gone()))
    assert subscriptions(store) == []
    assert states(store) == [("push", "stopped")]
    assert store.read_now(service.dead_letters) == []


async def test_a_browser_whose_sign_in_was_ended_gets_nothing(
    store: Store, clerk: Principal, directive: int, clock: Clock
) -> None:
    opened = store.write_now(sessions.open_session, clerk.account_id, "10.0.0.1", "x", timedelta(hours=12))
    browser(store, opened.who)
    clock.advance(hours=13)  # it has run out: that happens every night, and the browser is still told
    put(store, clerk, directive, PUSH, 2)
    sender = Obedient(PUSH)
    assert await worker(store).turn(sender) == 2
    store.write_now(sessions.revoke_all, clerk.account_id)
    put(store, clerk, directive, PUSH)
    await worker(store).turn(sender)
    assert len(sender.letters) == 2
    assert subscriptions(store) == []
    assert states(store)[-1] == ("push", "stopped")


async def test_how_each_channel_does(store: Store, clerk: Principal, directive: int, clock: Clock) -> None:
    put(store, clerk, directive, MAIL, 2)
    await worker(store).turn(Obedient(MAIL))
    put(store, clerk, directive, MAIL)
    found = {one.channel: one for one in store.read_now(service.tallies)}
    assert (found[MAIL].waiting, found[MAIL].sent, found[MAIL].last_sent) == (1, 2, clock())
    assert found[SMS] == service.Tally(channel=SMS)
    clock.advance(days=2)
    assert {one.channel: one.sent for one in store.read_now(service.tallies)}[MAIL] == 0


async def test_a_code_is_not_kept(store: Store, clerk: Principal, directive: int) -> None:
    from server.reach.service.outbox import put_code

    store.write_now(put_code, clerk.account_id, SMS, PHONE, notice(kind=NoticeKind.CODE, code="123456"))
    sender = Obedient(SMS)
    await worker(store).turn(sender)
    assert sender.letters[0].notice.code == "123456"
    query = sa.select(message_table.c.notice)
    assert "123456" not in store.read_now(lambda tx: tx.all(query))[0].notice
