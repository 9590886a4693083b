"""Wrong input is refused in words that a person understands; msgspec's own go to programs alone."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import pytest

from server.errors import UserError
from server.http.i18n import filled
from server.http.input_error import input_error


class Colour(StrEnum):
    RED = "red"


class Line(msgspec.Struct):
    unit: int


class Letter(msgspec.Struct, kw_only=True):
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=5)] = "x"
    copies: Annotated[int, msgspec.Meta(ge=1, le=600)] = 1
    share: Annotated[float, msgspec.Meta(gt=0)] = 0.5
    due: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    colour: Colour = Colour.RED
    lines: Annotated[list[Line], msgspec.Meta(max_length=2)] = []
    code: Annotated[str, msgspec.Meta(pattern="^a$")] = "a"
    signers: Annotated[list[int], msgspec.Meta(min_length=1)] | None = None
    rating: Annotated[float, msgspec.Meta(ge=1, le=5)] = 1.0
    day: date | None = None
    hour: time | None = None


def refused(sent: Any) -> UserError:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(sent, Letter)
    return input_error(caught.value)


@pytest.mark.parametrize(
    ("sent", "field", "text"),
    [
        ({"subject": "dài quá"}, "subject", "Viết quá dài: được nhiều nhất 5 ký tự."),
        ({"subject": ""}, "subject", "Còn mục chưa điền."),
        ({"lines": [{}]}, "lines[0].unit", "Còn mục chưa điền."),
        ({"lines": [{"unit": 1}] * 3}, "lines", "Chọn quá nhiều: được nhiều nhất 2 mục."),
        ({"lines": [{"unit": "x"}]}, "lines[0].unit", "Chỗ cần số lại không phải số."),
        ({"copies": 0}, "copies", "Số phải từ 1 trở lên."),
        ({"copies": 601}, "copies", "Số không được quá 600."),
        ({"share": 0}, "share", "Số nằm ngoài giới hạn."),
        ({"due": "hôm nay"}, "due", "Ngày, giờ chưa đúng."),
        ({"due": "2030-01-01T00:00:00"}, "due", "Ngày, giờ chưa đúng."),
        ({"colour": "xanh"}, "colour", "Không có lựa chọn này. Xin tải lại trang rồi chọn lại."),
        ({"signers": []}, "signers", "Còn mục chưa điền."),
        ({"rating": 0.5}, "rating", "Số phải từ 1 trở lên."),
        ({"rating": 5.5}, "rating", "Số không được quá 5."),
        ({"rating": "x"}, "rating", "Chỗ cần số lại không phải số."),
        ({"copies": 1.5}, "copies", "Chỗ cần số lại không phải số."),
        ({"due": 5}, "due", "Ngày, giờ chưa đúng."),
        ({"day": "x"}, "day", "Ngày, giờ chưa đúng."),
        ({"day": 5}, "day", "Ngày, giờ chưa đúng."),
        ({"hour": "x"}, "hour", "Ngày, giờ chưa đúng."),
        ({"hour": 5}, "hour", "Ngày, giờ chưa đúng."),
        ({"code": "b"}, "code", "Nội dung gửi lên chưa đúng. Xin tải lại trang rồi làm lại."),
        ([], None, "Nội dung gửi lên chưa đúng. Xin tải lại trang rồi làm lại."),
    ],
)
def test_a_person_reads_what_is_wrong_and_a_program_reads_where(sent: Any, field: str | None, text: str) -> None:
    error = refused(sent)
    look = (
        f"msgspec {msgspec.__version__} says {error.detail!r} of {sent} (at {error.field}): have its words changed? "
        "They are recognised by `_PATH`, `_MISSING` and `_REASONS` in server/http/input_error.py"
    )
    assert (error.code, error.field) == ("invalid_input", field), look
    assert filled("vi", error.message, error.params) == text, look
    english = filled("en", error.message, error.params)
    assert english != text and not {"`", "{"} & set(english)
    assert error.detail and error.detail in str(error)


def test_a_number_of_thousands_of_digits_is_out_of_range() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b"1" * 5_000, type=int)
    assert input_error(caught.value).message == "Số nằm ngoài giới hạn.", f"{caught.value}: see `_REASONS`"


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({}, Line)
    assert input_error(caught.value).field == "unit"


def test_a_form_may_have_a_code_and_a_field_of_its_own() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert([{"unit": "x"}], list[Line])
    error = input_error(caught.value, "bad_questions", "questions")
    assert (error.code, error.field) == ("bad_questions", "questions")
    assert error.at(questions="asked").detail == error.detail
