"""The state table drawn in `docs/directives.md`: `python -m server.directives.drawing` renews it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from server.config import ROOT
from server.directives.rules import ACTORS, BACK, EDXML_CODES, FINAL, RECEIPTS, STATES, Event, State

DOCUMENT = ROOT / "docs" / "directives.md"
BEGIN, END = "<!-- drawn from rules.py: begin -->", "<!-- drawn from rules.py: end -->"
_BY_ISSUER = (Event.RECALL, Event.SUPERSEDE, Event.WAIVE)
_OPEN = frozenset(state for state in State if set(_BY_ISSUER) <= set(STATES[state]))


def drawing() -> str:
    """The table as a Mermaid state diagram, without what leaves a state as it is.

    What the issuer can do in every open state is drawn once, from the frame around them.
    """
    lines = ["stateDiagram-v2", "    [*] --> SENT", "    state OPEN {"]
    drawn = [(*step, _line(*step)) for step in _steps() if step[2] != step[0].value]
    lines += [f"        {line}" for state, _event, after, line in drawn if state in _OPEN and after in _OPEN]
    lines.append("    }")
    for state, event, after, line in drawn:
        if state in _OPEN and after not in _OPEN and event not in _BY_ISSUER:
            lines.append(f"    {line}")
    lines += [f"    OPEN --> {STATES[State.SENT][event].value}: {event.value}" for event in _BY_ISSUER]
    lines += [f"    {line}" for state, _event, _after, line in drawn if state not in _OPEN]
    lines += [f"    {state.value} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines)


def _line(state: State, event: Event, after: str) -> str:
    return f"{state.value} --> {'OPEN' if after == BACK.value else after}: {event.value}"


def table() -> str:
    """Every state with its code of the exchange format and what can happen in it, by whom; receipts are left out."""
    lines = ["| state | edXML | what can happen | by | then |", "|---|---|---|---|---|"]
    for state in State:
        found = [(event, after) for of, event, after in _steps() if of is state and not _is_idle(state, event, after)]
        code = EDXML_CODES.get(state, "–")
        if not found:
            lines.append(f"| `{state.value}` | {code} | nothing more | – | – |")
        for place, (event, after) in enumerate(found):
            head = f"`{state.value}` | {code}" if place == 0 else " | "
            lines.append(f"| {head} | {event.value} | {ACTORS[event].value} | {after} |")
    return "\n".join(lines)


def _steps() -> Iterator[tuple[State, Event, str]]:
    for state in State:
        for event in Event:
            target = STATES[state].get(event)
            if target is not None:
                yield state, event, target.value


def _is_idle(state: State, event: Event, after: str) -> bool:
    """A receipt that changes nothing."""
    return event in RECEIPTS and after == state.value


def section() -> str:
    """What stands between the two marks."""
    return f"{BEGIN}\n\n```mermaid\n{drawing()}\n```\n\n{table()}\n\n{END}"


def renewed(text: str) -> str:
    """The document with its drawn part as the table is now. Raises ValueError where the marks are missing."""
    head, begin, rest = text.partition(BEGIN)
    _old, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} has no place for the drawing")
    return head + section() + tail


def main(document: Path = DOCUMENT) -> None:
    """Renew the document."""
    document.write_text(renewed(document.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
