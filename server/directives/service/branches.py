"""The issuer's board as a tree: a branch for each commune with its villages, and one for the organs of each bloc."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from server.directives.service.standing import together
from server.directives.shapes import Branch, Counts
from server.units.rules import Bloc, Level
from server.units.service import Tree, UnitInfo

ALL_OPEN = 30
"""A board of so many lines is open as a whole."""
WHOLE = 200
"""A page brings so many lines at once; of a longer board those of closed branches come when somebody opens them."""
OPEN_AT_FIRST = 12
"""Of a longer one so many lines, so that closed branches stand on the same screen."""


class Show(StrEnum):
    """Which recipients the board shows."""

    ALL = "all"
    LATE = "late"
    UNREGISTERED = "unregistered"
    REVIEW = "review"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What of the board is read. `open`: only deliveries of branches with these keys, or all of them.

    `page`: all that a page brings at first, where these branches are open, or those that are open before a choice.
    """

    show: Show = Show.ALL
    open: frozenset[str] | None = None
    page: bool = False


def branches_of(
    tree: Tree, recipients: Sequence[UnitInfo], counts: Mapping[int, Counts], lost: Collection[int], show: Show
) -> list[Branch]:
    """The branches of recipients, which are in the order of the tree: those with trouble first, then as in the tree.

    A branch counts all its recipients, whatever of them is shown; one with nothing to show is left out.
    """
    found = [_branch(top, members, counts, lost, show) for top, members in _grown(tree, recipients)]
    return sorted((branch for branch in found if branch.units), key=lambda branch: not branch.troubled)


def open_at_first(branches: Iterable[Branch]) -> frozenset[str]:
    """Keys of what is open before anybody has chosen: all if it is short, else trouble as far as a screen holds it."""
    listed = list(branches)
    if sum(len(branch.units) for branch in listed) <= ALL_OPEN:
        return frozenset(branch.key for branch in listed)
    left, found = OPEN_AT_FIRST, set[str]()
    for branch in listed:
        if branch.troubled and len(branch.units) <= left:
            left -= len(branch.units)
            found.add(branch.key)
    return frozenset(found)


def units_read(view: View, branches: Sequence[Branch]) -> frozenset[int] | None:
    """The units whose deliveries are read; None for all."""
    keys = view.open
    if view.page:
        whole = sum(len(branch.units) for branch in branches) <= WHOLE
        keys = None if whole else open_at_first(branches) if keys is None else keys
    if keys is None:
        return None
    return frozenset(unit for branch in branches if branch.key in keys for unit in branch.units)


_Top = UnitInfo | Bloc | None


def _grown(tree: Tree, recipients: Iterable[UnitInfo]) -> list[tuple[_Top, list[UnitInfo]]]:
    """Recipients under what heads their branch: blocs, then communes without villages together, then the others."""
    communes: dict[int, tuple[UnitInfo, list[UnitInfo]]] = {}
    organs: dict[Bloc, list[UnitInfo]] = {}
    for unit in recipients:
        path = [*(tree.path(unit.parent_id) if unit.parent_id else ()), unit]
        commune = next((above for above in path if above.level is Level.COMMUNE), None)
        if commune is None:
            organs.setdefault(unit.bloc, []).append(unit)
        else:
            communes.setdefault(commune.id, (commune, []))[1].append(unit)
    alone = [commune for commune, members in communes.values() if members == [commune]]
    with_villages = [(commune, members) for commune, members in communes.values() if members != [commune]]
    blocs: list[tuple[_Top, list[UnitInfo]]] = [(bloc, organs[bloc]) for bloc in Bloc if bloc in organs]
    return blocs + ([(None, alone)] if alone else []) + with_villages


def _branch(
    top: _Top, members: list[UnitInfo], counts: Mapping[int, Counts], lost: Collection[int], show: Show
) -> Branch:
    shown = [unit.id for unit in members if _shows(counts[unit.id], show)]
    bloc, unit = (top, None) if isinstance(top, Bloc) else (None, top)
    return Branch(
        key=f"unit-{unit.id}" if unit else f"bloc-{bloc}" if bloc else "communes",
        unit=unit.id if unit else None,
        name=unit.name if unit else "",
        bloc=bloc,
        units=sorted(shown, key=lambda one: not counts[one].overdue),
        counts=together(counts[one.id] for one in members),
        unreachable=sum(one.id in lost for one in members),
    )


def _shows(counts: Counts, show: Show) -> bool:
    if show is Show.LATE:
        return counts.overdue > 0
    if show is Show.REVIEW:
        return counts.asking + counts.unjudged > 0
    return show is Show.ALL or counts.unregistered > 0
