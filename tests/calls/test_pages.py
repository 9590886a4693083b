"""The operator's pages, and what hosts see of telephones on a meeting's page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import segno
import sqlalchemy as sa
from aiohttp import web

from server.accounts import sessions
from server.calls import log, numbers, pins
from server.calls.feature import pages
from server.calls.model import phone_pin
from server.calls.rules import Direction, Outcome, Purpose
from server.calls.words import OUTCOMES, PURPOSES
from server.config import Settings
from server.meetings.service import plan, telephone
from server.meetings.service.plan import Plan
from server.store import Store
from tests.calls.making import line_alone
from tests.conftest import As, DistrictIds, PageAs


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A server with a trunk that nobody answers at."""
    trunks = ["203.0.113.0/28"]
    return line_alone(settings, monkeypatch, trunk="127.0.0.1:9", numbers=["0233 3873 100"], trunks=trunks)


def test_every_outcome_and_purpose_has_its_words() -> None:
    assert set(OUTCOMES) == set(Outcome) and set(PURPOSES) == set(Purpose)
    assert len(set(OUTCOMES.values())) == len(Outcome)


async def test_the_log_says_why_in_words(store: Store, page_as: PageAs, district: DistrictIds) -> None:
    for number in range(60):
        row = store.write_now(log.begin, f"c{number}", Direction.OUT, Purpose.TEST, f"0912{number:06}")
        store.write_now(log.ended, row, Outcome.BUSY, 486, 17)
    page = await page_as("quantri")
    text = await (await page.get("/telephone")).text()
    assert "Máy bận" in text and "SIP 486, Q.850 17" in text and "0912000059" in text
    assert "0912000009" not in text and "203.0.113.0/28" in text
    older = re.search(r"/telephone\?before=\d+", text)
    assert older is not None
    assert "0912000009" in await (await page.get(older[0])).text()


@pytest.mark.parametrize("known", ["+84903123456", "0903123456"])
@pytest.mark.parametrize("words", ["0903123456", "0903 12", "+84 903 123", "903123456", "3456"])
def test_a_number_is_found_in_both_its_forms(store: Store, known: str, words: str) -> None:
    store.write_now(log.begin, "a", Direction.IN, Purpose.MEETING, known)
    store.write_now(log.begin, "b", Direction.IN, Purpose.MEETING, "0233870904")
    assert [one.number for one in store.read_now(log.latest, 9, None, words)] == [known]


async def test_programs_read_the_same(store: Store, as_: As, district: DistrictIds) -> None:
    row = store.write_now(log.begin, "c", Direction.OUT, Purpose.TEST, "0912000111")
    store.write_now(log.ended, row, Outcome.BUSY, 486, 17)
    client = await as_("quantri")
    stands = await (await client.get("/api/v1/telephone")).json()
    assert (stands["configured"], stands["trunk"], stands["trunk_up"]) == (True, "127.0.0.1:9", None)
    found = await (await client.get("/api/v1/telephone/calls")).json()
    assert [(one["number"], one["outcome"], one["cause"]) for one in found["calls"]] == [("0912000111", "busy", 17)]
    assert found["older"] is None
    assert (await client.get("/api/v1/telephone/calls?before=0")).status == 422
    assert (await (await as_("chutich")).get("/api/v1/telephone")).status == 403


async def test_wrong_pins_are_reported(store: Store, page_as: PageAs, district: DistrictIds) -> None:
    row = store.write_now(log.begin, "c", Direction.IN, Purpose.MEETING, "0905000001")
    for _ in range(3):
        store.write_now(log.wrong_pin, row)
    text = await (await (await page_as("quantri")).get("/telephone")).text()
    assert "0905000001: 3 lần" in text


async def test_a_test_call_wants_a_number(page_as: PageAs, app: web.Application) -> None:
    page = await page_as("quantri")
    wrong = await page.post("/telephone/test", {"number": "abc"})
    assert wrong.status == 422
    assert "3 đến 15 chữ số" in await wrong.text()
    made = await page.post("/telephone/test", {"number": "0912 000 111"})
    assert made.status == 303
    assert [job[2] for job in app[pages.DIALLER]._running] == ["0912000111"]


