"""Every page of the demo district in the states that people meet, for the screenshots and tests/ui/test_pages.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from playwright.sync_api import Page

Step = Callable[[Page], None]


class State(NamedTuple):
    """A page: who opens which address, which lines they follow from there, and what they do on the page."""

    name: str
    who: str
    path: str
    follow: tuple[str, ...] = ()
    do: Step | None = None
    live: bool = False  # only while a meeting runs


def _fill(**fields: str) -> Step:
    def do(page: Page) -> None:
        for name, value in fields.items():
            page.fill(f"[name={name}]", value)

    return do


def _ask(kind: str, label: str, detail: str) -> Step:
    """Write the last question of the compose form, and begin another."""

    def do(page: Page) -> None:
        line = page.locator("[data-question]").last
        line.locator("select").first.select_option(kind)
        line.locator("[name=question_label]").fill(label)
        line.locator("[name=question_detail]").fill(detail)
        page.locator("[data-grow=question-lines]").click()

    return do


def _after(*steps: Step) -> Step:
    def do(page: Page) -> None:
        for step in steps:
            step(page)

    return do


def _open(selector: str) -> Step:
    def do(page: Page) -> None:
        page.locator(selector).first.click()

    return do


def _send(form: str) -> Step:
    """Send a form as Enter does; the answer is a page."""

    def do(page: Page) -> None:
        with page.expect_navigation():
            page.eval_on_selector(form, "form => form.requestSubmit()")

    return do


def _answer(button: str) -> Step:
    """Press a button and wait for the page that answers."""

    def do(page: Page) -> None:
        with page.expect_navigation():
            page.locator(button).first.click()

    return do


def _above(page: Page) -> None:
    """From the door to the meeting's own page."""
    page.goto(page.url.removesuffix("/check"))


def _new_code(page: Page) -> None:
    """The meeting has a code for telephones, and its host is asked whether to have another."""
    make = "form[action$='/dial-in'] button"
    if page.locator(make).count():
        _answer(make)(page)
    _open("button[popovertarget$=dial-in-change]")(page)


def _busy(page: Page) -> None:
    """Two more directives to all communes, due the same day, so that another one is one too many."""
    page.evaluate(_ISSUE, [[f"{_SHELTERS}, đợt {n}", _BUSY_DAY] for n in (1, 2, 3)])


def _pictures(page: Page) -> None:
    """Pictures of pages are drawn when they are first looked at."""
    page.evaluate("document.querySelectorAll('img[loading=lazy]').forEach((img) => { img.loading = 'eager'; })")
    page.wait_for_function("() => [...document.images].every((img) => img.complete && img.naturalWidth)")


_SHELTERS = "Tổng kiểm kê nhà tránh lũ cộng đồng, xuồng, áo phao, loa cầm tay đến từng thôn, khu phố trước mùa mưa bão"
_BUSY_DAY = (datetime.now(UTC) + timedelta(days=(12 - datetime.now(UTC).weekday()))).strftime("%Y-%m-%dT17:00")
_ISSUE = """async (directives) => {
  const { csrf } = await import(new URL("/static/js/page.js", location.href));
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  const { units } = await (await fetch("/api/v1/units")).json();
  const recipients = units.filter(({ level }) => level === "commune").map(({ id }) => ({ unit: id }));
  for (const [subject, deadline] of directives) {
    const body = JSON.stringify({ kind: "Kế hoạch", subject, deadline: `${deadline}:00+07:00`, recipients });
    const { ok, status } = await fetch("/api/v1/directives?issue=true", { method: "POST", headers, body });
    if (!ok) throw new Error(`not issued: ${status}`);
  }
}"""
_PAST = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%dT08:00")
FLOOD = "Ứng phó mưa lớn"
POVERTY = "rà soát hộ nghèo"
IRRIGATION = "thủy lợi nội đồng"
FLOOD_CHECK = "nhà tránh lũ"
FIRE = "chữa cháy rừng"
DRILL = "Diễn tập báo động"
STRANGER = ""
DOOR = "a[href^='/meetings/'][href$=check]"

