"""Messages are written with what they tell, to whom it is for, and stop as soon as somebody acts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.config import Settings
from server.directives import service
from server.directives.documents import Urgency
from server.directives.shapes import ExtensionDecision, ExtensionInput, RecallInput, ReportInput
from server.reach.model import message_table
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import Channel
from server.reach.service import outbox
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import draft
from tests.reach.helpers import POLICY, browser, messages, reach, states

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
MAIL, SMS, ZALO, PUSH = Channel.MAIL, Channel.SMS, Channel.ZALO, Channel.PUSH


@pytest.fixture(autouse=True)
def on_a_working_day(clock: Clock) -> None:
    clock.set(WEDNESDAY)


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    names = ("chutich", "vanthu", "camthuy", "vanthu.camthuy", "chutich.camthuy", "vanthu.camhieu", "thon1.camthuy")
    return {name: district.who(name) for name in names}


def issue(store: Store, who: Principal, units: list[int], **changes: Any) -> int:
    changes.setdefault("deadline", store.clock() + timedelta(days=7))
    return store.write_now(service.create_and_issue, who, POLICY, draft(units, **changes)).id


def sweep(store: Store) -> None:
    while store.write_now(service.sweep, POLICY):
        pass


def notices(store: Store) -> list[Notice]:
    return [msgspec.json.decode(row.notice, type=Notice) for row in messages(store)]


def test_a_new_directive_goes_to_the_clerk_by_the_channels_they_have(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    clerk = people["vanthu.camthuy"]
    reach(store, clerk, MAIL, SMS)
    reach(store, people["camthuy"], MAIL)  # a cadre: not on the clerk's duty
    browser(store, clerk)
    done = issue(store, people["chutich"], [clerk.unit_id], urgency=Urgency.URGENT)
    rows = messages(store)
    assert [(row.account_id, row.channel, row.due_at - clock()) for row in rows] == [
        (clerk.account_id, "push", timedelta(0)),
        (clerk.account_id, "mail", timedelta(0)),
        (clerk.account_id, "sms", timedelta(minutes=30)),
    ]
    (told, *_others) = notices(store)
    assert (told.directive, told.number, told.href) == (done, "01/KH-UBND", f"/directives/{done}")
    assert "Các xã báo cáo." not in "".join(row.notice for row in rows)


def test_a_flash_directive_goes_to_clerk_chair_and_duty_officer_at_once(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    for name in ("vanthu.camthuy", "chutich.camthuy", "camthuy"):
        reach(store, people[name], SMS)
    clock.advance(hours=15)  # 23:00
    issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.FLASH)
    assert {row.account_id for row in messages(store)} == {
        people[name].account_id for name in ("vanthu.camthuy", "chutich.camthuy", "camthuy")
    }
    assert all(row.due_at == clock() for row in messages(store))


def test_what_can_wait_waits_for_the_end_of_the_quiet_hours(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    reach(store, people["vanthu.camthuy"], MAIL)
    clock.advance(hours=15)  # 23:00
    issue(store, people["chutich"], [people["camthuy"].unit_id])
    (row,) = messages(store)
    assert row.due_at == WEDNESDAY + timedelta(hours=22, minutes=30)  # 06:30


def test_a_village_is_told_through_its_head(store: Store, people: dict[str, Principal]) -> None:
    head = people["thon1.camthuy"]
    reach(store, head, MAIL)
    issue(store, people["chutich.camthuy"], [head.unit_id])
    assert [row.account_id for row in messages(store)] == [head.account_id]


def test_an_issue_that_fails_leaves_no_message(store: Store, people: dict[str, Principal]) -> None:
    reach(store, people["vanthu.camthuy"], MAIL)
    deadline = store.clock() + timedelta(days=7)
    made = draft([people["camthuy"].unit_id], deadline=deadline)

    def fails(tx: Any) -> None:
        service.create_and_issue(tx, people["chutich"], POLICY, made)
        assert tx.all(sa.select(message_table)) != []
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        store.write_now(fails)
    assert messages(store) == []


def test_without_channels_nothing_is_written(store: Store, people: dict[str, Principal]) -> None:
    issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.FLASH)
    assert messages(store) == []


def test_who_opens_it_stops_what_still_waits(store: Store, people: dict[str, Principal]) -> None:
    reach(store, people["vanthu.camthuy"], MAIL, SMS, ZALO)
    reach(store, people["vanthu.camhieu"], MAIL)
    units = [people["camthuy"].unit_id, people["vanthu.camhieu"].unit_id]
    done = issue(store, people["chutich"], units, urgency=Urgency.URGENT)
    store.write_now(service.see, people["camthuy"], done)
    ours = messages(store, account_id=people["vanthu.camthuy"].account_id)
    assert {row.state for row in ours} == {"stopped"}
    assert all(row.stopped_at == WEDNESDAY for row in ours)
    assert [row.state for row in messages(store, account_id=people["vanthu.camhieu"].account_id)] == ["waiting"]


def test_a_device_that_has_it_stops_nothing(store: Store, people: dict[str, Principal]) -> None:
    reach(store, people["vanthu.camthuy"], MAIL)
    issue(store, people["chutich"], [people["camthuy"].unit_id])
    store.write_now(service.arrived, {people["camthuy"].unit_id: 10**6})
    assert states(store) == [("mail", "waiting")]


def test_opening_it_does_not_stop_an_escalation_but_registering_does(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    reach(store, people["chutich.camthuy"], MAIL)
    done = issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.FLASH)
    store.write_now(service.see, people["camthuy"], done)
    assert states(store) == [("mail", "stopped")]  # the news itself
    clock.advance(minutes=20)
    sweep(store)
    assert states(store)[1:] == [("mail", "waiting")]
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, done)
    assert states(store)[1:] == [("mail", "stopped"), ("mail", "waiting")], "that it waits to be assigned"


def test_the_issuer_hears_of_many_units_in_one_message_that_stops_with_the_last(
    store: Store, people: dict[str, Principal], clock: Clock, district: DistrictIds
) -> None:
    reach(store, people["chutich"], SMS)
    units = [people["camthuy"].unit_id, people["vanthu.camhieu"].unit_id]
    done = issue(store, people["chutich"], units, urgency=Urgency.FLASH)
    clock.advance(minutes=30)
    sweep(store)
    (told,) = notices(store)
    assert (told.kind, told.units, told.unit_names) == ("escalation", 2, ("Cam Thủy", "Cam Hiếu"))
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, done)
    assert states(store) == [("sms", "waiting")]
    store.write_now(service.register, people["vanthu.camhieu"], POLICY, done)
    assert states(store) == [("sms", "stopped")]


def test_a_granted_extension_stops_reminders_of_the_old_deadline(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    reach(store, people["camthuy"], ZALO)
    due = clock() + timedelta(days=2, hours=9)
    done = issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.URGENT, deadline=due)
    answer = store.write_now(service.register, people["vanthu.camthuy"], POLICY, done)
    clock.set(due - timedelta(hours=1, minutes=59))
    sweep(store)
    assert states(store) == [("zalo", "waiting")]
    ask = ExtensionInput(reason="Mưa", until=due + timedelta(days=2))
    store.write_now(service.ask_extension, people["camthuy"], POLICY, done, ask)
    store.write_now(service.decide_extension, people["chutich"], POLICY, answer.id, ExtensionDecision(grant=True))
    assert states(store) == [("zalo", "stopped"), ("zalo", "waiting")], "the reminder, and the news of the decision"


def test_a_recall_stops_what_asks_for_work(store: Store, people: dict[str, Principal]) -> None:
    reach(store, people["vanthu.camthuy"], MAIL)
    done = issue(store, people["chutich"], [people["camthuy"].unit_id])
    store.write_now(service.recall, people["chutich"], POLICY, done, RecallInput(note="Sai số liệu"))
    assert states(store) == [("mail", "stopped")]


def test_who_takes_note_on_the_page_gets_no_more_messages_but_others_do(
    store: Store, people: dict[str, Principal], clock: Clock
) -> None:
    for name in ("chutich.camthuy", "camthuy"):
        reach(store, people[name], MAIL)
    done = issue(store, people["chutich"], [people["camthuy"].unit_id], urgency=Urgency.VERY_URGENT)
    store.write_now(service.see, people["camthuy"], done)
    clock.advance(minutes=61)
    sweep(store)
    chair = people["chutich.camthuy"]
    ids = [line.id for line in store.read_now(service.my_alarms, chair, POLICY) if line.clock == "register"]
    store.write_now(service.acknowledge_alarms, chair, ids)
    found = [(row.account_id, row.state) for row in messages(store) if row.created_at == clock()]
    assert (chair.account_id, "stopped") in found
    assert (people["camthuy"].account_id, "waiting") in found
    assert (chair.account_id, "waiting") not in found


def test_a_report_stops_reminders_and_asks_the_issuer(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    reach(store, people["camthuy"], MAIL)
    reach(store, people["vanthu"], MAIL)
    due = clock() + timedelta(days=2, hours=9)
    done = issue(store, people["chutich"], [people["camthuy"].unit_id], deadline=due)
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, done)
    clock.set(due - timedelta(hours=4))
    sweep(store)
    assert states(store) == [("mail", "waiting")]
    store.write_now(service.report, people["camthuy"], POLICY, done, ReportInput(text="Xong."))
    assert states(store) == [("mail", "stopped"), ("mail", "waiting")], "the reminder; that an answer came"
    clock.set(due + timedelta(days=6))
    sweep(store)
    found = [(row.account_id, row.state) for row in messages(store)]
    assert found[1:] == [(people["vanthu"].account_id, "waiting")] * 2


def test_units_that_act_at_the_same_moment_stop_it_together(
    store: Store, people: dict[str, Principal], clock: Clock, district: DistrictIds, settings: Settings
) -> None:
    reach(store, people["chutich"], SMS)
    units = [district.unit(code) for code in ("19597", "19600", "19603", "19606", "19612", "19615", "19618", "19621")]
    done = issue(store, people["chutich"], units, urgency=Urgency.FLASH)
    clock.advance(minutes=30)
    sweep(store)
    assert states(store) == [("sms", "waiting")]
    stores = [store, Store(settings.database_url(), clock=clock)]
    try:
        with ThreadPoolExecutor(8) as pool:
            jobs = [
                pool.submit(stores[n % 2].write_now, outbox.stop, done, [unit], ["register"])
                for n, unit in enumerate(units)
            ]
            for job in jobs:
                job.result()
    finally:
        stores[1].close()
    assert states(store) == [("sms", "stopped")]


def test_a_reminder_takes_the_place_of_the_call_that_it_repeats(store: Store, people: dict[str, Principal]) -> None:
    """Who is never there has one call before them, however many reminders there were; other units' calls stay."""
    head, chair = people["thon1.camthuy"], people["chutich.camthuy"]
    done = issue(store, people["chutich"], [head.unit_id, people["camthuy"].unit_id])

    def call(kind: NoticeKind, account: int, minutes: int, *units: int) -> None:
        at = store.clock() + timedelta(minutes=minutes)
        telling = outbox.Telling(
            Notice(kind=kind, directive=done), [account], [(Channel.PHONE, at)], "register", units, {account: "0901"}
        )
        store.write_now(outbox.put, [telling])

    def waiting() -> list[tuple[int, timedelta]]:
        found = [row for row in messages(store) if row.channel == "phone" and row.state == "waiting"]
        return [(row.account_id, row.due_at - store.clock()) for row in found]

    call(NoticeKind.ISSUED, head.account_id, 5, head.unit_id)
    call(NoticeKind.REMINDER, head.account_id, 60, head.unit_id)
    assert waiting() == [(head.account_id, timedelta(minutes=5))], "no later than the one whose place it takes"
    call(NoticeKind.REMINDER, head.account_id, 0, head.unit_id)
    call(NoticeKind.ESCALATION, chair.account_id, 0, people["camthuy"].unit_id)
    call(NoticeKind.ESCALATION, chair.account_id, 10, head.unit_id)
    now, later = timedelta(0), timedelta(minutes=10)
    assert waiting() == [(head.account_id, now), (chair.account_id, now), (chair.account_id, later)]
    call(NoticeKind.ESCALATION, chair.account_id, 20, head.unit_id, people["camthuy"].unit_id)
    assert waiting() == [(head.account_id, now), (chair.account_id, now)], "one call about both"
