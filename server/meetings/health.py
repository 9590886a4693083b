"""How participants' pages fare, as they tell it every ten seconds; kept for a minute, in memory. Pure: `now` goes in.

What a page says of itself is shown to the chair and counted, and decides about nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, NamedTuple

import msgspec

MINUTE = 60.0  # s
MOST_REPORTS = 12  # of one page in a minute; more are not kept

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last `seconds`: pictures that stood still and for how long in all (s), the share of the voices that had to
    be concealed, how many processor cores coded pictures, and the share of time in which they were not enough.
    """

    seconds: Annotated[float, msgspec.Meta(gt=0, le=600)]
    freezes: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    frozen: Annotated[float, msgspec.Meta(ge=0, le=7_200)] = 0.0
    concealed: Share = 0.0
    cpu: Annotated[float, msgspec.Meta(ge=0, le=64)] = 0.0
    cpu_short: Share = 0.0


class Health(NamedTuple):
    """Of the last minute, as far as it was told: as `Report`, in the mean where it is a share."""

    freezes: int
    frozen: float
    concealed: float
    cpu: float
    cpu_short: float


class Healths:
    """Reports of all pages, by meeting and participant."""

    def __init__(self) -> None:
        self._reports: dict[tuple[int, int], deque[tuple[float, Report]]] = {}

    def take(self, meeting: int, participant: int, report: Report, now: float) -> None:
        """A page tells."""
        kept = self._reports.setdefault((meeting, participant), deque(maxlen=MOST_REPORTS))
        kept.append((now, report))
        for key in [key for key, reports in self._reports.items() if now - reports[-1][0] > MINUTE]:
            del self._reports[key]

    def of(self, meeting: int, participant: int, now: float) -> Health | None:
        """The last minute of a page; None when it has told nothing."""
        kept = self._reports.get((meeting, participant), ())
        found = [report for at, report in kept if now - at <= MINUTE]
        seconds = sum(report.seconds for report in found)
        if not seconds:
            return None

        def mean(key: str) -> float:
            return float(sum(getattr(report, key) * report.seconds for report in found)) / seconds

        return Health(
            sum(report.freezes for report in found),
            sum(report.frozen for report in found),
            mean("concealed"),
            mean("cpu"),
            mean("cpu_short"),
        )
