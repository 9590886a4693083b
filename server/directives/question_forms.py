"""Questions and answers as form fields: a page and a program that sends files send the same ones.

In the compose form the fields `question_kind`, `question_label`, `question_detail` and `question_required` stand once a
question; in the answer `q1`, `q2`, … hold texts, numbers, choices and files, and `q3_1`, `q3_2`, … the columns of a
table, once a row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import msgspec
from aiohttp import web
from multidict import MultiMapping

from server.directives.questions import MOST_COLUMNS, Answer, Question, QuestionKind, field_of, parse_number
from server.directives.shapes import CommandId, LongText, ReportInput, Upload
from server.directives.uploads import read_upload_fields
from server.errors import UserError
from server.http.i18n import _
from server.http.input_error import input_error
from server.http.reading import from_values, read_body, read_form


class ReportForm(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of an answer that do not depend on the questions."""

    text: LongText = ""
    command_id: CommandId = ""


def _texts(values: MultiMapping[Any], name: str) -> list[str]:
    return [value for value in values.getall(name, []) if isinstance(value, str)]


def read_questions(values: MultiMapping[Any]) -> list[Question]:
    """The questions of the compose form; a line without any words is none. Raises UserError."""
    names = ("question_kind", "question_label", "question_detail", "question_required")
    columns = [_texts(values, name) for name in names]
    if len({len(column) for column in columns}) != 1 or any(kind not in list(QuestionKind) for kind in columns[0]):
        raise UserError("bad_questions", _("Các câu hỏi gửi lên không đủ phần. Xin tải lại trang."), field="questions")
    found = []
    for kind, label, detail, required in zip(*columns, strict=True):
        if not label.strip() and not detail.strip():
            continue
        of, is_number = QuestionKind(kind), kind == QuestionKind.NUMBER
        parts = re.split(r"[;\n]", detail) if of in (QuestionKind.CHOICE, QuestionKind.TABLE) else []
        found.append(
            {"kind": kind, "label": label, "unit": detail if is_number else "", "parts": parts, "required": required}
        )
    try:
        return msgspec.convert(found, list[Question], strict=False)
    except msgspec.ValidationError as error:
        raise input_error(error, "bad_questions", "questions") from error


def lines_of(questions: Sequence[Question]) -> list[dict[str, str]]:
    """What the compose form shows of questions."""
    return [
        {
            "kind": question.kind.value,
            "label": question.label,
            "detail": question.unit if question.kind is QuestionKind.NUMBER else "; ".join(question.parts),
            "required": "true" if question.required else "false",
        }
        for question in questions
    ]


def lines_typed(values: MultiMapping[Any]) -> list[dict[str, str]]:
    """What was typed into the compose form, right or wrong."""
    names = ("kind", "label", "detail", "required")
    rows = zip_longest(*(_texts(values, f"question_{name}") for name in names), fillvalue="")
    lines = [dict(zip(names, row, strict=True)) for row in rows]
    return [line for line in lines if line["label"].strip() or line["detail"].strip()]


def typed_answers(values: MultiMapping[Any]) -> dict[int, Any]:
    """What was typed as answers, by the number of the question: a text, or the rows of a table."""
    found: dict[int, Any] = {}
    for name in dict.fromkeys(values):
        if match := re.fullmatch(r"q([1-9][0-9]?)(_1)?", name):
            number = int(match[1])
            found[number] = _rows(values, number) if match[2] else (_texts(values, name) or [""])[-1]
    return found


def _rows(values: MultiMapping[Any], number: int) -> list[list[str]]:
    columns = [_texts(values, f"{field_of(number)}_{place}") for place in range(1, MOST_COLUMNS + 1)]
    given = [column for column in columns if column]
    return [list(row) for row in zip_longest(*given, fillvalue="")]


def read_answers(values: MultiMapping[Any], questions: Sequence[Question], decimal: str) -> list[Answer]:
    """The answers of a form; `decimal` is the mark of the person's language. No number becomes NaN, refused later."""
    found = []
    typed = typed_answers(values)
    for number, question in enumerate(questions, 1):
        given = typed.get(number, "")
        if question.kind is QuestionKind.TABLE:
            found.append({"question": number, "rows": given if isinstance(given, list) else []})
        elif not isinstance(given, str) or not given.strip():
            continue
        elif question.kind is QuestionKind.NUMBER:
            value = parse_number(given, decimal)
            found.append({"question": number, "number": math.nan if value is None else value})
        else:
            found.append({"question": number, "text": given})
    try:
        return msgspec.convert(found, list[Answer])
    except msgspec.ValidationError as error:
        raise input_error(error) from error


async def read_report(
    request: web.Request, questions: Sequence[Question], decimal: str
) -> tuple[ReportInput, list[Upload]]:
    """An answer with its files, from JSON or from a form. Raises UserError."""
    if request.content_type == "application/json":
        return await read_body(request, ReportInput), []
    values = await read_form(request)
    asked = {field_of(n): n for n, question in enumerate(questions, 1) if question.kind is QuestionKind.FILE}
    files = await read_upload_fields(request, ["files", *asked])
    uploads = [msgspec.structs.replace(file, question=asked.get(name)) for name, sent in files.items() for file in sent]
    form = from_values(values, ReportForm)
    answers = read_answers(values, questions, decimal)
    return ReportInput(text=form.text, answers=answers, command_id=form.command_id), uploads
