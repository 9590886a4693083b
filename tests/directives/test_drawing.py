"""The drawing in the documentation is that of the table, whole and current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.directives import drawing
from server.directives.rules import DRAFT_STATES, STATES, Event, State
from tests.directives.helpers import POLICY


def test_the_committed_drawing_is_current() -> None:
    text = drawing.DOCUMENT.read_text("utf-8")
    assert drawing.renewed(text, POLICY) == text, "run python -m server.directives.drawing"


def test_every_step_that_leads_elsewhere_is_drawn() -> None:
    drawn = set(re.findall(r"(\w+) --> (\w+): (\w+)", drawing.drawing()))
    for state, steps in STATES.items():
        for event, target in steps.items():
            if target is state:
                continue
            after = target.value if isinstance(target, State) else "OPEN"
            assert (state.value, after, event.value) in drawn or ("OPEN", after, event.value) in drawn
    assert len(drawn) > 25


def test_every_step_of_a_draft_is_drawn() -> None:
    drawn = set(re.findall(r"(\w+) --> (\w+): (\w+)", drawing.drafts()))
    steps = [(state, after, event) for state, of in DRAFT_STATES.items() for event, after in of.items()]
    assert drawn == {(state.value, after.value, event.value) for state, after, event in steps}
    assert ("WAITING", "DRAFT", "hand_back") in drawn


def test_every_event_stands_in_the_table() -> None:
    listed = set(re.findall(r"\| ([a-z_]+) \| [a-z]+ \| [\w ]+ \|$", drawing.table(), re.MULTILINE))
    assert listed == {event.value for event in Event}
    assert all(f"`{state}`" in drawing.table() for state in State)


def test_the_clock_table_has_every_urgency_and_span() -> None:
    table = drawing.clock_table(POLICY)
    assert table.startswith("| | NORMAL | URGENT | VERY_URGENT | FLASH | FLASH_TIMED |")
    assert "| T1, register by | 1wd | 2wh | 60m | 15m | 15m |" in table
    assert "chair +5m, issuer_deputy +10m, issuer_chair +15m" in table


def test_renewing_a_document_changes_only_what_is_drawn(tmp_path: Path) -> None:
    file = tmp_path / "x.md"
    clocks = f"{drawing.CLOCKS_BEGIN}{drawing.CLOCKS_END}{drawing.REACH_BEGIN}{drawing.REACH_END}"
    clocks += f"{drawing.DRAFTS_BEGIN}{drawing.DRAFTS_END}"
    file.write_text(f"before\n{drawing.BEGIN}\nold\n{drawing.END}\nafter\n{clocks}", "utf-8")
    drawing.main(file)
    text = file.read_text("utf-8")
    assert (text.startswith("before\n<!--"), "-->\nafter\n<!--" in text, "\nold\n" in text) == (True, True, False)
    assert drawing.table() in text
    assert drawing.clock_table(POLICY) in text
    file.write_text("no marks", "utf-8")
    with pytest.raises(ValueError, match="no place"):
        drawing.main(file)


def test_the_ladder_of_channels_is_written_out() -> None:
    table = drawing.reach_table(POLICY)
    assert "| who is told of a new directive | clerk | clerk | clerk, chair | clerk, chair, duty_officer |" in table
    assert "zalo +15m, sms +30m" in table
