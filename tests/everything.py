"""`python -m tests.everything`: all tests, in half an hour or so on two processors.

Meetings go by the clock: what they assert is what people see and hear, and when. They run one at a time and leave a
good part of the processors unused, so everything else runs beside them as SCHED_IDLE (sched(7)): whoever holds a
meeting gets a processor at once. Real browsers, networks and clocks on a machine that others use, too: files in which a
test fails are tried once more, by themselves, and both goes are in the output. What fails twice has failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BUILD = Path(__file__).parent.parent / "build"
MEETINGS = ("-m", "meeting")
OTHERS = ("-m", "not meeting")
BESIDE = ("-n", "2", "--no-loadscope-reorder", "--timeout", "400")  # s: they may have to wait for meetings
SOME_FAILED = 1  # exit code of pytest


def _pytest(group: tuple[str, ...], failed: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *group, "--failed-files", str(failed), *more]


def _step_aside() -> None:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _once_more(group: tuple[str, ...], failed: Path, code: int) -> int:
    """The exit code in the end, of a group of tests that gave this one."""
    if code != SOME_FAILED:
        return code
    files = failed.read_text("utf-8").split()
    print(f"UNSTEADY: once more, {' '.join(files)} ...", flush=True)
    return subprocess.run(_pytest(group, failed, *files), check=False).returncode


def main() -> int:
    BUILD.mkdir(exist_ok=True)
    log, failed_meetings, failed_others = BUILD / "beside.log", BUILD / "failed-meetings", BUILD / "failed-others"
    print(f"Meetings, one at a time; everything else beside them, into {log.name}, which is shown then ...", flush=True)
    with log.open("wb") as output:
        command = _pytest(OTHERS, failed_others, *BESIDE)
        beside = subprocess.Popen(command, stdout=output, stderr=output, preexec_fn=_step_aside)
        try:
            meetings = subprocess.run(_pytest(MEETINGS, failed_meetings), check=False).returncode
            others = beside.wait()
        finally:
            beside.terminate()
            print(log.read_text("utf-8", "replace"), flush=True)
    meetings = _once_more(MEETINGS, failed_meetings, meetings)
    others = _once_more(OTHERS, failed_others, others)
    print("Once more on PostgreSQL: everything that works with the database ...", flush=True)
    postgres = subprocess.run([sys.executable, "-m", "tests.with_postgres"], check=False).returncode
    return meetings or others or postgres


if __name__ == "__main__":
    sys.exit(main())
