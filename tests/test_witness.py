"""After a failure one reads what pages and servers said: where they were, console, uncaught errors, failed requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests import witness
from tests.e2e.harness import chromium, free_port


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_a_page_tells_what_happened_to_it(browser: Browser) -> None:
    page = browser.new_page()
    page.goto("data:text/html,<title>x</title>")
    nobody = f"http://127.0.0.1:{free_port()}/lost.js"
    page.evaluate("(url) => { console.log('hello'); fetch(url).catch(() => 0); }", nobody)
    page.evaluate("() => { setTimeout(() => { throw new Error('broken'); }); }")
    page.wait_for_timeout(200)
    page.context.close()
    told = dict(witness.accounts())["page data:text/html,<title>x</title>"]
    for words in ("at data:text/html", "log: hello", f"failed: {nobody} net::ERR_CONNECTION_REFUSED", "broken"):
        assert words in told
    witness.forget()
    assert not any("data:text/html" in title for title, _ in witness.accounts())


def test_a_server_tells_its_last_lines_until_the_next_test() -> None:
    one = witness.add(lambda: "server", lambda: "\n".join(f"line {n}" for n in range(100)))
    told = dict(witness.accounts())["server"].splitlines()
    assert (told[0], told[-1], len(told)) == (f"line {100 - witness.LINES}", "line 99", witness.LINES)
    one.over = True
    assert "server" in dict(witness.accounts())
    witness.forget()
    assert "server" not in dict(witness.accounts())
