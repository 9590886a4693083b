"""Why a call ended, as the telephone network says it (RFC 3326): the Q.850 cause, wherever it stands."""

from __future__ import annotations

import time

import pytest

from server.telephony.sip.call import cause_of
from server.telephony.sip.message import Response


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["Q.850;cause=17"], 17),
        (['Q.850;cause=16;text="Normal call clearing"'], 16),
        (['Q.850;text="busy; cause=1, really";cause=17'], 17),
        (['SIP;cause=200;text="x", q.850 ; cause = 27'], 27),
        (["SIP;cause=486", "Q.850;cause=17"], 17),
        (["Q.850;cause=17", "SIP;cause=486"], 17),
        (["Q.850;cause=31;text=Normal, unspecified"], 31),
        (["SIP;cause=486"], None),
        (["Q.850;cause=1234"], None),
        (["Q.850;cause=x", "Q.850"], None),
        (['Q.850;text="not closed;cause=17'], 17),
        ([], None),
    ],
)
def test_the_cause(lines: list[str], cause: int | None) -> None:
    assert cause_of(Response(486, "Busy Here", [("Reason", line) for line in lines])) == cause


@pytest.mark.parametrize("line", ['"\\' * 8_000, "Q.850;" * 3_000, ',;"' * 6_000])
def test_long_ones_take_no_time(line: str) -> None:
    began = time.perf_counter()
    assert cause_of(Response(486, "Busy Here", [("Reason", line)])) is None
    assert time.perf_counter() - began < 0.05
