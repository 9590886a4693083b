"""What a bench prints, and the convention of `tests/bench/<name>.py`:

    ARGUMENTS: def add_arguments(parser) -> None                       optional, adds the bench's own options
    RUN:       async def run(options) -> AsyncIterator[Figure]         yields figures as they are known

`python -m tests.bench NAME` finds the module by its name and prints each figure as one JSON object a line.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """`figure` is `<bench>.<name>`; `n` how many runs or samples; `ratio` ours to the peer's, None without a peer."""

    figure: str
    value: float
    unit: str
    n: int
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None

    def line(self) -> str:
        """As printed."""
        return json.dumps(asdict(self), ensure_ascii=False)


def compared(figure: str, unit: str, ours: Sequence[float], peer: str, theirs: Sequence[float]) -> Figure:
    """Medians of interleaved runs beside a peer; without runs of the peer the figure stands alone."""
    value = statistics.median(ours)
    if not theirs:
        return Figure(figure, round(value, 3), unit, len(ours))
    other = statistics.median(theirs)
    return Figure(figure, round(value, 3), unit, len(ours), peer, round(other, 3), round(value / other, 3))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values lie, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
