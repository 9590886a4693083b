"""A telephone and a browser in one meeting: PIN by keys, each hears the other's tone, and the floor holds for both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.harness import App, chromium, free_port, running, until
from tests.e2e.hearing import KEYS_HEARD, KEYS_NOT_HEARD, beeps, hears_tone, listening_for_keys
from tests.e2e.issuing import unit_of
from tests.e2e.rooms import action, appoint, enter, figures, pressed, says, start_meeting
from tests.e2e.telephone import Telephone, give_pin, seat
from tests.sounds import loud, tones_of

pytestmark = pytest.mark.timeout(240)
TONE = 620.0


@pytest.fixture(scope="module")
def telephone() -> Iterator[Telephone]:
    made = Telephone()
    yield made
    made.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, telephone: Telephone) -> Iterator[App]:
    """Its trunk leads to the telephone."""
    folder: Path = tmp_path_factory.mktemp("telephone")
    with running(folder, telephone=free_port(), trunk=f"127.0.0.1:{telephone.endpoint.port('udp')}") as made:
        yield made


@pytest.fixture(scope="module")
def pin(app: App) -> str:
    """Of the head of a village."""
    return give_pin(app, "thon1.camthuy", "0901 234 567")


def hears_no_keys(page: Page, telephone: Telephone) -> None:
    """Neither by their tones, which it sends; but the same tones are heard when they are no keys. It speaks."""
    said, telephone.say = telephone.say, tones_of("5")
    with listening_for_keys(page) as voice:
        telephone.listen(1.5)
    telephone.say = 0.0
    telephone.listen(1)
    telephone.sounds_keys = True
    with listening_for_keys(page) as keys:
        telephone.press("123456780")
    telephone.say, telephone.sounds_keys = said, False
    assert voice.loudest > KEYS_HEARD
    assert keys.loudest < KEYS_NOT_HEARD


def test_a_telephone_in_a_meeting_of_browsers(app: App, pin: str, telephone: Telephone) -> None:
    meeting = start_meeting(app)
    with chromium() as browser:
        page = enter(app, browser, meeting, "chutich")
        call = telephone.dial(app.telephone_port)
        assert loud(telephone.listen(1.5)), "it is greeted"
        telephone.press(pin)
        until(lambda: seat(page), 20, "the telephone sits in the roster")
        row = page.locator(f"[data-list=people] [data-participant='{seat(page)['id']}']")  # type: ignore[index]
        row.locator("[data-phone]").wait_for(state="attached")

        telephone.press("1")  # any key ends what is being said, and does nothing else
        until(lambda: beeps(telephone.listen(5)) >= 6, 40, "Chromium's beeps on the telephone")
        action(page, "microphone")
        telephone.listen(1)
        assert beeps(telephone.listen(4)) == 0, "the chair's microphone is off"
        action(page, "microphone")

        telephone.say = TONE
        assert not hears_tone(page, TONE), "its microphone is off"
        telephone.press("*6")
        until(lambda: hears_tone(page, TONE), 20, "the telephone's tone in Chromium")
        hears_no_keys(page, telephone)

        action(page, "floor-mode")
        until(lambda: not hears_tone(page, TONE), 20, "no floor, no tone")
        telephone.press("*6")
        telephone.press("*9")
        until(lambda: (seat(page) or {}).get("hand"), 20, "its hand is up")
        assert not hears_tone(page, TONE)
        expect(page.locator(".chair-strip [data-count-of=queue]")).to_have_text("1")
        page.locator(".toast").filter(has_text="xin phát biểu").get_by_role("button", name="Mời phát biểu").click()
        until(lambda: (seat(page) or {}).get("floor"), 20, "it has the floor")
        expect(page.locator(".chair-strip [data-count-of=queue]")).to_be_hidden()
        telephone.press("*6")
        until(lambda: hears_tone(page, TONE), 20, "the tone again, now with the floor")

        telephone.hang_up(call)
        until(lambda: not (seat(page) or {"present": True})["present"], 20, "it has left the roster")


def test_the_chair_sees_how_good_the_telephone_s_line_is(
    app: App, pin: str, telephone: Telephone, tmp_path: Path
) -> None:
    meeting = start_meeting(app)
    telephone.say = TONE
    with chromium() as browser:
        page = enter(app, browser, meeting, "chutich", width=1366, height=768)
        call = telephone.dial(app.telephone_port)
        telephone.press(pin)
        found = until(lambda: seat(page), 20, "the telephone sits in the roster")
        action(page, "panel")
        page.click("#tab-lines")
        row = page.locator(f"[data-list=lines] [data-participant='{found['id']}']")
        word = row.locator("[data-fill=word]")
        expect(word).to_have_text("Tốt", timeout=30_000)
        expect(row.locator("[data-fill=rung]")).to_have_text("Dự bằng điện thoại")
        row.locator("summary").click()
        expect(row.locator("[data-fill=up]")).to_have_text(re.compile(r"^\d+ kbit/s, mất 0 %$"), timeout=30_000)
        expect(row.locator("[data-fill=down]")).to_have_text(re.compile(r"^\d+ kbit/s$"))
        expect(row.locator("[data-fill=trip]")).to_have_text(re.compile(r"^chập chờn \d+ ms$"))
        assert not row.locator(".of-browser").filter(visible=True).count(), "it has no pictures"
        own = page.locator(f"[data-list=lines] [data-participant='{figures(page)['me']}']")
        expect(own.locator("[data-fill=rung]")).to_contain_text("Nhận đủ hình")
        telephone.loses = 8
        expect(word).to_have_text("Yếu", timeout=30_000)
        expect(page.locator("[data-list=lines] > li").first).to_have_attribute("data-participant", str(found["id"]))
        for width, height in ((1366, 768), (360, 800)):
            page.set_viewport_size({"width": width, "height": height})
            page.screenshot(path=tmp_path / f"lines-{width}.png")
        telephone.loses = 1
        expect(word).to_have_text("Không có tiếng", timeout=30_000)
        page.screenshot(path=tmp_path / "lines-missing.png")
        telephone.loses = 0
        expect(word).to_have_text("Tốt", timeout=30_000)
        assert page.errors == []  # type: ignore[attr-defined]
        telephone.hang_up(call)
        expect(row).to_have_count(0, timeout=30_000)


def test_the_chair_calls_a_village_head_who_presses_a_key(app: App, pin: str, telephone: Telephone) -> None:
    meeting = start_meeting(app)
    telephone.say = 0.0
    with chromium() as browser:
        page = enter(app, browser, meeting, "chutich")
        before = len(telephone.incoming)
        action(page, "dial-missing")
        telephone.wait(lambda: len(telephone.incoming) > before)
        call = telephone.incoming[-1]
        assert call.dialled == "0901234567"
        assert loud(telephone.listen(2)), "the invitation is read"
        assert seat(page) is None, "who has pressed nothing is not there"
        telephone.press("1")
        found = until(lambda: seat(page), 20, "the telephone sits in the roster")
        assert found["present"] and not found["microphone"]
        action(page, "roll-call")
        row = page.locator(f"[data-list=people] [data-participant='{found['id']}']")
        row.locator("[data-action=rename]").click()
        page.fill("#ask-words-field", "Bà Hồ Thị Năm")
        page.click("#ask-words [value=yes]")
        until(lambda: (seat(page) or {}).get("name") == "Bà Hồ Thị Năm", 20, "the name that the chair gave")
        telephone.press("*0")
        page.get_by_text("(điện thoại) gọi thư ký").wait_for()
        row.locator("[data-action=remove]").click()
        page.click("#ask [data-ask-yes]")
        telephone.wait(lambda: call.id in telephone.endings)


def test_the_secretary_calls_a_unit_by_its_own_button_and_sees_it_in_the_roll_call(
    app: App, pin: str, telephone: Telephone
) -> None:
    meeting = start_meeting(app)
    appoint(app, meeting, "vanthu")
    unit = unit_of(app, "19606.01")
    telephone.say = 0.0
    with chromium() as browser:
        page = enter(app, browser, meeting, "vanthu")
        assert pressed(page, "microphone"), "a host's page"
        action(page, "roll-call")
        button = page.locator(f"[data-action=dial][data-unit='{unit}']")
        group = page.locator("[data-list=people] .panel-group", has=button)
        expect(group).to_have_attribute("data-attendance", "absent")
        expect(button).to_have_text("Gọi điện")
        before = len(telephone.incoming)
        button.click()
        telephone.wait(lambda: len(telephone.incoming) > before)
        call = telephone.incoming[-1]
        assert call.dialled == "0901234567"
        assert loud(telephone.listen(2)), "the invitation is read"
        telephone.press("1")
        found = until(lambda: seat(page), 20, "the telephone sits in the roster")
        assert found["unit"] == unit
        page.locator("[data-action=panel-close]").click()
        action(page, "roll-call")
        row = page.locator(f"[data-list=people] [data-participant='{found['id']}']")
        heading = page.locator(f"[data-list=people] .panel-group:has(+ [data-participant='{found['id']}'])")
        expect(heading).to_have_attribute("data-attendance", "present")
        expect(row.get_by_role("img", name="Dự bằng điện thoại")).to_be_visible()
        assert button.count() == 0, "who is there is not called"
        telephone.hang_up(call)
        expect(heading).to_have_count(0)


LAST_RUNG = """() => document.querySelector("[data-room]").room.session.dispatchEvent(new CustomEvent(
  "link", { detail: { quality: "poor", rung: "telephone", paused: [], still: [] } }))"""


def test_who_hardly_hears_anything_is_called_and_goes_on_by_telephone(
    app: App, pin: str, telephone: Telephone, tmp_path: Path
) -> None:
    meeting = start_meeting(app)
    telephone.say = 0.0
    with chromium() as browser:
        chair = enter(app, browser, meeting, "chutich")
        page = enter(app, browser, meeting, "thon1.camthuy")
        me = figures(page)["me"]
        button = page.locator("[data-action=call-me]")
        assert not button.is_visible(), "as long as the line carries the meeting"
        until(lambda: page.evaluate(LAST_RUNG) and button.is_visible(), 10, "the button of the last rung")
        says(page, "Nên dự họp bằng điện thoại")
        before = len(telephone.incoming)
        button.click()
        page.get_by_text("Đang gọi số …567").wait_for()
        telephone.wait(lambda: len(telephone.incoming) > before)
        call = telephone.incoming[-1]
        assert call.dialled == "0901234567", "the number that is noted for the person, and no other"
        assert loud(telephone.listen(2)), "it is asked whether it comes"
        telephone.press("1")
        found = until(lambda: (seat(chair) or {}).get("present") and seat(chair), 20, "the telephone in the roster")
        assert found["id"] == me, "in the same seat"
        page.locator("[data-gone-title]", has_text="đang dự họp bằng điện thoại").wait_for()
        page.screenshot(path=tmp_path / "phone.png")
        page.wait_for_timeout(1500)
        assert seat(chair)["present"], "the page does not take the seat back by itself"  # type: ignore[index]
        assert page.errors == []  # type: ignore[attr-defined]
        telephone.hang_up(call)
