"""Forms in the real browser: what was typed is there until the server has accepted it, and nothing goes unmeant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.directives.files import pdf
from tests.e2e.harness import App, chromium, running
from tests.e2e.issuing import unit_of
from tests.e2e.test_directive import connected, issue

TEXT = "Đã vận động 32 hộ dân ven sông đến nơi an toàn."
LATER = "Soạn dở: kế hoạch diễn tập quý I"
ACCEPTED = "Kế hoạch trực Tết"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("typed")) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def registered(app: App, subject: str) -> int:
    """A directive that Cam Thủy is to answer."""
    directive = issue(app, app.token("chutich"), [unit_of(app, "19606")], subject)
    app.call(app.token("vanthu.camthuy"), "POST", f"/api/v1/directives/{directive}/register")
    return directive


def typed(app: App, browser: Browser, path: str, who: str = "camthuy", **options: Any) -> Page:
    """A page with something typed into its largest field, kept after a moment."""
    page = app.page(browser, who, path, **options)
    field = page.locator("#f-text, #f-subject").first
    field.fill(TEXT)
    page.wait_for_timeout(600)
    return page


def send(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


@pytest.mark.parametrize("workers", ["block", "allow"])
def test_a_network_that_fails_while_it_is_sent(app: App, browser: Browser, workers: str) -> None:
    path = f"/directives/{registered(app, f'Báo cáo lũ {workers}')}"
    page = typed(app, browser, path, service_workers=workers)
    if workers == "allow":
        page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    page.set_input_files("#f-files", {"name": "anh.pdf", "mimeType": "application/pdf", "buffer": pdf()})
    page.route("**/report", lambda route: route.abort())
    page.get_by_role("button", name="Gửi báo cáo").click()
    page.wait_for_timeout(500)
    page.unroute("**/report")
    for place in ("/directives/in", path):  # whatever they open next
        with_patience(page, f"{app.url}{place}")
    expect(page.locator("#f-text")).to_have_value(TEXT)
    expect(page.locator("#toasts")).to_contain_text("Tệp đã chọn thì không giữ được")
    send(page, "Gửi báo cáo")
    expect(page.locator("article.panel", has_text=TEXT)).to_be_visible()
    expect(page.locator("#f-text")).to_have_value("")
    page.reload()
    expect(page.locator("#f-text")).to_have_value("")  # once it was accepted it does not come again


def with_patience(page: Page, address: str) -> None:
    """Open a page, also where the browser still shows its own error."""
    try:
        page.goto(address)
    except Error:
        page.goto(address)


def test_an_error_page_instead_of_an_answer(app: App, browser: Browser) -> None:
    path = f"/directives/{registered(app, 'Báo cáo thiệt hại')}"
    page = typed(app, browser, path)
    page.evaluate("document.querySelector('form[data-keep=report] [name=csrf]').value = 'x'")
    send(page, "Gửi báo cáo")
    expect(page.locator("h1")).to_have_text("Chưa được phép")
    page.goto(f"{app.url}{path}")
    expect(page.locator("#f-text")).to_have_value(TEXT)


def test_a_form_that_is_mended_leaves_nothing_behind(app: App, browser: Browser) -> None:
    path = f"/directives/{registered(app, 'Báo cáo nhà sập')}"
    page = typed(app, browser, path)
    page.fill("#f-text", "MẬT")
    send(page, "Gửi báo cáo")
    expect(page.locator(".errors")).to_be_visible()
    page.fill("#f-text", TEXT)
    send(page, "Gửi báo cáo")
    expect(page.locator("article.panel", has_text=TEXT)).to_be_visible()
    expect(page.locator("#f-text")).to_have_value("")


def test_a_new_document_does_not_come_again_once_it_is_a_draft(app: App, browser: Browser) -> None:
    page = typed(app, browser, "/directives/new", "vanthu")
    send(page, "Trình lãnh đạo")  # kept as a draft, and refused: nobody is to receive it
    expect(page.locator(".errors")).to_be_visible()
    expect(page.locator("#f-subject")).to_have_value(TEXT)
    page.fill("#f-subject", ACCEPTED)
    send(page, "Lưu nháp")
    expect(page.locator("h1")).to_have_text(ACCEPTED)
    page.goto(f"{app.url}/directives/new")
    expect(page.locator("#f-subject")).to_have_value("")


def test_what_is_being_written_does_not_replace_another_document(app: App, browser: Browser) -> None:
    directive = registered(app, "Trực bão số 9")
    page = typed(app, browser, "/directives/new", "vanthu")
    for way in ("replaces", "corrects"):
        page.goto(f"{app.url}/directives/new?{way}={directive}")
        expect(page.locator("#f-subject")).to_have_value(
            "Trực bão số 9" if way == "replaces" else f"Đính chính văn bản số {number_of(app, directive)}"
        )
    page.fill("#f-subject", LATER)
    page.wait_for_timeout(600)
    page.goto(f"{app.url}/directives/new")
    expect(page.locator("#f-subject")).to_have_value(TEXT)
    page.goto(f"{app.url}/directives/new?corrects={directive}")
    expect(page.locator("#f-subject")).to_have_value(LATER)


def number_of(app: App, directive: int) -> str:
    return str(app.call(app.token("vanthu"), "GET", f"/api/v1/directives/{directive}")["directive"]["number_text"])


def test_what_was_typed_does_not_hide_that_the_draft_has_changed(app: App, browser: Browser) -> None:
    token = app.token("chutich")
    body = {"kind": "Kế hoạch", "subject": "Kế hoạch trồng rừng"}
    draft = int(app.call(token, "POST", "/api/v1/directives", body)["id"])
    page = typed(app, browser, f"/directives/{draft}/edit", "vanthu")
    app.call(token, "PUT", f"/api/v1/directives/{draft}", {**body, "subject": "Kế hoạch trồng rừng năm 2027"})
    page.reload()
    expect(page.locator("#f-subject")).to_have_value(TEXT)
    send(page, "Lưu nháp")
    expect(page.locator(".errors")).to_contain_text("Bản nháp đã được sửa sau khi đồng chí mở")
    expect(page.locator("#f-subject")).to_have_value(TEXT)
    send(page, "Lưu nháp")  # now they know
    expect(page.locator("h1")).to_have_text(TEXT)


# ---- nothing that nobody meant


def outbox(app: App) -> Any:
    return app.call(app.token("chutich"), "GET", "/api/v1/directives")


def test_enter_in_a_field_issues_nothing(app: App, browser: Browser) -> None:
    """Whoever looks for a unit among the recipients presses Enter."""
    before = outbox(app)
    page = app.page(browser, "chutich", "/directives/new", width=1366, height=900)
    page.fill("#f-subject", "Kế hoạch chưa viết xong")
    page.get_by_role("checkbox", name="Xã Cam Thủy").check()
    page.evaluate("window.mark = 1")
    for field in ("#s-recipients", "#f-notation", "#f-deadline", "[name=question_label]", "[name=exercise]"):
        page.locator(field).first.evaluate("field => { field.closest('details')?.setAttribute('open', ''); }")
        page.locator(field).first.focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(100)
    assert page.evaluate("window.mark") == 1
    assert outbox(app) == before
    send(page, "Lưu nháp")
    expect(page.locator("h1")).to_have_text("Kế hoạch chưa viết xong")


def test_enter_in_a_date_or_a_tick_decides_nothing(app: App, browser: Browser) -> None:
    """Whoever corrects the date that was asked for, or ticks an answer that was read, has not decided yet."""
    clerk, cadre = app.token("vanthu"), app.token("camthuy")
    asked, answered = registered(app, "Xin thêm ngày"), registered(app, "Báo cáo nhanh")
    until = (datetime.now(UTC) + timedelta(days=20)).isoformat()
    app.call(cadre, "POST", f"/api/v1/directives/{asked}/extension", {"reason": "Nước chưa rút", "until": until})
    app.call(cadre, "POST", f"/api/v1/directives/{answered}/responses", {"text": "Xong"})

    def delivery(directive: int) -> dict[str, Any]:
        (found,) = app.call(clerk, "GET", f"/api/v1/directives/{directive}")["board"]
        return dict(found)

    before = delivery(asked)
    page = app.page(browser, "vanthu", f"/deliveries/{before['id']}", width=1366, height=900)
    page.locator("#f-until").press("Enter")
    page.goto(f"{app.url}/directives/{answered}?show=review")
    tick = page.locator("input[name=answers]")
    tick.check()
    tick.press("Enter")
    page.wait_for_timeout(500)
    assert delivery(asked)["deadline"] == before["deadline"] and delivery(asked)["asking"]
    assert delivery(answered)["state"] == "REPORTED"
    send(page, "Chấp nhận các báo cáo đã chọn")
    assert delivery(answered)["state"] == "COMPLETED"


AT_ONCE = """([before, after]) => {
  const at = (id) => document.querySelector(`main form[action="/directives/${id}/issue"] button`);
  const { x, y } = at(before).getBoundingClientRect();
  new MutationObserver(() => {
    if (!at(after) || window.pressed) return;
    const under = document.elementFromPoint(x + 5, y + 5)?.closest('button');
    window.pressed = under?.closest('form')?.getAttribute('action') ?? 'nothing';
    setTimeout(() => under?.click(), 50);
  }).observe(document.body, { childList: true, subtree: true });
}"""
"""Presses whatever stands where the button of the draft `before` stood, in the moment in which `after` comes."""


def test_a_button_that_has_just_come_under_the_finger_does_nothing(app: App, browser: Browser) -> None:
    clerk, unit = app.token("vanthu"), unit_of(app, "19606")

    def waiting(subject: str) -> int:
        body = {"kind": "Thông báo", "subject": subject, "recipients": [{"unit": unit}]}
        draft = int(app.call(clerk, "POST", "/api/v1/directives", body)["id"])
        app.call(clerk, "POST", f"/api/v1/directives/{draft}/submit")
        return draft

    def state(draft: int) -> str:
        return str(app.call(clerk, "GET", f"/api/v1/directives/{draft}")["directive"]["state"])

    first = waiting("Nghỉ lễ Quốc khánh")
    page = app.page(browser, "chutich", "/", width=1366, height=900)
    connected(page)
    page.locator(f"form[action='/directives/{first}/issue']").wait_for()
    page.evaluate(AT_ONCE, [first, first + 1])
    second = waiting("Sơ tán dân vùng ngập lụt")
    page.wait_for_function("() => window.pressed")
    assert page.evaluate("window.pressed") == f"/directives/{second}/issue"  # what was pressed is not what was meant
    page.wait_for_timeout(1_000)
    assert (state(first), state(second)) == ("WAITING", "WAITING")
    page.locator(f"form[action='/directives/{first}/issue'] button").click()
    page.wait_for_url(f"**/directives/{first}")
    assert (state(first), state(second)) == ("ISSUED", "WAITING")
