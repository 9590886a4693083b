"""Many answers: from one to the next, and several with one click, each only if it is still the one that was read."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.service import deciding
from server.directives.shapes import ExtensionInput, ReportInput, Upload
from server.store import Store
from tests.conftest import DistrictIds, PageAs, PageClient
from tests.directives.helpers import POLICY, issue

COMMUNES = ("19606", "19600", "19612", "19621")
NAMES = ("camthuy", "camtuyen", "camthanh")
TICK = re.compile(r'name="answers" value="(\d+\.\d+)"')
FURTHER = re.compile(r'href="(/deliveries/\d+\?show=review)">Xem nơi tiếp theo')


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    return {name: district.who(f"vanthu.{name}") for name in NAMES} | {"vanthu": district.who("vanthu")}


@pytest.fixture
def directive(store: Store, district: DistrictIds, people: dict[str, Principal]) -> int:
    """To four communes, of which three have answered."""
    made = issue(store, district.who("chutich"), [district.unit(code) for code in COMMUNES]).id
    for name in NAMES:
        store.write_now(service.register, people[name], POLICY, made)
        answer(store, people, made, name, f"Báo cáo của {name}")
    return made


def answer(store: Store, people: dict[str, Principal], directive: int, name: str, text: str) -> int:
    return store.write_now(service.report, people[name], POLICY, directive, ReportInput(text=text)).id


def states(store: Store, people: dict[str, Principal], directive: int) -> list[str]:
    opened = store.read_now(service.open_directive, people["vanthu"], POLICY, directive)
    return sorted(one.state.value for one in opened.board or ())


async def ticks(page: PageClient, directive: int, show: str = "?show=review") -> list[str]:
    return TICK.findall(await (await page.get(f"/directives/{directive}{show}")).text())


async def test_ticked_answers_are_accepted_together(
    store: Store, people: dict[str, Principal], directive: int, page_as: PageAs
) -> None:
    page = await page_as("vanthu")
    shown = await ticks(page, directive)
    assert len(shown) == 3
    for _each in range(2):  # a repeat changes nothing
        done = await page.post(f"/directives/{directive}/accept?show=review", {"answers": shown[:2], "command_id": "a"})
        assert (done.status, done.headers["Location"]) == (303, f"/directives/{directive}?show=review")
        assert states(store, people, directive) == ["COMPLETED", "COMPLETED", "REPORTED", "SENT"]
    assert await ticks(page, directive) == shown[2:]
    part = await (await page.get(f"/directives/{directive}/board?show=review")).text()
    assert TICK.findall(part) == shown[2:], "the part that the script renews has them, too"


async def test_what_was_answered_anew_is_not_accepted_and_named(
    store: Store, people: dict[str, Principal], directive: int, page_as: PageAs
) -> None:
    page = await page_as("vanthu")
    shown = await ticks(page, directive)
    delivery = answer(store, people, directive, "camtuyen", "Số liệu mới")
    reply = await page.post(f"/directives/{directive}/accept?show=review", {"answers": shown, "command_id": "a"})
    text = await reply.text()
    assert reply.status == 409
    assert "Chưa chấp nhận được 1 báo cáo" in text
    assert "Đã chấp nhận 2 báo cáo còn lại" in text
    line = text[text.index("Chưa chấp nhận được") :].split("</li>")[0]
    assert f"/deliveries/{delivery}?show=review" in line
    assert "Xã Cam Tuyền" in line and "báo cáo mới" in line
    assert states(store, people, directive) == ["COMPLETED", "COMPLETED", "REPORTED", "SENT"]
    assert "Số liệu mới" in text
    assert await ticks(page, directive) == [f"{delivery}.2"]


async def test_only_answers_to_this_directive(
    store: Store, district: DistrictIds, people: dict[str, Principal], directive: int, page_as: PageAs
) -> None:
    other = issue(store, district.who("chutich"), [district.unit("19606")]).id
    page = await page_as("vanthu")
    shown = await ticks(page, directive)
    assert (await page.post(f"/directives/{other}/accept", {"answers": shown})).status == 404
    assert (await page.post(f"/directives/{directive}/accept", {"answers": ["1"]})).status == 422
    assert (await page.post(f"/directives/{directive}/accept", {})).status == 303
    stranger = await page_as("vanthu.camthuy")
    assert (await stranger.post(f"/directives/{directive}/accept", {"answers": shown})).status == 404
    assert states(store, people, directive).count("REPORTED") == 3


async def test_ticks_stand_where_answers_are_judged(
    store: Store, people: dict[str, Principal], directive: int, page_as: PageAs
) -> None:
    assert await ticks(await page_as("vanthu"), directive, "") == []
    cadre = await page_as("camthuy")
    assert await ticks(cadre, directive) == [], "a recipient has no board"


def test_a_long_answer_is_begun(store: Store, people: dict[str, Principal], directive: int) -> None:
    long = "Thôn đã họp dân. " * 40
    data = ReportInput(text=long)
    files = [Upload(name="a.pdf", content_type="application/pdf", size=3, sha256="0" * 64)]
    delivery = store.write_now(service.report, people["camthuy"], POLICY, directive, data, files).id
    found = store.read_now(service.answers_to_judge, directive)[delivery]
    assert (found.version, found.files) == (2, 1)
    assert found.begin.endswith("…") and len(found.begin) <= deciding.EXCERPT + 1
    assert long.startswith(found.begin[:-1])


async def test_one_after_the_other(
    store: Store, district: DistrictIds, people: dict[str, Principal], directive: int, page_as: PageAs
) -> None:
    fourth = district.who("vanthu.camnghia")
    store.write_now(service.register, fourth, POLICY, directive)
    wish = ExtensionInput(reason="Mưa lũ", until=store.clock() + timedelta(days=30))
    store.write_now(service.ask_extension, fourth, POLICY, directive, wish)
    page = await page_as("vanthu")
    board = await (await page.get(f"/directives/{directive}?show=review")).text()
    first, second, third, last = sorted(set(map(int, re.findall(r'href="/deliveries/(\d+)\?show=review"', board))))
    text = await (await page.get(f"/deliveries/{second}?show=review")).text()
    assert "Còn 3 nơi nữa cần quyết." in text
    assert FURTHER.findall(text) == [f"/deliveries/{third}?show=review"]

    async def decide(delivery: int, step: str, **data: str) -> str:
        assert (
            f'action="/deliveries/{delivery}/{step}?show=review"'
            in await (await page.get(f"/deliveries/{delivery}?show=review")).text()
        )
        done = await page.post(f"/deliveries/{delivery}/{step}?show=review", {"version": "1", **data})
        assert done.status == 303
        return done.headers["Location"]

    assert await decide(second, "accept") == f"/deliveries/{third}?show=review"
    assert await decide(third, "send-back", note="Thiếu phụ lục") == f"/deliveries/{last}?show=review"
    assert await decide(last, "extension", grant="true") == f"/deliveries/{first}?show=review"
    text = await (await page.get(f"/deliveries/{first}?show=review")).text()
    assert "nơi cuối cùng cần quyết" in text
    assert await decide(first, "accept") == f"/directives/{directive}?show=review"


async def test_who_comes_from_elsewhere_goes_back_to_the_board(directive: int, page_as: PageAs) -> None:
    page = await page_as("vanthu")
    delivery = (await ticks(page, directive))[0].partition(".")[0]
    assert f'href="/deliveries/{delivery}"' in await (await page.get(f"/directives/{directive}")).text()
    assert "cần quyết." not in await (await page.get(f"/deliveries/{delivery}")).text()
    done = await page.post(f"/deliveries/{delivery}/accept", {"version": "1"})
    assert done.headers["Location"] == f"/directives/{directive}"