STATES = (
    State("sign-in", STRANGER, "/sign-in"),
    State(
        "sign-in-wrong", STRANGER, "/sign-in", do=_after(_fill(username="hang", password="quên"), _send("main form"))
    ),
    State("home-leader", "chutich", "/"),
    State("home-clerk", "vanthu", "/"),
    State("home-cadre", "camthuy", "/"),
    State("home-commune-clerk", "vanthu.camthuy", "/"),
    State("home-village", "thon1.camthuy", "/"),
    State("home-admin", "quantri", "/"),
    State("home-empty", "matran", "/"),
    State("menu", "camthuy", "/", do=_open("summary.top-tool")),
    State("inbox", "vanthu.camthuy", "/directives/in"),
    State("inbox-done", "vanthu.camthuy", "/directives/in?done=true"),
    State("inbox-village", "thon1.camthuy", "/directives/in"),
    State("inbox-empty", "matran", "/directives/in"),
    State("received-to-register", "vanthu.camnghia", "/directives/in", (FLOOD,)),
    State("received-return", "vanthu.camnghia", "/directives/in", (FLOOD,), _open("main details summary")),
    State("received-village", "thon1.camthuy", "/directives/in", ("Họp dân",)),
    State("received-to-report", "camthuy", "/directives/in", (FLOOD,)),
    State("received-report-empty", "camthuy", "/directives/in", (FLOOD,), _send("form[action$=report]")),
    State("received-files", "vanthu.camthanh", "/directives/in", (FLOOD_CHECK,), _pictures),
    State("file-pages", "chutich", "/directives/out", (FLOOD_CHECK, "a[href$='/pages']"), _pictures),
    State("received-done", "vanthu.camlo-tt", "/directives/in?done=true", (IRRIGATION,)),
    State("outbox", "chutich", "/directives/out"),
    State("outbox-empty", "matran", "/directives/out"),
    State("board", "chutich", "/directives/out", (FLOOD,)),
    State("board-late", "vanthu", "/directives/out", (IRRIGATION,)),
    State("board-tree", "chutich", "/directives/out", (FLOOD_CHECK,)),
    State("board-tree-open", "chutich", "/directives/out", (FLOOD_CHECK,), _open(".branch:not([open]) > summary")),
    State("board-tree-late", "chutich", "/directives/out", (FLOOD_CHECK, "a[href$='show=late']")),
    State("board-tree-nobody", "chutich", "/directives/out", (POVERTY, "a[href$='show=unregistered']")),
    State("board-review", "chutich", "/directives/out", (POVERTY, "a[href$='show=review']")),
    State("delivery-one-by-one", "chutich", "/directives/out", (POVERTY, "a[href$='show=review']", "Cam Tuyền")),
    State("decide", "chutich", "/directives/decide"),
    State("late", "chutich", "/directives/late"),
    State("late-unit", "chutich", "/directives/late", ("Xã Cam Nghĩa",)),
    State("outbox-filtered", "chutich", "/directives/out?late=true&words=thuy+loi"),
    State("delivery-to-review", "chutich", "/directives/out", (POVERTY, "Cam Tuyền"), _open("main details summary")),
    State("delivery-late", "chutich", "/directives/out", (IRRIGATION, "Cam Nghĩa")),
    State("delivery-extension", "vanthu", "/directives/out", (POVERTY, "Cam Thành")),
    State("delivery-withdraw", "chutich", "/directives/out", (POVERTY, "Cam Hiếu"), _open("main details summary")),
    State("received-recall", "vanthu.camlo-tt", "/directives/in", ("tiêm phòng",)),
    State("received-replaced", "vanthu.camhieu", "/directives/in?done=true", ("ghi nhầm",)),
    State("received-extension", "camthanh", "/directives/in", (POVERTY,)),
    State("board-chain", "chutich", "/directives/out", ("tiêm phòng gia súc, gia cầm đợt 2 năm",)),
    State(
        "compose-replaces",
        "vanthu",
        "/directives/out",
        ("tiêm phòng gia súc, gia cầm đợt 2 năm", "a[href*='corrects=']"),
    ),
    State("register-out", "chutich", "/registers", do=_open("#gaps summary")),
    State("register-in", "camthuy", "/registers?register=in"),
    State("register-none", "vanthu", "/registers?words=khong+co"),
    State("wall", "chutich", "/wall"),
    State("wall-tiles", "chutich", "/wall/tiles"),
    State("wall-screen-ask", "chutich", "/wall", do=_open("button[popovertarget]")),
    State(
        "wall-screen",
        "vanthu.camchinh",
        "/wall",
        do=_after(_open("button[popovertarget]"), _answer("[popover]:popover-open form button")),
    ),
    State("posts", "chutich.camthuy", "/directives/posts"),
    State(
        "posts-errors",
        "chutich.camthuy",
        "/directives/posts",
        do=_after(_fill(last="2020-01-01"), _send("form[action$=turns]")),
    ),
    State("received-assign", "chutich.camthuy", "/directives/in", (FLOOD,), _open("main details summary")),
    State("compose-forwards", "chutich.camthuy", "/directives/in", (FLOOD, "a[href*='forwards=']")),
    State(
        "compose-questions",
        "vanthu",
        "/directives/new",
        do=_after(
            _open("#f-questions > summary"), _ask("table", "Các ngầm tràn phải cắt đường", "Vị trí; Mức ngập (m)")
        ),
    ),
    State("board-answers", "chutich", "/directives/out", (FLOOD,), _open("#tally-3 > summary")),
    State("draft-waiting", "chutich", "/directives/out", (FIRE,)),
    State("draft-clerk", "vanthu", "/directives/out", (FIRE,)),
    State("draft-schedule", "chutich", "/directives/out", (FIRE,), _open("main details summary")),
    State(
        "draft-hand-back",
        "chutich",
        "/directives/out",
        (FIRE,),
        _open("details:has(form[action$=hand-back]) > summary"),
    ),
    State("draft-scheduled", "chutich", "/directives/out", ("Lịch trực lãnh đạo",)),
    State("draft-held", "chutich", "/directives/out", ("giải phóng mặt bằng",)),
    State("draft-imported", "vanthu", "/directives/out", ("Tết trồng cây",)),
    State("draft-imported-refuse", "vanthu", "/directives/out", ("Tết trồng cây",), _open("main details summary")),
    State(
        "draft-imported-recall", "vanthu", "/directives/out", ("trồng rừng ven biển",), _open("main details summary")
    ),
    State("edxml-import", "vanthu", "/directives/import"),
    State("exercise-board", "chutich", "/directives/out", (DRILL,)),
    State("exercise-received", "vanthu.camnghia", "/directives/in", (DRILL,)),
    State("exercise-home-village", "thon1.camhieu", "/"),
    State("exercise-register", "vanthu", "/registers?exercise=true"),
    State("compose", "vanthu", "/directives/new"),
    State("compose-leader", "chutich", "/directives/new", do=_open("main details.stack > summary")),
    State(
        "compose-errors",
        "vanthu",
        "/directives/new",
        do=_after(_fill(deadline=_PAST), _answer("[name=action][value=submit]")),
    ),
    State("meetings", "chutich", "/meetings"),
    State("meetings-empty", "matran", "/meetings"),
    State("meeting-new", "chutich", "/meetings/new"),
    State("meeting-new-errors", "chutich", "/meetings/new", do=_send("main form.form")),
    State("meeting-planned-chair", "chutich", "/meetings", ("Giao ban đầu tuần",)),
    State("meeting-planned", "camthuy", "/meetings", ("Giao ban đầu tuần",)),
    State("meeting-cancel", "chutich", "/meetings", ("Giao ban đầu tuần",), _open("button[popovertarget$=cancel]")),
    State("meeting-new-code", "chutich", "/meetings", ("Giao ban đầu tuần",), _new_code),
    State("meeting-ended", "camthuy", "/meetings", ("Giao ban tuần",)),
    State("check-waiting", "camthuy", "/meetings", ("Giao ban đầu tuần", DOOR)),
    State("trial", "camthuy", "/check"),
    State("archive", "vanthu", "/records"),
    State("archive-filter", "vanthu", "/records", do=_open("main details summary")),
    State("archive-none", "vanthu", "/records?words=khong+co+ho+so+nao"),
    State("record", "vanthu", "/records", ("Giao ban tuần",)),
    State("record-viewer", "camthuy", "/records", ("Giao ban tuần",)),
    State("record-no-purpose", "vanthu", "/records", ("Giao ban tuần",), _send("form[action$=download]")),
    State("people", "quantri", "/people"),
    State("people-viewer", "camthuy", "/people"),
    State("people-none", "quantri", "/people?q=khong+ai"),
    State("person", "quantri", "/people?q=Trần+Hoài+Linh", ("Trần Hoài Linh",)),
    State("person-viewer", "camthuy", "/people?q=Trần+Hoài+Linh", ("Trần Hoài Linh",)),
    State("telephone", "quantri", "/telephone"),
    State("telephone-filtered", "quantri", "/telephone?outcome=busy"),
    State("telephone-none", "quantri", "/telephone?q=khong+co"),
    State("telephone-errors", "quantri", "/telephone", do=_after(_fill(number="không"), _send("main form.form"))),
    State("telephone-people", "quantri", "/telephone/people"),
    State("telephone-unreached", "quantri", "/telephone/people?unreached=true"),
    State("telephone-person", "quantri", "/telephone/people", ("Trần Hoài Linh",)),
    State("telephone-sheets", "quantri", "/telephone/people", do=_answer("form[action$=pins] button")),
    State("telephone-guide", "thon1.camthuy", "/guide/telephone"),
    State("account-new", "quantri", "/people/new"),
    State("account-new-errors", "quantri", "/people/new", do=_send("main form.form")),
    State("units", "camthuy", "/units"),
    State("unit", "camthuy", "/units", ("Xã Cam Thủy",)),
    State("village", "camthuy", "/units", ("Xã Cam Thủy", "Thôn 1")),
    State("account", "camthuy", "/account"),
    State("messages", "quantri", "/reach"),
    State("refusals", "quantri", "/refusals"),
    State("refusals-one-code", "quantri", "/refusals?code=not_allowed"),
    State("offline", STRANGER, "/offline"),
    State(
        "compose-warned",
        "chutich",
        "/directives/new",
        do=_after(
            _busy,
            _fill(subject=_SHELTERS, deadline=_BUSY_DAY),
            _open("[name=recipients_groups]"),
            _answer("[name=action][value=issue]"),
        ),
    ),
    State("account-errors", "camthuy", "/account", do=_send("form[action$=password]")),
    State("not-found", "camthuy", "/meetings/999999"),
    State("not-found-stranger", STRANGER, "/khong-co"),
    State("not-allowed", "thon1.camthuy", "/people/new"),
    State("home-live", "camnghia", "/", live=True),
    State("home-village-live", "thon2.camthuy", "/", live=True),
    State("meetings-live", "camnghia", "/meetings", live=True),
    State("meeting-live", "camnghia", "/meetings", (DOOR,), _above, live=True),
    State("inbox-live", "vanthu.camnghia", "/directives/in", live=True),
    State("check", "camnghia", "/meetings", (DOOR,), live=True),
)


