"""Beside 10,000 requests a second of strangers a meeting's voices come through in time: the `abuse` bench in short."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.bench import abuse
from tests.bench.abuse import VOICES_LATE_MS, beside, harm
from tests.bench.flood import RATES
from tests.bench.load import Outcome
from tests.bench.sfu_load import LOAD_CORE

TRIALS = 3  # of which one must do: others use the machine, too


@pytest.fixture
def own_core() -> Iterator[None]:
    """The load beside the node's core, as in the bench."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE} & before or before)
    yield
    os.sched_setaffinity(0, before)


async def test_voices_pass_a_flood_of_strangers(own_core: None) -> None:
    assert RATES["strangers"] == 10_000
    found: list[str] = []
    for _ in range(TRIALS):
        outcome = await beside("strangers", 10, 2)
        print(f"voices beside the flood: p99 {outcome.voice_p99_ms:.2f} ms, {outcome.voices_lost:.3%} lost")
        assert len(outcome.voice_latencies) > 100
        found = harm("strangers", outcome)
        if not found:
            return
    pytest.fail("; ".join(found))


def run_with(late_ms: float, lost: float) -> Outcome:
    """An outcome whose voices came so late, with such a share of them lost."""
    none = Outcome(1, 1, 0, 0, 1, 0, 1, 1, 1, 0, [0.001], [0.001])
    return replace(none, voice_latencies=[late_ms / 1000] * 100, voices_lost=lost)


def test_a_flood_that_hurts_the_voices_is_told() -> None:
    assert harm("noise", run_with(VOICES_LATE_MS - 1, 0)) == []
    assert harm("noise", run_with(VOICES_LATE_MS + 5, 0)) == ["noise: voices late, p99 25.0 ms > 20 ms"]
    assert harm("noise", run_with(1, 0.001)) == ["noise: 0.100% of the voices lost"]
    assert len(harm("noise", run_with(50, 0.5))) == 2


async def test_the_bench_ends_with_an_error_when_voices_were_hurt(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hurt(kind: str | None, sinks: int, seconds: float) -> Outcome:
        return run_with(1 if kind is None else 50, 0)

    monkeypatch.setattr(abuse, "beside", hurt)
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: None)
    shown = []
    with pytest.raises(SystemExit, match="media: voices late"):
        async for figure in abuse.run(argparse.Namespace(flood=["media"], sinks=1, seconds=1)):
            shown.append(figure.figure)
    assert "abuse.media_voice_p99_ms" in shown, "what was measured is printed before"
