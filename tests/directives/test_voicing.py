"""The button that calls a unit, and spoken answers on pages and in the API."""

from __future__ import annotations

from io import BytesIO

import pytest
from aiohttp import web

from server.accounts.identify import COOKIE
from server.calls import log, numbers
from server.calls.errands import Errands
from server.calls.exchange import EXCHANGE
from server.calls.rules import Direction, Outcome, Purpose
from server.config import Settings
from server.directives import service
from server.directives.keys import FILES
from server.directives.shapes import Upload
from server.store import Store
from tests.calls.making import line_alone
from tests.conftest import As, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue

SOUND = b"\x1aE\xdf\xa3 what was said"


@pytest.fixture(autouse=True)
def nobody_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls stay in the outbox."""

    async def nothing(_errands: Errands) -> None:
        return None

    monkeypatch.setattr(Errands, "_next", nothing)


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """There is a trunk."""
    return line_alone(settings, monkeypatch, trunk="127.0.0.1:9")


@pytest.fixture
async def directive(store: Store, district: DistrictIds) -> int:
    """From the commune to a village."""
    store.write_now(numbers.give, district.who("thon1.camthuy").account_id, "0912000111")
    return issue(store, district.who("chutich.camthuy"), [district.unit("19606.01")]).id


@pytest.fixture
async def spoken(app: web.Application, store: Store, district: DistrictIds, directive: int) -> int:
    """An answer that was cut off."""
    head = district.who("thon1.camthuy")
    key = store.write_now(service.begin_spoken, head, directive, "a.webm")
    stored = app[FILES].put(BytesIO(SOUND), 1 << 20)
    file = Upload(name="a.webm", content_type="audio/webm", size=stored.size, sha256=stored.sha256)
    store.write_now(service.keep_spoken, key, file, 42_000)
    return key


async def test_the_button_calls_and_the_page_says_how_it_goes(
    page_as: PageAs, store: Store, district: DistrictIds, directive: int
) -> None:
    page = await page_as("vanthu.camthuy")
    board = await (await page.get(f"/directives/{directive}")).text()
    assert "Gọi điện" in board
    answer = await page.post("/deliveries/1/call")
    assert (answer.status, answer.headers["Location"]) == (303, "/deliveries/1#calls")
    known = {"unit_id": district.unit("19606.01"), "directive_id": directive}
    for name, outcome in (("a", Outcome.NO_ANSWER), ("b", Outcome.CONFIRMED)):
        row = store.write_now(log.begin, name, Direction.OUT, Purpose.DIRECTIVE, "0912000111", **known)
        store.write_now(log.ended, row, outcome, 200, None)
    shown = await (await page.get("/deliveries/1")).text()
    assert shown.index("Không nhấc máy") < shown.index("Đã xác nhận bằng phím bấm")
    board = await (await page.get(f"/directives/{directive}/board")).text()
    assert "Đã xác nhận bằng phím bấm" in board and "Không nhấc máy" not in board, "the last one"
    english = {"Cookie": f"{COOKIE}={page.secret}; language=en"}
    assert "Confirmed by key" in await (await page.get("/deliveries/1", headers=english)).text()


async def test_a_unit_without_a_number_is_told_on_the_page(
    page_as: PageAs, as_: As, store: Store, district: DistrictIds, directive: int
) -> None:
    store.write_now(numbers.give, district.who("thon1.camthuy").account_id, "")
    page, program = await page_as("vanthu.camthuy"), await as_("vanthu.camthuy")
    answer = await page.post("/deliveries/1/call")
    assert answer.status == 422 and "Chưa có số điện thoại của đơn vị này" in await answer.text()
    refused = await program.post("/api/v1/deliveries/1/call")
    assert (refused.status, (await refused.json())["code"]) == (422, "no_number")


async def test_programs_call_and_strangers_do_not(as_: As, directive: int) -> None:
    done = await (await (await as_("vanthu.camthuy")).post("/api/v1/deliveries/1/call")).json()
    assert done["number"] == "0912000111"
    for name, status in (("vanthu.thanhan", 404), ("thon1.camthuy", 403), ("quantri", 403)):
        assert (await (await as_(name)).post("/api/v1/deliveries/1/call")).status == status


async def test_the_sound_is_for_both_sides_and_nobody_else(as_: As, spoken: int) -> None:
    for name, status in (("thon1.camthuy", 200), ("vanthu.camthuy", 200), ("vanthu.thanhan", 404), ("quantri", 403)):
        answer = await (await as_(name)).get(f"/directives/spoken/{spoken}")
        assert answer.status == status
        if status == 200:
            assert (answer.content_type, await answer.read()) == ("audio/webm", SOUND)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    part = await (await as_("vanthu.camthuy")).get(f"/directives/spoken/{spoken}", headers={"Range": "bytes=0-3"})
    assert (part.status, await part.read()) == (206, SOUND[:4])
    assert (await (await as_("vanthu.camthuy")).get("/directives/spoken/99")).status == 404


async def test_what_was_cut_off_is_shown_and_sent_from_the_page(page_as: PageAs, directive: int, spoken: int) -> None:
    issuer, head = await page_as("vanthu.camthuy"), await page_as("thon1.camthuy")
    shown = await (await issuer.get("/deliveries/1")).text()
    assert "Cuộc gọi đã ngắt trước khi gửi." in shown and f'src="/directives/spoken/{spoken}"' in shown
    assert "Gửi làm báo cáo" not in shown, "that is the unit's to decide"
    await head.post(f"/directives/{directive}/register")
    assert "Gửi làm báo cáo" in await (await head.get(f"/directives/{directive}")).text()
    assert (await issuer.post(f"/directives/spoken/{spoken}/send")).status == 404
    answer = await head.post(f"/directives/spoken/{spoken}/send")
    assert (answer.status, answer.headers["Location"]) == (303, f"/directives/{directive}")
    shown = await (await issuer.get("/deliveries/1")).text()
    assert '<audio controls preload="none" src="/directives/attachments/1">' in shown
    assert "dài 0:42" in shown and "Cuộc gọi đã ngắt trước khi gửi." not in shown


async def test_programs_send_it_once(as_: As, store: Store, district: DistrictIds, spoken: int) -> None:
    head = await as_("thon1.camthuy")
    done = await (await head.post(f"/api/v1/spoken-answers/{spoken}/send", {"command_id": "one"})).json()
    assert done["state"] == "REPORTED"
    again = await head.post(f"/api/v1/spoken-answers/{spoken}/send", {"command_id": "two"})
    assert (again.status, (await again.json())["code"]) == (409, "already_sent")
    opened = store.read_now(service.open_directive, district.who("thon1.camthuy"), POLICY, 1)
    assert opened.delivery is not None and len(opened.delivery.responses) == 1


async def test_the_operator_sees_whether_the_server_can_read(as_: As, page_as: PageAs, app: web.Application) -> None:
    for able, words in ((False, "Thiếu bộ đọc"), (True, "Máy chủ đọc được")):
        app[EXCHANGE].voice.able = able
        assert (await (await (await as_("quantri")).get("/api/v1/telephone")).json())["speaks"] is able
        assert words in await (await (await page_as("quantri")).get("/telephone")).text()
