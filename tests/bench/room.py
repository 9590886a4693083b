"""How soon real browsers show what is wished for, on one machine with the whole server: pages of Chromium in a meeting.

A newcomer's first picture counts from its connection, another picture in a slot and a layer that was switched off at
its sender from the wish. Server and browsers share the cores, so this is the worst of a good line.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

from tests.bench.figures import Figure
from tests.e2e.harness import chromium, running
from tests.e2e.pictures import LARGE, another_picture, first_picture, layer_back
from tests.e2e.rooms import enter, figures, start_meeting

WIDE, NARROW = [960, 480, 240], [640, 320]  # of the layers of a large window's camera, and of a small one's
Times = dict[str, list[float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--runs", type=int, default=5, help="of each figure")


def _measured(runs: int) -> Times:
    found: Times = {"first_picture": [], "switch": [], "layer_back": [], "layer_shown": []}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as app, chromium() as browser:
        meeting = start_meeting(app)
        chair = enter(app, browser, meeting, "chutich", **LARGE)
        viewer = enter(app, browser, meeting, "camthuy", **LARGE)
        for _ in range(runs):
            back = layer_back(chair, viewer)
            found["layer_back"].append(back.encoded)
            found["layer_shown"].append(back.shown)
        viewer.context.close()
        small = enter(app, browser, meeting, "camthuy")
        seats = [int(figures(page)["me"]) for page in (chair, small)]
        for _ in range(runs):
            found["first_picture"].append(first_picture(app, browser, meeting, "thon1.camthuy", seats[0]))
        village = enter(app, browser, meeting, "thon1.camthuy")
        for turn in range(runs):
            shown, other = seats if turn % 2 else reversed(seats)
            found["switch"].append(another_picture(village, shown, other, WIDE if turn % 2 else NARROW))
    return found


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """Medians in ms."""
    for name, times in (await asyncio.to_thread(_measured, options.runs)).items():
        print(f"{name}: {sorted(map(round, times))} ms", file=sys.stderr)
        yield Figure(f"room.{name}_ms", round(median(times), 1), "ms", len(times))