_LINK = """([html, words]) => {
  const found = new DOMParser().parseFromString(html, "text/html");
  const spoken = (link) => link.textContent.replace(/\\s+/g, " ").toLowerCase();
  const link = words.startsWith("a[") ? found.querySelector(words)
    : [...found.querySelectorAll("main a")].find((one) => spoken(one).includes(words.toLowerCase()));
  return link?.getAttribute("href") ?? null;
}"""


def _followed(page: Page, state: State, url: str) -> str:
    """Where the lines lead; the pages on the way are asked for without being drawn, which costs more than all else."""
    path = state.path
    for words in state.follow:
        answer = page.request.get(url + path, headers={"Accept": "text/html"})
        assert answer.ok, f"{state.name}: {path} answers {answer.status}"
        path = page.evaluate(_LINK, [answer.text(), words])
        assert path, f"{state.name}: nothing on the page says {words}"
    return path


def reach(page: Page, state: State, url: str) -> None:
    """Bring a signed-in page to its state, its fonts and scripts at rest."""
    page.goto(url + _followed(page, state, url))
    page.evaluate("document.fonts.ready")
    if state.name.startswith("check"):
        page.wait_for_selector("[data-door][data-ready]")
        page.wait_for_timeout(1500)
    if state.do:
        state.do(page)
    page.wait_for_timeout(300)
