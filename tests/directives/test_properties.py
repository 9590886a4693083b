"""Any commands in any order, some of them twice: the invariants of DOMAIN hold; and numbers under concurrency."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.accounts import service as accounts
from server.accounts.principal import Principal
from server.directives import service
from server.directives.model import change_table, command_table, delivery_table, directive_table
from server.directives.rules import (
    CLOSED,
    FINAL,
    UNREGISTERED,
    Position,
    RecipientRole,
    Relation,
    ReturnReason,
    State,
    Through,
    advance,
    stage_of,
)
from server.directives.service.steps import position_of
from server.directives.shapes import (
    AcceptInput,
    AssignInput,
    Command,
    ExtensionDecision,
    ExtensionInput,
    RecallAnswer,
    RecallInput,
    ReportInput,
    ReturnInput,
    SendBackInput,
    WaiveInput,
)
from server.errors import GiaoBanError
from server.store import Store, Transaction
from server.store.events import StoredEvent, since
from server.units.service import by_code
from tests.conftest import START, Clock, DistrictIds
from tests.directives.helpers import POLICY, draft, issue

ACTIONS = (
    *("wait", "arrived", "see", "register", "telephone", "return", "report", "accept", "send_back"),
    *("recall", "agree", "refuse", "waive", "replace", "assign", "start", "ask", "grant", "deny"),
    *("forward", "child_done", "child_recall", "child_replace", "child_correct"),
)
drops = st.lists(st.booleans(), min_size=1, max_size=12)
steps = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 4)), max_size=14)
roles = st.sampled_from([role for role in RecipientRole if role is not RecipientRole.ASSIST])  # who assists assists one
UNNAMED = ("wait", "arrived", "see")  # those without a command's id
CHANGED = "delivery.changed"
v = delivery_table.c


class Listener:
    """A device on a bad line: it loses what `drops` says, and asks for what it misses (DOMAIN, invariant 4)."""

    def __init__(self, store: Store, unit: int, drops: list[bool]) -> None:
        self.store, self.unit, self.drops = store, unit, itertools.cycle(drops)
        self.heard: list[int] = []
        store.listeners.append(self.hear)

    def hear(self, events: Sequence[StoredEvent], _notes: Any) -> None:
        for event in events:
            if event.unit_id != self.unit or next(self.drops):
                continue
            if event.seq == len(self.heard) + 1:
                self.heard.append(event.seq)
            elif event.seq > len(self.heard):
                self.catch_up()

    def catch_up(self) -> None:
        missed = self.store.read_now(lambda tx: since(tx.connection, self.unit, len(self.heard)))
        self.heard += [event.seq for event in missed]


class World:
    """One directive to one unit, its people, and a village that it is handed on to; there may be others."""

    def __init__(self, store: Store, clock: Clock, role: RecipientRole = RecipientRole.EXECUTE) -> None:
        self.store, self.clock = store, clock
        who = {name: store.read_now(accounts.principal_of, name) for name in ("chutich", "vanthu", "camthuy")}
        self.leader, self.clerk, self.cadre = who["chutich"], who["vanthu"], who["camthuy"]
        self.unit = self.cadre.unit_id
        self.boss = store.read_now(accounts.principal_of, "chutich.camthuy")
        self.head = store.read_now(accounts.principal_of, "thon1.camthuy")
        self.other = store.read_now(accounts.principal_of, "camhieu").unit_id
        self.directive = issue(store, self.leader, [self.unit], role=role).id
        self.delivery, self.seq = self.row().id, self.row().seq
        self.answers: dict[tuple[str, str], Any] = {}

    def row(self) -> Any:
        query = sa.select(delivery_table).where(v.unit_id == self.unit, v.directive_id == self.directive)
        return self.store.read_now(lambda tx: tx.one(query))

    def do(self, action: str, command: str) -> Any:
        """Send a command; gives its answer."""
        write, directive = self.store.write_now, self.directive
        match action:
            case "wait":
                return self.clock.advance(days=3)
            case "arrived":
                return write(service.arrived, {self.unit: self.seq})
            case "see":
                return write(service.see, self.cadre, directive)
            case "register":
                return write(service.register, self.cadre, POLICY, directive, command)
            case "telephone":
                means = Through.TELEPHONE
                return write(service.register, self.cadre, POLICY, directive, command, through=means)
            case "return":
                data = ReturnInput(reason=ReturnReason.DAMAGED, command_id=command)
                return write(service.return_delivery, self.cadre, POLICY, directive, data)
            case "report":
                return write(service.report, self.cadre, POLICY, directive, ReportInput(text="x", command_id=command))
            case "accept":
                return write(service.accept, self.clerk, POLICY, self.delivery, AcceptInput(command_id=command))
            case "recall":
                return write(service.recall, self.leader, POLICY, directive, RecallInput(note="x", command_id=command))
            case "agree" | "refuse":
                answer = RecallAnswer(agree=action == "agree", note="x", command_id=command)
                return write(service.answer_recall, self.cadre, POLICY, directive, answer)
            case "assign":
                named = AssignInput(lead=self.cadre.account_id, note="x", command_id=command)
                return write(service.assign, self.boss, POLICY, directive, named)
            case "start":
                return write(service.start, self.cadre, directive, Command(command_id=command))
            case "ask":
                more = self.clock() + timedelta(days=9)
                data = ExtensionInput(reason="x", until=more, command_id=command)
                return write(service.ask_extension, self.cadre, POLICY, directive, data)
            case "grant" | "deny":
                decision = ExtensionDecision(grant=action == "grant", note="x", command_id=command)
                return write(service.decide_extension, self.clerk, POLICY, self.delivery, decision)
            case "waive":
                return write(
                    service.waive, self.leader, POLICY, self.delivery, WaiveInput(note="x", command_id=command)
                )
            case "forward":
                values = {"relation": Relation.FORWARDS, "related": directive, "command_id": command}
                return write(service.create_and_issue, self.boss, POLICY, draft([self.head.unit_id], **values))
            case "child_done" | "child_recall":
                return self.end_child(action, command)
            case "child_replace" | "child_correct":
                relation = Relation.REPLACES if action == "child_replace" else Relation.CORRECTS
                values = {
                    "relation": relation,
                    "related": max(self.children(), default=(0, 0))[0],
                    "deadline": self.row().deadline,
                }
                made = draft([self.head.unit_id], **values, command_id=command)
                return write(service.create_and_issue, self.boss, POLICY, made)
            case "replace":
                values = {"deadline": self.clock() + timedelta(days=7), "command_id": command}
                made = draft([self.other], relation=Relation.REPLACES, related=directive, **values)
                return write(service.create_and_issue, self.leader, POLICY, made)
            case _:
                more = self.clock() + timedelta(days=5)
                data = SendBackInput(note="x", deadline=more, command_id=command)
                return write(service.send_back, self.clerk, POLICY, self.delivery, data)

    def end_child(self, action: str, command: str) -> Any:
        """The newest child is answered and accepted, or recalled and given up."""
        write, (child, delivery) = self.store.write_now, max(self.children(), default=(0, 0))
        if action == "child_recall":
            write(service.recall, self.boss, POLICY, child, RecallInput(note="x", command_id=f"{command}-ask"))
            return write(service.answer_recall, self.head, POLICY, child, RecallAnswer(agree=True, command_id=command))
        write(service.register, self.head, POLICY, child, f"{command}-register")
        write(service.report, self.head, POLICY, child, ReportInput(text="x", command_id=f"{command}-report"))
        return write(service.accept, self.boss, POLICY, delivery, AcceptInput(command_id=command))

    def children(self, *, open_only: bool = False, forwards: bool = False) -> list[tuple[int, int]]:
        """Directives by which the unit has handed it on, what replaced or corrected those, and their deliveries."""
        d, near, found = directive_table.c, [self.directive], list[tuple[int, int]]()
        query = sa.select(d.id, v.id, v.state).join(delivery_table, v.directive_id == d.id)
        while near:
            later = query.where(d.unit_id == self.unit, d.related_id.in_(near))
            rows = self.store.read_now(lambda tx, later=later: tx.all(later))
            found += [(one, other) for one, other, state in rows if not (open_only and state in CLOSED)]
            near = [] if forwards else [one for one, _other, _state in rows]
        return found

    def history(self) -> list[Any]:
        query = sa.select(change_table).where(change_table.c.delivery_id == self.delivery).order_by(change_table.c.id)
        return self.store.read_now(lambda tx: tx.all(query))

    def events(self, unit: int) -> list[Any]:
        return self.store.read_now(lambda tx: since(tx.connection, unit, 0))


@pytest.mark.sqlite_only
@given(steps, roles, drops)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([("register", 0), ("forward", 0), ("report", 0), ("accept", 0)], RecipientRole.EXECUTE, [True, False])
@example(
    [(one, 0) for one in ("register", "forward", "report", "child_done", "accept", "forward")],
    RecipientRole.LEAD,
    [False, True, True],
)
@example([(one, 0) for one in ("register", "forward", "report", "child_recall", "accept")], RecipientRole.LEAD, [True])
@example([(one, 0) for one in ("register", "forward", "report", "child_replace", "accept")], RecipientRole.LEAD, [True])
@example(
    [(one, 0) for one in ("register", "forward", "child_done", "child_correct", "report", "accept", "child_done")],
    RecipientRole.EXECUTE,
    [False],
)
@example([(one, 0) for one in ("telephone", "arrived", "see", "report", "accept")], RecipientRole.EXECUTE, [True])
def test_invariants(
    _seeded_file: Path, commands: list[tuple[str, int]], role: RecipientRole, drops: list[bool]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(_seeded_file, f"{folder}/t.db")
        clock = Clock(START)
        store = Store(f"sqlite:///{folder}/t.db", clock=clock)
        try:
            world = World(store, clock, role)
            listeners = [Listener(store, unit, drops) for unit in (world.unit, world.leader.unit_id)]
            check(world, commands)
            for one in listeners:
                one.catch_up()
                assert one.heard == list(range(1, len(world.events(one.unit)) + 1))
        finally:
            store.close()


def check(world: World, commands: list[tuple[str, int]]) -> None:
    """Run the commands; after each one everything fits together."""
    for action, number in commands:
        world.clock.advance(minutes=1)
        command = f"{action}-{number}"
        before, changes = world.row(), len(world.history())
        try:
            answer = world.do(action, command)
        except GiaoBanError:
            assert world.row() == before  # refused: nothing changed
            assert len(world.history()) == changes
            continue
        if (action, command) in world.answers and action not in UNNAMED:
            assert answer == world.answers[action, command]  # a repeat: the first answer, and no change
            assert world.row() == before
        if action == "telephone":
            assert receipts(world.row()) == receipts(before)  # it has reached no device, and nobody has seen it
        world.answers[action, command] = answer
        assert world.row().stage == stage_of(State(world.row().state))
        fits(world, position_of(before))
        if world.row().state == State.COMPLETED != before.state:  # later on, what was handed on may still be mended
            assert not world.children(open_only=True)


def receipts(row: Any) -> tuple[Any, ...]:
    return row.arrived_at, row.seen_at, row.seen_by


def fits(world: World, before: Position) -> None:
    """State, history, times, events and numbers tell the same story."""
    row, history = world.row(), world.history()
    place = Position(State.SENT)
    for change in history:
        assert change.before == place.state
        place = advance(place, change.event)
        assert change.after == place.state
    assert (row.state, row.state_before) == (place.state, place.before)
    assert not (before.underlying not in UNREGISTERED and place.underlying in UNREGISTERED)
    assert not (before.state in FINAL and place != before)
    by_telephone = row.registered_through == Through.TELEPHONE  # then receipts may come after it, or never
    known, work = (row.sent_at, row.arrived_at, row.seen_at), (row.registered_at, row.reported_at)
    for moments in (known, (row.sent_at, *work)) if by_telephone else ((*known, *work),):
        times = [moment for moment in moments if moment]
        assert times == sorted(times)
    assert by_telephone or row.registered_at is None or row.arrived_at is not None
    assert row.seen_at is None or row.arrived_at is not None
    happened = {change.event for change in history}
    assert (row.registered_at is not None) == bool(happened & {"register", "register_info"})
    bodies = [msgspec.json.decode(e.body) for e in world.events(world.leader.unit_id) if e.kind == CHANGED]
    told = [body["state"] for body in bodies if body["directive"] == world.directive]
    assert told == [change.after for change in history]
    assert not (row.state == State.COMPLETED and world.children(open_only=True, forwards=True))
    for unit in (world.unit, world.leader.unit_id, world.head.unit_id):
        assert [event.seq for event in world.events(unit)] == list(range(1, len(world.events(unit)) + 1))


# ---- many at once


@pytest.mark.usefixtures("district")
@given(st.lists(steps, min_size=2, max_size=4), roles)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_several_devices_at_once_come_to_one_story(
    store: Store, clock: Clock, devices: list[list[tuple[str, int]]], role: RecipientRole
) -> None:
    """Each device sends its commands in a row, all devices at the same time, and again after a lost answer.

    On SQLite they stand in one row before the writer; on PostgreSQL their transactions run side by side.
    """
    world = World(store, clock, role)
    with ThreadPoolExecutor(len(devices)) as pool:
        answers = [found for part in pool.map(lambda c: send_all(world, c), devices) for found in part]
    first: dict[str, Any] = {}
    for command, answer in answers:
        assert first.setdefault(command, answer) == answer  # whoever asks, and however often
    fits(world, Position(State.SENT))


def send_all(world: World, commands: list[tuple[str, int]]) -> list[tuple[str, Any]]:
    """The commands of one device, each sent twice; gives the answers of those that have one."""
    answers = []
    for action, number in commands:
        command = f"{world.directive}-{action}-{number}"
        for _again in range(2):
            try:
                answer = world.do(action, command)
            except GiaoBanError:
                continue
            if action not in UNNAMED:
                answers.append((command, answer))
    return answers


@pytest.fixture
def people(district: DistrictIds) -> tuple[Principal, Principal]:
    return district.who("chutich"), district.who("camthuy")


def test_numbers_have_no_gaps_under_concurrency(store: Store, people: tuple[Principal, Principal]) -> None:
    leader, cadre = people
    unit = store.read_now(by_code, "19606")
    assert unit is not None

    def one(n: int) -> int:
        made = issue(store, leader, [unit.id], deadline=None if n % 7 else store.clock() - timedelta(days=1))
        return made.id

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(one, n) for n in range(1, 43)]
        made = [job.result() for job in jobs if job.exception() is None]
        assert len(made) == 36  # every seventh was refused, and took no number
        registered = list(pool.map(lambda d: store.write_now(service.register, cadre, POLICY, d), made))
    d = directive_table.c
    numbers = store.read_now(lambda tx: tx.all(sa.select(d.number).where(d.number.is_not(None)).order_by(d.number)))
    assert [row.number for row in numbers] == list(range(1, 37))
    assert sorted(done.registry_number or 0 for done in registered) == list(range(1, 37))


def test_one_command_from_many_hands_is_done_once(store: Store, people: tuple[Principal, Principal]) -> None:
    leader, cadre = people
    made = issue(store, leader, [cadre.unit_id])
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _n: store.write_now(service.register, cadre, POLICY, made.id, "same"), range(16))
        )
    assert len({msgspec.json.encode(answer) for answer in answers}) == 1
    assert len(store.read_now(lambda tx: tx.all(sa.select(command_table)))) == 1


@pytest.mark.usefixtures("district")
def test_what_is_being_completed_is_not_handed_on_meanwhile(store: Store, clock: Clock) -> None:
    """Invariant 5: whoever hands it on waits for who completes it, and then may not any more."""
    world = World(store, clock)
    for action in ("register", "report"):
        world.do(action, action)
    accepted, go_on = Event(), Event()

    def accept(tx: Transaction) -> None:
        service.accept(tx, world.clerk, POLICY, world.delivery)
        accepted.set()
        assert go_on.wait(10)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.write_now, accept)
        assert accepted.wait(10)
        second = pool.submit(world.do, "forward", "forward")
        with pytest.raises(TimeoutError):
            second.result(0.5)
        go_on.set()
        first.result()
        with pytest.raises(GiaoBanError, match="not_forwardable"):
            second.result()
    assert (world.row().state, world.children()) == (State.COMPLETED, [])
