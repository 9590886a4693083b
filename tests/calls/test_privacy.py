"""Callers who hide their numbers though the trunk asserts them (RFC 3323, RFC 3325): known by name or not at all."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import msgspec
import pytest

from server.calls import guessing, log, numbers
from server.config import Settings
from server.meetings.service import telephone, view
from server.store import Store
from tests.calls.making import Village, village
from tests.calls.making import telephone as with_telephone
from tests.calls.test_dial_in import live, seats
from tests.conftest import DistrictIds

TAIL = "907654321"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, telephone=with_telephone())


@pytest.fixture
async def line(settings: Settings, store: Store) -> AsyncIterator[Village]:
    async with village(settings, store) as made:
        made.handsets.headers = {"P-Asserted-Identity": f"<sip:+84{TAIL}@vnpt.vn>", "Privacy": "id"}
        yield made


async def joined(line: Village, district: DistrictIds, number: str) -> int:
    """Somebody of the village has come by the meeting's code."""
    meeting = live(line, district)
    code = line.store.write_now(telephone.give_code, meeting)
    _call, name = await line.dial(number)
    await line.press(name, f"{code}#")
    await line.press(name, "1960601#")
    await line.hears(name, "joined")
    return meeting


def stands_nowhere(line: Village, meeting: int, caplog: pytest.LogCaptureFixture) -> bool:
    """Neither in the roster, nor in the rows of seats and calls, nor in the log."""
    said = "\n".join(record.getMessage() for record in caplog.records)
    snapshot = msgspec.json.encode(line.store.read_now(view.snapshot, meeting)).decode()
    calls = repr(line.store.read_now(log.latest, 10))
    return not any(
        TAIL[-3:] in text for text in (said, snapshot, calls, repr([s.number for s in seats(line, meeting)]))
    )


@pytest.mark.parametrize("number", ["anonymous", "0907654321"])
async def test_an_unknown_one_is_hidden_from_all(
    line: Village, district: DistrictIds, caplog: pytest.LogCaptureFixture, number: str
) -> None:
    caplog.set_level(logging.INFO)
    meeting = await joined(line, district, number)
    seat = seats(line, meeting)[1]
    assert (seat.name, seat.number) == ("Điện thoại giấu số", "")
    assert line.store.read_now(log.latest, 1)[0].number == ""
    assert stands_nowhere(line, meeting, caplog)


async def test_a_known_one_is_there_by_name_and_without_rights(
    line: Village, district: DistrictIds, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    head = district.who("thon1.camthuy")
    line.store.write_now(numbers.give, head.account_id, f"0{TAIL}")
    meeting = await joined(line, district, "anonymous")
    seat = seats(line, meeting)[1]
    assert (seat.name, seat.number, seat.account_id, seat.role) == (head.name, "", None, "guest")
    assert stands_nowhere(line, meeting, caplog)


async def test_what_only_the_caller_says_makes_nobody_known(line: Village, district: DistrictIds) -> None:
    line.store.write_now(numbers.give, district.who("thon1.camthuy").account_id, f"0{TAIL}")
    line.handsets.headers = {}
    meeting = await joined(line, district, f"0{TAIL}")
    assert seats(line, meeting)[1].name == "Điện thoại …321"


async def test_a_guesser_who_hides_locks_no_other_who_does(line: Village) -> None:
    made = []
    for tail in (TAIL, "901112223"):
        line.handsets.headers["P-Asserted-Identity"] = f"<sip:+84{tail}@vnpt.vn>"
        _call, name = await line.dial("anonymous")
        made.append(guessing._source(line.exchange, line.exchange.lines[name]))
    assert len(set(made)) == 2
    assert not any(TAIL[-4:] in one for one in made)
