"""Over-use of the way, from how delays grow (draft-ietf-rmcat-gcc-02 §5: groups, filter, over-use detector).

Two things differ from a sender with a pacer. We forward bursts as they come, so that a key frame on a thin link queues
behind itself: of the delay of each group we take off what the burst would cost on a link that has just our estimate
(a virtual queue that drains at this rate), and only what exceeds it counts. And of the groups of a feedback only the
quickest counts: jitter delays some packets, a queue delays all.
"""

from __future__ import annotations

from enum import Enum

from server.media.bandwidth.history import Group

MEMORY = 0.5  # s: how far back the trend looks (time constant)
THRESHOLD = 12.5  # ms of growth within MEMORY that are over-use, to begin with
SMALLEST_THRESHOLD = 10.0  # ms
LARGEST_THRESHOLD = 300.0  # ms
_RISE, _FALL = 3.0, 0.4  # per second: how the threshold follows the growth, up and down (§5.4 is quicker upward)
_OUTLIER = 15.0  # ms above the threshold: not to be got used to
_NOISE = 0.35  # of the jitter: what is left of it in the trend of the quickest
_WAVES = 2.5  # times the delays' restlessness: growth that they make by themselves
_CALM, _RESTLESS = 0.1, 0.3  # of the difference, a feedback: how restlessness is followed down and up
_SMOOTHING = 0.1  # of the jitter, a feedback
BASE_WINDOW = 20.0  # s in which the shortest delay is looked for
STANDING = 60.0  # ms of queue that may not stand
STANDING_TIME = 1.0  # s
_SHRINKING = 0.95  # of the excess before
_SHRUNK = 0.6  # of the queue before: it is being drained
_DRAINED = 15.0  # ms
_NOT_OURS = 3  # cuts that did not shorten a standing queue: then it is not ours, or not a queue,
_SHRINKS = 0.85  # unless it is shorter than at the last cut,
_OURS = 10.0  # s or was shortened of late: others who are judged like us give way as well, and come back
OTHERS_LAST = 60.0  # s for which such a queue may stand; it may grow to
_BEYOND = 1.1  # times what it was
_OTHERS_WINDOW = 5.0  # s in which the shortest delay is looked for meanwhile: the queue of a download goes up and down
_NO_OTHERS = (0.0, float("inf"), 0.0)  # s: the delay with a queue of others, that with half of it, until when it counts
_LEAP = 0.1  # s by which a delay must grow from one feedback to the next to be looked at as a longer way
_AS_LATE = 0.15  # of the leap: how far the next delay may differ from it
_MORE = 1.5  # times what a queue of that length would have let through
_EMPTY = 5.0  # ms below which the queue counts as empty
_SHORTEST_BUSY = 0.02  # s
_BUSY = 0.5  # s of a busy period over which the link's rate is measured
_GRAIN = 0.25  # ms of the peer's clock as feedback tells it
_LEAST_SAMPLES = 4  # that make a trend
_LONGEST_GAP = 2.0  # s without a sample: the trend begins anew


class State(Enum):
    """What the link does with what we send."""

    NORMAL = "normal"
    OVERUSE = "overuse"
    UNDERUSE = "underuse"


class _Trend:
    """Line of least squares through samples that fade with age: exponentially weighted sums, the newest at x = 0."""

    __slots__ = ("_n", "_x", "_xx", "_xy", "_y", "samples")

    def __init__(self) -> None:
        self._n = self._x = self._xx = self._xy = self._y = 0.0
        self.samples = 0

    def add(self, elapsed: float, y: float) -> float:
        """A sample `elapsed` seconds after the last; returns the slope in units of y a second."""
        n, x, xx, xy, sum_y = self._n, self._x, self._xx, self._xy, self._y
        keep = MEMORY / (MEMORY + elapsed)
        xx = keep * (xx - 2 * elapsed * x + elapsed * elapsed * n)  # move the origin to now, and fade
        xy = keep * (xy - elapsed * sum_y)
        x = keep * (x - elapsed * n)
        n = keep * n + 1
        sum_y = keep * sum_y + y
        self._n, self._x, self._xx, self._xy, self._y = n, x, xx, xy, sum_y
        self.samples += 1
        spread = n * xx - x * x
        return (n * xy - x * sum_y) / spread if spread > 1e-9 else 0.0


