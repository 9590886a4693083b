"""Layer choice: enough pixels, no more; any set of layers will do; no flicker at an edge."""

from __future__ import annotations

import pytest

from server.media.allocation.layers import SCREEN_RATES, Layer, choose, options

THREE = [Layer("f", 960), Layer("h", 480), Layer("q", 240)]


@pytest.mark.parametrize(
    ("wanted", "rid"), [(100, "q"), (240, "q"), (320, "q"), (330, "h"), (640, "h"), (700, "f"), (4000, "f")]
)
def test_the_smallest_layer_that_is_enough(wanted: int, rid: str) -> None:
    assert choose(THREE, wanted, None) == rid


def test_without_layers_there_is_nothing() -> None:
    assert choose([], 640, "f") is None


def test_one_layer_serves_every_size() -> None:
    for wanted in (1, 300, 5000):
        assert choose([Layer("", 640)], wanted, None) == ""


def test_sizes_that_are_not_known_yet_follow_the_names() -> None:
    unknown = [Layer("q", 0), Layer("f", 0), Layer("h", 0)]
    assert [choose(unknown, wanted, None) for wanted in (160, 600, 1200)] == ["q", "h", "f"]


def test_a_layer_that_is_shown_stays_while_it_is_nearly_enough() -> None:
    assert choose(THREE, 650, None) == "f"
    assert choose(THREE, 650, "h") == "h"
    assert choose(THREE, 750, "h") == "f"


def test_a_layer_that_is_too_large_is_left() -> None:
    assert choose(THREE, 200, "f") == "q"


def test_a_layer_that_went_away_is_replaced() -> None:
    assert choose([Layer("h", 480), Layer("q", 240)], 900, "f") == "h"


def test_ways_to_show_a_picture_drop_temporal_layers_first() -> None:
    layers = [
        Layer("f", 960, (500_000, 700_000, 1_000_000)),
        Layer("h", 480, (180_000, 260_000, 380_000)),
        Layer("q", 240),
    ]
    found = [(way.rid, way.cap) for way in options(layers, 960, None)]
    assert found == [("q", 0), ("q", 1), ("q", 2), ("h", 1), ("h", 2), ("f", 1), ("f", 2)]
    rates = [way.rate for way in options(layers, 960, None)]
    assert rates == sorted(set(rates))
    assert rates[-1] == 1_030_000
    assert rates[:3] == [60_000, 84_000, 120_000]


def test_one_layer_alone_may_go_down_to_its_base() -> None:
    """A shared screen has one encoding: it stays as sharp, with fewer pictures a second."""
    assert [way.cap for way in options([Layer("", 1920, (1e5, 2e5, 3e5))], 1280, None)] == [0, 1, 2]


def test_a_way_that_costs_no_less_than_a_better_one_is_left_out() -> None:
    layers = [Layer("h", 480, (100_000, 100_000, 300_000)), Layer("q", 240, (90_000, 120_000, 150_000))]
    assert [(way.rid, way.cap) for way in options(layers, 480, None)] == [("q", 0), ("h", 1), ("h", 2)]


def test_layers_larger_than_wished_are_no_way_at_all() -> None:
    assert {way.rid for way in options(THREE, 200, None)} == {"q"}
    assert options([], 640, None) == ()


def test_a_screen_costs_what_its_encoder_keeps_to_however_large_a_page_is() -> None:
    turned = Layer("", 1920, (900_000.0, 950_000.0, 1_000_000.0), SCREEN_RATES["vp8"])
    still = Layer("", 1920, (20_000.0, 30_000.0, 40_000.0), SCREEN_RATES["vp8"])
    assert turned.expected_rates[0] < 300_000 < turned.expected_rates[2] < 700_000
    assert still.expected_rates == Layer("", 1920, (20_000.0, 30_000.0, 40_000.0)).expected_rates
