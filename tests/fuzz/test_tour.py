"""What `make fuzz` reads of what libFuzzer says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import tour

SAID = """INFO: seed corpus: files: 43 min: 1b max: 137b total: 1300b rss: 55Mb
#44	INITED cov: 61 ft: 190 corp: 30/900b exec/s: 0 rss: 57Mb
#22439	REDUCE cov: 80 ft: 210 corp: 44/1468b lim: 188 exec/s: 5609 rss: 57Mb L: 109/137 MS: 1 CrossOver-
#24264	DONE   cov: 81 ft: 210 corp: 45/1468b lim: 202 exec/s: 4852 rss: 57Mb
Done 24264 runs in 5 second(s)
stat::number_of_executed_units: 24264
stat::average_exec_per_sec:     4852
"""
CRASHED = """#2	INITED cov: 61 ft: 190 corp: 30/900b exec/s: 0 rss: 57Mb
 === Uncaught Python exception: ===
IndexError: list index out of range
Test unit written to build/fuzz/stun/crash-da39a3
"""


def test_a_run_to_its_end() -> None:
    run = tour.read("stun", SAID)
    assert run == tour.Run("stun", 24264, 81, 45, 4852)
    assert run.row() == "| stun | 24264 | 81 | 45 | 4852 |"


def test_an_input_that_breaks_something_is_named() -> None:
    assert tour.read("stun", CRASHED).broken == "build/fuzz/stun/crash-da39a3"


def test_a_fuzzer_that_is_not_there_is_no_run_without_finds() -> None:
    with pytest.raises(ValueError, match="needs atheris"):
        tour.read("stun", "This needs atheris: pip install atheris")


def test_the_tour_goes_on_after_a_find_and_ends_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command[3:])
        broke = command[3] == "stun"
        return subprocess.CompletedProcess(command, 77 if broke else 0, CRASHED if broke else SAID)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(tour, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["tour", "--seconds", "7", "stun", "rtp"])
    with pytest.raises(SystemExit, match="stun is broken by build/fuzz/stun/crash-da39a3"):
        tour.main()
    assert asked == [["stun", "--seconds", "7"], ["rtp", "--seconds", "7"]]
    assert "| rtp | 24264 | 81 | 45 | 4852 |" in capsys.readouterr().out
    assert (tmp_path / "build/fuzz/rtp.log").read_text("utf-8") == SAID
