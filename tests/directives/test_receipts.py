"""Receipts are honest: a key of a telephone says that a unit has heard of it, not that a device or a person has it."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from server.directives import service
from server.directives.rules import State, Through
from server.directives.service.overview import Worst
from server.directives.shapes import Delivery, RecallInput
from server.store import Store
from tests.conftest import Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue


@pytest.fixture
def village(district: DistrictIds) -> int:
    return district.unit("19606.01")


@pytest.fixture
def made(store: Store, district: DistrictIds, village: int) -> int:
    """A directive to a village, whose head confirms it by a key of the telephone."""
    made = issue(store, district.who("chutich"), [village]).id
    head = district.who("thon1.camthuy")
    store.write_now(service.confirm_by_phone, POLICY, [head], head.account_id, made, "a call")
    return made


def board(store: Store, district: DistrictIds, made: int) -> tuple[Delivery, tuple[int, ...]]:
    """The only delivery as its issuer sees it, and how many have it, have seen it and have registered it."""
    opened = store.read_now(service.open_directive, district.who("chutich"), POLICY, made)
    assert opened.board is not None
    assert opened.counts is not None
    (one,), counts = opened.board, opened.counts
    return one, (counts.arrived, counts.seen, counts.registered)


def test_a_key_of_a_telephone_is_no_receipt(store: Store, district: DistrictIds, made: int) -> None:
    one, counts = board(store, district, made)
    assert (one.state, one.registered_through, counts) == (State.REGISTERED, Through.TELEPHONE, (0, 0, 1))
    assert (one.arrived_at, one.seen_at) == (None, None)
    _directive, opened = store.read_now(service.open_delivery, district.who("chutich"), POLICY, one.id)
    assert [(change.event, change.through) for change in opened.changes] == [("register", Through.TELEPHONE)]


async def test_pages_say_so(made: int, page_as: PageAs) -> None:
    shown = await page_as("chutich")
    text = " ".join((await (await shown.get(f"/directives/{made}")).text()).split())
    assert "bằng phím điện thoại" in text
    text = " ".join((await (await shown.get("/directives/out")).text()).split())
    assert "Đã đến máy 0/1" in text
    assert "Đã xem 0/1" in text
    assert "Đã tiếp nhận 1/1" in text


def test_what_comes_later_is_noted_and_moves_nothing(
    store: Store, district: DistrictIds, clock: Clock, village: int, made: int
) -> None:
    notes: list[Any] = []
    store.listeners.append(lambda _events, news: notes.extend(news))
    came = clock.advance(hours=1)
    for _time in range(2):
        assert store.write_now(service.arrived, {village: 99}) == 0
    one, counts = board(store, district, made)
    assert (one.state, one.arrived_at, one.seen_at, counts) == (State.REGISTERED, came, None, (1, 0, 1))
    seen = clock.advance(hours=1)
    for _time in range(2):
        store.write_now(service.see, district.who("thon1.camthuy"), made)
        clock.advance(minutes=1)
    one, counts = board(store, district, made)
    assert (one.state, one.arrived_at, one.seen_at, counts) == (State.REGISTERED, came, seen, (1, 1, 1))
    assert len(notes) == 2  # the board is woken by each, once


async def test_the_page_is_read_once_and_the_unit_has_seen_it(
    store: Store, district: DistrictIds, clock: Clock, made: int, page_as: PageAs
) -> None:
    opened = clock.advance(hours=1)
    page = await page_as("thon1.camthuy")
    assert (await page.get(f"/directives/{made}")).status == 200
    one, counts = board(store, district, made)
    assert (one.arrived_at, one.seen_at, one.registered_through, counts) == (
        opened,
        opened,
        Through.TELEPHONE,
        (1, 1, 1),
    )


def test_what_was_seen_before_the_call_stays_seen(
    store: Store, district: DistrictIds, clock: Clock, village: int
) -> None:
    head = district.who("thon1.camthuy")
    made, seen = issue(store, district.who("chutich"), [village]).id, clock.advance(minutes=1)
    store.write_now(service.see, head, made)
    clock.advance(minutes=1)
    store.write_now(service.register, head, POLICY, made, through=Through.TELEPHONE)
    one, counts = board(store, district, made)
    assert (one.arrived_at, one.seen_at, counts) == (seen, seen, (1, 1, 1))


def test_who_confirmed_by_telephone_is_not_out_of_reach_on_the_wall(
    store: Store, district: DistrictIds, made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = district.who("chutich")
    store.write_now(service.recall, leader, POLICY, made, RecallInput(note="Nhầm"))
    module = importlib.import_module("server.directives.service.overview")
    monkeypatch.setattr(module, "out_of_reach", lambda _tx, _policy, units: set(units))
    tiles = store.read_now(service.overview, leader, POLICY)
    assert sum(tile.counts[Worst.UNREACHED] for tile in tiles) == 0
