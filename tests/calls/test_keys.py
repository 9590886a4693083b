"""Keys as a call is told them: by RTP, by INFO or by both, in time or late."""

from __future__ import annotations

from typing import Any, cast

import pytest

from server.calls.line import Line
from server.meetings.phones import Phones


class Told:
    """A call and its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.line = Line(cast("Phones", None), "", lambda: self.now)

    def press(self, *presses: tuple[float, str, str]) -> str:
        """Seconds after the one before, key, way; gives the keys that are taken."""
        for wait, key, how in presses:
            self.now += wait
            self.line.press(key, how)
        return "".join(self.line.keys)


@pytest.mark.parametrize("later", [0.0, 0.6, 1.2, 2.0, 3.7])
@pytest.mark.parametrize("ways", [("rtp", "info"), ("info", "rtp")])
def test_a_key_that_is_told_in_both_ways_is_one_press(later: float, ways: Any) -> None:
    """INFO comes when the key is let go, and may have been lost three times on the way."""
    first, second = ways
    assert Told().press((0, "5", first), (later, "5", second)) == "5"
    assert Told().press((0, "5", first), (later, "5", second), (0.3, "5", first), (later, "5", second)) == "55"


def test_two_presses_of_one_key_are_two() -> None:
    for how in ("rtp", "info"):
        assert Told().press((0, "5", how), (0.1, "5", how)) == "55"
    both = (0, "5", "rtp"), (0.2, "5", "rtp"), (0.2, "5", "info"), (0.2, "5", "info")
    assert Told().press(*both) == "55"
    assert Told().press((0, "5", "rtp"), (0.1, "6", "info")) == "56"
