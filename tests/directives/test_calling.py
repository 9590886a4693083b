"""Who is called about a directive and when: by urgency, without a device, at a clerk's wish; and what stops it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa

from server.accounts import sessions
from server.accounts.principal import Principal
from server.calls import numbers
from server.config import ROOT
from server.directives import service
from server.directives.documents import Urgency
from server.directives.policy import Policy, load_policy
from server.directives.rules import RecipientRole, Relation, Through
from server.directives.running import ClockName
from server.directives.shapes import AssignInput, RecallInput, Recipient, ReportInput, ReturnInput
from server.errors import ConflictError, NotFoundError, UnavailableError, UserError
from server.reach import service as reach
from server.reach.model import message_table
from server.reach.notice import Notice, NoticeKind, Tie
from server.reach.rules import Backoff, Channel, Never, Reason, Sent
from server.store import Store
from tests.conftest import START, Clock, DistrictIds
from tests.directives.helpers import POLICY as WITHOUT
from tests.directives.helpers import WEEK, draft

POLICY = load_policy(ROOT / "config", ZoneInfo("Asia/Ho_Chi_Minh"), 5 << 20, {Channel.PHONE})
_BACKOFF, _RNG = Backoff(), Random(1)
NIGHT = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)  # 23:00 in Vietnam


@pytest.fixture
def clock() -> Clock:
    """A working day, 08:00."""
    return Clock(START + timedelta(days=1))


@pytest.fixture
def village(district: DistrictIds) -> int:
    """Its head has a number and no device."""
    district.store.write_now(numbers.give, district.who("thon1.camthuy").account_id, "0912000111")
    return district.unit("19606.01")


def issue(district: DistrictIds, units: list[int], who: str = "chutich.camthuy", **changes: Any) -> int:
    made = draft(units, deadline=district.store.clock() + WEEK, **changes)
    return district.store.write_now(service.create_and_issue, district.who(who), POLICY, made).id


def calls(store: Store) -> list[tuple[str, datetime, str]]:
    """Calls that are to be made: number, when, state."""
    m = message_table.c
    query = sa.select(m.address, m.due_at, m.state).where(m.channel == "phone").order_by(m.id)
    return [tuple(row) for row in store.read_now(lambda tx: tx.all(query))]  # type: ignore[misc]


def sign_in(store: Store, account: int) -> None:
    store.write_now(sessions.open_session, account, "127.0.0.1", "phone", timedelta(hours=12))


@pytest.mark.parametrize(
    ("urgency", "minutes"), [(Urgency.NORMAL, 120), (Urgency.URGENT, 30), (Urgency.VERY_URGENT, 5), (Urgency.FLASH, 0)]
)
def test_a_village_without_a_device_is_called(
    district: DistrictIds, store: Store, village: int, urgency: Urgency, minutes: int
) -> None:
    issue(district, [village], urgency=urgency)
    assert calls(store) == [("0912000111", store.clock() + timedelta(minutes=minutes), "waiting")]


@pytest.mark.parametrize(
    ("urgency", "minutes"), [(Urgency.NORMAL, None), (Urgency.VERY_URGENT, 20), (Urgency.FLASH, 3)]
)
def test_a_village_with_a_device_only_where_the_urgency_asks_for_it(
    district: DistrictIds, store: Store, village: int, urgency: Urgency, minutes: int | None
) -> None:
    sign_in(store, district.who("thon1.camthuy").account_id)
    issue(district, [village], urgency=urgency)
    assert [at for _number, at, _state in calls(store)] == (
        [] if minutes is None else [store.clock() + timedelta(minutes=minutes)]
    )


def test_a_device_that_was_not_used_for_long_is_none(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    sign_in(store, district.who("thon1.camthuy").account_id)
    clock.advance(days=31)
    issue(district, [village])
    assert len(calls(store)) == 1


def test_nobody_is_called_at_night_but_for_what_cannot_wait(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    clock.set(NIGHT)
    issue(district, [village])
    issue(district, [village], subject="Lũ về", urgency=Urgency.FLASH)
    assert [at.astimezone(POLICY.zone).strftime("%d %H:%M") for _n, at, _s in calls(store)] == ["26 08:30", "25 23:00"]


def test_nobody_is_called_without_a_number_or_a_telephone(district: DistrictIds, store: Store) -> None:
    unit = district.unit("19606.01")
    issue(district, [unit], urgency=Urgency.FLASH)
    made = draft([unit], deadline=store.clock() + WEEK, urgency=Urgency.FLASH)
    store.write_now(numbers.give, district.who("thon1.camthuy").account_id, "0912000111")
    store.write_now(service.create_and_issue, district.who("chutich.camthuy"), WITHOUT, made)
    assert calls(store) == []


def test_of_a_commune_the_clerk_is_called_before_its_leader(district: DistrictIds, store: Store) -> None:
    for name, number in (("chutich.camthuy", "0900000001"), ("vanthu.camthuy", "0900000002")):
        store.write_now(numbers.give, district.who(name).account_id, number)
    issue(district, [district.unit("19606")], "chutich", urgency=Urgency.FLASH)
    assert [number for number, _at, _state in calls(store)] == ["0900000002"]


@pytest.mark.parametrize("how", ["registers", "returns", "is recalled", "opens"])
def test_what_the_unit_does_stops_the_call(district: DistrictIds, store: Store, village: int, how: str) -> None:
    head, leader = district.who("thon1.camthuy"), district.who("chutich.camthuy")
    done = issue(district, [village])
    if how == "registers":
        store.write_now(service.register, head, POLICY, done)
    elif how == "returns":
        store.write_now(service.return_delivery, head, POLICY, done, ReturnInput(reason="duplicate"))
    elif how == "is recalled":
        store.write_now(service.recall, leader, POLICY, done, RecallInput(note="Nhầm", units=[]))
    else:
        store.write_now(service.see, head, done)
    assert [state for _n, _at, state in calls(store)] == ["waiting" if how == "opens" else "stopped"]


def delivery_of(district: DistrictIds, directive: int) -> int:
    opened = district.store.read_now(service.open_directive, district.who("chutich.camthuy"), POLICY, directive)
    assert opened.board is not None
    return opened.board[0].id


def test_the_clerk_s_button_calls_at_once(district: DistrictIds, store: Store, clock: Clock, village: int) -> None:
    clerk = district.who("vanthu.camthuy")
    delivery = delivery_of(district, issue(district, [village]))
    done = store.write_now(service.call_unit, clerk, POLICY, delivery)
    assert (done.number, done.person) == ("0912000111", district.who("thon1.camthuy").name)
    assert calls(store) == [("0912000111", clock(), "waiting")], "the one that waited, not a second one"
    (letter,) = store.write_now(reach.claim, Channel.PHONE, "lease", 5)
    with pytest.raises(ConflictError, match="already_calling"):
        store.write_now(service.call_unit, clerk, POLICY, delivery)
    store.write_now(reach.settle, letter, Sent("confirmed"), _BACKOFF, _RNG)
    store.write_now(service.call_unit, clerk, POLICY, delivery)
    assert [state for _n, _at, state in calls(store)] == ["sent", "waiting"]


def test_the_button_calls_the_unit_and_not_who_waits_to_hear_that_it_is_late(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    leader, head = district.who("chutich.camthuy"), district.who("thon1.camthuy").account_id
    store.write_now(numbers.give, leader.account_id, "0900000001")
    done = issue(district, [village])
    clock.advance(hours=2)
    (letter,) = store.write_now(reach.claim, Channel.PHONE, "lease", 9)
    store.write_now(reach.settle, letter, Never(Reason.NO_ANSWER), _BACKOFF, _RNG)
    notice = msgspec.structs.replace(letter.notice, kind=NoticeKind.ESCALATION)
    plan, known = [(Channel.PHONE, clock() + timedelta(minutes=30))], {leader.account_id: "0900000001"}
    telling = reach.Telling(notice, {leader.account_id}, plan, "register", [village], known)
    store.write_now(reach.put, [telling])
    called = store.write_now(service.call_unit, leader, POLICY, delivery_of(district, done))
    assert called.number == "0912000111"
    due = store.write_now(reach.claim, Channel.PHONE, "another", 9)
    assert [(one.account, one.address) for one in due] == [(head, "0912000111")]


def test_a_lease_is_renewed_until_it_is_another_s_or_needless(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    done = issue(district, [village], urgency=Urgency.FLASH)
    clock.advance(minutes=3)
    (letter,) = store.write_now(reach.claim, Channel.PHONE, "lease", 5)
    assert (letter.address, letter.account) == ("0912000111", district.who("thon1.camthuy").account_id)
    assert store.read_now(reach.about_units, letter) == [village]
    clock.advance(minutes=2)
    assert store.write_now(reach.renew, letter)
    clock.advance(minutes=2)
    assert store.write_now(reach.claim, Channel.PHONE, "another", 5) == []
    store.write_now(service.register, district.who("thon1.camthuy"), POLICY, done)
    assert not store.write_now(reach.renew, letter)
    clock.advance(minutes=4)
    assert store.write_now(reach.claim, Channel.PHONE, "another", 5) == []
    assert calls(store)[0][2] == "stopped"


def test_who_may_not_call_and_what_cannot_be_called(district: DistrictIds, store: Store, village: int) -> None:
    leader, head = district.who("chutich.camthuy"), district.who("thon1.camthuy")
    done = issue(district, [village])
    delivery = delivery_of(district, done)
    for name in ("thon1.camthuy", "vanthu.thanhan", "quantri"):
        with pytest.raises(NotFoundError):
            store.write_now(service.call_unit, district.who(name), POLICY, delivery)
    with pytest.raises(UnavailableError, match="no_telephone"):
        store.write_now(service.call_unit, leader, WITHOUT, delivery)
    store.write_now(numbers.give, head.account_id, "")
    with pytest.raises(UserError, match="no_number"):
        store.write_now(service.call_unit, leader, POLICY, delivery)
    store.write_now(service.recall, leader, POLICY, done, RecallInput(note="Nhầm", units=[]))
    with pytest.raises(ConflictError, match="nothing_to_call"):
        store.write_now(service.call_unit, leader, POLICY, delivery)


def test_a_missed_time_is_called_to_whom_it_is_for(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    chair = district.who("chutich.camthuy").account_id
    store.write_now(numbers.give, chair, "0900000001")
    done = issue(district, [village], urgency=Urgency.FLASH)
    clock.advance(minutes=31)
    store.write_now(service.sweep, POLICY)
    told = [number for number, _at, _state in calls(store)]
    assert told.count("0900000001") == 1 and "0912000111" in told[1:]
    letters = {one.address: one for one in store.write_now(reach.claim, Channel.PHONE, "lease", 9)}
    letter = letters["0900000001"]
    reading = store.read_now(
        service.reading_of, POLICY, chair, letter.notice, store.read_now(reach.about_units, letter)
    )
    assert (reading.own, reading.may_confirm, reading.may_answer) == ([], False, False)
    noted = store.write_now(service.confirm_by_phone, POLICY, reading.own, chair, done, "a call")
    assert (noted.registered, noted.number) == (False, None)
    assert store.read_now(service.my_alarms, district.who("chutich.camthuy"), POLICY) == []


@pytest.mark.parametrize(("urgency", "minutes"), [(Urgency.NORMAL, 120), (Urgency.FLASH, 0)])
def test_a_reminder_is_called_to_a_village_without_a_device(
    district: DistrictIds, store: Store, clock: Clock, village: int, urgency: Urgency, minutes: int
) -> None:
    done = issue(district, [village], urgency=urgency)
    store.write_now(service.register, district.who("thon1.camthuy"), POLICY, done)
    assert [state for _number, _at, state in calls(store)] == ["stopped"]
    clock.advance(days=7, hours=-1)
    store.write_now(service.sweep, POLICY)
    ((number, at, _state),) = [one for one in calls(store) if one[2] == "waiting"]
    assert (number, at) == ("0912000111", clock() + timedelta(minutes=minutes))
    assert [notice.kind for notice in reminders(store)] == [NoticeKind.REMINDER]


def test_a_reminder_waits_for_the_end_of_quiet_hours(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    done = issue(district, [village])
    store.write_now(service.register, district.who("thon1.camthuy"), POLICY, done)
    clock.set(NIGHT + timedelta(days=6))
    store.write_now(service.sweep, POLICY)
    waiting = [at for _number, at, state in calls(store) if state == "waiting"]
    assert [at.astimezone(POLICY.zone).strftime("%d %H:%M") for at in waiting] == ["02 08:30"]


def test_who_has_a_device_is_not_called_about_a_reminder(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    head = district.who("thon1.camthuy")
    sign_in(store, head.account_id)
    store.write_now(service.register, head, POLICY, issue(district, [village]))
    clock.advance(days=7, hours=-3)
    store.write_now(service.sweep, POLICY)
    assert calls(store) == []


def reminders(store: Store) -> list[Notice]:
    """What calls that wait are about."""
    m = message_table.c
    query = sa.select(m.notice).where(m.channel == "phone", m.state == "waiting")
    return [msgspec.json.decode(row.notice, type=Notice) for row in store.read_now(lambda tx: tx.all(query))]


def test_the_board_shows_who_has_neither_device_nor_number(district: DistrictIds, store: Store, village: int) -> None:
    other = district.unit("19606.02")
    done = issue(district, [village, other])
    leader = district.who("chutich.camthuy")

    def lost(policy: Policy = POLICY) -> dict[int, bool]:
        opened = store.read_now(service.open_directive, leader, policy, done)
        return {one.unit: one.unreachable for one in opened.board or ()}

    assert lost() == {village: False, other: True}
    assert not any(lost(WITHOUT).values()), "a number would be of no use"
    sign_in(store, district.who("thon2.camthuy").account_id)
    assert not any(lost().values()), "it has a device now"
    store.write_now(numbers.give, district.who("thon1.camthuy").account_id, "")
    assert lost() == {village: True, other: False}
    store.write_now(service.see, district.who("thon1.camthuy"), done)
    assert not any(lost().values()), "it knows"


def test_a_call_names_the_document_that_is_replaced_or_corrected(
    district: DistrictIds, store: Store, village: int
) -> None:
    old = issue(district, [village])
    for relation, tie in ((Relation.CORRECTS, Tie.CORRECTS), (Relation.REPLACES, Tie.REPLACES)):
        new = issue(district, [village], relation=relation, related=old)
        notice = Notice(kind=NoticeKind.ISSUED, directive=new)
        head = district.who("thon1.camthuy").account_id
        reading = store.read_now(service.reading_of, POLICY, head, notice, [village])
        assert (reading.tie, reading.other) == (tie, "01/KH-UBND")
    notice = Notice(kind=NoticeKind.REPLACED, directive=old, tie=Tie.REPLACED_BY, other="03/KH-UBND")
    reading = store.read_now(service.reading_of, POLICY, head, notice, [village])
    assert (reading.tie, reading.other) == (Tie.REPLACED_BY, "03/KH-UBND")
    assert store.read_now(service.replaced_by, old) == "03/KH-UBND"
    assert store.read_now(service.replaced_by, new) == ""


def test_who_is_not_named_for_the_work_is_asked_for_no_answer(district: DistrictIds, store: Store) -> None:
    clerk, cadre, leader = (district.who(name) for name in ("vanthu.camthuy", "camthuy", "chutich.camthuy"))
    done = issue(district, [clerk.unit_id], "chutich")
    store.write_now(service.register, clerk, POLICY, done)

    def asked(who: Principal) -> bool:
        notice = Notice(kind=NoticeKind.REMINDER, directive=done)
        return store.read_now(service.reading_of, POLICY, who.account_id, notice, [clerk.unit_id]).may_answer

    assert [asked(who) for who in (clerk, cadre, leader)] == [True, True, True]
    store.write_now(service.assign, leader, POLICY, done, AssignInput(lead=clerk.account_id))
    assert [asked(who) for who in (clerk, cadre, leader)] == [True, False, True]


def test_a_key_registers_a_commune_with_its_number(district: DistrictIds, store: Store) -> None:
    clerk = district.who("vanthu.camthuy")
    done = issue(district, [clerk.unit_id], "chutich")
    for _time in range(2):
        found = store.write_now(service.confirm_by_phone, POLICY, [clerk], clerk.account_id, done, "a call")
    assert (found.registered, found.number) == (False, None), "the second key finds it confirmed"
    own = store.read_now(service.open_directive, clerk, POLICY, done).delivery
    assert own is not None and (own.registry_number, own.registered_through) == (1, Through.TELEPHONE)


def test_a_leader_who_cannot_register_only_takes_note(district: DistrictIds, store: Store) -> None:
    leader = district.who("chutich.camthuy")
    done = issue(district, [leader.unit_id], "chutich")
    found = store.write_now(service.confirm_by_phone, POLICY, [leader], leader.account_id, done, "a call")
    assert not found.registered


def test_a_call_asks_those_who_are_only_informed_for_no_answer(
    district: DistrictIds, store: Store, village: int
) -> None:
    head = district.who("thon1.camthuy").account_id

    def reading() -> service.Reading:
        (letter,) = store.write_now(reach.claim, Channel.PHONE, "lease", 9)
        return store.read_now(service.reading_of, POLICY, head, letter.notice, [village])

    only = [Recipient(unit=village, role=RecipientRole.INFO)]
    issue(district, [], recipients=only, urgency=Urgency.FLASH)
    found = reading()
    assert (found.due, found.clock) == (POLICY.register_due(store.clock(), Urgency.FLASH), ClockName.REGISTER)
    issue(district, [village], urgency=Urgency.FLASH)
    found = reading()
    assert (found.due, found.clock) == (store.clock() + WEEK, ClockName.RESPOND)


def escalated(store: Store, account: int, clock: str) -> service.Reading:
    """What the one call reads that a person gets because a time has passed."""
    letters = store.write_now(reach.claim, Channel.PHONE, "lease", 9)
    (letter,) = [one for one in letters if one.account == account and one.notice.kind is NoticeKind.ESCALATION]
    assert store.read_now(reach.clock_of, letter) == clock
    units = store.read_now(reach.about_units, letter)
    return store.read_now(service.reading_of, POLICY, account, letter.notice, units, clock)


def test_who_hears_that_nobody_has_registered_is_told_no_time_for_the_answer(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    """To the chair, who cannot register, the missed time sounded like that of the answer."""
    chair = district.who("chutich.camthuy").account_id
    store.write_now(numbers.give, chair, "0900000001")
    issue(district, [village], urgency=Urgency.FLASH)
    registered_by = POLICY.register_due(clock(), Urgency.FLASH)
    clock.advance(minutes=31)
    store.write_now(service.sweep, POLICY)
    found = escalated(store, chair, "register")
    assert (found.due, found.clock) == (registered_by, ClockName.REGISTER)


def test_who_has_not_judged_an_answer_hears_that_and_not_that_the_unit_has_not_answered(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    clerk, head = district.who("vanthu.camthuy").account_id, district.who("thon1.camthuy")
    store.write_now(numbers.give, clerk, "0900000003")
    done = issue(district, [village], urgency=Urgency.FLASH)
    store.write_now(service.register, head, POLICY, done)
    store.write_now(service.report, head, POLICY, done, ReportInput(text="Đã sơ tán 12 hộ."))
    judged_by = POLICY.review_due(clock(), Urgency.FLASH)
    clock.advance(minutes=61)
    store.write_now(service.sweep, POLICY)
    found = escalated(store, clerk, "review")
    assert (found.due, found.clock) == (judged_by, ClockName.REVIEW)


def test_a_recall_that_nobody_answers_is_called_as_a_recall(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    """And not as work that is late, with the text of what is not to be followed."""
    head, leader = district.who("thon1.camthuy"), district.who("chutich.camthuy")
    done = issue(district, [village], urgency=Urgency.FLASH, body="Mở cửa xả lũ lúc 14 giờ.")
    store.write_now(service.register, head, POLICY, done)
    store.write_now(service.recall, leader, POLICY, done, RecallInput(note="Nhầm", units=[]))
    clock.advance(minutes=21)
    store.write_now(service.sweep, POLICY)
    found = escalated(store, head.account_id, "recall")
    assert (found.kind, found.clock, found.body) == (NoticeKind.RECALL, ClockName.RECALL, "")


def test_a_unit_at_work_that_has_no_deadline_is_told_none(
    district: DistrictIds, store: Store, clock: Clock, village: int
) -> None:
    head = district.who("thon1.camthuy")
    made = draft([village], deadline=None)
    done = store.write_now(service.create_and_issue, district.who("chutich.camthuy"), POLICY, made).id
    store.write_now(service.register, head, POLICY, done)
    clock.advance(days=3)
    store.write_now(service.call_unit, district.who("vanthu.camthuy"), POLICY, delivery_of(district, done))
    (letter,) = store.write_now(reach.claim, Channel.PHONE, "lease", 9)
    assert letter.notice.due is None
