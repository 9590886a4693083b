"""The tables of states and clocks drawn in `docs/directives.md`: `python -m server.directives.drawing` renews them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from server.config import ROOT
from server.directives.documents import Urgency
from server.directives.policy import Policy, load_policy
from server.directives.posts import Duty
from server.directives.rules import ACTORS, BACK, DRAFT_STATES, EDXML_CODES, FINAL, RECEIPTS, STATES, Event, State

DOCUMENT = ROOT / "docs" / "directives.md"
DRAFTS_BEGIN, DRAFTS_END = "<!-- drawn from DRAFT_STATES: begin -->", "<!-- drawn from DRAFT_STATES: end -->"
BEGIN, END = "<!-- drawn from rules.py: begin -->", "<!-- drawn from rules.py: end -->"
CLOCKS_BEGIN, CLOCKS_END = "<!-- drawn from directives.toml: begin -->", "<!-- drawn from directives.toml: end -->"
REACH_BEGIN, REACH_END = "<!-- drawn from [reach.*]: begin -->", "<!-- drawn from [reach.*]: end -->"
_REACH_ROWS = {
    "told": "who is told of a new directive",
    "issued": "a new directive",
    "reminder": "a reminder",
    "escalation": "an escalation",
    "no_device": "a call to a unit without a device",
}
_CLOCK_ROWS = {
    "register_by": "T1, register by",
    "assign_by": "T2, assign by, after T1",
    "respond_by": "T3, the deadline that the form suggests",
    "review_by": "T4, the issuer's review",
    "remind": "reminders before T3",
    "quiet": "in quiet hours",
    "register_missed": "T1 missed",
    "assign_missed": "T2 missed",
    "respond_missed": "T3 missed",
    "review_missed": "T4 missed",
}
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


def drafts() -> str:
    """What may happen until the issue, as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> DRAFT"]
    for state, steps in DRAFT_STATES.items():
        lines += [f"    {state.value} --> {after.value}: {event.value}" for event, after in steps.items()]
        lines += [] if steps else [f"    {state.value} --> [*]"]
    return "\n".join(lines)


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


def clock_table(policy: Policy) -> str:
    """The clocks of each urgency as they are configured, spans as in `config/directives.toml`."""
    return _by_urgency(policy.file.clocks, _CLOCK_ROWS, _cell)


def reach_table(policy: Policy) -> str:
    """Which channels beyond the live page carry what, and how long each waits for somebody to act first."""
    return _by_urgency(policy.file.reach, _REACH_ROWS, _told)


def _by_urgency(columns: Mapping[Urgency, Any], rows: Mapping[str, str], cell: Callable[[Any], str]) -> str:
    lines = [f"| | {' | '.join(urgency.value for urgency in columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, words in rows.items():
        lines.append(f"| {words} | {' | '.join(cell(getattr(one, name)) for one in columns.values())} |")
    return "\n".join(lines)


def _told(value: Any) -> str:
    if isinstance(value, str):
        return f"+{value}" if value else ""
    return ", ".join(one.value if isinstance(one, Duty) else f"{one[0].value} +{one[1]}" for one in value)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "wait" if value else "told"
    if isinstance(value, str):
        return value
    return ", ".join(one if isinstance(one, str) else f"{one[1]} +{one[0]}" for one in value)


def sections(policy: Policy) -> dict[tuple[str, str], str]:
    """What stands between each pair of marks."""
    return {
        (DRAFTS_BEGIN, DRAFTS_END): f"```mermaid\n{drafts()}\n```",
        (BEGIN, END): f"```mermaid\n{drawing()}\n```\n\n{table()}",
        (CLOCKS_BEGIN, CLOCKS_END): clock_table(policy),
        (REACH_BEGIN, REACH_END): reach_table(policy),
    }


def renewed(text: str, policy: Policy) -> str:
    """The document with its drawn parts as the tables are now. Raises ValueError where the marks are missing."""
    for (mark, close), content in sections(policy).items():
        head, begin, rest = text.partition(mark)
        _old, end, tail = rest.partition(close)
        if not begin or not end:
            raise ValueError(f"{DOCUMENT.name} has no place for a drawn part")
        text = f"{head}{mark}\n\n{content}\n\n{close}{tail}"
    return text


def main(document: Path = DOCUMENT) -> None:
    """Renew the document."""
    policy = load_policy(ROOT / "config", ZoneInfo("Asia/Ho_Chi_Minh"), 0)
    document.write_text(renewed(document.read_text("utf-8"), policy), "utf-8")


if __name__ == "__main__":
    main()