async def test_numbers_are_noted_and_taken_away(store: Store, page_as: PageAs, district: DistrictIds) -> None:
    page, account = await page_as("quantri"), district.who("thon1.camthuy").account_id
    here = f"/telephone/people/{account}"
    wrong = await page.post(f"{here}/number", {"number": "09 12 không"})
    assert wrong.status == 422 and 'value="09 12 không"' in await wrong.text()
    assert (await page.post(f"{here}/number", {"number": "0912 000-111"})).status == 303
    assert store.read_now(numbers.known) == {account: "0912000111"}
    found = await (await page.get("/telephone/people?q=" + district.who("thon1.camthuy").name)).text()
    assert "0912000111" in found
    assert "0912000111" not in await (await page.get("/telephone/people?q=khong+ai")).text()
    assert "/telephone/people?q=&amp;page=2" in await (await page.get("/telephone/people")).text()
    assert (await page.post(f"{here}/number", {"number": " "})).status == 303
    assert store.read_now(numbers.known) == {}
    assert (await page.get("/telephone/people/999999")).status == 404


async def test_who_changed_a_number_stands_in_the_server_s_log(
    page_as: PageAs, district: DistrictIds, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever is called there confirms in that person's name. Of numbers, the end alone is written down."""
    page, account = await page_as("quantri"), district.who("thon1.camthuy").account_id
    caplog.set_level("INFO", "giaoban.calls")
    for number in ("0912 000 111", "+84912000111", "0912000222", "", "khong"):
        await page.post(f"/telephone/people/{account}/number", {"number": number})
    by = f"by quantri (account {district.who('quantri').account_id})"
    told = [record.getMessage() for record in caplog.records if "telephone number" in record.getMessage()]
    assert told == [
        f"the telephone number of account {account} was changed {by}: {old} -> {new}"
        for old, new in (("none", "…111"), ("…111", "…222"), ("…222", "none"))
    ]
    assert not any("0912" in record.getMessage() for record in caplog.records if record.name == "giaoban.calls")


async def test_units_that_nothing_reaches_are_listed(store: Store, page_as: PageAs, district: DistrictIds) -> None:
    page, head = await page_as("quantri"), district.who("thon1.camthuy")

    async def listed(where: str) -> tuple[int, str]:
        text = await (await page.get(where)).text()
        found = re.search(r"([\d.]+) đơn vị không có số, cũng không có máy", text)
        return int(found[1].replace(".", "")) if found else 0, text

    before, text = await listed("/telephone/people")
    assert before > 20 and 'href="/telephone/people?unreached=true"' in text
    assert f'/telephone/people?unreached=true">{before}<' in await (await page.get("/telephone")).text()
    only = f"/telephone/people?unreached=true&q={head.name}"
    assert f"/telephone/people/{head.account_id}" in (await listed(only))[1]
    store.write_now(numbers.give, head.account_id, "0912000111")
    after, text = await listed(only)
    assert after == before - 1 and f"/telephone/people/{head.account_id}" not in text
    store.write_now(numbers.give, head.account_id, "")
    store.write_now(sessions.open_session, head.account_id, "127.0.0.1", "phone", timedelta(hours=12))
    assert (await listed(only))[0] == before - 1, "a device will do"


async def test_a_pin_is_shown_once_on_its_sheet(
    store: Store, app: web.Application, page_as: PageAs, district: DistrictIds
) -> None:
    page, who = await page_as("quantri"), district.who("thon1.camthuy")
    here = f"/telephone/people/{who.account_id}"
    sheet = await page.post(f"{here}/pin")
    text = await sheet.text()
    assert sheet.headers["Cache-Control"] == "no-store"
    found = re.search(r'class="sheet-pin">(\d{4}) (\d{4})<', text)
    assert found is not None
    pin, key = found[1] + found[2], app[pages.EXCHANGE].key
    assert store.read_now(pins.owner, key, pin) == who.account_id
    assert who.name in text and "0233 3873 100" in text and "<svg" in text
    assert pin not in await (await page.get(here)).text()
    stored = store.read_now(lambda tx: tx.all(sa.select(phone_pin)))
    assert len(stored) == 1 and pin not in str(stored[0])
    assert (await page.post(f"{here}/pin/take-back")).status == 303
    assert store.read_now(pins.owner, key, pin) is None


async def test_the_code_of_a_sheet_dials_what_a_tel_uri_may_hold(
    page_as: PageAs, district: DistrictIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3966 has no raw # (a fragment would begin with it); eight digits are complete without one."""
    links, make = [], segno.make
    monkeypatch.setattr(segno, "make", lambda link, **how: links.append(link) or make(link, **how))
    await (await page_as("quantri")).post(f"/telephone/people/{district.who('thon1.camthuy').account_id}/pin")
    (link,) = links
    assert re.fullmatch(r"tel:02333873100,,\d{8}", link)


async def test_all_village_heads_without_a_pin_get_one(store: Store, page_as: PageAs, district: DistrictIds) -> None:
    page = await page_as("quantri")
    first = await (await page.post("/telephone/pins")).text()
    codes = re.findall(r'class="sheet-pin">([\d ]+)<', first)
    assert len(codes) == len(set(codes)) > 20
    assert len(store.read_now(pins.those_with)) == len(codes)
    again = await (await page.post("/telephone/pins")).text()
    assert "Mọi trưởng thôn đã có mã" in again and 'name="again" value="true"' in again
    lost = await (await page.post("/telephone/pins", {"again": "true"})).text()
    anew = re.findall(r'class="sheet-pin">([\d ]+)<', lost)
    assert len(anew) == len(codes) and not set(anew) & set(codes)
    assert len(store.read_now(pins.those_with)) == len(codes)


async def test_hosts_make_a_code_and_allow_calling_back(store: Store, page_as: PageAs, district: DistrictIds) -> None:
    chair = district.who("chutich")
    meeting = store.write_now(plan.create, chair, Plan(title="Giao ban", units=[district.unit("19606")]))
    host, guest = await page_as("chutich"), await page_as("camthuy")
    here = f"/meetings/{meeting}"
    assert "Tạo mã cuộc họp" in await (await host.get(here)).text()
    assert "Tạo mã cuộc họp" not in await (await guest.get(here)).text()
    assert (await guest.post(f"{here}/dial-in")).status == 403
    assert (await host.post(f"{here}/dial-in")).status == 303
    code = store.write_now(telephone.give_code, meeting)
    text = await (await host.get(here)).text()
    assert f"{code[:4]} {code[4:]}" in text and "0233 3873 100" in text
    assert "Đổi mã" in text and "Đổi mã" not in await (await guest.get(here)).text()
    assert (await guest.post(f"{here}/dial-in/change")).status == 403
    assert (await host.post(f"{here}/dial-in/change")).status == 303
    new = store.write_now(telephone.give_code, meeting)
    text = await (await host.get(here)).text()
    assert new != code and f"{new[:4]} {new[4:]}" in text and f"{code[:4]} {code[4:]}" not in text
    assert not store.read_now(telephone.may_call_back, meeting)
    assert (await host.post(f"{here}/calls-back", {"allowed": "1"})).status == 303
    assert store.read_now(telephone.may_call_back, meeting)
    assert (await host.post(f"{here}/calls-back", {"allowed": ""})).status == 303
    assert not store.read_now(telephone.may_call_back, meeting)


async def test_nobodys_room_has_the_number_or_the_code_in_its_page(
    store: Store, page_as: PageAs, district: DistrictIds
) -> None:
    """Who runs the meeting asks for them (`meeting.dial_in`); a page would keep them when somebody else runs it."""
    units = [district.unit("19606"), district.who("thon1.camthuy").unit_id]
    meeting = store.write_now(plan.create, district.who("chutich"), Plan(title="Giao ban", units=units))
    code = store.write_now(telephone.give_code, meeting)
    for who in ("chutich", "camthuy", "thon1.camthuy"):
        answer = await (await page_as(who)).get(f"/meetings/{meeting}/check")
        text = await answer.text()
        assert answer.status == 200 and "data-door" in text, who
        assert "0233 3873 100" not in text and f"{code[:4]} {code[4:]}" not in text and code not in text, who


async def test_the_guide_names_the_number(page_as: PageAs) -> None:
    text = await (await (await page_as("thon1.camthuy")).get("/guide/telephone")).text()
    assert "0233 3873 100" in text
    assert text.count("/static/img/phone-") == text.count("<h2>") == 4


async def test_a_village_head_finds_the_guide(store: Store, page_as: PageAs, district: DistrictIds) -> None:
    """From the account and from the page of a meeting they are invited to, with the number and what to press."""
    chair = district.who("chutich")
    meeting = store.write_now(plan.create, chair, Plan(title="Giao ban", units=[district.unit("19606.01")]))
    page, link = await page_as("thon1.camthuy"), 'href="/guide/telephone"'
    text = await (await page.get(f"/meetings/{meeting}")).text()
    assert link in text and "gọi số 0233 3873 100, bấm mã riêng" in text and "mã cuộc họp" not in text
    code = store.write_now(telephone.give_code, meeting)
    assert f"mã cuộc họp {code[:4]} {code[4:]}#" in await (await page.get(f"/meetings/{meeting}")).text()
    text = await (await page.get("/account")).text()
    assert link in text and "0233 3873 100" in text and "chưa có mã riêng" in text
    found = re.search(r'href="(/guide/telephone)"', text)
    assert found is not None and (await page.get(found[1])).status == 200
    assert (await page.post("/telephone/pins")).status == 403
    await (await page_as("quantri")).post("/telephone/pins")
    assert "đã có mã riêng" in await (await page.get("/account")).text()
    store.write_now(plan.end, chair, meeting)
    assert link not in await (await page.get(f"/meetings/{meeting}")).text()
