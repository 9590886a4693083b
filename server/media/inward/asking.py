"""What a source asks its sender for: packets that were lost, and key frames. Sans-IO: `now` is passed in.

Who asks again before an answer can have come fills a thin link with copies, and the more it has to carry the later come
the answers. So both learn how long these take: a page of text that is shared is a megabit, three seconds of 400 kbit/s.
"""

from __future__ import annotations

from dataclasses import dataclass

REORDERING = 0.01  # s before a gap counts as a loss
ASK_AGAIN = 0.06  # s between two NACKs for a packet, where they are answered sooner
ASK_TIMES = 5
LATER = 1.2  # times what an answer takes, where that is longer
LONGEST_ANSWER = 1.0  # s
LATEST = 2.0  # s after which nobody waits any more for what is missing; twice as long for a screen
SMOOTHING = 0.2  # share of the newest answer
LARGEST_GAP = 100  # packets; more is a new beginning, not a loss
MOST_MISSING = 200  # packets at a time, each of which is looked at with every burst
MOST_AT_ONCE = 5.0  # packets of a camera that may be asked for together: repairs of more fill a link that became thin
MOST_OF_SCREEN = 12.0  # the same of a screen
ASKED_SHARE = 0.35  # packets that may be asked for with each that comes
SCREEN_GAPS = 2  # times as much of a screen, of which one page may be more than that
SCREEN_SHARE = 0.5

KEY_FRAME_EVERY = 0.3  # s between two requests to one source, while the first may yet be answered
KEY_FRAME_AGAIN = 0.1  # s where it was answered: who comes just after a key frame should not wait for long
KEY_FRAME_PACE = 0.2  # s between two in the long run, however soon they are answered
KEY_FRAMES_AHEAD = 0.4  # s by which they may be ahead of that: three at once
SELDOM = 2.4  # s between two for a screen, where several were not answered: then the first is on its way yet
KEY_FRAME_SHARE = 3.0  # times what the last key frame took to come, between the beginnings of two
LONGEST_KEY_FRAME = 4.0  # s that it counts to have taken


@dataclass(slots=True)
class _Missing:
    noticed: float
    asked: float = 0.0
    times: int = 0
    first_asked: float = 0.0


class Losses:
    """The packets that are missing, by index; `came` counts those that are not."""

    def __init__(self, screen: bool = False) -> None:
        self.missing: dict[int, _Missing] = {}
        self.came = 0
        self._seen = 0  # of them
        self._most = MOST_OF_SCREEN if screen else MOST_AT_ONCE
        self._allowed = self._most
        self._times = SCREEN_GAPS if screen else 1
        self._share = SCREEN_SHARE if screen else ASKED_SHARE
        self._answered_in = 0.0  # s from a NACK to what it asked for

    def note(self, first: int, end: int, now: float) -> bool:
        """Packets from `first` to before `end` are missing; false when that is too much to be asked for."""
        if end - first > self._times * LARGEST_GAP or len(self.missing) > self._times * MOST_MISSING:
            self.missing.clear()
            return False
        for index in range(first, end):
            self.missing[index] = _Missing(now)
        return True

    def found(self, index: int, now: float) -> None:
        """A packet has come late, perhaps after it was asked for."""
        gap = self.missing.pop(index, None)
        if gap is not None and gap.times:
            took = min(now - gap.first_asked, LONGEST_ANSWER)
            self._answered_in += SMOOTHING * (took - self._answered_in)

    def due(self, now: float) -> list[int]:
        """16-bit numbers to NACK now (RFC 4585 §6.2.1); what was asked for too often is given up.

        A link that drops most of what it gets is given no more to carry than a part of what it carried.
        """
        due: list[int] = []
        again = max(ASK_AGAIN, LATER * self._answered_in)
        self._allowed = min(self._most, self._allowed + self._share * (self.came - self._seen))
        self._seen = self.came
        for index, gap in list(self.missing.items()):
            if gap.times >= ASK_TIMES or now - gap.noticed > self._times * LATEST:
                del self.missing[index]
            elif len(due) + 1 > self._allowed:
                break
            elif now - gap.noticed >= REORDERING and now - gap.asked >= again * gap.times:
                gap.first_asked = gap.first_asked or now
                gap.asked, gap.times = now, gap.times + 1
                due.append(index & 0xFFFF)
        self._allowed -= len(due)
        return due


class KeyFrames:
    """Whether a key frame is wanted, and when to ask for it."""

    def __init__(self, screen: bool = False) -> None:
        self.wanted = False
        self._growth = 2.0 if screen else 1.0
        self._asked = self._began = self._paid_until = float("-inf")
        self._unanswered = 0
        self._on_way = 0  # requests whose key frame has not begun
        self._took = 0.0

    def begins(self, now: float) -> None:
        """The first packet of one has come."""
        self.wanted, self._unanswered = False, 0
        self._on_way = max(0, self._on_way - 1)
        self._began, self._took = now, 0.0

    def goes_on(self, now: float) -> None:
        """Another packet of it has come."""
        self._took = min(now - self._began, LONGEST_KEY_FRAME)

    def due(self, now: float) -> bool:
        """Whether to send a PLI now; the more seldom the longer the last key frame took."""
        if not self.wanted or now < self._next() or now - self._began < KEY_FRAME_SHARE * self._took:
            return False
        self._paid_until = max(self._paid_until, now) + KEY_FRAME_PACE
        self._on_way = self._on_way + 1 if now - self._asked < LONGEST_ANSWER else 1
        self._asked = now
        self._unanswered += 1
        return True

    def _next(self) -> float:
        """When the next request may be sent, for all that is known of those before."""
        if self._on_way:
            return self._asked + min(SELDOM, KEY_FRAME_EVERY * self._growth**self._unanswered)
        return max(self._asked + KEY_FRAME_AGAIN, self._paid_until - KEY_FRAMES_AHEAD)
