"""Layers are asked for at once, and given up after a while."""

from __future__ import annotations

from server.media.allocation.dynacast import PENDING, UNWANTED, LayerSwitch


def test_unwatched_layers_are_given_up_after_a_while() -> None:
    switch = LayerSwitch({"q", "h", "f"}, 0.0)
    assert not switch.update({"q"}, 1.0)
    assert switch.asked == {"q", "h", "f"}
    assert switch.update({"q"}, UNWANTED)
    assert switch.asked == {"q"}
    assert not switch.update(set(), UNWANTED + 1)
    assert switch.update(set(), 2 * UNWANTED + 1)
    assert switch.asked == frozenset()


def test_a_layer_is_asked_for_at_once() -> None:
    switch = LayerSwitch({"q", "h", "f"}, 0.0)
    switch.update(set(), UNWANTED)
    assert switch.update({"h"}, 10.0)
    assert switch.asked == {"h"}


def test_another_codec_is_told_of_like_another_layer() -> None:
    switch = LayerSwitch({""}, 0.0)
    assert switch.codec == "vp8"
    assert switch.update({""}, 1.0, "vp9")
    assert (switch.codec, switch.asked) == ("vp9", {""})
    assert not switch.update({""}, 2.0, "vp9")
    assert switch.update({""}, 3.0, "vp8")


def test_what_was_not_offered_is_never_asked_for() -> None:
    switch = LayerSwitch({"q"}, 0.0)
    assert not switch.update({"f", "q"}, 1.0)
    assert switch.asked == {"q"}


def test_a_view_that_changes_back_costs_nothing() -> None:
    switch = LayerSwitch({"q", "h"}, 0.0)
    told = [switch.update({"h"} if now % 4 < 2 else {"q"}, float(now)) for now in range(40)]
    assert not any(told)


def test_what_can_be_had() -> None:
    switch = LayerSwitch({"q", "h", "f"}, 0.0)
    assert switch.obtainable("f", False, PENDING - 0.1)  # the browser has just begun
    assert not switch.obtainable("f", False, PENDING)  # it does not send that one: too small, or too weak
    assert switch.obtainable("f", True, 100.0)
    switch.update({"q"}, 100.0)
    switch.update({"q"}, 100.0 + UNWANTED)
    assert switch.obtainable("f", False, 200.0)  # switched off by us
    switch.update({"f"}, 200.0)
    assert switch.obtainable("f", False, 200.0 + PENDING - 0.1)
    assert not switch.obtainable("f", False, 200.0 + PENDING)


def test_what_is_too_large_for_the_way_is_given_up_at_once() -> None:
    switch = LayerSwitch({"q", "h", "f"}, 0.0)
    switch.update({"f"}, UNWANTED)
    assert switch.update({"h"}, 10.0, too_large={"f"})
    assert switch.asked == {"h"}
    assert not switch.obtainable("f", False, 10.0)
    assert switch.obtainable("f", True, 10.0), "a small camera sends this one alone, whatever it is asked for"
    assert switch.obtainable("h", False, 10.0)
    assert switch.update({"f"}, 30.0)
    assert switch.asked == {"f"}
