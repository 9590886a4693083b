"""`python -m tests.bench NAME [options]`: see `figures` for what a bench is."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The modules of this folder that are benches."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if "\nasync def run(" in path.read_text())


async def _print(bench: ModuleType, options: argparse.Namespace) -> None:
    async for figure in bench.run(options):
        print(figure.line(), flush=True)


def main() -> None:
    """Run one bench."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Benchmarks of the project")
    parser.add_argument("name", choices=names())
    chosen, rest = parser.parse_known_args()
    bench = importlib.import_module(f"tests.bench.{chosen.name}")
    own = argparse.ArgumentParser(prog=f"python -m tests.bench {chosen.name}", description=bench.__doc__)
    if hasattr(bench, "add_arguments"):
        bench.add_arguments(own)
    asyncio.run(_print(bench, own.parse_args(rest)))


if __name__ == "__main__":
    sys.exit(main())
