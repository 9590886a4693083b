"""Every bench can be started: what it imports is there, and its options can be read."""

from __future__ import annotations

import argparse
import importlib
import inspect

import pytest

from tests.bench.__main__ import names


@pytest.mark.parametrize("name", names())
def test_a_bench_can_be_imported_and_has_its_defaults(name: str) -> None:
    bench = importlib.import_module(f"tests.bench.{name}")
    parser = argparse.ArgumentParser()
    if hasattr(bench, "add_arguments"):
        bench.add_arguments(parser)
    assert inspect.isasyncgenfunction(bench.run)
    assert parser.parse_args([]) is not None


def test_there_are_benches() -> None:
    assert {"abuse", "join", "sfu", "weak"} <= set(names())
