"""Benchmarks: `python -m tests.bench NAME` prints one JSON object a figure."""
