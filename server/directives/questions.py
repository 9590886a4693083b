"""Structured questions of a directive and the answers to them: what is well formed, and what the answers add up to.

Pure: no I/O. A question is known by its place, 1, 2, 3 …, which does not change once the directive is issued.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec

from server.directives.documents import Problem, bears_secrecy_mark, check_text, clean_text, has_hidden_marks

MOST_QUESTIONS = 30
LABEL_LENGTH = 300
PART_LENGTH = 100
UNIT_LENGTH = 30
MOST_CHOICES = 20
MOST_COLUMNS = 8
MOST_ROWS = 200
ANSWER_LENGTH = 5_000
CELL_LENGTH = 500
LARGEST = 1e15


class QuestionKind(StrEnum):
    """What a question is answered with."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    TABLE = "table"
    FILE = "file"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question; `unit` is what a number counts (“hộ”), `parts` are the choices or the columns of a table."""

    kind: QuestionKind
    label: Annotated[str, msgspec.Meta(max_length=2_000)]
    required: bool = True
    unit: Annotated[str, msgspec.Meta(max_length=200)] = ""
    parts: Annotated[list[Annotated[str, msgspec.Meta(max_length=1_000)]], msgspec.Meta(max_length=50)] = []


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to question number `question`: a text or a choice, a number, or the rows of a table.

    Files are attachments that name the question; they have no answer of their own here.
    """

    question: int
    text: Annotated[str, msgspec.Meta(max_length=20_000)] = ""
    number: float | None = None
    rows: Annotated[list[list[Annotated[str, msgspec.Meta(max_length=2_000)]]], msgspec.Meta(max_length=1_000)] = []


def field_of(number: int) -> str:
    """The form field of a question's answer."""
    return f"q{number}"


def clean_question(question: Question) -> Question:
    """The same without spaces around its words and without empty parts."""
    parts = [part for part in map(clean_text, question.parts) if part]
    label, unit = clean_text(question.label), clean_text(question.unit)
    return msgspec.structs.replace(question, label=label, unit=unit, parts=parts)


def check_questions(questions: Sequence[Question]) -> list[Problem]:
    """What is wrong with the questions of a draft; each is clean."""
    if len(questions) > MOST_QUESTIONS:
        return [Problem("questions", "too_many_questions", MOST_QUESTIONS)]
    found: list[Problem] = []
    for question in questions:
        words = (question.label, question.unit, *question.parts)
        if not question.label:
            found.append(Problem("questions", "no_question_label"))
        if len(question.label) > LABEL_LENGTH or len(question.unit) > UNIT_LENGTH:
            found.append(Problem("questions", "question_too_long", LABEL_LENGTH))
        if any(len(part) > PART_LENGTH for part in question.parts):
            found.append(Problem("questions", "question_too_long", PART_LENGTH))
        if any(has_hidden_marks(text) or "\n" in text for text in words):
            found.append(Problem("questions", "hidden_marks"))
        if any(bears_secrecy_mark(text) for text in words):
            found.append(Problem("questions", "secret"))
        found += _check_parts(question)
    return list(dict.fromkeys(found))


def _check_parts(question: Question) -> list[Problem]:
    parts = question.parts
    if len(set(parts)) < len(parts):
        return [Problem("questions", "part_twice")]
    if question.kind is QuestionKind.CHOICE and not 2 <= len(parts) <= MOST_CHOICES:
        return [Problem("questions", "bad_choices", MOST_CHOICES)]
    if question.kind is QuestionKind.TABLE and not 1 <= len(parts) <= MOST_COLUMNS:
        return [Problem("questions", "bad_columns", MOST_COLUMNS)]
    return []


def clean_answers(answers: Iterable[Answer]) -> list[Answer]:
    """The answers by their questions, without empty rows and without what answers nothing."""
    found = []
    for answer in sorted(answers, key=lambda one: one.question):
        rows = [[clean_text(cell) for cell in row] for row in answer.rows]
        rows = [row for row in rows if any(row)]
        clean = msgspec.structs.replace(answer, text=clean_text(answer.text), rows=rows)
        if clean.text or clean.number is not None or clean.rows:
            found.append(clean)
    return found