class Heard:
    """What the groups since the last judgement told: only how they bound it, so that they need not be kept.

    `first` is the first of them, None when there was none; `octets` are theirs, `sent` and `arrival` those of the
    newest. Delays are in seconds: the `shortest` and the `longest` of a group's first packet, the `quickest` of its
    last, the least `excess` over the virtual queue, and the most that they waited in that, which is their `own` doing.
    """

    __slots__ = (
        "_backlog", "arrival", "excess", "first", "longest", "octets", "own", "quickest", "sent", "shortest",
    )  # fmt: skip

    def __init__(self) -> None:
        self._backlog = 0.0  # bytes in the virtual queue
        self.sent = self.arrival = float("-inf")
        self.begin()

    def begin(self) -> None:
        """They were judged."""
        self.first: Group | None = None
        self.octets = 0
        self.shortest = self.quickest = self.excess = float("inf")
        self.longest = float("-inf")
        self.own = 0.0

    def add(self, groups: list[Group], rate: float) -> None:
        """More of them; the virtual queue drains at `rate` bytes a second."""
        if self.first is None:
            self.first = groups[0]
        backlog, sent, newest, own, octets = self._backlog, self.sent, self.arrival, self.own, self.octets
        shortest, longest, quickest, excess = self.shortest, self.longest, self.quickest, self.excess
        for first_sent, last_sent, size, _packets, first_arrival, last_arrival in groups:
            octets += size
            backlog -= rate * (last_sent - sent)
            backlog = size if backlog < 0 else backlog + size
            waited = backlog / rate
            if waited > own:
                own = waited
            sent = last_sent
            delay = first_arrival - first_sent
            if delay < shortest:
                shortest = delay
            if delay > longest:
                longest = delay
            delay = last_arrival - last_sent
            if delay < quickest:
                quickest = delay
            delay -= waited
            if delay < excess:
                excess = delay
            if last_arrival > newest:
                newest = last_arrival
        self._backlog, self.sent, self.arrival, self.own, self.octets = backlog, sent, newest, own, octets
        self.shortest, self.longest, self.quickest, self.excess = shortest, longest, quickest, excess


