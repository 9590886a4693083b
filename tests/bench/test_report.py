"""`make bench` renews the rows that it printed and nothing else of BENCH.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from server.config import ROOT
from tests.bench import report
from tests.bench.report import TABLE, renewed

FILE = f"""# Figures

Written by hand, `sfu` at 17:42 | and so on.

{TABLE}| join.a_s | 1.5 | s | 3 |  |  |  |
| sfu.cost, 90 sinks | 4.0 | us | 7 | janus | 8.0 | 0.5 |
| sfu.cost | 4.0 | us | 7 | janus | 8.0 | 0.5 |
| web.page_ms | 7.0 | ms | 20 |  |  |  |

## Fuzzing

| target |
"""


def figure(name: str, value: float, **peer: Any) -> dict[str, Any]:
    return {
        "figure": name,
        "value": value,
        "unit": "us",
        "n": 2,
        "peer": None,
        "peer_value": None,
        "ratio": None,
    } | peer


def test_a_row_is_renewed_in_its_place_and_the_rest_stays() -> None:
    found = renewed(FILE, [figure("sfu.cost", 3.5, peer="janus", peer_value=7.0, ratio=0.5)])
    old = "| sfu.cost | 4.0 | us | 7 | janus | 8.0 | 0.5 |"
    assert found == FILE.replace(old, "| sfu.cost | 3.5 | us | 2 | janus | 7.0 | 0.5 |")


def test_a_new_figure_follows_those_of_its_bench_or_stands_last() -> None:
    found = renewed(FILE, [figure("join.b_s", 9), figure("abuse.c", 1)])
    rows = found.partition(TABLE)[2].partition("\n\n")[0].splitlines()
    assert [row.split(" ")[1] for row in rows] == [
        "join.a_s",
        "join.b_s",
        "sfu.cost,",
        "sfu.cost",
        "web.page_ms",
        "abuse.c",
    ]


def test_a_file_without_a_table_gets_one() -> None:
    assert renewed("# Figures\n\n", [figure("a.b", 1)]) == f"# Figures\n\n{TABLE}| a.b | 1 | us | 2 |  |  |  |\n"


def test_the_file_of_the_project_can_be_renewed() -> None:
    text = (ROOT / "BENCH.md").read_text("utf-8")
    assert text.count(TABLE) == 1, "its table is found by its head"
    assert renewed(text, []) == text


def test_only_the_benches_asked_for_run_and_one_that_fails_leaves_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "BENCH.md"
    target.write_text(FILE, "utf-8")

    def run(name: str) -> list[dict[str, Any]]:
        if name == "sfu":
            sys.exit("bench sfu failed (1)")
        return [figure(f"{name}.a_s", 2)]

    monkeypatch.setattr(report, "_run", run)
    monkeypatch.setattr(sys, "argv", ["report", str(target), "join", "sfu"])
    with pytest.raises(SystemExit, match="sfu failed"):
        report.main()
    found = target.read_text("utf-8")
    assert found == FILE.replace("| join.a_s | 1.5 | s | 3 |", "| join.a_s | 2 | us | 2 |")