def check_answers(
    questions: Sequence[Question], answers: Sequence[Answer], files: Collection[int] = ()
) -> list[Problem]:
    """What is wrong with clean answers; `files` are the numbers of the questions that a file came for."""
    places = [answer.question for answer in answers]
    strange = {*places, *files} - set(range(1, len(questions) + 1))
    if strange or len(set(places)) < len(places):
        return [Problem("answers", "unknown_question", min(strange, default=0))]
    given = {answer.question: answer for answer in answers}
    found: list[Problem] = []
    for number, question in enumerate(questions, 1):
        answer = given.get(number)
        if question.kind is QuestionKind.FILE:
            if answer is not None:
                found.append(Problem(field_of(number), "wrong_answer"))
            elif question.required and number not in files:
                found.append(Problem(field_of(number), "no_answer"))
        elif number in files:
            found.append(Problem(field_of(number), "wrong_answer"))
        elif answer is not None:
            found += [Problem(field_of(number), code, limit) for code, limit in _faults(question, answer)]
        elif question.required:
            found.append(Problem(field_of(number), "no_answer"))
    return found


def _faults(question: Question, answer: Answer) -> list[tuple[str, int]]:
    """Codes and limits of what is wrong with one answer."""
    has = (bool(answer.text), answer.number is not None, bool(answer.rows))
    match question.kind:
        case QuestionKind.NUMBER:
            sound = answer.number is not None and math.isfinite(answer.number) and abs(answer.number) <= LARGEST
            return [] if sound and has == (False, True, False) else [("bad_number", 0)]
        case QuestionKind.CHOICE:
            return [] if answer.text in question.parts and has == (True, False, False) else [("bad_choice", 0)]
        case QuestionKind.TABLE:
            if has != (False, False, True) or any(len(row) != len(question.parts) for row in answer.rows):
                return [("wrong_answer", 0)]
            if len(answer.rows) > MOST_ROWS:
                return [("too_many_rows", MOST_ROWS)]
            return _text_faults([cell for row in answer.rows for cell in row], CELL_LENGTH)
        case _:
            return _text_faults([answer.text], ANSWER_LENGTH) if has == (True, False, False) else [("wrong_answer", 0)]


def _text_faults(texts: Sequence[str], limit: int) -> list[tuple[str, int]]:
    found = dict.fromkeys(problem for text in texts for problem in check_text("", text, limit))
    return [(problem.code, problem.limit) for problem in found]


_GROUPED = {mark: re.compile(rf"[-+]?[1-9][0-9]{{0,2}}(?:\{mark}[0-9]{{3}})+") for mark in ".,"}
_PLAIN = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")


def parse_number(text: str, decimal: str = ",") -> float | None:
    """A number as people type it, with `decimal` as their mark: “1.927” and “2,5” are Vietnamese. None if it is none.

    A single mark of the other kind that cannot group thousands (“2.5”, “0.125”) is taken as a decimal mark.
    """
    typed = re.sub(r"[\s\u00a0\u202f]", "", text).replace("\u2212", "-")
    group = "." if decimal == "," else ","
    whole, mark, fraction = typed.partition(decimal)
    if _GROUPED[group].fullmatch(whole):
        typed = whole.replace(group, "") + (f".{fraction}" if mark else "")
    else:
        typed = typed.replace(decimal, ".") if mark else typed.replace(group, ".")
    return float(typed) if len(typed) <= 30 and _PLAIN.fullmatch(typed) else None


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit has answered to one question; `files` are ids and names of attachments."""

    unit: int
    unit_name: str
    answer: Answer | None = None
    files: list[tuple[int, str]] = []


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """All answers to a question: `total` of the numbers, `choices` how many took each."""

    number: int
    question: Question
    asked: int
    given: list[Given]
    total: float | None = None
    choices: dict[str, int] = {}


def tally(number: int, question: Question, asked: int, given: Sequence[Given]) -> Tally:
    """Add up the answers to question `number` that was put to `asked` units."""
    answers = [one.answer for one in given if one.answer is not None]
    numbers = [answer.number for answer in answers if answer.number is not None]
    counted: Mapping[str, int] = Counter(answer.text for answer in answers)
    is_choice, is_number = question.kind is QuestionKind.CHOICE, question.kind is QuestionKind.NUMBER
    return Tally(
        number=number,
        question=question,
        asked=asked,
        given=list(given),
        total=math.fsum(numbers) if is_number and numbers else None,
        choices={part: counted.get(part, 0) for part in question.parts} if is_choice else {},
    )