class DelayDetector:
    """Told the groups of each feedback (`hear`), and asked now and then what they mean (`judge`).

    `queue` is in ms, `jitter` (how far the delays of a feedback lie apart) in seconds. `restless` is how
    far, in ms, delays step back and forth from one judgement to the next: those of a radio link, which holds everything
    for a while. A queue goes one way for longer.

    `busy` is the rate in bit/s at which the link delivered while its queue was not empty, None while it was. `mistaken`
    is true when what looked like a queue has proved to be none: the way has become longer at one go; `others` when the
    queue is not ours: another flow fills it, or the way has become longer bit by bit.
    """

    __slots__ = (
        "_arrival", "_base", "_base_before", "_base_end", "_begin", "_bytes", "_excess", "_leap", "_others", "_over",
        "_quickest", "_shrunk", "_standing", "_standing_cuts", "_step", "_threshold", "_trend", "busy",
        "heard", "jitter", "mistaken", "others", "queue", "restless", "state",
    )  # fmt: skip

    def __init__(self) -> None:
        self._threshold = THRESHOLD
        self.reset()

    def reset(self) -> None:
        """The way is another one, or nothing was heard for long: earlier delays mean nothing."""
        self._trend = _Trend()
        self._base = self._base_before = float("inf")  # shortest delay of this window and of the one before
        self._base_end = float("-inf")
        self._quickest = float("-inf")  # s: the shortest delay of the feedback before
        self._leap: tuple[float, int] | None = None  # s by which it grew in one feedback, with so many bytes
        self._arrival = float("-inf")  # of the newest packet that was judged
        self.heard = Heard()
        self._over = 0  # samples in a row that showed over-use
        self._standing = float("-inf"), 0.0, 0.0  # when it was looked at; ms of queue then, and most since it stands
        self._standing_cuts = 0
        self._shrunk = float("-inf")  # when cuts had shortened it
        self._others = _NO_OTHERS
        self.others = False
        self._excess = 0.0  # ms
        self._begin: float | None = None  # of the busy period
        self._bytes = 0
        self.busy: float | None = None
        self.mistaken = False
        self.queue = self.jitter = self.restless = 0.0
        self._step = 0.0  # ms: the last step of the delay from one feedback to the next
        self.state = State.NORMAL

    def hear(self, groups: list[Group], estimate: float) -> None:
        """Take the groups of a feedback, at least one, with the estimate (bit/s) in force when they were sent."""
        self.heard.add(groups, estimate / 8)

    def judge(self, octets: int) -> State:
        """Judge the link by what was heard since the last time, if anything was; `octets` were delivered."""
        heard = self.heard
        first, shortest, newest = heard.first, heard.shortest, heard.arrival
        if first is None:
            return self.state
        smoothing = max(_SMOOTHING, 1 / (self._trend.samples + 1))
        self.jitter += smoothing * (max(heard.longest - shortest - heard.own, 0.0) - self.jitter)
        longer = self._lengthened(heard.quickest, octets, newest)
        if longer:
            self._shift(longer)
            shortest = max(shortest, self._base)
        base = self._shortest_of_window(shortest, newest)
        self.mistaken, self.others = longer > 0, False
        self.queue = (heard.quickest - base) * 1000
        self._measure(octets, first, newest)
        self._judge(max(heard.excess - base, 0.0) * 1000, newest)
        self._arrival = newest
        heard.begin()
        return self.state

    def _lengthened(self, quickest: float, octets: int, arrival: float) -> float:
        """By how many seconds the way has become longer at one go (another route, a satellite); 0 when it has not.

        A queue that grew so much within one feedback would be that of a link slow enough to need the time for what came
        with it. When then more comes, as late and no later, it is not.
        """
        before, self._quickest = self._quickest, quickest
        leap, self._leap = self._leap, None
        if quickest - before > _LEAP and before > float("-inf"):
            self._leap = quickest - before, octets
            return 0.0
        if leap is None or abs(quickest - before) >= _AS_LATE * leap[0]:
            return 0.0
        return leap[0] if octets * leap[0] > _MORE * leap[1] * (arrival - self._arrival) else 0.0

    def _shift(self, seconds: float) -> None:
        """What was taken for a queue is the way itself."""
        self._base = self._base_before = min(self._base, self._base_before) + seconds
        self._trend, self._over, self._excess = _Trend(), 0, 0.0

    def _shortest_of_window(self, shortest: float, arrival: float) -> float:
        if arrival >= self._base_end:
            self._base_before, self._base = self._base, shortest
            self._base_end = arrival + (BASE_WINDOW if self._others is _NO_OTHERS else _OTHERS_WINDOW)
        elif shortest < self._base:
            self._base = shortest
        return min(self._base, self._base_before)

    def _measure(self, octets: int, first: Group, arrival: float) -> None:
        """What was delivered since the queue was there: a way that has become longer delivered nothing just before."""
        if self.queue < _EMPTY:
            self.busy = self._begin = None
            return
        if self._begin is None:
            self._begin, self._bytes = first[5], -first[2]
        self._bytes += octets
        span = arrival - self._begin
        if span >= _SHORTEST_BUSY:
            self.busy = self._bytes * 8 / span
        if span > _BUSY:
            self._begin, self._bytes = arrival, 0

    def is_calm(self, sent: float, arrival: float) -> bool:
        """Whether there was no queue, and a newer packet came about as quickly as any: nothing to judge in haste."""
        if self.queue >= _EMPTY or self.state is not State.NORMAL or self._trend.samples < _LEAST_SAMPLES:
            return False
        return (arrival - sent - min(self._base, self._base_before)) * 1000 < _EMPTY

    @property
    def waiting(self) -> float:
        """ms of `queue` that restlessness does not explain."""
        return max(0.0, self.queue - 2 * self.restless)

    def _note_step(self, step: float) -> None:
        back = min(abs(step), abs(self._step)) if step * self._step < 0 else 0.0
        self._step = step
        self.restless += (_RESTLESS if back > self.restless else _CALM) * (back - self.restless)

    def _judge(self, excess: float, arrival: float) -> None:
        elapsed = arrival - self._arrival
        if elapsed > _LONGEST_GAP:
            self._trend = _Trend()
            elapsed = 0.0
        falling = excess < _SHRINKING * self._excess - _GRAIN
        self._note_step(excess - self._excess)
        self._excess = excess
        growth = self._trend.add(elapsed, excess) * MEMORY
        least = max(SMALLEST_THRESHOLD, _NOISE * 1000 * self.jitter, _WAVES * self.restless)
        over = growth > max(self._threshold, least) and not falling and self._trend.samples >= _LEAST_SAMPLES
        bearable = self._bearable(arrival)
        self._over = self._over + 1 if over and (self._others is _NO_OTHERS or self.queue >= bearable) else 0
        standing = self._stands(arrival, falling, bearable)
        if self._over >= 2 or standing:
            self.state = State.OVERUSE
        elif growth < -least:
            self.state = State.UNDERUSE
        else:
            self.state = State.NORMAL
        self._adapt(abs(growth), elapsed, least)

    def _stands(self, arrival: float, falling: bool, bearable: float) -> bool:
        """Whether a queue has stood for `STANDING_TIME` without shrinking: ours, until cuts prove otherwise."""
        since, before, longest = self._standing
        if self.queue >= bearable and (falling or arrival - since < STANDING_TIME + self.queue / 1000):
            return False  # not for long yet: a cut shows after the queue only
        self._standing = arrival, self.queue, self.queue
        if self.queue < (_DRAINED if self.queue < bearable else _SHRUNK * longest):
            if self._standing_cuts:
                self._standing_cuts, self._shrunk = 0, arrival
            return False
        if self.queue < bearable:
            return False
        longest = max(longest, self.queue)
        self._standing = arrival, self.queue, longest
        self._standing_cuts += 1
        ours = self.queue < _SHRINKS * before or arrival - self._shrunk < _OURS
        if ours or self._standing_cuts < _NOT_OURS:
            return True
        self._leave_to_others(longest / 1000, arrival)
        return False

    def _leave_to_others(self, longest: float, arrival: float) -> None:
        """So many seconds of queue are not ours, or none at all: what we send is judged by what exceeds them."""
        base = self._quickest - self.queue / 1000
        self._others = base + _BEYOND * longest, base + longest / 2, arrival + OTHERS_LAST
        self._standing_cuts = 0
        self.others = True
        self._shift(self.queue / 1000)

    def _bearable(self, arrival: float) -> float:
        """ms of queue that may stand: as much as others have filled it with, until half of that is gone."""
        longest, gone, until = self._others
        if self._quickest < gone or arrival > until:
            self._others = _NO_OTHERS
            return STANDING
        return max(STANDING, (longest - self._quickest) * 1000 + self.queue)

    def _adapt(self, growth: float, elapsed: float, least: float) -> None:
        """Get used to what jitter makes of the trend (§5.4), so that other flows do not starve us."""
        above = growth - self._threshold
        if above > _OUTLIER:
            above = 0.0
        speed = _RISE if above > 0 else _FALL
        threshold = self._threshold + min(elapsed, 0.1) * speed * above
        self._threshold = min(max(threshold, least), LARGEST_THRESHOLD)
