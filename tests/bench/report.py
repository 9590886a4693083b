"""`python -m tests.bench.report FILE [BENCH ...]`: run every bench, or these, and renew their rows of the file's table.

What stands above the table and below it is written by hand (when, on which machine, what is remarkable) and stays; so
do rows of figures that were not printed now. A file that is not there yet begins with a head of this run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from tests.bench.__main__ import names

HEAD = """# Figures

Printed by `make bench` on {date} (UTC), {cores} cores ({machine}), Python {python}. Peers run in the same run, taking
turns with us; values are medians, and on a shared machine the ratio says more than the value. A ratio below 1 means
less CPU or less time than the peer.

"""
TABLE = "| figure | value | unit | n | peer | peer's value | ratio |\n|---|---:|---|---:|---|---:|---:|\n"


def _run(name: str) -> list[dict[str, Any]]:
    """One bench in a process of its own; its figures are shown as they come."""
    found = []
    command = [sys.executable, "-m", "tests.bench", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("{"):
                found.append(json.loads(line))
    if process.returncode:
        sys.exit(f"bench {name} failed ({process.returncode})")
    return found


def _row(figure: dict[str, Any]) -> str:
    cells = [figure["figure"], figure["value"], figure["unit"], figure["n"]]
    cells += ["" if figure[key] is None else figure[key] for key in ("peer", "peer_value", "ratio")]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _name(row: str) -> str:
    return row.split("|")[1].strip()


def _bench(row: str) -> str:
    return _name(row).partition(".")[0]


def renewed(text: str, figures: Sequence[dict[str, Any]]) -> str:
    """The file with these figures in the place of those of their names; new ones follow the last of their bench."""
    head, _, rest = text.partition(TABLE)
    rows, below = _split(rest)
    for row in map(_row, figures):
        same = [n for n, other in enumerate(rows) if _name(other) == _name(row)]
        kin = [n for n, other in enumerate(rows) if _bench(other) == _bench(row)]
        if same:
            rows[same[0]] = row
        else:
            rows.insert(kin[-1] + 1 if kin else len(rows), row)
    return head + TABLE + "".join(f"{row}\n" for row in rows) + below


def _split(text: str) -> tuple[list[str], str]:
    """The rows that a text begins with, and what follows them."""
    rows = list(takewhile(lambda line: line.startswith("|"), text.splitlines(keepends=True)))
    return [row.rstrip("\n") for row in rows], text[sum(map(len, rows)) :]


def _new_head() -> str:
    return HEAD.format(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
    )


def main() -> None:
    """Write after each bench that has run to its end; one that fails ends it all and leaves its rows as they are."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.report", description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("benches", nargs="*", metavar="BENCH", help="all of them")
    options = parser.parse_args()
    target: Path = options.file
    for name in options.benches or names():
        figures = _run(name)
        text = target.read_text("utf-8") if target.exists() else _new_head()
        target.write_text(renewed(text, figures), "utf-8")
    print(f"{target}: say in its head when and where these were taken", file=sys.stderr)


if __name__ == "__main__":
    main()
