"""What waits for the issuer's word: on the board, in its filter, on the home page, and on a page of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.directives import home, service
from server.directives.service import Show, View, deciding
from server.directives.shapes import ExtensionDecision, ExtensionInput, ReportInput, WaiveInput
from server.errors import NotAllowedError
from server.store import Store
from tests.conftest import Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue

COMMUNES = ("19606", "19600", "19603")
NAMES = ("camthuy", "camtuyen")


class Work:
    """A directive to three communes: the first asks for more time, the second has reported."""

    def __init__(self, store: Store, district: DistrictIds, **changes: object) -> None:
        self.store, self.district = store, district
        units = [district.unit(code) for code in COMMUNES]
        self.directive = issue(store, district.who("chutich"), units, **changes).id
        for name in NAMES:
            store.write_now(service.register, district.who(f"vanthu.{name}"), POLICY, self.directive)
        asked = ExtensionInput(reason="Nước chưa rút", until=store.clock() + timedelta(days=20))
        self.asked = store.write_now(service.ask_extension, district.who("camthuy"), POLICY, self.directive, asked).id
        answer = ReportInput(text="Xong.")
        clerk = district.who("vanthu.camtuyen")
        self.reported = store.write_now(service.report, clerk, POLICY, self.directive, answer).id

    def decide(self) -> None:
        clerk = self.district.who("vanthu")
        self.store.write_now(service.decide_extension, clerk, POLICY, self.asked, ExtensionDecision(grant=True))
        self.store.write_now(service.accept, clerk, POLICY, self.reported)


@pytest.fixture
def work(store: Store, district: DistrictIds) -> Work:
    return Work(store, district)


def test_the_board_counts_them_and_shows_only_them(store: Store, district: DistrictIds, work: Work) -> None:
    def found() -> list[tuple[list[int], int, int]]:
        view = View(show=Show.REVIEW)
        opened = store.read_now(service.open_directive, district.who("chutich"), POLICY, work.directive, view)
        return [(one.units, one.counts.asking, one.counts.unjudged) for one in opened.branches]

    assert found() == [([district.unit("19606"), district.unit("19600")], 1, 1)]
    work.decide()
    assert found() == []


def test_what_was_withdrawn_is_not_to_be_decided(store: Store, district: DistrictIds, work: Work) -> None:
    leader = district.who("chutich")
    store.write_now(service.waive, leader, POLICY, work.asked, WaiveInput(note="Không có hộ nào"))
    found = store.read_now(service.decisions, leader)
    assert (found.asking, found.unjudged) == (0, 1)


def test_by_directive_with_true_counts_exercises_last(
    store: Store, district: DistrictIds, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = Work(store, district, deadline=clock() + timedelta(days=12))
    drill = Work(store, district, exercise=True)
    sooner = Work(store, district)
    found = store.read_now(service.decisions, district.who("vanthu"))
    assert [(one.directive, one.asking, one.unjudged) for one in found.lines] == [
        *((sooner.directive, 1, 1), (later.directive, 1, 1), (drill.directive, 1, 1)),
    ]
    assert (found.asking, found.unjudged) == (2, 2)
    monkeypatch.setattr(deciding, "MOST_LOOKED_AT", 1)
    found = store.read_now(service.decisions, district.who("vanthu"))
    assert (found.asking, found.unjudged, len(found.lines)) == (2, 2, 1)
    with pytest.raises(NotAllowedError):
        store.read_now(service.decisions, district.who("thon1.camthuy"))
    assert store.read_now(service.decisions, district.who("chutich.camthuy")).lines == []


async def test_on_the_pages(work: Work, page_as: PageAs, monkeypatch: pytest.MonkeyPatch) -> None:
    here = f"/directives/{work.directive}?show=review"
    leader = await page_as("chutich")
    for page in (leader, await page_as("vanthu")):
        text = await (await page.get("/")).text()
        assert "Cần quyết: 1 xin gia hạn, 1 báo cáo" in text
        assert f'href="{here}"' in text
    board = await (await leader.get(f"/directives/{work.directive}")).text()
    for whole, line in (("1 nơi xin gia hạn</span>", "Xin gia hạn</span>"), ("1 nơi chờ đánh giá", "Chờ đánh giá")):
        assert (board.count(whole), board.count(line)) == (2, 1), "of all and of the branch, and of the line"
    assert f'href="{here}"' in board
    filtered = await (await leader.get(here)).text()
    assert filtered.count("data-unit=") == 2
    assert f'href="{here}"' in await (await leader.get("/directives/decide")).text()
    assert "1 nơi xin gia hạn" in await (await leader.get("/directives/out")).text()
    other = await page_as("thon1.camthuy")
    assert (await other.get("/directives/decide")).status == 403
    work.decide()
    assert "Cần quyết" not in await (await leader.get("/")).text()
    assert "Không có gì cần quyết." in await (await leader.get(here)).text()
    assert "Không có gì cần quyết" in await (await leader.get("/directives/decide")).text()


async def test_a_long_list_on_the_home_page_goes_on(
    store: Store, district: DistrictIds, page_as: PageAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "MOST_LINES", 1)
    for _ in range(3):
        Work(store, district)
    text = await (await (await page_as("chutich")).get("/")).text()
    assert '<a href="/directives/decide">và 2 văn bản khác</a>' in text
    assert "Cần quyết: 3 xin gia hạn, 3 báo cáo" in text
