"""`make fuzz`, or `python -m tests.fuzz.tour [--seconds N] [TARGET ...]`: each target in turn, and how far it came.

What breaks something ends its target, not the tour; its input is kept, and the tour ends with an error.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass

from server.config import ROOT
from tests.fuzz.targets import NAMES

HEAD = "| target | executions | coverage, edges | inputs | a second |\n|---|---:|---:|---:|---:|"
_PROGRESS = re.compile(r"^#(\d+)\s.*?\bcov: (\d+)\b.*?\bcorp: (\d+)/", re.MULTILINE)
_RATE = re.compile(r"^stat::average_exec_per_sec:\s+(\d+)", re.MULTILINE)
_INPUT = re.compile(r"Test unit written to (\S+)")


@dataclass(frozen=True)
class Run:
    """What libFuzzer said of one target; `broken` is the input that broke it."""

    target: str
    executions: int
    coverage: int
    inputs: int
    rate: int
    broken: str = ""

    def row(self) -> str:
        """Of the table."""
        return f"| {self.target} | {self.executions} | {self.coverage} | {self.inputs} | {self.rate} |"


def read(target: str, said: str) -> Run:
    """From all that it said. Raises ValueError where it has not begun."""
    progress = _PROGRESS.findall(said)
    if not progress:
        raise ValueError(f"{target} has not begun:\n{said[-2000:]}")
    executions, coverage, inputs = map(int, progress[-1])
    rate, broken = _RATE.search(said), _INPUT.search(said)
    return Run(target, executions, coverage, inputs, int(rate[1]) if rate else 0, broken[1] if broken else "")


def fuzz(target: str, seconds: int) -> Run:
    """Fuzz one target in a process of its own; all it says is in build/fuzz/TARGET.log."""
    command = [sys.executable, "-m", "tests.fuzz", target, "--seconds", str(seconds)]
    found = subprocess.run(
        command, cwd=ROOT, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    log = ROOT / "build" / "fuzz" / f"{target}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(found.stdout, "utf-8")
    run = read(target, found.stdout)
    if found.returncode and not run.broken:
        raise ValueError(f"{target} ended with {found.returncode}, see {log}")
    return run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.tour", description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; all of them")
    parser.add_argument("--seconds", type=int, default=600, help="for each (600)")
    options = parser.parse_args()
    print(HEAD, flush=True)
    runs = []
    for target in options.targets or NAMES:
        try:
            runs.append(fuzz(target, options.seconds))
        except ValueError as error:
            sys.exit(str(error))
        print(runs[-1].row(), flush=True)
    broken = [f"{run.target} is broken by {run.broken}" for run in runs if run.broken]
    if broken:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main()
