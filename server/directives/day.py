"""When a duty is due, as people plan: late, today, this week, later. Pure; the day is that of the zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from server.directives.rules import Timeliness


class When(StrEnum):
    """The sections of a plan, in their order."""

    LATE = "late"
    TODAY = "today"
    WEEK = "week"
    LATER = "later"


def ends(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The end of the day and of the week of `now`; a week ends with Sunday."""
    local = now.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return midnight, midnight + timedelta(days=6 - local.weekday())


def when(due: datetime | None, timeliness: Timeliness, now: datetime, zone: ZoneInfo) -> When:
    """Where a duty stands at `now`; without a date, or done in what had one, it is for later.

    So is what is past its date and waits for the issuer to decide about more time: it is neither late nor due today.
    """
    if timeliness is Timeliness.OVERDUE:
        return When.LATE
    if timeliness in (Timeliness.DONE_ON_TIME, Timeliness.DONE_LATE, Timeliness.WAITING):
        return When.LATER
    midnight, monday = ends(now, zone)
    if due is None or due >= monday:
        return When.LATER
    return When.TODAY if due < midnight else When.WEEK
