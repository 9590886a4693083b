"""The demo district as a running server, and the browsers of its people."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

from server.accounts.demo import DEFAULT_PASSWORD
from server.store import Store
from tests.e2e.harness import App, free_port
from tests.ui.dead_letters import write_letters
from tests.ui.states import STRANGER, State, reach
from tests.ui.telephone_log import write_calls

LAPTOP: ViewportSize = {"width": 1366, "height": 768}
_REFUSED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("camthuy", "/api/v1/directives/999/return", {"reason": "Gửi nhầm nơi nhận"}),
    ("vanthu", "/api/v1/directives/1/issue", {}),
    ("vanthu.camnghia", "/api/v1/directives/1/responses", {"text": ""}),
    ("chutich", "/api/v1/meetings", {"title": "", "units": []}),
    ("vanthu", "/api/v1/registers/gaps", {"number": 0}),
    ("thon1.camthuy", "/api/v1/deliveries/1/accept", {}),
)


class DemoApp(App):
    """The server as `make run` starts it: it seeds the demo district by itself."""

    command = ("-m", "server", "demo")

    def plan(self) -> None:
        """A meeting of tomorrow morning with the communes, so that the lists hold one."""
        token = self.token("chutich")
        units = [unit["id"] for unit in self.call(token, "GET", "/api/v1/units")["units"] if unit["level"] == "commune"]
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(hour=1, minute=0, second=0, microsecond=0)
        agenda = [{"title": "Kết quả tuần qua", "minutes": 15}, {"title": "Phòng, chống mưa lũ", "minutes": 30}]
        body = {"title": "Giao ban đầu tuần", "units": units, "starts_at": tomorrow.isoformat(), "agenda": agenda}
        self.call(token, "POST", "/api/v1/meetings", body)

    def put_on_duty(self) -> None:
        """Turns of duty in Cam Thủy: today's, the rest of the week's, and one of the leaders."""
        token = self.token("chutich.camthuy")
        people = [account for account, _ in self.call(token, "GET", "/api/v1/posts")["people"]]
        today = (datetime.now(UTC) + timedelta(hours=7)).date()
        turns = (("duty_officer", 0, 0), ("duty_officer", 1, 4), ("chair", 2, 2))
        for who, (post, first, last) in enumerate(turns):
            days = {"first": str(today + timedelta(days=first)), "last": str(today + timedelta(days=last))}
            body = {"post": post, "account": people[who % len(people)], **days}
            self.call(token, "POST", "/api/v1/posts/turns", body)

    def be_refused(self) -> None:
        """Commands that the server refuses, for the administrator's page about them."""
        for who, path, body in _REFUSED:
            with pytest.raises(HTTPError):
                self.call(self.token(who), "POST", path, body)


@contextmanager
def demo_district() -> Iterator[DemoApp]:
    """The demo district on free ports, in a folder of its own, its recording joined."""
    with tempfile.TemporaryDirectory() as folder:
        app = DemoApp(Path(folder), telephone=free_port(), trunk="127.0.0.1:9")
        app.environment["GIAOBAN_TELEPHONE_NUMBERS"] = "0233 3873 100"
        app.start()
        try:
            app.plan()
            app.put_on_duty()
            app.be_refused()
            store = Store(app.environment["GIAOBAN_DATABASE_URL"])
            write_calls(store)
            write_letters(store)
            store.close()
            yield app
        finally:
            app.stop()


class Visitors:
    """One browser context a person, signed in once; what their pages complain of is gathered in `problems`.

    A person visits one state after the other in the same tab, as people do, until another person's turn comes: a new
    tab costs more than what it shows.
    """

    def __init__(self, app: App, browser: Browser, language: str = "vi", **options: Any) -> None:
        self.app, self.browser, self.language, self.options = app, browser, language, options
        self.problems: list[str] = []
        self._contexts: dict[str, BrowserContext] = {}
        self._tab: Page | None = None
        self._who = self._state = ""

    def context(self, who: str) -> BrowserContext:
        """The browser of a person."""
        if who not in self._contexts:
            context = self.browser.new_context(
                locale="vi-VN", reduced_motion="reduce", service_workers="block", **self.options
            )
            context.grant_permissions(["camera", "microphone"], origin=self.app.url)
            context.add_cookies([{"name": "language", "value": self.language, "url": self.app.url}])
            if who != STRANGER:
                body = {"username": who, "password": DEFAULT_PASSWORD}
                answer = context.request.post(f"{self.app.url}/api/v1/session", data=body)
                assert answer.ok, answer.text()
            self._contexts[who] = context
        return self._contexts[who]

    def page(self, who: str, name: str) -> Page:
        """A new page of a person; its complaints are noted under `name`."""
        return self._open(who, lambda: name)

    def _open(self, who: str, name: Callable[[], str]) -> Page:
        page = self.context(who).new_page()
        page.set_viewport_size(LAPTOP)

        def said(line: ConsoleMessage) -> None:
            # The browser's own line about a page that is refused on purpose is no complaint of ours.
            if line.type == "error" and "Failed to load resource" not in line.text:
                self.problems.append(f"{name()}: {line.text}")

        page.on("pageerror", lambda error: self.problems.append(f"{name()}: {error}"))
        page.on("console", said)
        return page

    def visit(self, state: State) -> Page:
        """The tab of a person in a state, as large and as bright as a new one; the next visit goes on in it."""
        if self._tab is not None and self._who != state.who:
            self._tab.close()
            self._tab = None
        if self._tab is None:
            self._tab, self._who = self._open(state.who, lambda: self._state), state.who
        self._tab.set_viewport_size(LAPTOP)
        self._tab.emulate_media(color_scheme="light")
        self._state = state.name
        reach(self._tab, state, self.app.url)
        return self._tab

    def close(self) -> None:
        """Everybody's browser is closed."""
        for context in self._contexts.values():
            context.close()

    def check_width(self, page: Page, name: str) -> None:
        """Note a page that scrolls sideways."""
        wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if wide > room:
            self.problems.append(f"{name}: {wide} px wide at {room}")
