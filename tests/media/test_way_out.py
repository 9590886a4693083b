"""Publishers on thin ways out, in virtual time: when the camera rests, is tried again, and that it never flaps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import async_playwright

from tests.e2e.harness import CHROMIUM, FLAGS
from tests.media.bandwidth.link import Link
from tests.media.test_thrift_chromium import SCRIPT
from tests.media.way_out import Advice, Page, WayOut

pytestmark = pytest.mark.timeout(120)
_BEGIN = """async (code) => {
  const { Thrift } = await import(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
  window.thrift = new Thrift();
}"""
_LOOK = """([carries, lost, seconds]) => {
  thrift.step({ carries, lost, screen: false }, 1000 * seconds);
  return [thrift.form.kbps, thrift.form.frameMs, thrift.rests];
}"""
GOOD = 8.0  # s before the way out becomes thin


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """The page's rules, in a real browser but by the clock of the test."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = await browser.new_page()
        await tab.evaluate(_BEGIN, SCRIPT.read_text())

        async def look(carries: float | None, lost: float, seconds: float) -> Advice:
            return Advice(*await tab.evaluate(_LOOK, [carries, lost, seconds]))

        yield look
        await browser.close()


async def thin(page: Page, rate: float, seconds: float, loss: float = 0.0, jitter: float = 0.0) -> WayOut:
    """A good way out that becomes such a one, and what has happened `seconds` later."""
    way = WayOut(Link(20e6, delay=0.02), page)
    await way.run(GOOD)
    assert way.rests == []
    way.link.rate, way.link.loss, way.link.jitter = rate, loss, jitter
    way.link.queue_bytes = max(rate * 0.3 / 8, 6000)
    await way.run(seconds)
    return way


@pytest.mark.parametrize(("rate", "loss", "jitter"), [(100e3, 0, 0), (64e3, 0, 0), (64e3, 0.1, 0), (80e3, 0.02, 0.1)])
async def test_the_camera_rests_soon_and_is_tried_again_but_never_flaps(
    page: Page, rate: float, loss: float, jitter: float
) -> None:
    way = await thin(page, rate, 60, loss, jitter)
    moments = [at for at, _ in way.rests]
    assert way.rests[0][1] and moments[0] - GOOD <= 2.0
    back = [at for at, rests in way.rests if not rests]
    assert back and back[0] - moments[0] <= 15.0
    assert len(way.rests) <= 60 / 5, "at most one change in five seconds"
    assert way.voice(GOOD + 3, GOOD + 13) >= (0.95 if not loss else 0.95 - loss), "what the air takes, copies bring"
    assert way.voice(GOOD + 13, GOOD + 60) >= 0.95 - loss, "trials cost the voice little"


async def test_a_way_that_is_good_again_has_its_camera_back_within_fifteen_seconds(page: Page) -> None:
    way = await thin(page, 64e3, 40)
    way.link.rate, way.link.queue_bytes = 20e6, 1e6
    begin = way.now
    await way.run(40)
    assert not way.browser.advice.rests and way.rests[-1][0] - begin <= 15.0


@pytest.mark.parametrize("rate", [300e3, 600e3])
async def test_a_way_that_carries_a_small_picture_keeps_it(page: Page, rate: float) -> None:
    way = await thin(page, rate, 60)
    assert len(way.rests) <= 2, "it may rest once while the queue is emptied"
    assert not way.browser.advice.rests
    assert way.voice(GOOD + 3, GOOD + 60) >= 0.95


async def test_loss_in_the_air_and_a_longer_way_are_no_crowd(page: Page) -> None:
    way = await thin(page, 20e6, 20, loss=0.2, jitter=0.1)
    assert way.browser.bound >= 4e6 * 0.99, "the node bounds nothing"


async def test_an_outage_leaves_nothing_behind(page: Page) -> None:
    way = await thin(page, 20e6, 2)
    way.link.down = True
    await way.run(5)
    way.link.down = False
    await way.run(3)
    assert way.browser.bound >= 4e6 * 0.99
