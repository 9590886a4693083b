"""Back-off with jitter, addresses, and what is shown of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.reach.rules import MOST_ASKED, Backoff, clean_mail, clean_phone, masked
from server.reach.sender import retry_after

NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)


def test_each_wait_is_twice_as_long_up_to_the_most_and_then_it_is_over() -> None:
    backoff = Backoff(tries=6, first=timedelta(seconds=10), most=timedelta(seconds=60))
    waits = [backoff.wait(tried, Random(1)) for tried in range(1, 7)]
    assert waits[5] is None
    for wait, whole in zip(waits, (10, 20, 40, 60, 60), strict=False):
        assert wait is not None
        assert timedelta(seconds=whole / 2) <= wait <= timedelta(seconds=whole)


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_no_wait_is_longer_than_the_most_however_often_it_was_tried(tried: int, seed: int) -> None:
    wait = Backoff(tries=10_001).wait(tried, Random(seed))
    assert wait is not None
    assert timedelta(seconds=5) <= wait <= timedelta(minutes=30)


def test_messages_that_failed_together_do_not_come_back_together() -> None:
    rng = Random(7)
    assert len({Backoff().wait(3, rng) for _ in range(100)}) == 100


@pytest.mark.parametrize("text", ["0912345678", "+84912345678", "84912345678", "0912 345 678", "0912.345.678"])
def test_a_mobile_number_is_one_however_it_is_typed(text: str) -> None:
    assert clean_phone(text) == "+84912345678"


@pytest.mark.parametrize(
    "text", ["", "113", "0233873114", "09123456789", "+66912345678", "0912-34-56-7a", "٠٩١٢٣٤٥٦٧٨"]
)
def test_what_is_no_mobile_number(text: str) -> None:
    assert clean_phone(text) is None


@pytest.mark.parametrize("text", ["hang@camlo.example", " a.b+c@x.gov.vn "])
def test_an_address(text: str) -> None:
    assert clean_mail(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        *("", "hang", "hang@", "@x.vn", "a@b", "a b@x.vn", "a@x..vn", "a@-x.vn", "a@x.vn\nBcc: b@x.vn", "hằng@x.vn"),
        *("<a@x.vn>", "a@x.vn, b@x.vn", "a" * 200 + "@x.vn", "a@[127.0.0.1]"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert clean_mail(text) is None


def test_a_masked_address_can_be_known_again() -> None:
    assert masked("hang@camlo.example") == "h…g@camlo.example"
    assert masked("+84912345678") == "+8491…678"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("120", timedelta(minutes=2)),
        ("999999999999", MOST_ASKED),
        ("Wed, 25 Nov 2026 01:00:30 GMT", timedelta(seconds=30)),
        ("Wed, 25 Nov 2026 00:00:00 GMT", timedelta(0)),
        ("Wed, 25 Nov 2099 00:00:00 GMT", MOST_ASKED),
        ("-5", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(text: str | None, wait: timedelta | None) -> None:
    assert retry_after(text, NOW) == wait
