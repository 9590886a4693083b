"""What the operator looks for: calls of a number, a unit, an outcome; since when the trunk is down; what runs now."""

from __future__ import annotations

import re

import pytest
from aiohttp import web

from server.calls import log
from server.calls.dial_out import Job
from server.calls.exchange import EXCHANGE
from server.calls.feature import pages
from server.calls.rules import Direction, Outcome, Purpose
from server.config import Settings
from server.meetings.service import plan, telephone
from server.meetings.service.plan import Plan
from server.store import Store
from server.telephony.sip.registration import Standing
from tests.calls.making import line_alone
from tests.conftest import As, Clock, DistrictIds, PageAs


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    return line_alone(settings, monkeypatch, trunk="127.0.0.1:9", numbers=["0233 3873 100"])


@pytest.fixture
def calls(store: Store, district: DistrictIds) -> None:
    """Two of each of two villages, busy and met, the later ones of other numbers; then one that nobody is known of."""
    for number, (unit, outcome) in enumerate(
        (unit, outcome) for unit in ("19606.01", "19606.02") for outcome in (Outcome.BUSY, Outcome.MET)
    ):
        known = {"unit_id": district.unit(unit)}
        row = store.write_now(
            lambda tx, n=number, k=known: log.begin(tx, f"c{n}", Direction.OUT, Purpose.TEST, f"091200011{n}", **k)
        )
        store.write_now(log.ended, row, outcome, 200, None)
    row = store.write_now(log.begin, "x", Direction.IN, Purpose.MEETING, "+84905333444")
    store.write_now(log.ended, row, Outcome.WRONG_PIN, 200, None)


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=0912 000-112", ["2"]),
        ("q=333 44", ["4"]),
        ("q=thon 1, cam thuy", ["1", "0"]),
        ("q=Cam Thủy", ["3", "2", "1", "0"]),
        ("outcome=busy", ["2", "0"]),
        ("q=thôn 2&outcome=met", ["3"]),
        ("q=%25", []),
        ("q=12", []),
        ("q=", ["4", "3", "2", "1", "0"]),
    ],
)
async def test_calls_are_found_by_number_unit_and_outcome(
    as_: As, page_as: PageAs, query: str, found: list[str]
) -> None:
    got = await (await (await as_("quantri")).get(f"/api/v1/telephone/calls?{query}")).json()
    assert [one["number"][-1] for one in got["calls"]] == found
    text = await (await (await page_as("quantri")).get(f"/telephone?{query}")).text()
    assert len(re.findall(r'class="call-number"', text)) == len(found)
    assert ("Không có cuộc gọi nào như vậy" in text) is not bool(found)


async def test_what_was_looked_for_stays_with_older_calls(store: Store, page_as: PageAs, district: DistrictIds) -> None:
    for number in range(60):
        row = store.write_now(log.begin, f"c{number}", Direction.OUT, Purpose.TEST, f"0912{number:06}")
        store.write_now(log.ended, row, Outcome.BUSY if number % 2 else Outcome.MET, 486, 17)
        row = store.write_now(log.begin, f"c{number}", Direction.OUT, Purpose.TEST, f"0912{number:06}")
        store.write_now(log.ended, row, Outcome.BUSY, 486, 17)
    page = await page_as("quantri")
    text = await (await page.get("/telephone?q=0912&outcome=busy")).text()
    older = re.search(r"/telephone\?before=\d+&amp;q=0912&amp;outcome=busy", text)
    assert older is not None
    text = await (await page.get(older[0].replace("&amp;", "&"))).text()
    assert text.count('class="call-number"') == 40 and 'value="busy" selected' in text and 'value="0912"' in text
    assert (await page.get("/telephone?outcome=nonsense")).status == 422


async def test_since_when_the_trunk_is_down(app: web.Application, as_: As, page_as: PageAs, clock: Clock) -> None:
    trunk = app[EXCHANGE].trunk
    trunk._stands(Standing(False, 503, "Service Unavailable"), 0.0)
    began = clock()
    clock.advance(seconds=600)
    trunk._stands(Standing(False, 408, "No response"), 0.0)
    text = await (await (await page_as("quantri")).get("/telephone")).text()
    since = re.search(r"408 No response, <span[^>]*>từ <span><time[^>]*datetime=\"([^\"]+)\"", text)
    assert since is not None and since[1].startswith(began.isoformat()[:16])
    stands = await (await (await as_("quantri")).get("/api/v1/telephone")).json()
    assert (stands["trunk_up"], stands["trunk_since"][:16]) == (False, began.isoformat()[:16])


async def test_the_page_renews_itself_while_calls_run(page_as: PageAs, app: web.Application) -> None:
    page = await page_as("quantri")
    assert "data-changing" not in await (await page.get("/telephone")).text()
    app[pages.DIALLER]._running.add(Job(number="0912000111", purpose=Purpose.TEST).key)
    text = await (await page.get("/telephone")).text()
    assert 'id="telephone-log" data-changing' in text and "/static/js/telephone.js" in text


async def test_no_document_of_the_room_holds_the_code(store: Store, page_as: PageAs, district: DistrictIds) -> None:
    """It is told by `meeting.dial_in`, to who runs the meeting; a cadre who may become secretary is not told before."""
    units = [district.unit("19606"), district.who("thon1.camthuy").unit_id]
    meeting = store.write_now(plan.create, district.who("chutich"), Plan(title="Giao ban", units=units))
    code = store.write_now(telephone.give_code, meeting)
    for who in ("chutich", "camthuy", "thon1.camthuy"):
        page = await page_as(who)
        for address in ("room", "check"):
            text = await (await page.get(f"/meetings/{meeting}/{address}")).text()
            assert code not in text and f"{code[:4]} {code[4:]}" not in text, (who, address)
            assert ("data-dial-in-note hidden" in text) is (who != "thon1.camthuy"), who
