"""What tests of media share: a browser for each file that asks pages' rules, and a node's switch with three people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.harness import chromium
from tests.fuzz.stage import Hand, Stage


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page, in which the rules of the product's scripts are asked with made figures."""
    with browser.new_context() as context:
        yield context.new_page()


@pytest.fixture
def stage() -> Stage:
    """Three people in a room, of whom nothing has been sent yet."""
    made = Stage()
    made.port.batches.clear()
    return made


@pytest.fixture
def hand(stage: Stage) -> Hand:
    """Lets a datagram arrive from an address."""
    return lambda data, source: stage.switch.paths.datagram(data, source, stage.now)
