"""`python -m tests.bench.report FILE`: run every bench, one after the other, and write what they printed as a table."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.__main__ import names

HEAD = """# Figures

Printed by `make bench` on {date} (UTC), {cores} cores ({machine}), Python {python}. Peers run in the same run, taking
turns with us; values are medians, and on a shared machine the ratio says more than the value. A ratio below 1 means
less CPU or less time than the peer.

| figure | value | unit | n | peer | peer's value | ratio |
|---|---:|---|---:|---|---:|---:|
"""


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


def main() -> None:
    """Write the file only when all benches have run."""
    target = Path(sys.argv[1])
    figures = [figure for name in names() for figure in _run(name)]
    head = HEAD.format(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
    )
    target.write_text(head + "\n".join(map(_row, figures)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
