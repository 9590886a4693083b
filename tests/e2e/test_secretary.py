"""The secretary: whom the form of a new meeting offers; a cadre whom the chair appoints in the room runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.harness import App, chromium, free_port, running
from tests.e2e.rooms import action, enter, figures, start_meeting

NUMBER = "0233 3873 100"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    settings = {"TELEPHONE_NUMBERS": NUMBER}
    with running(tmp_path_factory.mktemp("secretary"), telephone=free_port(), settings=settings) as made:
        yield made


def asked_anyway(page: Page, meeting: int) -> str:
    """What the server says to a page that sends a host's message whatever it shows."""
    said: str = page.evaluate(
        """async (meeting) => {
          const { send } = await import("/static/js/channel.js");
          return send("meeting.floor_mode", { meeting, mode: "invitation" }).then(() => "ok", (error) => error.code);
        }""",
        meeting,
    )
    return said


def test_an_appointed_cadre_runs_the_room_and_another_does_not(app: App) -> None:
    meeting = start_meeting(app)
    with chromium() as browser:
        chair, cadre = (enter(app, browser, meeting, name) for name in ("chutich", "camthuy"))
        strip = cadre.locator(".chair-strip")
        expect(strip).to_be_hidden()
        assert asked_anyway(cadre, meeting) == "only_chair"
        note = cadre.locator("[data-dial-in-note]")
        expect(note).to_have_text("")

        action(chair, "roll-call")
        expect(chair.locator("[data-dial-in-note]")).to_contain_text(NUMBER)
        row = chair.locator(f"[data-list=people] [data-participant='{figures(cadre)['me']}']")
        row.get_by_role("button", name="Cử làm thư ký").click()
        chair.click("#ask [data-ask-yes]")
        expect(row).to_contain_text("thư ký")
        cadre.get_by_text("Đồng chí được cử làm thư ký cuộc họp.").wait_for()
        expect(strip).to_be_visible()
        action(cadre, "floor-mode")
        expect(chair.locator(".chair-strip [data-action=floor-mode]")).to_have_attribute("aria-pressed", "true")
        action(cadre, "roll-call")
        expect(note).to_contain_text(NUMBER)
        expect(cadre.get_by_role("button", name="Cử làm thư ký")).to_have_count(0)  # a secretary names no other

        row.get_by_role("button", name="Thôi làm thư ký").click()
        chair.click("#ask [data-ask-yes]")
        expect(strip).to_be_hidden()
        expect(note).to_have_text("")
        assert asked_anyway(cadre, meeting) == "only_chair"
        for page in (chair, cadre):
            assert page.errors == []  # type: ignore[attr-defined]


def test_the_form_offers_officials_of_the_units_that_are_chosen(app: App) -> None:
    with chromium() as browser:
        page = app.page(browser, "vanthu", "/meetings/new")
        secretary, commune = page.locator("[name=secretary]"), page.get_by_role("checkbox", name="Xã Cam Thủy")
        cadre = "Cam Thủy · Thái Đức Duyên"
        offered = secretary.locator("option:not([hidden])")
        own = offered.all_inner_texts()
        assert own[0] == "Chưa cử" and len(own) > 1
        assert {name.split(" · ")[0] for name in own[1:]} == {"UBND huyện"}
        commune.check()
        assert cadre in offered.all_inner_texts()
        secretary.select_option(label=cadre)
        commune.uncheck()
        assert offered.all_inner_texts() == own
        expect(secretary).to_have_value("")
        commune.check()
        expect(secretary.locator("option:checked")).to_have_text(cadre)
        page.wait_for_timeout(500)  # what is typed is kept after a moment
        page.reload()
        expect(commune).to_be_checked()
        expect(secretary.locator("option:checked")).to_have_text(cadre)
        secretary.select_option("")
        page.get_by_role("checkbox", name="Xã Cam Hiếu").check()
        expect(secretary).to_have_value("")
        assert page.errors == []  # type: ignore[attr-defined]
