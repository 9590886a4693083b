"""What is read of a directive, with a synthesiser and without."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.calls.prompts import FOLDER, NUMBERS
from server.calls.script import MOST_OF_BODY, Text, greeting, lasting, moment, recorded, replaced_by, script
from server.directives.documents import Urgency
from server.directives.running import ClockName
from server.directives.service import Reading, Standing
from server.reach.notice import NoticeKind, Tie

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def reading(**changes: Any) -> Reading:
    values: dict[str, Any] = {
        "directive": 1,
        "number": "12/CĐ-UBND",
        "subject": "Trực bão",
        "body": "Trực 24/24 giờ.",
        "sender": "UBND huyện Cam Lộ",
        "urgency": Urgency.FLASH,
        "exercise": False,
        "due": datetime(2026, 11, 15, 7, 30, tzinfo=UTC),
        "clock": ClockName.RESPOND,
        "unit_names": ["Thôn 1"],
        "own": ["the head"],
        "may_confirm": True,
        "may_answer": True,
        "clerks": [],
        "issuer": 1,
        "standing": Standing.OPEN,
    }
    return Reading(**(values | changes))


def plain(parts: list[str]) -> list[str]:
    return [f"“{part}”" if isinstance(part, Text) else part for part in parts]


def test_what_names_an_hour_is_greeted_as_flash_and_read_with_its_hour() -> None:
    timed = reading(urgency=Urgency.FLASH_TIMED)
    assert greeting(NoticeKind.ISSUED, timed) == greeting(NoticeKind.ISSUED, reading())
    assert DUE[0] in script(timed, ZONE, speaks=False)


DUE = ["n14", "hour", "n30", "minute", "day", "n15", "month", "n11"]


def test_all_of_it_in_words() -> None:
    assert plain(script(reading(), ZONE, speaks=True)) == [
        "number_is", "“mười hai, công điện, Ủy ban nhân dân”", "issued_by", "“Ủy ban nhân dân huyện Cam Lộ”",
        "subject_is", "“Trực bão”", "deadline_is", *DUE, "body_is", "“Trực hai mươi tư trên hai mươi tư giờ.”",
    ]  # fmt: skip


def test_without_a_synthesiser_number_and_deadline_are_said() -> None:
    assert script(reading(clock=ClockName.REGISTER), ZONE, speaks=False) == [
        "number_is", "n12", "register_by", *DUE, "ask_the_clerk"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        (ClockName.REGISTER, "received_by"),
        (ClockName.ASSIGN, "assign_by"),
        (ClockName.RESPOND, "deadline_is"),
        (ClockName.REVIEW, "review_by"),
        (ClockName.EXTENSION, "decide_by"),
        (ClockName.RECALL, "recall_by"),
    ],
)
def test_who_hears_of_other_units_is_told_which_and_what_the_time_was_for(clock: ClockName, words: str) -> None:
    of_others = reading(clock=clock, own=[], may_confirm=False, unit_names=["Thôn 1", "Thôn 2"])
    parts = plain(script(of_others, ZONE, speaks=True))
    assert parts[parts.index("about_units") + 1] == "“Thôn một, Thôn hai”"
    assert parts[parts.index(words) + 1 :][: len(DUE)] == DUE
    assert "body_is" not in parts


def test_without_deadline_body_or_number() -> None:
    bare = reading(due=None, body=" ", number="TB/UBND")
    assert script(bare, ZONE, speaks=False) == []
    assert "body_is" not in script(bare, ZONE, speaks=True)


def test_a_long_body_is_read_in_pieces_up_to_a_limit() -> None:
    parts = script(reading(body="Kiểm tra đê. " * 2_000), ZONE, speaks=True)
    assert parts[-1] == "rest_of_body"
    texts = [part for part in parts if isinstance(part, Text)]
    assert all(len(text) <= 302 for text in texts)
    assert MOST_OF_BODY - 300 < sum(map(len, texts)) < MOST_OF_BODY + 300


def test_whatever_is_long_is_read_in_pieces() -> None:
    villages = [f"Thôn {number}" for number in range(1, 100)]
    parts = script(reading(own=[], unit_names=villages, subject="Trực bão, " * 60), ZONE, speaks=True)
    texts = [part for part in parts if isinstance(part, Text)]
    assert all(0 < len(text) <= 302 for text in texts)
    assert sum(text.count("Thôn") for text in texts) == 99
    assert sum(text.count("Trực bão") for text in texts) == 60


def test_an_exercise_is_called_one_and_others_units_are_named() -> None:
    other = reading(exercise=True, own=[], unit_names=["Thôn 1", "Thôn 2"])
    assert greeting(NoticeKind.ESCALATION, other) == ["exercise", "directive_escalation", "flash"]
    parts = plain(script(other, ZONE, speaks=True))
    assert parts[0] == "exercise"
    assert "“Thôn một, Thôn hai”" in parts
    assert "body_is" not in parts, "who issued it knows what it says"


@pytest.mark.parametrize(
    ("tie", "before", "after"),
    [
        (Tie.REPLACES, "replaces", "old_not_valid"),
        (Tie.CORRECTS, "corrects", "read_both"),
        (Tie.REPLACED_BY, "replaced_by", "follow_the_new"),
    ],
)
def test_the_other_document_is_named_by_its_number(tie: Tie, before: str, after: str) -> None:
    tied = reading(tie=tie, other="7/CĐ-UBND")
    spoken = plain(script(tied, ZONE, speaks=True))
    at = spoken.index(before)
    assert spoken[at - 1 : at + 4] == [
        "“Trực bão”", before, "“bảy, công điện, Ủy ban nhân dân”", after, "deadline_is"
    ]  # fmt: skip
    assert script(tied, ZONE, speaks=False)[:5] == ["number_is", "n12", before, "n7", after]


def test_what_has_replaced_it_is_named() -> None:
    assert replaced_by("61/KH-UBND", speaks=False) == ["replaced_by", "n6", "n1", "follow_the_new"]
    assert plain(replaced_by("7/KH-UBND", speaks=True))[1] == "“bảy, kế hoạch, Ủy ban nhân dân”"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (21, ["n1", "minute"]),
        (900, ["n15", "minute"]),
        (901, ["n16", "minute"]),
        (3_600, ["n1", "hour"]),
        (86_400 - 60, ["n23", "hour", "n59", "minute"]),
    ],
)
def test_a_wait_is_told_in_hours_and_minutes_and_never_too_short(seconds: int, said: list[str]) -> None:
    assert lasting(seconds) == said


def test_what_is_recorded_is_there() -> None:
    called = ("issued", "reminder", "escalation", "recall", "replaced")  # the others go in writing (`in_writing`)
    names = [
        part
        for kind in map(NoticeKind, called)
        for urgency in Urgency
        for part in greeting(kind, reading(urgency=urgency))
    ]
    names += [part for tie in Tie for part in script(reading(tie=tie, other="7"), ZONE, speaks=False)]
    names += script(reading(), ZONE, speaks=False) + moment(datetime(2026, 1, 1, 0, 0)) + recorded(NUMBERS + 1)
    assert all((FOLDER / f"{name}.opus").is_file() for name in names)
