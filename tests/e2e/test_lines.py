"""The chair's board of lines: a word for each, figures that move, and nobody else has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.harness import chromium, running, until
from tests.e2e.rooms import action, enter, figures, sees, start_meeting

WEAK = {
    "quality": "poor",
    "rung": "sound",
    "shown": [
        {"kind": "screen", "width": 1280, "height": 720, "cap": 1},
        {"kind": "camera", "width": 320, "height": 180, "cap": 0},
        {"kind": "camera", "width": 160, "height": 90, "cap": -1},
        {"kind": "camera", "width": 640, "height": 360, "cap": 2},
    ],
}
SHOWN = """(lines) => {
  document.querySelector("[data-room]").room.lines.show(lines);
  const parts = document.querySelectorAll("[data-list=lines] [data-fill]");
  return Object.fromEntries([...parts].map((part) => [part.dataset.fill, part.textContent]));
}"""
pytestmark = pytest.mark.timeout(180)


def test_the_chair_sees_everybody_s_line(tmp_path: Path) -> None:
    with running(tmp_path) as app, chromium() as browser:
        meeting = start_meeting(app)
        chair = enter(app, browser, meeting, "chutich", width=1366, height=768)
        commune = enter(app, browser, meeting, "camthuy")
        seat = figures(commune)["me"]
        sees(chair, seat)
        action(commune, "panel")
        commune.locator("#tab-people").wait_for()
        assert not commune.locator("#tab-lines").is_visible(), "only who runs the meeting has the board"
        action(chair, "panel")
        chair.click("#tab-lines")
        row = chair.locator(f"[data-list=lines] [data-participant='{seat}']")
        row.wait_for()
        until(lambda: row.get_attribute("data-quality") == "good", what="a line on this machine is good")
        assert row.locator("[data-fill=word]").inner_text() == "Tốt"
        assert not row.locator(".line-figures").is_visible(), "figures are there on demand"
        row.locator("summary").click()
        until(lambda: "kbit/s" in row.locator("[data-fill=up]").inner_text(), what="figures")
        until(lambda: not row.locator("[data-fill=up]").inner_text().startswith("–"), what="a rate, from two readings")
        assert row.locator(".line-figures").is_visible(), "a fresh reading does not fold them again"
        until(lambda: "×" in row.locator("[data-fill=sent]").inner_text(), what="the layers that it sends")
        until(lambda: "×" in row.locator("[data-fill=shown]").inner_text(), what="the layers that it is shown")
        until(
            lambda: re.search(r"\d kbit/s, mất \d", row.locator("[data-fill=down]").inner_text()), what="the way down"
        )
        assert re.search(r"^\d.* ms, chập chờn \d+ ms, ứ đọng \d+ ms$", row.locator("[data-fill=trip]").inner_text())
        assert re.search(r"^khoảng \d[\d.]* kbit/s$", row.locator("[data-fill=carries]").inner_text())
        assert row.locator("[data-fill=rung]").inner_text() in ("Nhận đủ hình", "Nhận đủ hình, kém nét hơn")
        until(lambda: "lần" in row.locator("[data-fill=still]").inner_text(), what="freezes of the last minute")
        until(lambda: "–" not in row.locator("[data-fill=machine]").inner_text(), 25, "how busy its machine is")
        told = app.call(app.token("quantri"), "GET", f"/api/v1/meetings/{meeting}/lines")["lines"]
        assert {line["participant"] for line in told} == {seat, figures(chair)["me"]}
        weak = [{**line, **WEAK} for line in told if line["participant"] == seat]
        words = chair.evaluate(SHOWN, weak)
        assert (words["word"], words["rung"]) == ("Yếu", "Chỉ nhận được tiếng")
        assert (
            words["shown"] == "▣ 1280×720 (chuyển động giảm), 320×180 (chuyển động thưa), 160×90 (hình đứng), 640×360"
        )
        assert chair.errors == []  # type: ignore[attr-defined]
