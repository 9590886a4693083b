"""`python -m tests.bench NAME [options]`: see `figures` for what a bench is."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType


def _benches() -> dict[str, ModuleType]:
    """Modules of this folder that have a `run`."""
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    found = {}
    for name in names:
        if not name.startswith("_") and "async def run(" in (Path(__file__).parent / f"{name}.py").read_text():
            found[name] = importlib.import_module(f"tests.bench.{name}")
    return found


async def _print(bench: ModuleType, options: argparse.Namespace) -> None:
    async for figure in bench.run(options):
        print(figure.line(), flush=True)


def main() -> None:
    """Run one bench."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Benchmarks of the project")
    subparsers = parser.add_subparsers(dest="name", required=True)
    benches = _benches()
    for name, bench in benches.items():
        own = subparsers.add_parser(name, help=(bench.__doc__ or "").split("\n")[0])
        if hasattr(bench, "add_arguments"):
            bench.add_arguments(own)
    options = parser.parse_args()
    asyncio.run(_print(benches[options.name], options))


if __name__ == "__main__":
    sys.exit(main())
