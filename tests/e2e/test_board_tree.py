"""The issuer's board as a tree, live in the real browser: what is open stays open, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from server.store import Store
from server.units.service import by_code, descendants
from tests.e2e.harness import App, chromium, running
from tests.e2e.test_directive import connected, issue

BOXES = """() => [...document.querySelectorAll('.wall-tile')].map((tile) => tile.getBoundingClientRect())
  .map(({ left, top, width, height }) => [left, top, width, height].map(Math.round))"""

WHOLE = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with running(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def district(app: App) -> tuple[list[int], int]:
    """All units of the district, and Xã Cam Thủy."""
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    root, commune = store.read_now(by_code, "468"), store.read_now(by_code, "19606")
    assert root and commune
    found = [unit.id for unit in store.read_now(descendants, root.id)]
    store.close()
    return found, commune.id


def test_what_is_open_stays_open_while_units_answer(app: App, browser: Browser) -> None:
    units, commune = district(app)
    directive = issue(app, app.token("chutich"), units, "Đến từng thôn, khu phố")
    board = app.page(browser, "chutich", f"/directives/{directive}", width=1366, height=768)
    connected(board)
    branches = board.locator("#board details.branch")
    expect(branches).to_have_count(3 + 8)  # Party, Front, mass organisations; communes
    branch = board.locator(f"#unit-{commune}")
    expect(branch).not_to_have_attribute("open", "")
    branch.locator("summary").focus()
    board.keyboard.press("Enter")
    row = branch.locator(f"tr[data-unit='{commune}']")
    expect(row).to_be_visible()
    app.call(app.token("vanthu.camthuy"), "POST", f"/api/v1/directives/{directive}/register")
    expect(row).to_have_attribute("data-state", "REGISTERED", timeout=10_000)
    expect(branch.locator("summary")).to_contain_text("1/11")
    assert board.evaluate("document.activeElement.id") == f"unit-{commune}-head", "the focus stays on the branch"
    board.keyboard.press("Space")
    expect(row).to_be_hidden()
    app.call(app.token("thon1.camthuy"), "POST", f"/api/v1/directives/{directive}/register")
    expect(branch.locator("summary")).to_contain_text("2/11")
    expect(branch).not_to_have_attribute("open", "")
    board.keyboard.press("Enter")  # its lines are those of now, not those of the page
    expect(branch.locator("tr[data-state=REGISTERED]")).to_have_count(2, timeout=10_000)
    board.get_by_role("link", name="Chưa tiếp nhận").click()
    expect(board.locator(f"#unit-{commune} summary")).to_contain_text("2/11")
    board.locator(f"#unit-{commune} summary").click()
    expect(board.locator(f"#unit-{commune} tr[data-unit]")).to_have_count(9)
    assert board.errors == []  # type: ignore[attr-defined]
    board.context.close()


def test_tiles_fill_a_television(app: App, browser: Browser) -> None:
    units, _commune = district(app)
    issue(app, app.token("chutich"), units, "Đến từng thôn, khu phố", days=10)  # on a Friday night three are soon
    wall = app.page(browser, "chutich", "/wall/tiles", width=1920, height=1080)
    connected(wall)
    assert wall.evaluate(WHOLE) == [1920, 1080]
    boxes = wall.evaluate(BOXES)
    assert len(boxes) == 8
    assert len({tuple(box[2:]) for box in boxes}) == 1, "all are of one size"
    assert sum(width * height for _left, _top, width, height in boxes) > 0.55 * 1920 * 1080
    tile = wall.locator(".wall-tile", has_text="Cam Thủy")
    expect(tile.locator(".tile-word")).to_contain_text("11")
    app.call(app.token("vanthu.camthuy"), "POST", "/api/v1/directives/1/register")
    expect(tile.locator(".tile-word")).to_contain_text("10", timeout=10_000)
    assert wall.errors == []  # type: ignore[attr-defined]
    wall.context.close()


def test_a_wall_fills_a_television_and_stays_alight_as_a_screen(app: App, browser: Browser) -> None:
    units, _commune = district(app)
    issue(app, app.token("chutich"), units, "Đến từng thôn, khu phố")
    wall = app.page(browser, "chutich", "/wall", width=1920, height=1080)
    connected(wall)
    assert wall.evaluate(WHOLE) == [1920, 1080]
    outside = """[...document.querySelectorAll('.hall-head > *, .wall-part, .wall-unit')].filter((part) => {
      const { left, top, right, bottom } = part.getBoundingClientRect();
      return left < 0 || top < 0 || right > 1920 || bottom > 1080;
    }).map((part) => part.className)"""
    assert wall.evaluate(outside) == []
    wall.get_by_role("button", name="Toàn màn hình").click()
    expect(wall.locator("[data-full-screen]")).to_be_hidden()
    assert wall.evaluate("document.fullscreenElement === document.documentElement")
    wall.evaluate("document.exitFullscreen()")
    expect(wall.locator("[data-full-screen]")).to_be_visible()
    wall.get_by_role("button", name="Chiếu thường trực").click()
    wall.get_by_role("dialog").get_by_role("button", name="Chiếu thường trực").click()
    expect(wall.get_by_role("button", name="Chiếu thường trực")).to_have_count(0)
    connected(wall)
    assert wall.evaluate(WHOLE) == [1920, 1080]
    expect(wall.locator(".wall-unit").first).to_be_visible()
    wall.goto(wall.url.replace("/wall", "/directives/out"))
    expect(wall.locator("main")).to_contain_text("Máy này chỉ chiếu màn hình theo dõi.")
    wall.context.close()
