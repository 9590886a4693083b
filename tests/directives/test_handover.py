"""A unit ends, and others take its open work over: in their inbox, on the board, once, with its deadline."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.directives import service
from server.directives.documents import Urgency
from server.directives.model import delivery_table
from server.directives.rules import RecipientRole, Relation, State
from server.directives.service import forward, handover
from server.directives.service.access import v
from server.directives.shapes import (
    ExtensionDecision,
    ExtensionInput,
    RecallAnswer,
    RecallInput,
    ReportInput,
    SendBackInput,
    WaiveInput,
)
from server.directives.sweeper import Sweeper
from server.errors import ConflictError, NotFoundError
from server.reach.rules import Channel
from server.store import Store, Transaction
from server.store.events import since
from server.units.import_ import District, import_tree
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, draft, issue
from tests.directives.reform import HIEU, THUY, TUYEN, Reform
from tests.reach import helpers as reaching


@pytest.fixture
def reform(store: Store, district: DistrictIds, clock: Clock) -> Reform:
    return Reform(store, district, clock)


def test_a_merged_communes_open_work_is_in_the_heirs_inbox_and_on_the_board(reform: Reform, store: Store) -> None:
    old, heir = reform.old.unit_id, reform.heir.unit_id
    reform.register()
    before = reform.row(old)
    assert reform.merge() == 1
    assert (reform.state(old), reform.state(heir)) == (State.WAIVED, State.SENT)
    made = reform.row(heir)
    assert (made.deadline, made.role, made.issuer_id) == (before.deadline, before.role, before.issuer_id)
    assert made.sent_at == reform.clock()

    found = store.read_now(service.inbox, reform.heir, POLICY)
    assert [(line.directive, line.delivery.id) for line in found.deliveries] == [(reform.id, made.id)]
    assert store.read_now(service.inbox, reform.old, POLICY).total == 0
    told = store.read_now(lambda tx: since(tx.connection, heir, 0))
    assert ("directive.issued", made.seq) in [(event.kind, event.seq) for event in told]
    assert store.write_now(service.arrived, {heir: made.seq}) == 1

    board = reform.board()
    assert [(one.unit, one.state) for one in board[old].handed_to] == [(heir, State.REGISTERED)]
    assert [(one.unit, one.state) for one in board[heir].taken_over] == [(old, State.REGISTERED)]
    last = reform.opened(reform.old).changes[-1]
    assert (last.event, last.person, last.note) == ("waive", "", "Xã Cam Tuyền")


def test_the_heir_goes_on_with_it(reform: Reform, store: Store) -> None:
    """With the questions, and what was answered before; and the issuer judges it."""
    reform.merge()
    reform.register(reform.heir)
    reform.report(reform.heir)
    done = store.write_now(service.accept, reform.clerk, POLICY, reform.row(reform.heir.unit_id).id)
    assert done.state is State.COMPLETED


def test_again_changes_nothing(reform: Reform, store: Store) -> None:
    reform.merge()
    before = reform.count()
    assert reform.merge() == 0
    reform.clock.advance(days=1)
    assert reform.sweep() == 0
    assert reform.count() == before


def test_before_its_day_nothing_is_handed_over(reform: Reform, store: Store) -> None:
    tomorrow = reform.clock().date() + timedelta(days=1)
    file = District(name="x", valid_from=tomorrow, units=[], ended=[THUY], successors={THUY: [TUYEN]})
    store.write_now(import_tree, file)
    assert reform.sweep() == 0
    reform.clock.advance(days=1)
    assert reform.sweep() == 1
    assert reform.state(reform.heir.unit_id) is State.SENT


def test_one_without_heirs_keeps_its_work(reform: Reform, store: Store) -> None:
    file = District(name="x", valid_from=reform.clock().date(), units=[], ended=[THUY])
    store.write_now(import_tree, file)
    assert reform.sweep() == 0
    assert reform.state(reform.old.unit_id) is State.SENT


def test_what_is_done_stays(reform: Reform, store: Store) -> None:
    reform.register()
    reform.report()
    store.write_now(service.accept, reform.clerk, POLICY, reform.row(reform.old.unit_id).id)
    assert reform.merge() == 0
    assert (reform.state(reform.old.unit_id), reform.state(reform.heir.unit_id)) == (State.COMPLETED, None)


def test_a_report_is_judged_where_it_was_made_and_sent_back_to_the_heir(reform: Reform, store: Store) -> None:
    reform.register()
    reform.report()
    assert reform.merge() == 0
    old = reform.row(reform.old.unit_id)
    assert old.state == State.REPORTED
    due = reform.clock() + timedelta(days=20)
    store.write_now(service.send_back, reform.clerk, POLICY, old.id, SendBackInput(note="Thiếu số.", deadline=due))
    assert reform.sweep() == 1
    (before,) = reform.opened(reform.heir).taken_over
    assert (before.state, before.deadline) == (State.REWORK, due)
    assert [(one.text, one.note) for one in before.responses] == [("Xong.", "Thiếu số.")]
    assert reform.row(reform.heir.unit_id).deadline == due
    assert {piece.late for piece in reform.opened(reform.heir).held} <= {False}


def test_an_heir_that_has_it_already_gets_it_once(reform: Reform, store: Store) -> None:
    both = issue(store, reform.leader, [reform.old.unit_id, reform.heir.unit_id]).id
    before = reform.row(reform.heir.unit_id, both)
    assert reform.merge() == 2
    assert reform.row(reform.heir.unit_id, both) == before
    assert reform.row(reform.old.unit_id, both).state == State.WAIVED
    reform.id = both
    assert [one.unit for one in reform.board()[reform.heir.unit_id].taken_over] == [reform.old.unit_id]


def test_who_was_only_informed_becomes_who_does_it(reform: Reform, store: Store) -> None:
    deadline = reform.clock() + timedelta(days=7)
    info = draft([reform.heir.unit_id], role=RecipientRole.INFO).recipients
    made = draft([], recipients=draft([reform.old.unit_id]).recipients + info, deadline=deadline)
    id = store.write_now(service.create_and_issue, reform.leader, POLICY, made).id
    reform.merge()
    row = reform.row(reform.heir.unit_id, id)
    assert (row.role, row.deadline) == (RecipientRole.EXECUTE, deadline)


def test_who_assisted_the_one_that_ends_leads_now(reform: Reform, store: Store) -> None:
    old, heir = reform.old.unit_id, reform.heir.unit_id
    both = draft([old], role=RecipientRole.LEAD).recipients + draft([heir], role=RecipientRole.ASSIST).recipients
    made = draft([], recipients=both, deadline=reform.clock() + timedelta(days=7))
    reform.id = store.write_now(service.create_and_issue, reform.leader, POLICY, made).id
    reform.register(reform.heir)
    reform.merge()
    assert (reform.row(heir).role, reform.row(heir).state) == (RecipientRole.LEAD, State.REGISTERED)


def test_two_that_become_one_and_one_that_becomes_two(reform: Reform, store: Store) -> None:
    """The heir of two leads, if one of them led; of two heirs one leads, the other assists."""
    old, heir, third = reform.old.unit_id, reform.heir.unit_id, reform.district.unit(HIEU)
    led = draft([heir], role=RecipientRole.LEAD).recipients + draft([old], role=RecipientRole.ASSIST).recipients
    made = draft([], recipients=led, deadline=reform.clock() + timedelta(days=7))
    id = store.write_now(service.create_and_issue, reform.leader, POLICY, made).id
    file = District(
        name="x",
        valid_from=reform.clock().date(),
        units=[],
        ended=[THUY, TUYEN],
        successors={THUY: [HIEU], TUYEN: [HIEU, "19618"]},
    )
    store.write_now(import_tree, file)
    assert reform.sweep() == 2
    other = reform.district.unit("19618")
    assert reform.row(other, id).role == RecipientRole.LEAD
    assert reform.row(third, id).role == RecipientRole.ASSIST
    reform.id = id
    assert {one.unit for one in reform.board()[third].taken_over} == {old, heir}


def test_a_recall_and_a_request_for_time_go_along(reform: Reform, store: Store) -> None:
    reform.register()
    until = reform.clock() + timedelta(days=14)
    data = ExtensionInput(reason="Nước lớn.", until=until)
    store.write_now(service.ask_extension, reform.old, POLICY, reform.id, data)
    store.write_now(service.recall, reform.leader, POLICY, reform.id, RecallInput(note="Nhầm."))
    reform.clock.advance(minutes=5)
    reform.merge()
    heir = reform.heir
    assert reform.state(reform.old.unit_id) is State.WAIVED
    row = reform.row(heir.unit_id)
    assert (row.state, row.state_before) == (State.RECALL_PENDING, State.SENT)
    assert row.recall_asked_at == reform.clock() - timedelta(minutes=5)
    assert reform.opened(heir).changes[-1].note == "Nhầm."
    store.write_now(service.answer_recall, heir, POLICY, reform.id, RecallAnswer(agree=False, note="Đang làm."))
    reform.register(heir)
    granted = ExtensionDecision(grant=True)
    store.write_now(service.decide_extension, reform.clerk, POLICY, row.id, granted)
    assert reform.row(heir.unit_id).deadline == until


def test_a_recall_of_what_was_only_to_be_known_goes_along(reform: Reform, store: Store) -> None:
    reform.id = issue(store, reform.leader, [reform.old.unit_id], role=RecipientRole.INFO).id
    reform.register()
    store.write_now(service.recall, reform.leader, POLICY, reform.id, RecallInput(note="Nhầm."))
    reform.merge()
    assert reform.state(reform.old.unit_id) is State.CLOSED_INFO
    assert reform.state(reform.heir.unit_id) is State.RECALL_PENDING
    done = store.write_now(service.answer_recall, reform.heir, POLICY, reform.id, RecallAnswer(agree=True))
    assert done.state is State.RECALLED


async def test_the_sweeper_does_it(reform: Reform, store: Store) -> None:
    merged = District(name="x", valid_from=reform.clock().date(), units=[], ended=[THUY], successors={THUY: [TUYEN]})
    store.write_now(import_tree, merged)
    sweeper = Sweeper(store, POLICY, pause=0.01)
    sweeper.start()
    for _ in range(500):
        await asyncio.sleep(0.01)
        if reform.state(reform.heir.unit_id) is not None:
            break
    await sweeper.close()
    assert (reform.state(reform.old.unit_id), reform.state(reform.heir.unit_id)) == (State.WAIVED, State.SENT)


def test_the_heirs_are_told_as_of_a_new_one(reform: Reform, store: Store) -> None:
    reaching.reach(store, reform.heir, Channel.MAIL)
    reform.policy = reaching.POLICY
    reform.id = issue(store, reform.leader, [reform.old.unit_id], urgency=Urgency.FLASH).id
    assert reaching.messages(store) == []
    reform.merge()
    (message,) = reaching.messages(store)
    assert (message.account_id, message.channel) == (reform.heir.account_id, Channel.MAIL)
    assert msgspec.json.decode(message.notice)["directive"] == reform.id


# ---- what a unit that ends has issued itself


@pytest.fixture
def child(reform: Reform, store: Store) -> int:
    """What Cam Thủy has made of it for two of its villages."""
    reform.register()
    boss = reform.district.who("chutich.camthuy")
    below = [reform.district.unit(f"{THUY}.0{n}") for n in (1, 2)]
    made = draft(
        below, relation=Relation.FORWARDS, related=reform.id, deadline=reform.clock() + timedelta(days=5), subject="Làm"
    )
    return store.write_now(service.create_and_issue, boss, POLICY, made).id


def children(reform: Reform, unit: int) -> Any:
    row = reform.row(unit)
    return reform.store.read_now(forward.children_of, row)


def issuers(tx: Transaction, directive: int) -> set[int]:
    """Who follows up what was made of it."""
    return {row.issuer_id for row in tx.all(sa.select(v.issuer_id).where(v.directive_id == directive))}


def test_a_village_that_ends_keeps_the_parent(reform: Reform, store: Store, child: int) -> None:
    one, two = (reform.district.unit(f"{THUY}.0{n}") for n in (1, 3))
    assert reform.merge(f"{THUY}.03", ended=f"{THUY}.01") == 1
    assert reform.row(one, child).state == State.WAIVED
    assert reform.row(two, child).state == State.SENT
    assert children(reform, reform.old.unit_id).open == 2
    reform.report()
    with pytest.raises(ConflictError, match="children_open"):
        store.write_now(service.accept, reform.clerk, POLICY, reform.row(reform.old.unit_id).id)


def test_the_heir_follows_up_what_the_commune_had_handed_on(reform: Reform, store: Store, child: int) -> None:
    """The parent of the heir waits for the villages as the old one did, and the heir judges what they answer."""
    heir, village = reform.heir, reform.district.who("thon1.camthuy")
    reform.merge()
    reform.register(heir)
    reform.report(heir)
    assert children(reform, heir.unit_id).open == 2
    with pytest.raises(ConflictError, match="children_open"):
        store.write_now(service.accept, reform.clerk, POLICY, reform.row(heir.unit_id).id)
    boss = reform.district.who("chutich.camtuyen")
    assert child in [line.directive for line in store.read_now(service.issued, boss, POLICY)]
    opened = store.read_now(service.open_directive, boss, POLICY, child)
    assert opened.board is not None
    assert len(opened.board) == 2
    store.write_now(service.register, village, POLICY, child)
    store.write_now(service.report, village, POLICY, child, ReportInput(text="Xong."))
    assert store.read_now(service.decisions, boss).unjudged == 1
    store.write_now(service.accept, boss, POLICY, reform.row(village.unit_id, child).id)
    other = reform.row(reform.district.unit(f"{THUY}.02"), child)
    store.write_now(service.waive, boss, POLICY, other.id, WaiveInput(note="Thôn nhỏ."))
    done = store.write_now(service.accept, reform.clerk, POLICY, reform.row(heir.unit_id).id)
    assert done.state is State.COMPLETED
    with pytest.raises(NotFoundError):
        store.read_now(service.open_directive, reform.district.who("camhieu"), POLICY, child)


def test_a_mistake_in_following_up_holds_up_no_handing_over(
    reform: Reform, store: Store, child: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    boss = reform.district.who("chutich.camtuyen")

    def fail(tx: Any, heirs: Any) -> None:
        tx.execute(sa.update(delivery_table).values(issuer_id=boss.unit_id))
        raise RuntimeError("no heirs")

    with monkeypatch.context() as patched:
        patched.setattr(handover, "_follow_up", fail)
        assert reform.merge() == 1
        assert reform.row(reform.heir.unit_id).state == State.SENT
    assert "no heirs" in caplog.text
    assert store.read_now(issuers, child) == {reform.old.unit_id}
    assert reform.sweep() == 0
    assert store.read_now(issuers, child) == {boss.unit_id}


async def test_the_pages_say_from_whom_it_came(
    reform: Reform, store: Store, page_as: PageAs, as_: As, clock: Clock
) -> None:
    reform.register()
    reform.merge()
    new = reform.row(reform.heir.unit_id)
    text = await (await (await page_as("camtuyen")).get(f"/directives/{reform.id}")).text()
    assert "Nhận bàn giao từ Xã Cam Thủy" in text
    page = await page_as("chutich")
    text = await (await page.get(f"/directives/{reform.id}")).text()
    assert "Nhận bàn giao từ Xã Cam Thủy" in text
    assert "Đã bàn giao cho Xã Cam Tuyền" in text
    text = await (await page.get(f"/deliveries/{new.id}")).text()
    assert "Nhận bàn giao từ Xã Cam Thủy" in text
    text = await (await (await page_as("camthuy")).get(f"/directives/{reform.id}")).text()
    assert "Đã bàn giao cho Xã Cam Tuyền" in text
    assert "được miễn" not in text
    found: dict[str, Any] = await (await (await as_("camtuyen")).get(f"/api/v1/directives/{reform.id}")).json()
    assert found["delivery"]["taken_over"][0]["unit_name"] == "Xã Cam Thủy"
