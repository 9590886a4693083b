"""Calls by sipp to the whole server, for the `telephone` bench: how many are set up and ended cleanly, and how soon."""

from __future__ import annotations

import csv
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.harness import App, free_port, running

SCENARIO = Path(__file__).parent.parent / "peers" / "sipp" / "uac.xml"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Calls:
    """Of how many calls sipp says that they went as its scenario has it, and how long each INVITE took, in ms."""

    good: int
    answered_ms: list[float]


@contextmanager
def server() -> Iterator[App]:
    """With SIP, for calls from this machine."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), telephone=free_port()) as app:
        yield app


def dial(app: App, calls: int, a_second: int, lost: int) -> Calls:
    """Each hears the greeting for half a second and hangs up; `lost` is how many of 100 messages are, each way."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["sipp", "-sf", str(SCENARIO), "-i", HOST, "-p", str(free_port()), "-nostdin", "-trace_rtt"]
        command += ["-trace_stat", "-rtt_freq", "1", "-m", str(calls), "-r", str(a_second)]
        command += ["-lost", str(lost)] if lost else []
        target = f"{HOST}:{app.telephone_port}"
        subprocess.run([*command, target], cwd=folder, stdout=subprocess.DEVNULL, timeout=300, check=False)
        (totals,) = Path(folder).glob("uac_*_.csv")
        (times,) = Path(folder).glob("uac_*_rtt.csv")
        last = list(csv.DictReader(totals.open(), delimiter=";"))[-1]
        answered = [float(row["response_time_ms"]) for row in csv.DictReader(times.open(), delimiter=";")]
        return Calls(int(last["SuccessfulCall(C)"]), answered)
