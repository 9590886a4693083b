"""What a subscriber gets of the pictures it wishes for, within what its link carries. Pure: `now` goes in.

Voices come first: the caller takes their share off the budget. Then every wish gets its least, in order of rank (shared
screen, who has the floor, the rest), and what is left raises them in the same order; equals rise in turns. Where not
even one picture moves, the first wish gets a still picture every few seconds; below that it is sound alone.

Lowering is done at once, raising waits: for `HOLD` after the last change, twice as long when a raise proved too much,
and shortly while no picture moves or a new wish is young, because at first little is known of the link. What proved too
much is not tried again until it is `FORGIVEN_AFTER` a while, unless the link carries clearly more. A picture goes on
moving through a `DIP`: an estimate that is low only until a queue has drained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from server.media.protocol import Picture

STILL = -1  # as `cap`: key frames alone, seconds apart
ALL = 2  # as `cap`: every temporal layer
STILL_RATE = 25_000  # bit/s: a key frame of 320×180 every few seconds

HOLD = 5.0  # s from any change to a raise
LONGEST_HOLD = 10.0
EXCHANGED_EVERY = 10.0  # s between two exchanges for another's rank, each of which switches two pictures at least
NOTHING_HOLD = 2.5  # s from a change after which no picture moves
SHORT_HOLD = 0.8
YOUNG = 6.0  # s
MUCH_MORE = 4.0  # times the budget of the last change: another link
RAISE_FAILED = 10.0  # s after a raise in which having to lower again means that it was too much
ANOTHER_LINK = 0.5  # share of what it carried before a raise, below which that is not to blame
FORGIVEN_AFTER = 60.0  # s without such a failure after which the hold is `HOLD` again
CLEARLY_MORE = 1.25  # times the budget of a raise that proved too much
JUST_LESS = 0.95
DIP = 1.7  # times the budget that the least of all moving pictures may cost
DIP_LASTS = 0.9  # s
TOLERANCE = 1.08  # rates swing: what is shown may cost so much of the budget before it is lowered
LAST_TOLERANCE = 1.2  # the same of the least that moves, below which nothing would
HEADROOM = 0.9  # share of the budget that a raise may use

Wish = tuple[str, Picture, int]  # whose picture of which kind, about how many pixels wide


@dataclass(frozen=True, slots=True)
class Option:
    """One way to show a picture: the layer `rid` up to the temporal layer `cap` (0..2, or `STILL`), at `rate` bit/s."""

    rid: str
    cap: int
    rate: int


@dataclass(frozen=True, slots=True)
class Demand:
    """A slot's wish: `rank` 0 is served first, `options` from the cheapest to the best that can be had now.

    `ideal` is the layer that would serve it best, whether it can be had or not.
    """

    slot: int
    wish: Wish
    rank: int
    options: tuple[Option, ...]
    ideal: str | None = None


Choice = dict[int, Option]  # by slot; a slot without an entry shows nothing


def fit(demands: Sequence[Demand], budget: float) -> Choice:
    """The best choice of `budget` bit/s, with no regard to what was shown before."""
    ordered = sorted((demand for demand in demands if demand.options), key=lambda demand: demand.rank)
    chosen: dict[int, int] = {}
    left = budget
    for demand in ordered:
        least = demand.options[0].rate
        if least <= left:
            chosen[demand.slot] = 0
            left -= least
    for rank in sorted({demand.rank for demand in ordered}):
        left = _raise([d for d in ordered if d.rank == rank and d.slot in chosen], chosen, left)
    if not chosen and ordered and left >= STILL_RATE:
        return {ordered[0].slot: Option(ordered[0].options[0].rid, STILL, STILL_RATE)}
    return {demand.slot: demand.options[chosen[demand.slot]] for demand in ordered if demand.slot in chosen}


def _raise(equals: list[Demand], chosen: dict[int, int], left: float) -> float:
    """Give demands of one rank a step each in turns, as long as anything fits; what is left of the budget."""
    rising = list(equals)
    while rising:
        for demand in list(rising):
            level = chosen[demand.slot]
            if level + 1 == len(demand.options):
                rising.remove(demand)
                continue
            more = demand.options[level + 1].rate - demand.options[level].rate
            if more > left:
                rising.remove(demand)
            else:
                chosen[demand.slot] = level + 1
                left -= more
    return left


def _least(demands: Sequence[Demand], kept: Choice) -> Choice:
    """What moves, in its cheapest way."""
    moving = (demand for demand in demands if demand.slot in kept and kept[demand.slot].cap != STILL)
    return {demand.slot: demand.options[0] for demand in moving}


def cost(choice: Choice) -> int:
    """What a choice takes, in bit/s."""
    return sum(option.rate for option in choice.values())


def watches(demands: Iterable[Demand], choice: Choice) -> Iterator[tuple[str, Picture, str]]:
    """Whose picture, of which kind, in which layer a subscriber watches.

    Who gets the best that can be had keeps its sender asked for what would be better still: browsers take their time
    with a layer, or cannot send it.
    """
    for demand in demands:
        option, (owner, kind, _) = choice.get(demand.slot), demand.wish
        if option is not None:
            yield owner, kind, option.rid
            if demand.ideal is not None and option == demand.options[-1]:
                yield owner, kind, demand.ideal


class Allocation:
    """One subscriber's choices over time: `choice` is the present one, `wanted` what all wishes cost at their best."""

    def __init__(self) -> None:
        self.choice: Choice = {}
        self.wanted = 0
        self._wishes: dict[int, Wish] = {}
        self._ranks: dict[int, int] = {}  # by which the present choice was made
        self._wished = self._changed = float("-inf")
        self._raised = self._exchanged = float("-inf")
        self._failed = float("-inf")
        self._hold = HOLD
        self._raised_with = 0.0  # the budget of the last raise
        self._carried = 0.0  # what was shown before it cost
        self._too_much = self._tried = float("inf")  # what the last raise that failed cost, and its budget
        self._short: float | None = None  # since when the budget is less than all that moves takes at least
        self._budget = float("inf")  # that the present choice was made for, when it waits to be raised

    def decide(self, demands: Sequence[Demand], budget: float, now: float) -> Choice:
        """What to show from now on, at `budget` bit/s for pictures."""
        self.wanted = sum(demand.options[-1].rate for demand in demands if demand.options)
        kept = self._kept(demands)
        wishes = {demand.slot: demand.wish for demand in demands if demand.options}
        ranks = {demand.slot: demand.rank for demand in demands if demand.options}
        too_much = cost(kept) > budget * self._tolerance(demands, kept)
        if wishes != self._wishes:  # other wishes: the person waits for them
            self._wishes, self._ranks, self._wished = wishes, ranks, now
            self._set(fit(demands, budget), now)
        elif too_much or len(kept) < len(self.choice):
            if too_much and self._short is None and self._is_of_raise(budget, now):
                self._hold, self._failed = min(LONGEST_HOLD, 2 * self._hold), now
                self._too_much, self._tried = cost(kept), self._raised_with
            self._wished = float("-inf")  # now the link is known
            self._budget = budget
            self._set(self._lowered(demands, kept, budget, now), now)
            return self.choice
        elif ranks != self._ranks and now - self._changed >= HOLD and now - self._exchanged >= EXCHANGED_EVERY:
            self._exchange(demands, kept, ranks, now)
        elif now - self._changed >= self._held(kept, budget, now):
            self.choice = kept
            better = fit(demands, self._bounded(budget * HEADROOM, now))
            if cost(better) > cost(kept) or len(better) > len(kept):
                self._raised, self._raised_with, self._carried = now, budget * HEADROOM, cost(kept)
                self._budget = budget
                self._set(better, now)
            elif now - self._failed > FORGIVEN_AFTER:
                self._hold = HOLD
        else:
            self.choice = kept
        self._short = None
        return self.choice

    def _exchange(self, demands: Sequence[Demand], kept: Choice, ranks: dict[int, int], now: float) -> None:
        """Others come first, who has the floor or speaks: they get it at the same cost."""
        self._ranks = ranks
        self._set(fit(demands, cost(kept)), now)
        if self._changed == now:
            self._exchanged = now

    def _is_of_raise(self, budget: float, now: float) -> bool:
        """Whether the last raise is why there is too little: not where the link has become another."""
        return now - self._raised < RAISE_FAILED and budget > ANOTHER_LINK * self._carried

    @property
    def waits(self) -> bool:
        """Whether it holds on through what may be a dip, and is to be asked again soon."""
        return self._short is not None

    def _lowered(self, demands: Sequence[Demand], kept: Choice, budget: float, now: float) -> Choice:
        """What the budget carries, or through a dip the least of what moves."""
        least = _least(demands, kept)
        if not budget < cost(least) <= DIP * budget:
            self._short = None
        elif self._short is None or now - self._short < DIP_LASTS:
            self._short = now if self._short is None else self._short
            return least
        return fit(demands, budget)

    @staticmethod
    def _tolerance(demands: Sequence[Demand], kept: Choice) -> float:
        return LAST_TOLERANCE if kept == _least(demands, kept) else TOLERANCE

    def _bounded(self, budget: float, now: float) -> float:
        """Of a raise's budget what has not just proved too much."""
        known = now - self._failed < FORGIVEN_AFTER and budget < CLEARLY_MORE * self._tried
        return min(budget, JUST_LESS * self._too_much) if known else budget

    def _held(self, kept: Choice, budget: float, now: float) -> float:
        """Seconds from the last change to a raise: less where the person waits for a first picture, and on a link that
        has become another; more only where it carries no more than what has proved too much.
        """
        if now - self._wished < YOUNG:
            return SHORT_HOLD
        moves = any(option.cap != STILL for option in kept.values())
        if not moves or budget > MUCH_MORE * self._budget:
            return NOTHING_HOLD
        return HOLD if budget > CLEARLY_MORE * self._tried else self._hold

    def anew(self) -> None:
        """The link is back, or is another one: the next decision waits for nothing."""
        self._wishes = {}

    def _kept(self, demands: Sequence[Demand]) -> Choice:
        """The present choice at today's rates, without what can no longer be had."""
        kept: Choice = {}
        for demand in demands:
            before = self.choice.get(demand.slot)
            if before is None or self._wishes.get(demand.slot) != demand.wish:
                continue
            if before.cap == STILL and demand.options:
                kept[demand.slot] = Option(demand.options[0].rid, STILL, STILL_RATE)
            for option in demand.options:
                if (option.rid, option.cap) == (before.rid, before.cap):
                    kept[demand.slot] = option
        return kept

    def _set(self, choice: Choice, now: float) -> None:
        if choice != self.choice:
            self.choice, self._changed = choice, now
