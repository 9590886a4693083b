"""Every bench can be started: what it imports is there, and its options can be read."""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections import Counter

import pytest

from tests.bench.__main__ import names
from tests.bench.telephone import tick_ms


@pytest.mark.parametrize("name", names())
def test_a_bench_can_be_imported_and_has_its_defaults(name: str) -> None:
    bench = importlib.import_module(f"tests.bench.{name}")
    parser = argparse.ArgumentParser()
    if hasattr(bench, "add_arguments"):
        bench.add_arguments(parser)
    assert inspect.isasyncgenfunction(bench.run)
    assert parser.parse_args([]) is not None


def test_ticks_of_telephones_are_pooled() -> None:
    ticks = Counter({9: 98, 19: 1, 39: 1})
    assert tick_ms(ticks, 0.5) == pytest.approx(0.5)
    assert tick_ms(ticks, 0.99) == pytest.approx(1.0)
    assert tick_ms(ticks, 1.0) == pytest.approx(2.0)


def test_there_are_benches() -> None:
    assert {"abuse", "join", "sfu", "weak"} <= set(names())
